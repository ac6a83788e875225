/** Compaction, merging and cleaning up, killed at every step: no event is lost, none is doubled, nothing is left behind. */
import { describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import { removeDoomed } from '#functions/archive/clean-up.ts';
import { compactTenant } from '#functions/archive/compact.queue.ts';
import { compactDue } from '#functions/archive/compact-sweep.schedule.ts';
import { Random } from '../../sim/random.ts';
import { tenantA as tenant } from '../../support/events.ts';
import { idAt } from '../../support/lines.ts';
import { day, type Faults, feedDays, hour, noFaults, type Protection, type Worker, World } from './crash-world.ts';

const seeds = 2_000;
const start = Date.parse('2026-03-30T12:00:00.000Z');
const faults: Faults = { before: 0.02, after: 0.02, kill: 0.01, asleep: 0.2, corrupt: 0.01 };

/** A small event: what compaction looks at and nothing else. */
const eventOf = (n: number, random: Random): Event => {
  const time = start - random.below(4) * day + random.below(20) * 1000;
  return {
    id: idAt(time, n),
    tenant,
    occurred_at: new Date(time).toISOString(),
    action: 'a.b',
    actor: { id: 'x' },
    category: random.chance(0.7) ? 'api_calls' : 'system',
    metadata: { n },
  } as unknown as Event;
};

const compactor = ({ now, random }: World, limits = { parts: 1 + random.below(6), bytes: 1e9, events: 1e9 }) =>
  [
    'compactor',
    (world: World, worker: Worker) => compactTenant(world.ports(worker), tenant, new Date(now + hour), limits),
  ] as const;
const sweeper = [
  'sweeper',
  (world: World, worker: Worker) => compactDue(world.ports(worker), { now: new Date(world.now) }),
] as const;

/** Compactors that find nothing to compact, one after the other. */
const cleaner = [
  'cleaner',
  async (world: World, worker: Worker) => {
    for (let look = 0; look < 8; look++) {
      await removeDoomed(world.ports(worker), tenant, new Date(world.now + hour));
    }
  },
] as const;

/** Commits some parts, with copies of what was committed before. */
function commitSome(world: World, known: Event[]): void {
  const { random } = world;
  for (let parts = 1 + random.below(4); parts > 0; parts--) {
    const own: Event[] = [];
    for (let count = 1 + random.below(5); count > 0; count--) {
      const copy = known.length > 0 && random.chance(0.25) ? random.pick(known) : undefined;
      if (copy && own.some(({ id }) => id === copy.id)) continue;
      own.push(copy ?? eventOf(world.copies.size + own.length + 1000 * known.length, random));
    }
    known.push(...own);
    world.commit(own, 'bulk');
    world.now += random.below(hour);
  }
}

/** A life: rounds with faults, then quiet ones until everything is done. */
async function live(seed: number, removed: readonly Protection[] = [], rates = faults): Promise<World> {
  const world = new World(new Random(seed), start, removed);
  const known: Event[] = [];
  for (let round = 0; round < 3; round++) {
    if (round === 0 || world.random.chance(0.6)) commitSome(world, known);
    // Standing still for a day is for whoever has written its files; the day would pass for a second compactor as well.
    const other = world.random.pick([undefined, cleaner, compactor(world)]);
    world.faults = { ...rates, asleep: other === cleaner ? rates.asleep : 0 };
    await world.run(compactor(world), ...(other ? [other] : []));
    world.now += world.random.pick([hour, 8 * hour, 2 * day, 5 * day]);
  }
  await quiet(world);
  return world;
}

/** Without faults: files of days, then of months, then nothing but them. */
async function quiet(world: World): Promise<void> {
  world.faults = noFaults;
  world.killAt = undefined;
  for (const pause of [0, 3 * day, 5 * day, (feedDays + 1) * day, 2 * hour, 2 * day]) {
    world.now += pause;
    await world.run(compactor(world, { parts: 256, bytes: 1e9, events: 1e9 }));
  }
  await world.run(sweeper);
  world.checkEnd();
}

describe('killed anywhere', () => {
  test(`${seeds} seeds: 0 lost, 0 doubled, no object missing, no orphan left`, { timeout: 120_000 }, async () => {
    let steps = 0;
    let copies = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const world = await live(seed);
      steps += world.steps;
      for (const own of world.copies.values()) copies += own.length - 1;
      expect(world.violations, `seed ${seed}`).toEqual([]);
    }
    console.log(`${seeds} lives, ${steps} steps, ${copies} copies`);
    expect(copies).toBeGreaterThan(seeds);
  });

  test('every step of a compaction, a merge and a cleaning up, before and after its effect', {
    timeout: 60_000,
  }, async () => {
    const scenario = async (killAt: number | undefined) => {
      const world = new World(new Random(5), start);
      const known: Event[] = [];
      world.killAt = killAt;
      for (let round = 0; round < 3; round++) {
        commitSome(world, known);
        await world.run(compactor(world, { parts: 3, bytes: 1e9, events: 1e9 }));
        world.now += 2 * day;
      }
      world.now += 60 * day;
      await world.run(compactor(world), sweeper);
      const { steps } = world;
      await quiet(world);
      return { world, steps };
    };
    const { steps } = await scenario(undefined);
    expect(steps).toBeGreaterThan(60);
    for (let killAt = 0; killAt < steps; killAt += 0.5) {
      const { world } = await scenario(killAt);
      expect(world.violations, `killed at ${killAt}`).toEqual([]);
    }
  });

  test('the same seed lives the same life', async () => {
    const [first, second] = [await live(11), await live(11)];
    expect([second.steps, second.now, [...second.files.keys()]]).toEqual([
      first.steps,
      first.now,
      [...first.files.keys()],
    ]);
  });
});

describe('without its protections it fails', () => {
  test.each<[Protection, RegExp]>([
    ['verify', /never committed|is lost/],
    ['swap', /times|is lost/],
    ['doomed', /orphan/],
    ['doomed-time', /is in the catalogue and gone|orphan/],
    ['all-replaced', /times/],
    ['told', /nobody told/],
  ])('%s', { timeout: 60_000 }, async (protection, noticed) => {
    for (let seed = 1; seed <= 400; seed++) {
      const { violations } = await live(seed, [protection], { ...faults, asleep: 0.9 });
      if (violations.some((one) => noticed.test(one))) return;
    }
    expect.unreachable(`nobody notices that ${protection} is missing`);
  });
});
