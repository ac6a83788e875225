/** Refreshing all views, in their order: what a tenant's run and the nightly schedule have in common. */
import { type CostViewName, type CostViews, costViews, type Refreshed } from '#core/costs/views.ts';
import { metric } from '#functions/runtime/observe.ts';

export type ViewsDone = Partial<Record<CostViewName, Refreshed>>;

/** A view that is begun has at least so much time. */
const viewMsMin = 300_000;

/**
 * Refreshes the views that are not in `done` yet, until it is time to stop. Fewer than all: call again, with what is done.
 * The first one is always begun.
 */
export async function refreshViews(
  views: CostViews,
  { done, until, clock }: { readonly done: ViewsDone; readonly until: Date; readonly clock: () => Date },
): Promise<ViewsDone> {
  const all: ViewsDone = { ...done };
  let begun = 0;
  for (const { name } of costViews) {
    if (all[name]) continue;
    const msLeft = until.getTime() - clock().getTime();
    if (begun > 0 && msLeft < viewMsMin) break;
    begun++;
    const refreshed = await views.refresh(name, Math.max(msLeft, 1_000));
    if (refreshed.refreshed) metric('costs', `${name}Ms`, refreshed.tookMs ?? 0, 'Milliseconds');
    all[name] = refreshed;
  }
  return all;
}

export const areAllDone = (done: ViewsDone): boolean => costViews.every(({ name }) => done[name]);
