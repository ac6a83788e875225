import { createHash, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { canonical } from '#core/event/canonical.ts';
import type { Event, Json } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { subjectName } from '#core/privacy/ports.ts';
import { commitmentOf } from '#core/proof/commitment.ts';
import type { Leaf } from '#core/proof/entry.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { Unavailable } from '#core/record/ports.ts';
import type { Segment, SegmentPlan } from '#core/record/segment.ts';
import { sweep } from '#functions/record/sweep.schedule.ts';
import { type WritePorts, write } from '#functions/record/write.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { dataKeyOf, nodeCipher } from '#stores/crypto/cipher.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { idAt } from '#test/support/lines.ts';
import {
  MemoryAnnouncer,
  MemoryControl,
  MemoryDeadLetters,
  MemoryLedger,
  MemorySegments,
} from '#test/support/memory.ts';
import { MemorySubjectKeys } from '#test/support/memory-keys.ts';

const now = new Date('2026-03-01T12:00:00.000Z');

function eventOf(n: number, tenant = tenantA): Event {
  return {
    id: uuidv7(now.getTime() + n, new Uint8Array(10).fill(n)),
    tenant,
    occurred_at: now.toISOString(),
    received_at: now.toISOString(),
    action: 'user.login',
    schema_version: 1,
    category: 'auth_events',
    crud: 'c',
    severity: 'info',
    outcome: { result: 'success' },
    actor: { type: 'service', id: `u${n}` },
    data_class: 'none',
    producer: { key: 'k' },
  };
}

const messageOf = (id: string, events: readonly Event[], receiveCount = 1): QueueMessage => ({
  messageId: id,
  body: packEnvelopes(
    events[0]!.tenant,
    'critical',
    events.map((event) => canonical(event as unknown as Json)),
  )[0]!,
  queue: 'critical',
  receiveCount,
  sentAt: now.getTime(),
});

/** What was planned, besides what the places hold. */
class Segments extends MemorySegments {
  readonly plans = new Map<string, SegmentPlan>();
  override async write(plan: SegmentPlan) {
    const segment = await super.write(plan);
    this.plans.set(plan.key, plan);
    return segment;
  }
  override async remove(key: string) {
    await super.remove(key);
    this.plans.delete(key);
  }
}

class Ledger extends MemoryLedger {
  poison = '';
  readonly leaves: Leaf[] = [];
  override async commit(segment: Segment, lines: readonly EventLine[], leaves: readonly Leaf[] = []) {
    if (lines.some(({ event }) => event.actor.id === this.poison)) throw new Error('a row the database refuses');
    const result = await super.commit(segment, lines);
    if (result.stored) this.leaves.push(...leaves);
    return result;
  }
  get keys() {
    return [...this.segments.values()].map(({ segment }) => segment.key);
  }
}

let segments: Segments;
let ledger: Ledger;
let announcer: MemoryAnnouncer;
let deadLetters: MemoryDeadLetters;
let ports: WritePorts;
beforeEach(() => {
  segments = new Segments();
  ledger = new Ledger();
  announcer = new MemoryAnnouncer();
  deadLetters = new MemoryDeadLetters();
  let serial = 0;
  ports = {
    control: new MemoryControl(),
    subjectKeys: new MemorySubjectKeys(),
    cipher: nodeCipher,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    newId: (at) => idAt(at.getTime(), ++serial),
    segments,
    ledger,
    announcer,
    deadLetters,
  };
});
/** Twenty minutes on, when a writer is surely dead. */
const later = { now: new Date(now.getTime() + 20 * 60_000) };
/** Nobody restores the database to before the commit that made it garbage any more. */
const muchLater = { now: new Date(now.getTime() + 27 * 3600_000) };
const run = (messages: readonly QueueMessage[]) => write(ports, 'critical', messages, now);

describe('a batch', () => {
  test('of many messages and two tenants costs one segment and one commit', async () => {
    const messages = [messageOf('m0', [eventOf(0), eventOf(1)]), messageOf('m1', [eventOf(2, tenantB)])];
    expect(await run(messages)).toEqual([]);
    expect(segments.plans.size).toBe(1);
    expect(ledger.segments.size).toBe(1);
    expect(ledger.events.size).toBe(3);
    expect(announcer.announcements.length).toBe(1);
  });

  test('with a message nobody can read: that one is buried with its reason, the rest is stored', async () => {
    const bad: QueueMessage = { ...messageOf('bad', [eventOf(0)]), body: 'garbage' };
    expect(await run([bad, messageOf('m1', [eventOf(1)])])).toEqual([]);
    expect(deadLetters.buried).toMatchObject([{ messageId: 'bad', code: 'message_unreadable' }]);
    expect(ledger.events.size).toBe(1);
  });

  test('with nothing but garbage writes nothing', async () => {
    await run([{ ...messageOf('bad', [eventOf(0)]), body: 'garbage' }]);
    expect(segments.plans.size).toBe(0);
  });
});

describe('redelivered', () => {
  test('critical events that are stored already are not written again', async () => {
    await run([messageOf('m0', [eventOf(0), eventOf(1)])]);
    await run([messageOf('m0', [eventOf(0), eventOf(1)], 2)]);
    expect(segments.plans.size).toBe(1);
    await run([messageOf('m0', [eventOf(0)], 2), messageOf('m1', [eventOf(2)])]);
    expect([...segments.plans.values()].at(-1)!.blocks.map((block) => block.events)).toEqual([1]);
    expect(ledger.events.size).toBe(3);
  });
});

describe('a message the ledger refuses', () => {
  test('fails alone, the others are stored', async () => {
    ledger.poison = 'u1';
    expect(
      await run([messageOf('m0', [eventOf(0)]), messageOf('m1', [eventOf(1)]), messageOf('m2', [eventOf(2)])]),
    ).toEqual(['m1']);
    expect(ledger.events.size).toBe(2);
    expect(deadLetters.buried).toEqual([]);
  });

  test('is buried with its reason at its fifth delivery', async () => {
    ledger.poison = 'u1';
    expect(await run([messageOf('m1', [eventOf(1)], 5)])).toEqual([]);
    expect(deadLetters.buried).toMatchObject([
      { messageId: 'm1', code: 'internal', reason: expect.stringContaining('refuses') },
    ]);
  });
});

describe('a place that is down', () => {
  for (const place of ['s3', 'postgres'] as const) {
    test(`${place}: the whole batch fails and nobody is poison`, async () => {
      (place === 's3' ? segments : ledger).down = true;
      await expect(run([messageOf('m0', [eventOf(0)], 5), messageOf('m1', [eventOf(1)])])).rejects.toThrow(Unavailable);
      expect(deadLetters.buried).toEqual([]);
      expect(ledger.events.size).toBe(0);
    });
  }

  test('sns: the batch is stored, and the sweep announces it', async () => {
    announcer.down = true;
    ledger.now = () => now.getTime();
    expect(await run([messageOf('m0', [eventOf(0)])])).toEqual([]);
    expect(announcer.announcements.length).toBe(0);
    announcer.down = false;
    const nothing = { announced: 0, adopted: 0, removed: 0, forgotten: 0 };
    expect(await sweep(ports, later)).toEqual({ ...nothing, announced: 1 });
    expect(await sweep(ports, later)).toEqual(nothing);
  });
});

describe('a segment that nobody committed', () => {
  const failing = async (messages: readonly QueueMessage[]) => {
    ledger.down = true;
    await expect(run(messages)).rejects.toThrow(Unavailable);
    ledger.down = false;
  };

  test('is adopted by the sweep, and its messages add nothing when they come again', async () => {
    const messages = [messageOf('m0', [eventOf(0)]), messageOf('m1', [eventOf(1, tenantB)])];
    await failing(messages);
    expect(ledger.events.size).toBe(0);
    expect(await sweep(ports, { now })).toMatchObject({ adopted: 0, removed: 0 });
    expect(await sweep(ports, later)).toMatchObject({ adopted: 1, removed: 0 });
    expect(ledger.events.size).toBe(2);
    expect(await run(messages.map((one) => ({ ...one, receiveCount: 2 })))).toEqual([]);
    expect(await sweep(ports, later)).toMatchObject({ adopted: 0, removed: 0 });
    expect(ledger.keys).toEqual([...segments.plans.keys()]);
  });

  test('gives the messages that did not come again a segment of their own', async () => {
    const messages = [messageOf('m0', [eventOf(0)]), messageOf('m1', [eventOf(1)])];
    await failing(messages);
    await run([messages[0]!]);
    expect(await sweep(ports, later)).toMatchObject({ adopted: 1, removed: 0 });
    expect([...ledger.events.values()].map(({ actor }) => actor.id)).toEqual(['u0', 'u1']);
    expect(await run([{ ...messages[1]!, receiveCount: 2 }])).toEqual([]);
    expect(ledger.events.size).toBe(2);
    expect(await sweep(ports, later)).toMatchObject({ adopted: 0, removed: 0 });
  });

  test('is garbage once another try has committed all its messages', async () => {
    const messages = [messageOf('m0', [eventOf(0)]), messageOf('m1', [eventOf(1)])];
    await failing(messages);
    await run([messages[0]!]);
    await run([messages[1]!]);
    // A restored database would want it back.
    expect(await sweep(ports, later)).toMatchObject({ adopted: 0, removed: 0 });
    expect(await sweep(ports, muchLater)).toMatchObject({ adopted: 0, removed: 1 });
    expect(ledger.keys).toEqual([...segments.plans.keys()]);
  });

  test('gives what is left of it a segment of its own when other messages brought some of its events', async () => {
    await failing([messageOf('m0', [eventOf(0), eventOf(1)])]);
    await run([messageOf('other', [eventOf(1), eventOf(2)])]);
    expect(await sweep(ports, later)).toMatchObject({ adopted: 1, removed: 0 });
    expect([...ledger.events.values()].map(({ actor }) => actor.id).sort()).toEqual(['u0', 'u1', 'u2']);
    expect(await sweep(ports, muchLater)).toMatchObject({ adopted: 0, removed: 1 });
    expect(ledger.keys.toSorted()).toEqual([...segments.plans.keys()].sort());
  });

  test('of which half was written was never committed by anybody, and goes', async () => {
    await failing([messageOf('m0', [eventOf(0)])]);
    segments.load = async () => undefined;
    expect(await sweep(ports, muchLater)).toMatchObject({ adopted: 0, removed: 1 });
  });

  test('and cannot be read is left where it is, and holds up no other', async () => {
    await failing([messageOf('m0', [eventOf(0)])]);
    await failing([messageOf('m1', [eventOf(1)])]);
    const [broken] = segments.plans.keys();
    const load = segments.load.bind(segments);
    segments.load = async (key) => {
      if (key === broken) throw new Error('bit rot');
      return load(key);
    };
    expect(await sweep(ports, later)).toMatchObject({ adopted: 1, removed: 0 });
    expect(segments.plans.size).toBe(2);
  });
});

describe('leaves', () => {
  test('commit to the lines as they are stored, in the order of the segment, with a salt each', async () => {
    await run([messageOf('m0', [eventOf(1), eventOf(0)]), messageOf('m1', [eventOf(2, tenantB)])]);
    const [plan] = [...segments.plans.values()];
    const lines = plan!.blocks.flatMap((block) => block.lines);
    expect(ledger.leaves.map(({ id }) => id)).toEqual(lines.map(({ event }) => event.id));
    const sha256 = (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest());
    expect(ledger.leaves.map(({ commitment }) => new Uint8Array(commitment))).toEqual(
      lines.map(({ line }) => commitmentOf({ sha256 }, line)),
    );
    for (const { event, line } of lines) {
      expect(event.salt).toMatch(/^[\w-]{22}$/);
      expect(line).toBe(canonical(event as unknown as Json));
    }
    expect(new Set(lines.map(({ event }) => event.salt)).size).toBe(3);
  });
});

describe('people in a batch', () => {
  test('are sealed before the segment and the rows: neither holds a name', async () => {
    const who = {
      ...eventOf(1),
      actor: { type: 'user', id: 'ada', email: 'ada@example.org' },
      metadata: { password: 'x1y2z3' },
    };
    expect(await write(ports, 'critical', [messageOf('m1', [who])], now)).toEqual([]);
    const [row] = [...ledger.events.values()];
    const [plan] = [...segments.plans.values()];
    for (const stored of [JSON.stringify(row), plan!.blocks.map(({ text }) => text).join('')]) {
      expect(stored).not.toMatch(/"ada|example|x1y2z3/);
      expect(stored).toContain('"sealed"');
    }
    expect(row!.actor.id).toMatch(/^~/);
  });

  test('who were erased while an event lay in a queue stay erased, and what they do later is theirs', async () => {
    const [live, lost] = [dataKeyOf(Buffer.alloc(32, 1)), dataKeyOf(Buffer.alloc(32, 2))];
    const keys = new MemorySubjectKeys();
    const subjectKeys = {
      tenant: (tenant: string) => keys.tenant(tenant),
      forWriting: async () =>
        new Map([[subjectName(tenantA, 'ada'), { key: live, erased: { until: now.getTime(), key: lost } }]]),
    };
    const ada = (n: number, receivedAt: number) => ({
      ...eventOf(n),
      actor: { type: 'user', id: 'ada' },
      received_at: new Date(receivedAt).toISOString(),
    });
    const batch = [ada(1, now.getTime() - 1), ada(2, now.getTime() + 1)];
    expect(await write({ ...ports, subjectKeys }, 'critical', [messageOf('m1', batch)], now)).toEqual([]);
    const keysOf = batch.map(({ id }) => ledger.events.get(`${tenantA}/${id}`)!.sealed!.map(({ key }) => key));
    expect(keysOf).toEqual([[lost.id], [live.id]]);
  });

  test('wait in the queue while their keys cannot be reached: nothing is stored in clear', async () => {
    const keys = new MemorySubjectKeys();
    keys.down = true;
    await expect(
      write({ ...ports, subjectKeys: keys }, 'critical', [messageOf('m1', [eventOf(1)])], now),
    ).rejects.toThrow(Unavailable);
    expect([segments.plans.size, ledger.events.size]).toEqual([0, 0]);
  });
});
