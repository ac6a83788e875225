/** Logs as the platform writes them: the real writer and sealer on a real PostgreSQL, on S3 and KMS of a local cloud. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { Event, Tier } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { ed25519Type, formatVerifier, verifierOf } from '#core/proof/note.ts';
import { sealLog } from '#functions/proof/seal.ts';
import type { SealLogPorts } from '#functions/proof/seal-ports.ts';
import { write } from '#functions/record/write.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { KmsSigner } from '#stores/kms/signer.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { S3LogStore } from '#stores/s3/log-store.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { testCloud } from '#test/local/cloud/cloud.ts';
import { ArchiveMaker } from '#test/support/archive-maker.ts';
import { tenantA } from '#test/support/events.ts';
import { MemoryAnnouncer, MemoryControl, MemoryDeadLetters } from '#test/support/memory.ts';
import { MemorySubjectKeys } from '#test/support/memory-keys.ts';
import { MemoryAnchors, MemoryRecorder } from '#test/support/memory-log.ts';
import { contextKey, testDatabase } from '#test/support/postgres.ts';

const march = Date.parse('2026-03-01T12:00:00.000Z');
let serial = 0;

/** An event as accept hands it on, with a person in it. */
export function eventOf(overrides: Partial<Event> = {}): Event {
  const n = ++serial;
  const iso = new Date(march + n * 1000).toISOString();
  return {
    id: uuidv7(march + n * 1000, Buffer.from(n.toString(16).padStart(20, '0'), 'hex')),
    tenant: tenantA,
    occurred_at: iso,
    received_at: iso,
    action: 'patient.record.read',
    schema_version: 1,
    category: 'user_activity',
    crud: 'r',
    severity: 'info',
    outcome: { result: 'success' },
    actor: { type: 'user', id: `u${n % 50}`, name: `Zoë Müller ${n % 50}` },
    targets: [{ type: 'patient', id: `p${n % 31}` }],
    context: { service: 'ehr', ip: `192.0.2.${n % 250}` },
    metadata: { ward: `Süd – ${n % 7}`, beds: n % 9 },
    data_class: 'none',
    producer: { key: 'aaaaaaaaaaaaaaaaaaaa', seq: n },
    ...overrides,
  };
}

export async function writtenLog(name: string) {
  const [database, cloud] = await Promise.all([testDatabase(name), testCloud()]);
  const { s3, kms } = cloud.clients;
  for (const bucket of ['segments', 'archive', 'evidence']) cloud.s3.createBucket(bucket, { versioning: true });
  const app = database.login('trailkeep_app', 4);
  const sealer = database.login('trailkeep_sealer', 4);
  const segments = new S3Segments(s3, 'segments');
  const archive = new S3ArchiveObjects(s3, 'archive');
  const logs = new S3LogStore(s3, 'evidence');
  const made = await kms.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' }));
  const signer = new KmsSigner(kms, made.KeyMetadata!.Arn!);
  const writePorts = {
    ...{ segments, ledger: createLedger(app, contextKey), subjectKeys: new MemorySubjectKeys(), cipher: nodeCipher },
    ...{ announcer: new MemoryAnnouncer(), deadLetters: new MemoryDeadLetters(), control: new MemoryControl() },
    newId: (now: Date) => uuidv7(now.getTime(), randomBytes(10)),
    random: (bytes: number) => randomBytes(bytes),
  };
  let slugs = 0;
  const sealPorts: SealLogPorts = {
    ledger: createLogLedger(sealer, contextKey),
    ...{ logs, signer, crypto: nodeProofCrypto, anchors: new MemoryAnchors(), recorder: new MemoryRecorder() },
    ...{ host: 'trailkeep.test', witnessKeys: [] },
    newSlug: () => `${'abcdefghij'[slugs++]}`.repeat(26),
    clock: () => new Date(),
  };
  return {
    ...{ database, cloud, app, sealer, segments, archive, logs, signer, sealPorts },
    /** Compacts and merges, and reads what lies in either bucket. */
    maker: new ArchiveMaker(database, segments, archive),
    /** One batch of one tenant, committed as one segment. */
    async commit(tier: Tier, events: readonly Event[]): Promise<void> {
      const bodies = packEnvelopes(
        events[0]!.tenant,
        tier,
        events.map((event) => JSON.stringify(event)),
      );
      const received = bodies.map((body, index) => ({
        ...{ messageId: `m${index}`, body, queue: tier, receiveCount: 1, sentAt: march },
      }));
      await write(writePorts, tier, received, new Date());
    },
    seal: (tenant = tenantA) => sealLog(sealPorts, tenant, new Date()),
    async log(tenant = tenantA) {
      const log = (await sealPorts.ledger.find(tenant))!;
      const verifier = verifierOf(nodeProofCrypto, log.origin, ed25519Type, await signer.publicKey());
      return { ...log, verifier, vkey: formatVerifier(nodeProofCrypto, log.origin, ed25519Type, verifier.publicKey) };
    },
    /** Every object of a bucket below a prefix, by what follows it. */
    async objects(bucket: string, prefix: string): Promise<Map<string, Uint8Array>> {
      const found = new Map<string, Uint8Array>();
      let ContinuationToken: string | undefined;
      do {
        const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken }));
        for (const { Key } of page.Contents ?? []) {
          const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
          found.set(Key!.slice(prefix.length), await Body!.transformToByteArray());
        }
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      return found;
    },
    async end(): Promise<void> {
      await Promise.all([database.drop(), cloud.end()]);
    },
  };
}
export type WrittenLog = Awaited<ReturnType<typeof writtenLog>>;

/** Writes files below a folder. */
export function putFiles(folder: string, files: ReadonlyMap<string, Uint8Array | string>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}
