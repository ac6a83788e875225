/** Tenants with events that the real writer stored in a real PostgreSQL, sealed by the real sealer, and what proofs are made from. */
import { randomBytes } from 'node:crypto';
import type { Caller } from '#core/access/access.ts';
import type { Event, Tier } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { sealLog } from '#functions/proof/seal.ts';
import type { SealLogPorts } from '#functions/proof/seal-ports.ts';
import { write } from '#functions/record/write.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { createLeafCatalogue } from '#stores/postgres/leaves.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { createPolicyRegistry } from '#stores/postgres/policies.ts';
import { SegmentBlocks } from '#stores/s3/block-reader.ts';
import { callerA, httpRequest, tenantA } from '#test/support/events.ts';
import { MemoryAnnouncer, MemoryControl, MemoryDeadLetters, MemorySegments } from '#test/support/memory.ts';
import { MemorySubjectKeys } from '#test/support/memory-keys.ts';
import { MemoryAnchors, MemoryLogStore, MemorySigner } from '#test/support/memory-log.ts';
import { contextKey, testDatabase } from '#test/support/postgres.ts';
import { keyGuard, MemoryRecorder } from '#test/support/reading.ts';

export const march = Date.parse('2026-03-01T12:00:00.000Z');
export const auditor: Caller = { ...callerA, scopes: ['events:read', 'proofs:read', 'exports:create'] };

let serial = 0;

/** An event as accept hands it on. */
export function eventOf(overrides: Partial<Event> = {}): Event {
  const n = ++serial;
  const iso = new Date(march + n * 1000).toISOString();
  const id = uuidv7(march + n * 1000, Buffer.from(n.toString(16).padStart(20, '0'), 'hex'));
  return {
    id,
    tenant: tenantA,
    occurred_at: iso,
    received_at: iso,
    action: 'doc.read',
    schema_version: 1,
    category: 'user_activity',
    crud: 'r',
    severity: 'info',
    outcome: { result: 'success' },
    actor: { type: 'user', id: `u${n % 5}`, name: `Person ${n % 5}` },
    data_class: 'none',
    producer: { key: 'aaaaaaaaaaaaaaaaaaaa' },
    ...overrides,
  };
}

export async function proofWorld(name: string) {
  const database = await testDatabase(name);
  const app = database.login('trailkeep_app');
  const segments = new MemorySegments();
  const store = new MemoryLogStore();
  const subjectKeys = new MemorySubjectKeys();
  const recorder = new MemoryRecorder();
  const leaves = createLeafCatalogue(app, contextKey);
  const newId = (now: Date) => uuidv7(now.getTime(), randomBytes(10));
  const writePorts = {
    ...{ segments, ledger: createLedger(app, contextKey), subjectKeys, cipher: nodeCipher, newId },
    ...{ announcer: new MemoryAnnouncer(), deadLetters: new MemoryDeadLetters(), control: new MemoryControl() },
    random: (bytes: number) => randomBytes(bytes),
  };
  let slugs = 0;
  const sealPorts: SealLogPorts = {
    ledger: createLogLedger(database.login('trailkeep_sealer'), contextKey),
    ...{ logs: store, signer: new MemorySigner(), crypto: nodeProofCrypto, anchors: new MemoryAnchors(), recorder },
    ...{ host: 'trailkeep.test', witnessKeys: [] },
    newSlug: () => `${'abcdefghij'[slugs++]}`.repeat(26),
    clock: () => new Date(),
  };
  const ports = {
    ...{ guard: keyGuard, leaves, store, subjectKeys, recorder, crypto: nodeProofCrypto },
    blocks: new SegmentBlocks(segments),
    policies: createPolicyRegistry(app, contextKey),
  };
  return {
    ...{ database, ports, segments, store, subjectKeys, recorder, sealPorts },
    /** One batch, committed. */
    async commit(tier: Tier, events: readonly Event[]): Promise<void> {
      const messages = [...Map.groupBy(events, ({ tenant }) => tenant)].flatMap(([tenant, own]) =>
        packEnvelopes(
          tenant,
          tier,
          own.map((event) => JSON.stringify(event)),
        ),
      );
      const received = messages.map((body, index) => ({
        ...{ messageId: `m${index}`, body, queue: tier, receiveCount: 1, sentAt: march },
      }));
      await write(writePorts, tier, received, new Date(march));
    },
    seal: (tenant = tenantA) => sealLog(sealPorts, tenant, new Date()),
    end: () => database.drop(),
  };
}

/** What an auditor asks. */
export const asking = (overrides: Parameters<typeof httpRequest>[0] = {}): HttpRequest =>
  httpRequest({ method: 'GET', caller: auditor, ...overrides });
