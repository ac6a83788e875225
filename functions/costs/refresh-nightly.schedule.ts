/**
 * Refresh nightly: views are a day old at most, also where no tenant has a job for it.
 *
 * Runs of tenants may be at it at the same time; each view is then refreshed by one of them. A call that has too little
 * time for all views leaves the rest to the schedule's next try.
 */
import type { CostViews } from '#core/costs/views.ts';
import { openClock, openCostViews } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { areAllDone, refreshViews } from './refresh-views.ts';

export interface RefreshNightlyPorts {
  readonly views: CostViews;
  readonly clock: () => Date;
}

/** Below the function's timeout of a quarter of an hour. */
const runMs = 720_000;

export async function refreshNightly({ views, clock }: RefreshNightlyPorts, { now }: { readonly now: Date }) {
  const done = await refreshViews(views, { done: {}, until: new Date(now.getTime() + runMs), clock });
  if (!areAllDone(done)) throw new Error(`${Object.keys(done).length} views were refreshed, and time was over`);
  return { refreshed: Object.values(done).filter((one) => one.refreshed).length };
}

export const handler = onSchedule(refreshNightly, { views: openCostViews, clock: openClock });
