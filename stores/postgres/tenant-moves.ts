/** Moves of tenants as they are asked for, on the main cluster. It logs in as trailkeep_app. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { Move, MoveStep, Moves } from '#core/access/move.ts';
import { withTenants } from './connect.ts';

/** Opens the moves; what each method promises is in core/access/move.ts. */
export function createMoves(main: Sql, contextKey: Uint8Array): Moves {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>) =>
    withTenants(main, contextKey, [tenant], new Date(), work);
  return {
    find: (tenant) =>
      within(tenant, async (tx) => {
        const [row] = await tx`select t.shard, m.* from access.tenant t left join access.move m using (tenant_id)
          where t.tenant_id = ${tenant}`;
        if (!row) return undefined;
        return { shard: Number(row.shard), ...(row.step === null ? {} : { move: moveOf(row) }) };
      }),

    ask: (tenant, to, by, now) =>
      within(tenant, async (tx) => {
        // Back to where the old rows still are is a move like any other: they are compared, and made what they should be.
        const asked = await tx`insert into access.move as m
            (tenant_id, from_shard, to_shard, step, asked_by, asked_at, stepped_at)
          select tenant_id, shard, ${to}, 'copying', ${by}, ${now}, ${now} from access.tenant
            where tenant_id = ${tenant} and shard <> ${to}
          on conflict (tenant_id) do update set from_shard = excluded.from_shard, to_shard = excluded.to_shard,
            step = excluded.step, asked_by = excluded.asked_by, asked_at = excluded.asked_at,
            stepped_at = excluded.stepped_at, rows = null, problem = null
            where m.step = 'finished' or (m.step = 'moved' and m.from_shard = excluded.to_shard)`;
        if (asked.count === 1) return true;
        const [same] = await tx`select from access.tenant t left join access.move m using (tenant_id)
          where t.tenant_id = ${tenant} and (m.to_shard = ${to} and m.step <> 'finished'
            or t.shard = ${to} and coalesce(m.step, 'finished') in ('moved', 'finishing', 'finished'))`;
        return same !== undefined;
      }),

    finish: (tenant, now) =>
      within(tenant, async (tx) => {
        await tx`update access.move set step = 'finishing', stepped_at = ${now}, problem = null
          where tenant_id = ${tenant} and step = 'moved'`;
        const [row] = await tx`select from access.move
          where tenant_id = ${tenant} and step in ('finishing', 'finished')`;
        return row !== undefined;
      }),
  };
}

const moveOf = (row: Row): Move => ({
  from: Number(row.from_shard),
  to: Number(row.to_shard),
  step: row.step as MoveStep,
  askedBy: row.asked_by,
  askedAt: row.asked_at,
  steppedAt: row.stepped_at,
  ...(row.rows === null ? {} : { rows: row.rows }),
  ...(row.problem === null ? {} : { problem: row.problem }),
});
