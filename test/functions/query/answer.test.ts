/** The guarantee: paging through both tiers gives what sorting and filtering everything would, whatever the budget. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import type { Filter } from '#core/query/filter.ts';
import { matches } from '#core/query/matches.ts';
import type { Position } from '#core/query/ports.ts';
import { type Answer, answer, type Budget } from '#functions/query/answer.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { at0, eventOf, World } from './world.ts';

const plenty: Budget = { bytesMax: 1e9, until: Number.POSITIVE_INFINITY };

/** All pages of a question. Fails when paging does not end. */
async function pages(world: World, filter: Filter, limit: number, budget = plenty): Promise<Answer[]> {
  const all: Answer[] = [];
  let after: Position | undefined;
  do {
    const page = await answer(world.ports, { tenant: tenantA, filter, after, limit }, budget);
    all.push(page);
    after = page.next;
    if (all.length > 2000) throw new Error('paging does not end');
  } while (after);
  return all;
}

const model = (events: readonly Event[], filter: Filter): string[] =>
  [...new Map(events.map((event) => [event.id, event])).values()]
    .filter((event) => matches(filter, event))
    .sort((a, b) => (a.occurred_at === b.occurred_at ? (a.id < b.id ? 1 : -1) : a.occurred_at < b.occurred_at ? 1 : -1))
    .map(({ id }) => id);

const ids = (all: readonly Answer[]) => all.flatMap(({ events }) => events.map(({ id }) => id));

/** Few distinct times, so that ties are common. */
const timeOf = (n: number) => (n * 7919) % 23;

const placement = fc.record({
  n: fc.integer({ min: 0, max: 60 }),
  critical: fc.boolean(),
  /** Segments it is in: none, one or several. */
  segments: fc.uniqueArray(fc.integer({ min: 0, max: 7 }), { maxLength: 3 }),
});
const filters: fc.Arbitrary<Filter> = fc.record(
  {
    from: fc.integer({ min: at0, max: at0 + 12_000 }),
    to: fc.integer({ min: at0 + 12_001, max: at0 + 24_000 }),
    action: fc.subarray(['user.login', 'user.*', 'doc.read', 'nothing.here'], { minLength: 1 }),
    actor: fc.subarray(['u0', 'u1', 'u4', 'u9'], { minLength: 1 }),
    target: fc.subarray(['d0', 'd3', 'd9'], { minLength: 1 }),
    ip: fc.subarray(['192.0.2.0', '192.0.2.9'], { minLength: 1 }),
    outcome: fc.constant(['failure'] as const),
    text: fc.constantFrom('note 1', 'PERSON', 'nowhere'),
  },
  { requiredKeys: [] },
);

function worldOf(placements: readonly { n: number; critical: boolean; segments: readonly number[] }[], cut: number) {
  const world = new World();
  const stored: Event[] = [];
  const segments = new Map<number, Event[]>();
  for (const { n, critical, segments: into } of placements) {
    const event = eventOf(n, timeOf(n));
    if (critical) world.addCritical(event);
    for (const one of into) segments.set(one, [...(segments.get(one) ?? []), event]);
    if (critical || into.length > 0) stored.push(event);
  }
  for (const [name, events] of segments) {
    // Odd segments are in time order, as planned ones are within a category; even ones are not.
    const ordered = name % 2 ? events.toSorted((a, b) => (a.occurred_at < b.occurred_at ? -1 : 1)) : events;
    const blocks: Event[][] = [];
    for (let index = 0; index < ordered.length; index += cut) blocks.push(ordered.slice(index, index + cut));
    world.addPart(blocks);
  }
  world.addPart([[eventOf(999, 5, tenantB)]]);
  world.addCritical(eventOf(998, 6, tenantB));
  return { world, stored };
}

const cases = fc.record({
  placements: fc.array(placement, { maxLength: 80 }),
  cut: fc.integer({ min: 1, max: 9 }),
  filter: filters,
  limit: fc.integer({ min: 1, max: 20 }),
});

