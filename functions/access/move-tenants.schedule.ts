/**
 * Move tenants: goes on with what was asked for, from where it is.
 *
 * A run that is cut off leaves a move at its step, and the next one goes on. A tenant that was paused and cannot be compared
 * is let go on where it was, so that its events wait no longer than one run. Two runs at once share nothing: each takes the
 * moves that nobody works on.
 */
import type { Mover } from '#core/access/move.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openClock, openMover } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';

export interface MoveTenantsPorts {
  readonly mover: Mover;
  readonly clock: () => Date;
}

/** Of the function's quarter of an hour: a copy that took longer leaves the pause to the next run. */
const pauseUntilMs = 300_000;
/** Then no table is begun: what is compared with one statement has two minutes left. */
const runMs = 780_000;

export async function moveTenants({ mover, clock }: MoveTenantsPorts, { now }: { readonly now: Date }) {
  const within = (ms: number) => () => clock().getTime() - now.getTime() < ms;
  const time = { mayPause: within(pauseUntilMs), goesOn: within(runMs) };
  const report: Record<string, string> = {};
  let failed = 0;
  for (const tenant of await mover.due()) {
    if (!time.mayPause()) break;
    try {
      const step = await mover.goOn(tenant, time);
      if (step === undefined) continue;
      report[tenant] = step;
      logger.info('a tenant moves', { tenant, step });
    } catch (error) {
      failed++;
      report[tenant] = 'failed';
      logger.error('a move was stopped, the next run goes on', { tenant, error: error as Error });
    }
  }
  // The alarm: zero is told too.
  metric('access', 'movesFailed', failed);
  return report;
}

export const handler = onSchedule(moveTenants, { mover: openMover, clock: openClock });
