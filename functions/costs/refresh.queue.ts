/**
 * Refresh: a run that brings the views up to date.
 *
 * Views are of all tenants, so a run of one tenant serves the others as well: whoever comes while another run is at it
 * waits for that one, and has nothing left to do. A view that nothing moved is left alone. A run that is stopped goes on
 * with the views that are left.
 */
import type { Lineage } from '#core/costs/lineage.ts';
import { type CostViews, costViews, refreshLineage } from '#core/costs/views.ts';
import type { JsonObject } from '#core/event/event.ts';
import type { Outcome, Task } from '#core/jobs/run.ts';
import { openCostViews, openLineage, openRunPorts } from '#functions/runtime/open.ts';
import { onQueue } from '#functions/runtime/queue.ts';
import { doParts, type RunPorts } from '#functions/runtime/run.ts';
import { areAllDone, refreshViews, type ViewsDone } from './refresh-views.ts';

export interface RefreshPorts extends RunPorts {
  readonly views: CostViews;
  readonly lineage: Pick<Lineage, 'keep'>;
}

export async function refresh(ports: RefreshPorts, task: Task): Promise<Outcome> {
  const { views, clock } = ports;
  const done = await refreshViews(views, { done: doneBefore(task.position), until: task.until, clock });
  if (!areAllDone(done)) return { is: 'more', position: positionOf(done) };
  for (const { name } of costViews) {
    await ports.lineage.keep(refreshLineage(name, { tenant: task.tenant, run: task.run, at: clock() }));
  }
  return {
    is: 'done',
    result: {
      views: costViews.map(({ name }) => {
        const { refreshed, at, tookMs } = done[name]!;
        return { view: name, refreshed, at: at.toISOString(), ...(tookMs === undefined ? {} : { took_ms: tookMs }) };
      }),
    },
  };
}

const positionOf = (done: ViewsDone): JsonObject =>
  Object.fromEntries(Object.entries(done).map(([name, one]) => [name, { ...one, at: one.at.toISOString() }]));

function doneBefore(position: JsonObject | undefined): ViewsDone {
  const entries = Object.entries((position ?? {}) as Record<string, { at: string; refreshed: boolean }>);
  return Object.fromEntries(entries.map(([name, one]) => [name, { ...one, at: new Date(one.at) }]));
}

export const handler = onQueue(doParts(refresh), {
  ...openRunPorts,
  views: openCostViews,
  lineage: openLineage,
});
