/** The guarantee: of a batch whose tenants live on several clusters, a cluster that is down holds up its own messages only. */
import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { canonical } from '#core/event/canonical.ts';
import type { Event, Json } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { type CommitResult, Unavailable } from '#core/record/ports.ts';
import type { Segment } from '#core/record/segment.ts';
import { type WritePorts, write } from '#functions/record/write.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { eventOf } from '#test/functions/query/world.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import {
  MemoryAnnouncer,
  MemoryControl,
  MemoryDeadLetters,
  MemoryLedger,
  MemorySegments,
} from '#test/support/memory.ts';
import { MemorySubjectKeys } from '#test/support/memory-keys.ts';

const now = new Date('2026-03-01T12:00:00.000Z');

class Ledger extends MemoryLedger {
  /** Tenants whose cluster is down. */
  downFor: readonly string[] = [];

  override async commit(segment: Segment, lines: readonly EventLine[]): Promise<CommitResult> {
    if (segment.parts.some(({ tenant }) => this.downFor.includes(tenant))) throw new Unavailable('postgres');
    return super.commit(segment, lines);
  }
}

let ledger: Ledger;
let ports: WritePorts;
beforeEach(() => {
  ledger = new Ledger();
  ports = {
    control: new MemoryControl(),
    subjectKeys: new MemorySubjectKeys(),
    cipher: nodeCipher,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    newId: (at) => uuidv7(at.getTime(), randomBytes(10)),
    segments: new MemorySegments(),
    ledger,
    together: async (tenants) => [...Map.groupBy(tenants, (tenant) => tenant === tenantB).values()],
    announcer: new MemoryAnnouncer(),
    deadLetters: new MemoryDeadLetters(),
  };
});

const messageOf = (id: string, event: Event): QueueMessage => ({
  messageId: id,
  body: packEnvelopes(event.tenant, 'critical', [canonical(event as unknown as Json)])[0]!,
  queue: 'critical',
  receiveCount: 1,
  sentAt: now.getTime(),
});
const batch = () => [
  messageOf('a0', eventOf(0)),
  messageOf('b1', eventOf(1, 1, tenantB)),
  messageOf('a2', eventOf(2)),
  messageOf('b3', eventOf(3, 3, tenantB)),
];

test('a segment for each', async () => {
  expect(await write(ports, 'critical', batch(), now)).toEqual([]);
  expect([...ledger.segments.values()].map(({ segment }) => segment.parts.map(({ tenant }) => tenant))).toEqual([
    [tenantA],
    [tenantB],
  ]);
  expect(ledger.events.size).toBe(4);
});

test('the messages of one that is down come again, the others are stored', async () => {
  ledger.downFor = [tenantB];
  expect(await write(ports, 'critical', batch(), now)).toEqual(['b1', 'b3']);
  expect(ledger.events.size).toBe(2);
  ledger.downFor = [];
  const again = batch().filter(({ messageId }) => messageId.startsWith('b'));
  expect(await write(ports, 'critical', again, now)).toEqual([]);
  expect(ledger.events.size).toBe(4);
});

test('when all are down the batch fails as a whole, and nobody is tried for a while', async () => {
  ledger.downFor = [tenantA, tenantB];
  await expect(write(ports, 'critical', batch(), now)).rejects.toBeInstanceOf(Unavailable);
});
