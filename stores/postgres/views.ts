/**
 * Refreshes of materialized views. It logs in as trailkeep_loader, which may call the function that refreshes them, and
 * reads none of them.
 */
import type { Sql } from 'postgres';
import type { CostViewName, CostViews, Refreshed } from '#core/costs/views.ts';
import { Unavailable } from '#core/record/ports.ts';
import { clustersOf } from './clusters.ts';
import { asked, unlessLost } from './connect.ts';

/** What the word that a statement was stopped may take. */
const answerMs = 5_000;
/** SQLSTATE of a statement that took too long: nothing is down, and trying for ever would not help. */
const stopped = '57014';

/** Opens the views; what each method promises is in core/costs/views.ts. */
export function createCostViews(sql: Sql): CostViews {
  return {
    async refresh(view, msMax) {
      const until = Date.now() + msMax;
      const done: Refreshed[] = [];
      // Each cluster has the views of its own tenants.
      for (const cluster of clustersOf(sql).every) {
        done.push(await refreshOne(cluster, view, Math.max(until - Date.now(), 1_000)));
      }
      const tookMs = done.reduce((sum, one) => sum + (one.tookMs ?? 0), 0);
      const refreshed = done.some((one) => one.refreshed);
      const at = new Date(Math.min(...done.map((one) => one.at.getTime())));
      return { refreshed, at, ...(refreshed ? { tookMs } : {}) };
    },
  };
}

async function refreshOne(cluster: Sql, view: CostViewName, msMax: number): Promise<Refreshed> {
  const began = new Date();
  try {
    const work = cluster.begin((tx) => {
      const bound = tx`select set_config('statement_timeout', ${String(Math.ceil(msMax))}, true)`.execute();
      const rows = tx`select refreshed, took_ms, refreshed_at from costs.refresh_view(${view}, false)`;
      return unlessLost(Promise.all([bound, rows]).then(([, result]) => ({ result })));
    });
    const { result } = await asked(work, msMax + answerMs);
    const [row] = result;
    const at = row!.refreshed_at as Date;
    return row!.refreshed ? { refreshed: true, at, tookMs: Number(row!.took_ms) } : { refreshed: false, at };
  } catch (error) {
    const cause = error instanceof Unavailable ? (error.cause as { code?: unknown } | undefined) : error;
    const code = (cause as { code?: unknown } | undefined)?.code;
    if (error instanceof Unavailable && code !== stopped) throw error;
    await asked(cluster`insert into costs.refresh_log (view, started_at, took_ms, error)
      values (${view}, ${began}, ${Date.now() - began.getTime()}, ${String(code ?? error).slice(0, 200)})`);
    throw new Error(`${view} was not refreshed`, { cause });
  }
}
