/** Exports for auditors. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { AuditorExport, Exports } from '#core/proof/export-ports.ts';
import { isUuid, withTenants } from './connect.ts';

/** Opens the exports; what each method promises is in core/proof/export-ports.ts. */
export function createExports(sql: Sql, contextKey: Uint8Array): Exports {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), work);
  return {
    async open({ tenant, id, asked, askedBy, askedAt, sees, leaves }) {
      await within(
        tenant,
        async (tx) => tx`insert into proof.export (tenant_id, id, asked_by, asked_at, asked, sees, leaves)
          values (${tenant}, ${id}, ${askedBy}, ${askedAt}, ${JSON.stringify(asked)}::text::json,
            string_to_array(${sees.join(',')}::text, ','), ${leaves})`,
      );
    },

    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`select tenant_id, id, state, asked_by, asked_at, asked, array_to_string(sees, ',') as sees,
            leaves, ended_at, result, problem
          from proof.export where tenant_id = ${tenant} and id = ${id}`,
      );
      return row && exportOf(row);
    },

    end: (tenant, id, end) =>
      within(tenant, async (tx) => {
        const [state, result, problem] =
          'result' in end ? ['ready', JSON.stringify(end.result), null] : ['failed', null, end.problem];
        const { count } = await tx`update proof.export
          set state = ${state}, ended_at = now(), result = ${result}::text::json, problem = ${problem}
          where tenant_id = ${tenant} and id = ${id} and state = 'asked'`;
        return count === 1;
      }),
  };
}

const exportOf = (row: Row): AuditorExport => ({
  tenant: row.tenant_id,
  id: row.id,
  asked: row.asked,
  askedBy: row.asked_by,
  askedAt: row.asked_at,
  sees: row.sees === '' ? [] : row.sees.split(','),
  leaves: Number(row.leaves),
  state: row.state,
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  ...(row.result === null ? {} : { result: row.result }),
  ...(row.problem === null ? {} : { problem: row.problem }),
});