describe('paging', () => {
  test('gives every match once, newest first, over both tiers', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ placements, cut, filter, limit }) => {
        const { world, stored } = worldOf(placements, cut);
        const all = await pages(world, filter, limit);
        expect(ids(all)).toEqual(model(stored, filter));
        expect(all.every(({ complete }) => complete)).toBe(true);
        expect(all.slice(0, -1).every(({ events }) => events.length === limit)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('neither loses nor repeats when the budget ends early', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.integer({ min: 0, max: 3000 }), async (one, bytesMax) => {
        const { world, stored } = worldOf(one.placements, one.cut);
        const all = await pages(world, one.filter, one.limit, { bytesMax, until: Number.POSITIVE_INFINITY });
        expect(ids(all)).toEqual(model(stored, one.filter));
        // A short page that is not the last says that it is.
        for (const page of all.slice(0, -1)) expect(page.complete).toBe(page.events.length === one.limit);
      }),
      { numRuns: 300 },
    );
  });

  test('goes on after the clock ran out before any event was found', async () => {
    const world = new World();
    for (let n = 0; n < 40; n++) world.addPart([[eventOf(n)]]);
    const filter: Filter = { text: 'note 3', to: at0 + 4000 };
    const all = await pages(world, { text: 'note 0' }, 10, { bytesMax: 1e9, until: at0 });
    expect(all.length).toBeGreaterThan(3);
    expect(all[0]).toMatchObject({ events: [], complete: false });
    expect(ids(all)).toEqual([eventOf(0).id]);
    expect(ids(await pages(world, filter, 10, { bytesMax: 1e9, until: at0 }))).toEqual([eventOf(3).id]);
  });

  test('pages the catalogue when there are more parts than one page holds, with equal times', async () => {
    const world = new World();
    const stored: Event[] = [];
    for (let n = 0; n < 300; n++) {
      const event = eventOf(n, Math.floor(n / 150));
      stored.push(event);
      world.addPart([[event]]);
    }
    expect(ids(await pages(world, {}, 70))).toEqual(model(stored, {}));
  });
});

test('finds what lies behind many critical rows that do not match', async () => {
  const world = new World();
  const events = Array.from({ length: 1500 }, (_, n) => eventOf(n));
  world.addCritical(...events);
  world.addPart([[eventOf(2000, -5)]]);
  const filter: Filter = { text: 'note 7' };
  expect(ids(await pages(world, filter, 40))).toEqual(model(events, filter));
  expect(ids(await pages(world, { ip: ['192.0.2.2'], to: at0 + 9_000 }, 1))).toEqual(
    model([...events, eventOf(2000, -5)], { ip: ['192.0.2.2'], to: at0 + 9_000 }),
  );
});

describe('the cost', () => {
  const world = () => {
    const made = new World();
    for (let n = 0; n < 50; n++) made.addPart([[eventOf(4 * n)], [eventOf(4 * n + 1)], [eventOf(4 * n + 2)]]);
    return made;
  };

  test('the newest page reads the newest blocks only', async () => {
    const made = world();
    const page = await answer(made.ports, { tenant: tenantA, filter: {}, after: undefined, limit: 2 }, plenty);
    expect(page.events.map(({ id }) => id)).toEqual([eventOf(198).id, eventOf(197).id]);
    expect(page.sources.bulk.blocks).toBeLessThanOrEqual(6);
  });

  test('an exact value opens the blocks that may hold it; a time range those that overlap it', async () => {
    const made = world();
    const actor = await answer(
      made.ports,
      { tenant: tenantA, filter: { actor: ['u9'] }, after: undefined, limit: 5 },
      plenty,
    );
    expect(actor).toMatchObject({ events: [], complete: true, next: undefined, scannedBytes: 0 });
    const filter = { from: at0 + 20_000, to: at0 + 22_000 };
    const range = await answer(made.ports, { tenant: tenantA, filter, after: undefined, limit: 50 }, plenty);
    expect(range.events.map(({ id }) => id)).toEqual([eventOf(21).id, eventOf(20).id]);
    expect(range.sources.bulk).toEqual({ parts: 1, blocks: 2 });
  });

  test('chosen blocks of one segment are asked for together', async () => {
    const made = new World();
    made.addPart([[eventOf(1)], [eventOf(2)]]);
    await answer(made.ports, { tenant: tenantA, filter: {}, after: undefined, limit: 9 }, plenty);
    expect(made.reads).toEqual([{ key: 's0', blocks: 2 }]);
  });
});

test('a segment that is gone is named, and the answer is not complete', async () => {
  const world = new World();
  world.addPart([[eventOf(1)]]);
  const lost = world.addPart([[eventOf(2)]]);
  world.lose(lost.key);
  const page = await answer(world.ports, { tenant: tenantA, filter: {}, after: undefined, limit: 9 }, plenty);
  expect(page).toMatchObject({ gaps: { missing: [lost.key] }, complete: false, next: undefined });
  expect(page.events.map(({ id }) => id)).toEqual([eventOf(1).id]);
});

test('a place that is down fails the question', async () => {
  const world = new World();
  world.ledger.down = true;
  await expect(
    answer(world.ports, { tenant: tenantA, filter: {}, after: undefined, limit: 9 }, plenty),
  ).rejects.toThrow(/unavailable/);
});
