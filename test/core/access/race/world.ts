/**
 * One adversarial interleaving: instances of the real cache over one Postgres and one Valkey, writers that grant and
 * revoke, readers that ask all the time, and everything that can go wrong. A seed decides all of it.
 */
import type { PermissionCachePorts } from '#core/access/permission-cache.ts';
import { freshMs } from '#core/access/permission-ports.ts';
import type { PermissionCache } from '#core/access/roles.ts';
import { type Missing, modules, SimulatedPostgres, SimulatedValkey, type Trouble, tenant, user } from './places.ts';
import { Schedule, seeded } from './schedule.ts';

/** What the world's clocks and places are like. */
export const weathers = ['quiet', 'losses', 'wrong hosts', 'wrong nodes', 'no store'] as const;
export type Weather = (typeof weathers)[number];

/** A check that starts this long after a commit must know of it. */
export const boundMs = 2_000;

export interface Tally {
  worlds: number;
  checks: number;
  granted: number;
  unavailable: number;
  commits: number;
  losses: number;
  /** Answers that were no longer true when the check began, but within the bound: how adverse the world was. */
  late: number;
  /** The oldest of them, in ms before the check began. */
  oldestMs: number;
  /** A grant that had ended more than the bound before the check began. */
  staleGrants: number;
  /** Any answer that had ended more than the bound before. */
  staleAnswers: number;
  /** In quiet worlds: an answer from before a change although its invalidation had returned in time. */
  lateAfterInvalidation: number;
  queries: number;
}

export const emptyTally = (): Tally => ({
  worlds: 0,
  checks: 0,
  granted: 0,
  unavailable: 0,
  commits: 0,
  losses: 0,
  late: 0,
  oldestMs: 0,
  staleGrants: 0,
  staleAnswers: 0,
  lateAfterInvalidation: 0,
  queries: 0,
});

export type MakeCache = (ports: PermissionCachePorts) => PermissionCache;

const lengthMs = 5_000;
const hourMs = 3_600_000;

