import { beforeEach, describe, expect, test } from 'vitest';
import type { Event, Tier } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { subjectName } from '#core/privacy/ports.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { Unavailable } from '#core/record/ports.ts';
import type { Segment, SegmentPlan } from '#core/record/segment.ts';
import { sweep } from '#functions/record/sweep.schedule.ts';
import { type WritePorts, write } from '#functions/record/write.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { dataKeyOf, nodeCipher } from '#stores/crypto/cipher.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { MemoryControl } from '#test/support/memory.ts';
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
    events.map((event) => JSON.stringify(event)),
  )[0]!,
  queue: 'critical',
  receiveCount,
  sentAt: now.getTime(),
});

const world = {
  rows: new Map<string, Event>(),
  segments: new Map<string, SegmentPlan>(),
  catalogue: new Set<string>(),
  announced: new Set<string>(),
  buried: [] as { messageId: string; code: string; reason: string }[],
  poison: '',
  down: '' as '' | 's3' | 'postgres' | 'sns',
};
let nextId = 0;
const guard = (place: typeof world.down) => {
  if (world.down === place) throw new Unavailable(place);
};
const ports: WritePorts = {
  control: new MemoryControl(),
  subjectKeys: new MemorySubjectKeys(),
  cipher: nodeCipher,
  random: (bytes) => new Uint8Array(bytes),
  newId: () => `segment-${++nextId}`,
  segments: {
    write: async (plan) => {
      guard('s3');
      world.segments.set(plan.key, plan);
      const parts = [...new Set(plan.blocks.map((block) => block.tenant))].map((tenant) => ({ tenant }));
      return { id: plan.id, key: plan.key, tier: plan.tier, bytes: 1, sha256: '', parts } as unknown as Segment;
    },
    read: async () => new Uint8Array(),
    async *list() {
      for (const key of world.segments.keys()) yield { key, bytes: 1 };
    },
    remove: async (key) => void world.segments.delete(key),
  },
  ledger: {
    known: async (ids) =>
      new Set(ids.map(({ tenant, id }) => `${tenant}/${id}`).filter((name) => world.rows.has(name))),
    commit: async (segment: Segment, lines: readonly EventLine[]) => {
      guard('postgres');
      if (lines.some(({ event }) => event.actor.id === world.poison)) throw new Error('a row the database refuses');
      world.catalogue.add(segment.key);
      let duplicates = 0;
      for (const { event } of lines) {
        const name = `${event.tenant}/${event.id}`;
        if (world.rows.has(name)) duplicates++;
        world.rows.set(name, event);
      }
      return { duplicates, parts: [] };
    },
    announced: async (ids) => {
      for (const id of ids) world.announced.add(id);
    },
    unannounced: async () =>
      [...world.catalogue]
        .map((key) => world.segments.get(key)!)
        .filter((plan) => !world.announced.has(plan.id))
        .map((plan) => ({ segment: plan.id, key: plan.key, tier: plan.tier as Tier, tenants: [tenantA] })),
    catalogued: async (keys) => new Set(keys.filter((key) => world.catalogue.has(key))),
  },
  announcer: { announce: async () => guard('sns') },
  deadLetters: { bury: async (message) => void world.buried.push(message) },
};

beforeEach(() => {
  world.rows.clear();
  world.segments.clear();
  world.catalogue.clear();
  world.announced.clear();
  world.buried = [];
  world.poison = '';
  world.down = '';
});
const run = (messages: readonly QueueMessage[]) => write(ports, 'critical', messages, now);

