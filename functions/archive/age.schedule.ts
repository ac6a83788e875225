/**
 * Age: months of record.event that left the hot window are dropped, once the archive is known to have every row.
 *
 * A month goes when all tenants agree, and whole: until then it stays, an alarm says so, and the next run looks again.
 * What is verified is kept for a while, so that a run that is stopped does not begin again. Nothing here deletes rows:
 * the database drops a month only when its rows are, tenant by tenant, as many as were verified.
 *
 * An event may come later than its month was dropped (its id says when it was made). The writer then makes the month
 * anew, readers ask the table whatever the hot floor says, and the month is verified and dropped again.
 */
import type { HotMonth, HotRows } from '#core/archive/age-ports.ts';
import type { LogTenants } from '#core/proof/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import {
  openArchiveBlocks,
  openClock,
  openHotDays,
  openHotRows,
  openLineDigest,
  openLogTenants,
} from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { type AgeMonthPorts, ageMonth } from './age-month.ts';

export interface AgePorts extends Omit<AgeMonthPorts, 'hot' | 'goesOn'> {
  readonly hot: HotRows;
  readonly tenants: LogTenants;
  /** Days after its end that a month stays. */
  readonly hotDays: number;
  readonly clock: () => Date;
}

const dayMs = 86_400_000;
/** Below the function's timeout of a quarter of an hour, with time for the page that is under way and for the drop. */
const runMs = 600_000;
const tenantsAtOnce = 500;
/** What was verified may be recovered to something else meanwhile: older than this it is verified again. */
const agedMsMax = 2 * dayMs;

export async function age(ports: AgePorts, { now }: { readonly now: Date }) {
  const until = now.getTime() + runMs;
  const report = { dropped: [] as string[], kept: [] as string[], events: 0, mismatches: 0, tokens: 0 };
  let isBlocked = false;
  for (const month of await ports.hot.months(new Date(now.getTime() - ports.hotDays * dayMs))) {
    // The floor is one line: what is above a month that stays, stays too. Months below it go whenever they can.
    if (isBlocked && !month.isLate) continue;
    const events = await ageOne(ports, month, now, until, report);
    if (events === undefined) {
      report.kept.push(month.month);
      if (!month.isLate) isBlocked = true;
    } else {
      report.dropped.push(month.month);
      report.events += events;
    }
  }
  report.tokens = await forgetTokens(ports, now, until);
  metric('archive', 'agedEvents', report.events);
  // The alarm: zero is told too, so that silence is not taken for health.
  metric('archive', 'ageMismatches', report.mismatches);
  return report;
}

/** Verifies a month of all tenants and drops it; undefined when it stays. */
async function ageOne(
  ports: AgePorts,
  month: HotMonth,
  now: Date,
  until: number,
  report: { mismatches: number },
): Promise<number | undefined> {
  const goesOn = () => ports.clock().getTime() < until;
  const verified: { tenant: string; events: number }[] = [];
  let isWhole = true;
  for await (const tenant of allTenants(ports)) {
    if (!goesOn()) return undefined;
    const events = await verifyOne({ ...ports, goesOn }, tenant, month, now, report);
    if (events === undefined) isWhole = false;
    else if (events > 0) verified.push({ tenant, events });
  }
  if (!isWhole) return undefined;
  const dropped = await ports.hot.drop(month, verified, now);
  if (typeof dropped === 'number') return dropped;
  logger.warn('a month of record.event stays for another run', { month: month.month, reason: dropped });
  return undefined;
}

/** Verified rows of one tenant; undefined when they are not known to be in the archive. */
async function verifyOne(
  ports: AgePorts & Pick<AgeMonthPorts, 'goesOn'>,
  tenant: string,
  month: HotMonth,
  now: Date,
  report: { mismatches: number },
): Promise<number | undefined> {
  const count = await ports.hot.count(tenant, month);
  if (count === 0) return 0;
  const known = await ports.hot.aged(tenant, month);
  if (known?.events === count && now.getTime() - known.verifiedAt.getTime() < agedMsMax) return count;
  const found = await ageMonth(ports, tenant, month).catch((error: unknown) => {
    if (error instanceof Unavailable) throw error;
    // A block that is damaged or gone holds up its own month, and what is above it; the alarm is for that.
    logger.error('a month of record.event cannot be compared', { tenant, month: month.month, error: error as Error });
    report.mismatches++;
    return { verdict: 'late' } as const;
  });
  switch (found.verdict) {
    case 'whole':
      await ports.hot.keepAged(tenant, month, { ...found, verifiedAt: now });
      return found.events;
    case 'lacks': {
      report.mismatches++;
      const { rows, archived, missing } = found;
      logger.error('the archive lacks rows of record.event', { tenant, month: month.month, rows, archived, missing });
      return undefined;
    }
    case 'late':
      return undefined;
  }
}

async function* allTenants({ tenants, hot }: AgePorts): AsyncGenerator<string> {
  for (let after: string | undefined; ; ) {
    const page = await tenants.page(after, tenantsAtOnce);
    yield* await hot.own(page);
    if (page.length < tenantsAtOnce) return;
    after = page.at(-1)!;
  }
}

/** Tokens lead to rows; those of a month that is gone lead nowhere. A run that is stopped leaves the rest to the next. */
async function forgetTokens(ports: AgePorts, now: Date, until: number): Promise<number> {
  let gone = 0;
  for (const month of await ports.hot.dropped()) {
    for await (const tenant of allTenants(ports)) {
      if (ports.clock().getTime() >= until) return gone;
      gone += await ports.hot.forgetTokens(tenant, month);
    }
    await ports.hot.tokensGone(month, now);
  }
  return gone;
}

export interface AgeEachPorts extends Omit<AgePorts, 'hot'> {
  /** The rows of each cluster. */
  readonly hots: readonly HotRows[];
}

/**
 * Each cluster drops its months by itself. They have the run's time together, and another one begins every day; one that is
 * down fails the run after the others had their turn.
 */
export async function ageEach({ hots, ...ports }: AgeEachPorts, at: { readonly now: Date }) {
  const first = Math.floor(at.now.getTime() / dayMs) % hots.length;
  const reports: Awaited<ReturnType<typeof age>>[] = [];
  let outage: Unavailable | undefined;
  for (const hot of [...hots.slice(first), ...hots.slice(0, first)]) {
    try {
      reports.push(await age({ ...ports, hot }, at));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      outage = error;
    }
  }
  if (outage) throw outage;
  return reports;
}

export const handler = onSchedule(ageEach, {
  hots: openHotRows,
  tenants: openLogTenants,
  blocks: openArchiveBlocks,
  digest: openLineDigest,
  hotDays: openHotDays,
  clock: openClock,
});
