/** The break-glasses of each tenant. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { BreakGlass, BreakGlassRegistry } from '#core/access/break-glass.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid, withTenants } from './connect.ts';
import { orConflict } from './unavailable.ts';

const breakGlassOf = (row: Row): BreakGlass => ({
  id: row.break_glass_id,
  principal: row.principal,
  reason: row.reason,
  ...(row.ticket === null ? {} : { ticket: row.ticket }),
  beganAt: row.began_at,
  until: row.until,
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  ...(row.reviewed_at === null
    ? {}
    : { review: { by: row.reviewed_by, at: row.reviewed_at, verdict: row.verdict, comment: row.comment } }),
});

/** Opens the registry of break-glasses; what each method promises is in core/access/break-glass.ts. */
export function createBreakGlassRegistry(sql: Sql, contextKey: Uint8Array): BreakGlassRegistry {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  const find = (tx: TransactionSql, tenant: string, id: string) =>
    tx`select * from access.break_glass where tenant_id = ${tenant} and break_glass_id = ${id}`;
  return {
    async inEffect(tenant, principal, now) {
      const [row] = await within(
        tenant,
        async (tx) => tx`select break_glass_id, until from access.break_glass
          where tenant_id = ${tenant} and principal = ${principal} and until > ${now} and began_at <= ${now}
            and ended_at is null
          order by until desc, break_glass_id desc limit 1`,
      );
      return row && { id: row.break_glass_id, until: row.until };
    },
    async begin(tenant, { id, principal, reason, ticket, beganAt, until }) {
      await orConflict(
        'there is a break-glass of this id',
        within(
          tenant,
          async (tx) => tx`insert into access.break_glass
              (tenant_id, break_glass_id, principal, reason, ticket, began_at, until)
            values (${tenant}, ${id}, ${principal}, ${reason}, ${ticket ?? null}, ${beganAt}, ${until})`,
        ),
      );
    },
    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(tenant, async (tx) => find(tx, tenant, id));
      return row && breakGlassOf(row);
    },
    async list(tenant, { principal, reviewed }, before, limit) {
      if (before !== undefined && !isUuid(before)) return [];
      const rows = await within(
        tenant,
        async (tx) => tx`select * from access.break_glass where tenant_id = ${tenant}
          ${principal === undefined ? tx`` : tx`and principal = ${principal}`}
          ${reviewed === undefined ? tx`` : reviewed ? tx`and reviewed_at is not null` : tx`and reviewed_at is null`}
          ${before === undefined ? tx`` : tx`and break_glass_id < ${before}`}
          order by break_glass_id desc limit ${limit}`,
      );
      return rows.map(breakGlassOf);
    },
    async end(tenant, id, at) {
      if (!isUuid(id)) return undefined;
      const [, [row]] = await within(tenant, async (tx) =>
        Promise.all([
          tx`update access.break_glass set ended_at = greatest(${at}::timestamptz, began_at)
            where tenant_id = ${tenant} and break_glass_id = ${id} and ended_at is null and until > ${at}`,
          find(tx, tenant, id),
        ]),
      );
      return row && breakGlassOf(row);
    },
    async review(tenant, id, { by, at, verdict, comment }) {
      if (!isUuid(id)) return undefined;
      const [reviewed, [row]] = await within(tenant, async (tx) =>
        Promise.all([
          tx`update access.break_glass
            set reviewed_at = ${at}, reviewed_by = ${by}, verdict = ${verdict}, comment = ${comment}
            where tenant_id = ${tenant} and break_glass_id = ${id} and reviewed_at is null
              and (until <= ${at} or ended_at <= ${at})`,
          find(tx, tenant, id),
        ]),
      );
      if (!row) return undefined;
      if (reviewed.count === 1) return breakGlassOf(row);
      const why = row.reviewed_at ? 'It is reviewed already.' : 'It still lasts: end it first, or wait until it ends.';
      throw new Problem('conflict', why);
    },
  };
}
