/** One run of a seed: faults for a while, then none until everything has healed, then the oracles. */
import { Actors } from './actors.ts';
import { type FaultCounts, healed } from './faults.ts';
import type { Mode } from './modes.ts';
import { judge } from './oracles.ts';
import type { Removal } from './removals.ts';
import { World } from './world.ts';

const minute = 60_000;
/** What has not healed by then is stuck. */
const healMs = 6 * 60 * minute;
/** Not in step with what runs every minute: else each look may find somebody at work. */
const lookMs = 53_000;

export interface Outcome {
  readonly seed: number;
  readonly mode: string;
  /** `oracle: what`, in the order they were seen. */
  readonly violations: readonly string[];
  readonly faults: FaultCounts;
  readonly events: number;
  readonly leaves: number;
  readonly checkpoints: number;
  readonly signatures: number;
  readonly signedInVain: number;
  readonly freezes: number;
  readonly recoveries: number;
  readonly steps: number;
  /** Equal for equal runs. */
  readonly trace: number;
}

/** Runs a seed in a mode, without a protection if one is named. */
export async function simulate(seed: number, mode: Mode, removed?: Removal): Promise<Outcome> {
  const world = new World(seed, mode, removed);
  const { scheduler } = world;
  const actors = new Actors(world);
  const until = scheduler.now + scheduler.random.between(15, 30) * minute;
  actors.produce(scheduler.random.between(12, 40), until);
  actors.schedule();
  actors.operate();
  if (mode.restores !== 'none') planRestores(world, until);
  planFailovers(world, until);
  await scheduler.run(until);
  scheduler.rates = healed;
  world.database.skewMs = 0;
  let whole = false;
  const look = () => {
    whole = isWhole(world, actors);
    scheduler.after(lookMs, look);
  };
  look();
  if (!(await scheduler.run(until + healMs, () => whole))) world.violated('stuck', stuckBy(world, actors));
  if (mode.restores === 'none' && world.database.history.freezes > 0) {
    world.violated('freeze', `${world.database.history.freezes} logs were frozen, and nothing was wrong with them`);
  }
  const leaves = await judge(world);
  return {
    seed,
    mode: mode.name,
    violations: world.violations,
    faults: scheduler.counts,
    events: world.accepted.size,
    leaves,
    checkpoints: world.auditor.published.length,
    signatures: world.key.signed.length,
    signedInVain: world.signedInVain,
    freezes: world.database.history.freezes,
    recoveries: world.database.history.recoveries,
    steps: scheduler.steps,
    trace: scheduler.trace,
  };
}

function planRestores(world: World, until: number): void {
  const { scheduler } = world;
  const snapshot = () => {
    if (scheduler.now >= until) return;
    world.takeSnapshot();
    scheduler.after(scheduler.random.around(2 * minute), snapshot);
  };
  snapshot();
  const from = scheduler.now;
  const restores = scheduler.random.between(1, 3);
  for (let n = 0; n < restores; n++) {
    scheduler.at(from + (until - from) * (0.2 + 0.8 * scheduler.random.next()), () => world.restore());
  }
}

/** Now and then Postgres fails over to a server whose clock is another. */
function planFailovers(world: World, until: number): void {
  const { scheduler, database } = world;
  if (!scheduler.random.chance(10 * scheduler.rates.clockJump)) return;
  scheduler.at(scheduler.now + scheduler.random.next() * (until - scheduler.now), () => {
    scheduler.count('clock jump');
    database.skewMs = scheduler.random.between(-10 * minute, 10 * minute);
  });
}

/** Whether all that was accepted is published and nobody has anything left to do. */
function isWhole(world: World, actors: Actors): boolean {
  if (!actors.isSilent || actors.queues.size > 0 || world.scheduler.live.size > 0) return false;
  const { tables } = world.database;
  for (const [tenant, { leaves }] of tables.counters) {
    const log = tables.logs.get(tenant);
    if (log?.state !== 'active' || log.publishedSize !== leaves) return false;
  }
  const committed = new Set<string>();
  for (const { segment } of tables.segments.values()) {
    for (const { event } of world.segments.get(segment.key)?.body ?? []) committed.add(event.id);
  }
  // What went with its segment never comes back: that it is lost is for the oracle to say.
  return !world.mode.archive || [...world.accepted].every((id) => committed.has(id));
}

function stuckBy(world: World, actors: Actors): string {
  const { tables } = world.database;
  const logs = [...tables.counters].map(([tenant, { leaves }]) => {
    const log = tables.logs.get(tenant);
    return `${log?.state ?? 'no log'} ${log?.frozenReason ?? ''} ${log?.publishedSize ?? 0}/${log?.archivedSize}/${log?.size}/${leaves}`;
  });
  const workers = [...world.scheduler.live].map(({ name }) => name);
  return `${logs.join(', ')}; ${actors.queues.size} messages; working: ${workers.join(' ') || 'nobody'}`;
}
