/**
 * Sweep: what a crash left of runs. Parts whose message or worker was lost are sent again, runs that wait for one that is
 * over begin, and the trail is told how runs began and ended.
 */
import type { Due, Run, Runs } from '#core/jobs/ports.ts';
import { nothingDue } from '#core/jobs/ports.ts';
import type { LogTenants } from '#core/proof/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import type { Onward } from '#functions/runtime/onward.ts';
import { openLogTenants, openOnward, openRuns } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';

export interface SweepRunsPorts {
  readonly tenants: LogTenants;
  readonly runs: Pick<Runs, 'due' | 'unsaid'>;
  readonly onward: Onward;
}

/** A context of so many tenants is 20 KB. */
const tenantsAtOnce = 500;
const partsAtOnce = 1_000;
/** Of one page of tenants; the next sweep goes on. */
const turnsMax = 20;
/** Whoever ended a run tells of it within that time, or does no longer. */
const tellingMs = 120_000;

export async function sweepRuns(ports: SweepRunsPorts, { now }: { readonly now: Date }) {
  const report = { sent: 0, ended: 0, told: 0 };
  for (let after: string | undefined; ; ) {
    const tenants = await ports.tenants.page(after, tenantsAtOnce);
    for (let turn = 0; turn < turnsMax; turn++) {
      const due = await ports.runs.due(tenants, now, partsAtOnce);
      await ports.onward(due, now);
      report.sent += due.send.length;
      report.ended += due.ended.length;
      if (due.send.length + due.ended.length < partsAtOnce) break;
    }
    const unsaid = await ports.runs.unsaid(tenants, new Date(now.getTime() - tellingMs), partsAtOnce);
    for (const run of unsaid) report.told += await tell(ports, run, now);
    after = tenants.at(-1);
    if (tenants.length < tenantsAtOnce) break;
  }
  metric('jobs', 'partsLost', report.sent);
  metric('jobs', 'runsUntold', report.told);
  return report;
}

/** Tells the trail of a run once more; what it knows already it stores once. */
async function tell({ onward }: SweepRunsPorts, run: Run, now: Date): Promise<number> {
  const due: Due = { ...nothingDue, began: run.startedAt ? [run] : [], ended: run.endedAt ? [run] : [] };
  try {
    await onward(due, now);
    return 1;
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    logger.error('an event about a run was not recorded', { run: run.id, error: error as Error });
    return 0;
  }
}

export const handler = onSchedule(sweepRuns, { tenants: openLogTenants, runs: openRuns, onward: openOnward });