describe('a batch', () => {
  test('of many messages and two tenants costs one segment and one commit', async () => {
    const messages = [messageOf('m0', [eventOf(0), eventOf(1)]), messageOf('m1', [eventOf(2, tenantB)])];
    expect(await run(messages)).toEqual([]);
    expect(world.segments.size).toBe(1);
    expect(world.catalogue.size).toBe(1);
    expect(world.rows.size).toBe(3);
    expect(world.announced.size).toBe(1);
  });

  test('with a message nobody can read: that one is buried with its reason, the rest is stored', async () => {
    const bad: QueueMessage = { ...messageOf('bad', [eventOf(0)]), body: 'garbage' };
    expect(await run([bad, messageOf('m1', [eventOf(1)])])).toEqual([]);
    expect(world.buried).toMatchObject([{ messageId: 'bad', code: 'message_unreadable' }]);
    expect(world.rows.size).toBe(1);
  });

  test('with nothing but garbage writes nothing', async () => {
    await run([{ ...messageOf('bad', [eventOf(0)]), body: 'garbage' }]);
    expect(world.segments.size).toBe(0);
  });
});

describe('redelivered', () => {
  test('critical events that are stored already are not written again', async () => {
    await run([messageOf('m0', [eventOf(0), eventOf(1)])]);
    await run([messageOf('m0', [eventOf(0), eventOf(1)], 2)]);
    expect(world.segments.size).toBe(1);
    await run([messageOf('m0', [eventOf(0)], 2), messageOf('m1', [eventOf(2)])]);
    expect([...world.segments.values()].at(-1)!.blocks.map((block) => block.events)).toEqual([1]);
    expect(world.rows.size).toBe(3);
  });
});

describe('a message the ledger refuses', () => {
  test('fails alone, the others are stored', async () => {
    world.poison = 'u1';
    expect(
      await run([messageOf('m0', [eventOf(0)]), messageOf('m1', [eventOf(1)]), messageOf('m2', [eventOf(2)])]),
    ).toEqual(['m1']);
    expect(world.rows.size).toBe(2);
    expect(world.buried).toEqual([]);
  });

  test('is buried with its reason at its fifth delivery', async () => {
    world.poison = 'u1';
    expect(await run([messageOf('m1', [eventOf(1)], 5)])).toEqual([]);
    expect(world.buried).toMatchObject([
      { messageId: 'm1', code: 'internal', reason: expect.stringContaining('refuses') },
    ]);
  });
});

describe('a place that is down', () => {
  for (const place of ['s3', 'postgres'] as const) {
    test(`${place}: the whole batch fails and nobody is poison`, async () => {
      world.down = place;
      await expect(run([messageOf('m0', [eventOf(0)], 5), messageOf('m1', [eventOf(1)])])).rejects.toThrow(Unavailable);
      expect(world.buried).toEqual([]);
      expect(world.rows.size).toBe(0);
    });
  }

  test('sns: the batch is stored, and the sweep announces it', async () => {
    world.down = 'sns';
    expect(await run([messageOf('m0', [eventOf(0)])])).toEqual([]);
    expect(world.announced.size).toBe(0);
    world.down = '';
    expect(await sweep(ports, { now })).toEqual({ announced: 1, removed: 0 });
    expect(await sweep(ports, { now })).toEqual({ announced: 0, removed: 0 });
  });

  test('postgres, after the segment was written: the garbage is swept, what is committed stays', async () => {
    await run([messageOf('m0', [eventOf(0)])]);
    world.down = 'postgres';
    await expect(run([messageOf('m1', [eventOf(1)])])).rejects.toThrow(Unavailable);
    expect(world.segments.size).toBe(2);
    world.down = '';
    expect(await sweep(ports, { now })).toMatchObject({ removed: 1 });
    expect([...world.segments.keys()]).toEqual([...world.catalogue]);
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
    const [row] = [...world.rows.values()];
    const [plan] = [...world.segments.values()];
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
    const keysOf = batch.map(({ id }) => world.rows.get(`${tenantA}/${id}`)!.sealed!.map(({ key }) => key));
    expect(keysOf).toEqual([[lost.id], [live.id]]);
  });

  test('wait in the queue while their keys cannot be reached: nothing is stored in clear', async () => {
    const keys = new MemorySubjectKeys();
    keys.down = true;
    await expect(
      write({ ...ports, subjectKeys: keys }, 'critical', [messageOf('m1', [eventOf(1)])], now),
    ).rejects.toThrow(Unavailable);
    expect([world.segments.size, world.rows.size]).toEqual([0, 0]);
  });
});
