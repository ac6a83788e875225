/** Rows of the views over materialized views, of one tenant at a time. */
import type { Row, Sql, TransactionSql } from 'postgres';
import {
  type ColumnKind,
  type ReadableView,
  readableViews,
  type ViewKey,
  type ViewRow,
  type ViewRows,
  type ViewValue,
} from '#core/costs/view-rows.ts';
import { withTenants } from './connect.ts';

const casts: Readonly<Record<ColumnKind, string>> = {
  id: 'int',
  text: 'text',
  day: 'text::date',
  count: 'float8',
  amount: 'text',
  flag: 'boolean',
  amounts: 'json',
};

/** Opens the views' rows; what each method promises is in core/costs/view-rows.ts. */
export function createViewRows(sql: Sql, contextKey: Uint8Array): ViewRows {
  return {
    async page(tenant, name, { from, to, after, limit }) {
      const view: ReadableView = readableViews[name];
      const values: (string | number)[] = [tenant];
      const parameter = (value: string | number, cast: string) => `$${values.push(value)}::${cast}`;
      const conditions = ['tenant_id = $1::uuid'];
      if (view.time && from) conditions.push(`${view.time} >= ${parameter(from, 'text::date')}`);
      if (view.time && to) conditions.push(`${view.time} <= ${parameter(to, 'text::date')}`);
      if (after) conditions.push(isAfter(view, after, parameter));
      // Names come from a table of ours, and everything that somebody said is a parameter.
      const columns = Object.entries(view.columns).map(([column, kind]) => `${shown(column, kind)} as "${column}"`);
      // One statement, so one snapshot: a refresh may commit at any time.
      const text = `select t.refreshed_at as "refreshed at", r.* from
        (select refreshed_at from costs.view where name = '${view.view}') t
        left join lateral (select true as "is row", ${columns.join(', ')} from costs.${name}
          where ${conditions.join(' and ')}
          order by ${view.key.map((column) => `"${column}"`).join(', ')} limit ${parameter(limit, 'int')}) r on true`;
      return withTenants(
        sql,
        contextKey,
        [tenant],
        new Date(),
        async (tx) => {
          const found = await tx.unsafe(text, values);
          const refreshedAt = (found[0]?.['refreshed at'] ?? undefined) as Date | undefined;
          const rows = found.filter((row) => row['is row']).map((row) => rowOf(view, row));
          const overrides = view.overridden && refreshedAt ? await countedAt(tx, tenant, refreshedAt) : [];
          return { rows, refreshedAt, overrides };
        },
        'read only',
      );
    },

    async freshness(tenant) {
      const rows = await withTenants(sql, contextKey, [tenant], new Date(), async (tx) => {
        return tx`select name, refreshed_at from costs.view`;
      });
      const at = new Map(rows.map((row) => [row.name as string, row.refreshed_at as Date | null]));
      return Object.fromEntries(
        Object.entries(readableViews).flatMap(([name, { view }]) => {
          const refreshed = at.get(view);
          return refreshed ? [[name, refreshed]] : [];
        }),
      );
    },
  };
}

/** Overrides that were approved by then, and neither withdrawn nor expired. */
async function countedAt(tx: TransactionSql, tenant: string, at: Date): Promise<readonly string[]> {
  const rows = await tx`select o.id from costs.override o join costs.override_decision d on d.tenant_id = o.tenant_id
      and d.override_id = o.id and d.decision = 'approved' and d.decided_at <= ${at}
    where o.tenant_id = ${tenant} and (o.expires_at is null or o.expires_at > ${at}) and not exists (
      select from costs.override_decision w where w.tenant_id = o.tenant_id and w.override_id = o.id
        and w.decision = 'withdrawn' and w.decided_at <= ${at}) order by o.id`;
  return rows.map(({ id }) => id as string);
}

const shown = (column: string, kind: ColumnKind): string =>
  kind === 'day'
    ? `"${column}"::text`
    : kind === 'flag' || kind === 'amounts'
      ? `"${column}"`
      : `"${column}"::${casts[kind]}`;

const isAfter = (view: ReadableView, after: ViewKey, parameter: (value: string | number, cast: string) => string) => {
  const key = view.key.map((column) => `"${column}"`).join(', ');
  return `(${key}) > (${view.key.map((column, index) => parameter(after[index]!, casts[view.columns[column]!])).join(', ')})`;
};

const rowOf = ({ columns }: ReadableView, row: Row): ViewRow =>
  Object.fromEntries(Object.keys(columns).map((column) => [column, row[column] as ViewValue]));