export async function runWorld(
  schedule: Schedule,
  seed: number,
  weather: Weather,
  makeCache: MakeCache,
  missing: Missing,
  tally: Tally,
): Promise<void> {
  const draw = seeded(seed);
  const between = (from: number, to: number) => from + draw() * (to - from);
  const start = schedule.now;
  const quiet = weather === 'quiet';

  const wait = (slow: number, most: number) => () => (draw() < slow ? between(50, most) : between(0.1, 8));
  // A quiet Valkey always answers in time; Postgres may be as slow as it likes in every world.
  const valkeyTrouble: Trouble = quiet
    ? { there: () => between(0.1, 60), back: () => between(0.1, 60), fails: () => false }
    : { there: wait(0.15, 3_000), back: wait(0.15, 1_500), fails: () => draw() < 0.04 };
  const alone = weather === 'no store';
  const postgresTrouble: Trouble = {
    there: wait(0.15, 1_500),
    back: wait(alone ? 0.5 : 0.25, alone ? 6_000 : 4_000),
    fails: () => !quiet && draw() < 0.03,
  };
  // A host or a node that keeps good time is off by 20 ms; one that does not, by up to a minute.
  const hostOff = () => (weather === 'wrong hosts' ? between(-3_000, 3_000) : between(-20, 20));
  const nodeOff = () => (weather === 'wrong nodes' ? between(-6_000, 6_000) : between(-20, 20));

  const postgres = new SimulatedPostgres(schedule, postgresTrouble);
  const valkey = new SimulatedValkey(schedule, valkeyTrouble, nodeOff(), missing);
  const caches = Array.from({ length: 2 + Math.floor(draw() * 2) }, () => {
    const off = hostOff();
    const rate = between(0.995, 1.005);
    return makeCache({
      source: postgres.source,
      ...(alone ? {} : { store: valkey.store }),
      clock: () => schedule.now * rate,
      wall: () => hourMs + schedule.now + off,
      jitter: draw,
      meter: { answered: () => {}, storeFailed: () => {}, denied: () => {} },
    });
  });
  /** When the invalidation of a state returned, and which instance did it. */
  const told = new Map<number, { readonly at: number; readonly by: number }>();

  const write = async () => {
    const whose = draw() < 0.3 ? 'tenant' : 'user';
    await schedule.sleep(between(0, lengthMs * 0.6));
    const state = postgres.commit(draw() < 0.4, whose);
    tally.commits++;
    // The process may die between the commit and the invalidation.
    if (!quiet && draw() < 0.4) return;
    await schedule.sleep(between(0, 30));
    const by = Math.floor(draw() * caches.length);
    await (whose === 'user'
      ? caches[by]!.invalidateUserCache(tenant, user)
      : caches[by]!.invalidateRoleCache(tenant, 'r'));
    told.set(state, { at: schedule.now, by });
  };

  const read = async (index: number) => {
    const cache = caches[index]!;
    const end = start + lengthMs;
    await schedule.sleep(between(0, 400));
    while (schedule.now < end) {
      const asked = schedule.now;
      let permission: string | undefined;
      const module = modules[Math.floor(draw() ** 2 * modules.length)]!;
      try {
        permission = (await cache.getUserPermissions(tenant, user, module)).grants[0]?.permission;
      } catch {
        tally.unavailable++;
      }
      if (permission) judge(permission, asked, index);
      await schedule.sleep(draw() < 0.1 ? between(500, 2_500) : between(10, 400));
    }
  };

  const judge = (permission: string, asked: number, index: number) => {
    const [word, text] = permission.split('.') as [string, string];
    const era = postgres.eras[Number(text)]!;
    const granted = word === 'granted';
    tally.checks++;
    if (granted) tally.granted++;
    const age = asked - era.to;
    if (age > 0) {
      tally.late++;
      tally.oldestMs = Math.max(tally.oldestMs, age);
    }
    if (age > boundMs) {
      tally.staleAnswers++;
      const grantedSince = postgres.eras.some(
        (one) => one.granted && one.to >= asked - boundMs && one.from <= schedule.now,
      );
      if (granted && !grantedSince) tally.staleGrants++;
    }
    if (!quiet) return;
    for (const [state, { at, by }] of told) {
      const due = by === index ? at : at + freshMs * 1.02;
      // What falls into the same half ms has no order.
      if (state > era.state && asked > due + 1) tally.lateAfterInvalidation++;
    }
  };

  const break_ = async () => {
    const losses = quiet || alone ? 0 : 1 + Math.floor(draw() * 3);
    for (let n = 0; n < losses; n++) {
      await schedule.sleep(between(200, lengthMs / 3));
      const kind = draw();
      if (kind < 0.25) valkey.flush();
      else if (kind < 0.5) valkey.evict(draw);
      else valkey.failOver(between(0, 1_200), nodeOff());
      tally.losses++;
    }
  };

  await Promise.all([
    break_(),
    ...Array.from({ length: 1 + Math.floor(draw() * 3) }, write),
    // Several readers of an instance: they join each other's questions.
    ...caches.flatMap((_, index) => [read(index), ...(alone || draw() < 0.3 ? [read(index)] : [])]),
  ]);
  tally.worlds++;
  tally.queries += postgres.queries;
}

/** Runs many worlds, some dozens at a time on one schedule. */
export async function runWorlds(
  seeds: { readonly from: number; readonly count: number },
  weather: Weather,
  makeCache: MakeCache,
  missing: Missing = {},
): Promise<Tally> {
  const tally = emptyTally();
  const atOnce = 200;
  for (let first = seeds.from; first < seeds.from + seeds.count; first += atOnce) {
    const schedule = new Schedule();
    const last = Math.min(first + atOnce, seeds.from + seeds.count);
    const worlds: Promise<void>[] = [];
    for (let seed = first; seed < last; seed++) {
      worlds.push(runWorld(schedule, seed, weather, makeCache, missing, tally));
    }
    await schedule.run();
    await Promise.all(worlds);
  }
  return tally;
}

/** One line for the run's output: what was counted. */
export const told = (weather: Weather, tally: Tally): string =>
  `permission race, ${weather}: ${tally.worlds} interleavings, ${tally.commits} changes, ${tally.losses} losses, ` +
  `${tally.checks} checks (${tally.late} answered from before a change, the oldest ${Math.round(tally.oldestMs)} ms), ` +
  `${tally.unavailable} denied for want of an answer: ${tally.staleGrants} stale grants`;
