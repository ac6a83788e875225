/** Loads side by side: a stream's newest slice and the one before it. */
import type { Sql } from 'postgres';
import type { ComparedLoad, LoadPair, LoadPairs, LoadTotal } from '#core/jobs/compare.ts';
import { withTenants } from './connect.ts';

/** Opens the pairs; what they are is in core/jobs/compare.ts. */
export const createLoadPairs = (sql: Sql, contextKey: Uint8Array): LoadPairs => ({
  async newest(tenant, source) {
    const rows = await withTenants(
      sql,
      contextKey,
      [tenant],
      new Date(),
      async (tx) => tx`select n.source_id, n.stream, n.id, n.slice, n.loaded_at, n.rows_written, n.place, (
          select coalesce(json_agg(t order by t.currency, t.sector), '[]') from (
            select c.currency, s.name as sector, sum(c.effective)::text as effective
            from costs.charge_in_effect c join costs.sector s on s.tenant_id = c.tenant_id and s.id = c.sector_id
            where c.tenant_id = n.tenant_id and c.load_id = n.id group by 1, 2
          ) t) as totals
        from (
          select l.*, row_number() over (partition by l.source_id, l.stream order by l.to_day desc, l.id desc) as place
          from costs.load l where l.tenant_id = ${tenant} and l.replaced_by is null
            ${source === undefined ? tx`` : tx`and l.source_id = ${source}`}
        ) n where n.place <= 2 order by n.source_id, n.stream, n.place`,
      'read only',
    );
    const pairs = Map.groupBy(rows, (row) => `${row.source_id} ${row.stream}`);
    return [...pairs.values()].map(
      ([now, before]): LoadPair => ({
        source: now!.source_id,
        stream: now!.stream,
        now: loadOf(now!),
        ...(before ? { before: loadOf(before) } : {}),
      }),
    );
  },
});

const loadOf = (row: Record<string, unknown>): ComparedLoad => ({
  load: Number(row.id),
  slice: String(row.slice),
  loadedAt: (row.loaded_at as Date).toISOString(),
  rows: Number(row.rows_written),
  totals: row.totals as LoadTotal[],
});
