/** Lineage in Postgres: events as they came, and the graph that they make. */
import type { Row, Sql, TransactionSql } from 'postgres';
import {
  datasetFrom,
  datasetKey,
  edgesOf,
  type Lineage,
  type LineageEdge,
  type LineageEvent,
  openLineageEvent,
} from '#core/costs/lineage.ts';
import { isUuid, withTenants } from './connect.ts';

/** A graph deeper than that goes in circles. */
const depthMax = 20;

/** Opens the lineage; what each method promises is in core/costs/lineage.ts. */
export function createLineage(sql: Sql, contextKey: Uint8Array): Lineage {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  return {
    keep: (event) => within(event.tenant, (tx) => keepLineage(tx, event)),

    async events(tenant, { run, job, type, before, limit }) {
      if (run !== undefined && !isUuid(run)) return [];
      const rows = await within(
        tenant,
        async (tx) => tx`select run_id, task, type, at, event from costs.lineage_event where tenant_id = ${tenant}
          ${run === undefined ? tx`` : tx`and run_id = ${run}`} ${job === undefined ? tx`` : tx`and job = ${job}`}
          ${type === undefined ? tx`` : tx`and type = ${type}`}
          ${before ? tx`and (at, run_id, task, type) < (${before.at}, ${before.run}::uuid, ${before.task}, ${before.type})` : tx``}
          order by at desc, run_id desc, task desc, type desc limit ${limit}`,
      );
      return rows.map((row) => ({ at: row.at, run: row.run_id, task: row.task, type: row.type, event: row.event }));
    },

    async walk(tenant, from, direction, limit) {
      const start = datasetKey(from);
      const rows = await within(tenant, async (tx) => {
        const [near, far] = direction === 'back' ? [tx`e.output`, tx`e.input`] : [tx`e.input`, tx`e.output`];
        return tx`with recursive reached (dataset, depth) as (
            select ${start}::text collate "C", 0
            union
            select ${far}, r.depth + 1 from reached r
              join costs.lineage_edge e on e.tenant_id = ${tenant} and ${near} = r.dataset
              where r.depth < ${depthMax}
          ), nearest as (select dataset, min(depth) as depth from reached group by 1)
          select e.input, e.output, e.job, e.columns, e.last_at, e.last_run_id, n.depth + 1 as depth
          from nearest n join costs.lineage_edge e on e.tenant_id = ${tenant} and ${near} = n.dataset
          order by n.depth, e.input, e.output, e.job limit ${limit}`;
      });
      return rows.map((row) => ({ ...edgeOf(row), depth: row.depth }));
    },
  };
}

/** Keeps an event within a transaction that does what the event tells of. */
export async function keepLineage(tx: TransactionSql, event: LineageEvent): Promise<void> {
  const { tenant, run, task, type, job, at } = event;
  const { count } = await tx`insert into costs.lineage_event (tenant_id, run_id, task, type, job, at, event)
    values (${tenant}, ${run}, ${task}, ${type}, ${job}, ${at}, ${JSON.stringify(openLineageEvent(event))}::text::json)
    on conflict do nothing`;
  const edges = edgesOf(event);
  if (count === 0 || edges.length === 0) return;
  const rows = edges
    .map(({ input, output, columns }) => ({ input: datasetKey(input), output: datasetKey(output), columns }))
    // In one order, so that two runs that make the same cannot wait for each other.
    .sort((a, b) => (`${a.input}\n${a.output}` < `${b.input}\n${b.output}` ? -1 : 1));
  await tx`insert into costs.lineage_edge
      (tenant_id, input, output, job, columns, first_at, last_at, last_run_id)
    select ${tenant}, input, output, ${job}, columns, ${at}, ${at}, ${run}
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as one (input text, output text, columns json)
    on conflict (tenant_id, input, output, job) do update
      set columns = excluded.columns, last_at = excluded.last_at, last_run_id = excluded.last_run_id
      where lineage_edge.last_at <= excluded.last_at`;
}

const edgeOf = (row: Row): LineageEdge => ({
  // Written from data sets' names alone.
  input: datasetFrom(row.input)!,
  output: datasetFrom(row.output)!,
  job: row.job,
  columns: row.columns,
  at: row.last_at,
  run: row.last_run_id,
});
