/** Chargeback statements in Postgres: what they are made of, and what was approved and locked. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { addMonths, firstDay, monthBefore } from '#core/costs/month.ts';
import { measures } from '#core/costs/override.ts';
import type {
  BearerCost,
  BearerUsage,
  MonthFigures,
  Statement,
  StatementInputs,
  StatementSettings,
  Statements,
  StatementVersion,
} from '#core/costs/statement.ts';
import { statementLineage } from '#core/costs/statement-lineage.ts';
import { withTenants } from './connect.ts';
import { keepLineage } from './lineage.ts';

/** Opens the statements; what each method promises is in core/costs/statement.ts. */
export function createStatements(sql: Sql, contextKey: Uint8Array): Statements {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  return {
    inputs: (tenant, month, settings) =>
      within(tenant, async (tx) => {
        const rows = await tx`select s.document from costs.statement_lock l
          join costs.statement s on s.tenant_id = l.tenant_id and s.month = l.month and s.version = l.version
          where l.tenant_id = ${tenant} order by l.month`;
        return inputsOf(
          tx,
          tenant,
          month,
          settings,
          rows.map((row) => row.document as Statement),
        );
      }),

    async newest(tenant, month) {
      const [row] = await within(
        tenant,
        async (
          tx,
        ) => tx`${versions(tx, tx`s.document,`)} where s.tenant_id = ${tenant} and s.month = ${firstDay(month)}::text::date
          order by s.version desc limit 1`,
      );
      return row && { ...versionOf(row), statement: row.document };
    },

    async list(tenant, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select distinct on (month) * from (${versions(tx, tx``)} where s.tenant_id = ${tenant}) one
          order by month desc, version desc limit ${limit}`,
      );
      return rows.map(versionOf);
    },

    approve: (tenant, run, { month, statement, sha256, approvedBy, approvedAt }) =>
      within(tenant, async (tx) => {
        await lockStatements(tx, tenant);
        const [last] = await tx`${versions(tx, tx`s.document,`)}
          where s.tenant_id = ${tenant} and s.month = ${firstDay(month)}::text::date order by s.version desc limit 1`;
        if (last?.locked_at) return undefined;
        if (last?.sha256 === sha256 && last.approved_by === approvedBy) {
          return { ...versionOf(last), statement: last.document };
        }
        const made: StatementVersion = {
          ...{ month, version: (last?.version ?? 0) + 1, statement, sha256, approvedBy, approvedAt },
        };
        await tx`insert into costs.statement
            (tenant_id, month, version, settings, document, sha256, approved_by, approved_at)
          values (${tenant}, ${firstDay(month)}::text::date, ${made.version},
            ${JSON.stringify(statement.settings)}::text::json, ${JSON.stringify(statement)}::text::json,
            decode(${sha256}, 'hex'), ${approvedBy}, ${approvedAt})`;
        await keepLineage(tx, statementLineage(tenant, run, made));
        return made;
      }),

    lock: (tenant, month, version, by, at) =>
      within(tenant, async (tx) => {
        await lockStatements(tx, tenant);
        const { count } = await tx`insert into costs.statement_lock
            (tenant_id, month, version, approved_by, locked_by, locked_at)
          select tenant_id, month, version, approved_by, ${by}, ${at} from costs.statement s
          where tenant_id = ${tenant} and month = ${firstDay(month)}::text::date and version = ${version}
            and approved_by <> ${by}
            and version = (select max(version) from costs.statement n where n.tenant_id = ${tenant} and n.month = s.month)
            and coalesce((select max(l.month) + interval '1 month' from costs.statement_lock l
              where l.tenant_id = ${tenant}), s.month) = s.month`;
        if (count === 0) return undefined;
        const [row] = await tx`${versions(tx, tx`s.document,`)}
          where s.tenant_id = ${tenant} and s.month = ${firstDay(month)}::text::date and s.version = ${version}`;
        return { ...versionOf(row!), statement: row!.document };
      }),
  };
}

/** Whoever approves and whoever locks meet in one order. */
const lockStatements = (tx: TransactionSql, tenant: string) =>
  tx`select pg_advisory_xact_lock(hashtextextended(${`costs statements of ${tenant}`}, 0))`;

/** Figures, overrides and loads in one query, so that they are of one moment. */
async function inputsOf(
  tx: TransactionSql,
  tenant: string,
  month: string,
  settings: StatementSettings,
  locked: readonly Statement[],
): Promise<StatementInputs> {
  const own = { month, settings };
  const wanted = [own, { month: monthBefore(month), settings }, ...locked.filter((one) => one.month < month)];
  const byMonth = new Map(wanted.toReversed().map((one) => [one.month, one.settings]));
  byMonth.set(month, settings);
  const asked = [...byMonth].map(([one, { shared }]) => ({
    month: firstDay(one),
    measure: measures.find((measure) => measure === shared?.by) ?? '',
  }));
  const months = [...byMonth.keys()].sort();
  const from = firstDay(months[0]!);
  const to = firstDay(addMonths(months.at(-1)!, 1));
  const first = firstDay(month);
  const end = firstDay(addMonths(month, 1));
  const usesUsage = asked.some(({ measure }) => measure !== '');
  const [row] = await tx`with wanted as (
      select month, measure from json_to_recordset(${JSON.stringify(asked)}::text::json) as w (month date, measure text)
    )
    select
      (select coalesce(json_agg(one), '[]') from (
        select to_char(c.month, 'YYYY-MM') as month, c.currency, c.h_code_id, h.code as h_code, h.cost_centre, c.sector_id,
          s.name as sector, c.owner_id, o.name as owner, c.effective::text, c.billed::text, c.adjusted::text
        from (
          select month, currency, h_code_id, sector_id, owner_id,
            coalesce(sum(effective) filter (where override_id is null), 0) as effective,
            coalesce(sum(billed) filter (where override_id is null), 0) as billed,
            coalesce(sum(effective) filter (where override_id is not null), 0) as adjusted
          from costs.charge_in_effect
          where tenant_id = ${tenant} and day >= ${from}::text::date and day < ${to}::text::date
            and month in (select month from wanted)
          group by 1, 2, 3, 4, 5
        ) c
        join costs.h_code h on h.tenant_id = ${tenant} and h.id = c.h_code_id
        join costs.sector s on s.tenant_id = ${tenant} and s.id = c.sector_id
        join costs.owner o on o.tenant_id = ${tenant} and o.id = c.owner_id
        order by c.month, c.currency, c.h_code_id, c.sector_id, c.owner_id
      ) one) as costs,
      (select coalesce(json_agg(one), '[]') from (
        select to_char(w.month, 'YYYY-MM') as month, coalesce(m.h_code_id, 0) as h_code_id,
          coalesce(m.sector_id, 0) as sector_id, coalesce(m.owner_id, 0) as owner_id, sum(u.amount)::text as amount
        from wanted w
        join costs.usage_in_effect u on u.tenant_id = ${tenant} and u.measure = w.measure and u.day >= w.month
          and u.day < w.month + interval '1 month'
        left join costs.mapping_in_effect m on m.tenant_id = ${tenant} and m.application_id = u.application_id
          and m.from_day <= u.day and u.day < m.to_day
        where ${usesUsage} group by 1, 2, 3, 4
      ) one) as usage,
      (select json_build_object('applications', count(distinct application_id),
          'mapped', count(distinct application_id) filter (where h_code_id <> 0))
        from costs.charge_in_effect where tenant_id = ${tenant} and day >= ${first}::text::date
          and day < ${end}::text::date and application_id <> 0) as coverage,
      (select coalesce(json_object_agg(rule, applications order by rule), '{}') from (
        select h_code_rule as rule, count(distinct application_id) as applications from costs.charge_in_effect
        where tenant_id = ${tenant} and day >= ${first}::text::date and day < ${end}::text::date and application_id <> 0
        group by 1) one) as rules,
      (select coalesce(json_agg(one), '[]') from (
        select id, kind, from_day::text as "from", nullif(to_day, 'infinity')::text as "to", reason, approved_by,
          to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as expires_at
        from costs.override_in_effect where tenant_id = ${tenant} and (kind <> 'usage' or ${usesUsage}) order by id
      ) one) as overrides,
      (select coalesce(json_agg(one), '[]') from (
        select l.id, s.name as source, l.stream, l.slice, encode(l.sha256, 'hex') as sha256, c.rows,
          to_char(l.loaded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as loaded_at
        from (select load_id, count(*) as rows from costs.cost_daily where tenant_id = ${tenant}
            and day >= ${first}::text::date and day < ${end}::text::date group by 1) c
        join costs.load l on l.tenant_id = ${tenant} and l.id = c.load_id
        join costs.source s on s.tenant_id = ${tenant} and s.id = l.source_id
        order by l.id
      ) one) as loads`;
  const { costs, usage, coverage, rules, overrides, loads } = row!;
  return {
    ...{ month, settings, locked, overrides, loads },
    figures: figuresOf(costs, usage),
    coverage: { ...coverage, rules },
  };
}

type CostRow = Omit<BearerCost, 'loaded'> & {
  readonly month: string;
  readonly effective: string;
  readonly billed: string;
};

function figuresOf(
  costs: readonly CostRow[],
  usage: readonly (BearerUsage & { readonly month: string })[],
): MonthFigures[] {
  const used = Map.groupBy(usage, ({ month }) => month);
  return [...Map.groupBy(costs, ({ month }) => month)].map(([month, rows]) => ({
    month,
    costs: rows.map(({ month: _, effective, billed, ...bearer }) => ({
      ...bearer,
      adjusted: bearer.adjusted,
      loaded: { effective, billed },
    })),
    usage: used.get(month) ?? [],
  }));
}

const versions = (
  tx: TransactionSql,
  more: ReturnType<TransactionSql>,
) => tx`select ${more} to_char(s.month, 'YYYY-MM') as month,
    s.version, encode(s.sha256, 'hex') as sha256, s.approved_by, s.approved_at, l.locked_by, l.locked_at
  from costs.statement s
  left join costs.statement_lock l on l.tenant_id = s.tenant_id and l.month = s.month and l.version = s.version`;

const versionOf = (row: Row): Omit<StatementVersion, 'statement'> => ({
  month: row.month,
  version: row.version,
  sha256: row.sha256,
  approvedBy: row.approved_by,
  approvedAt: row.approved_at,
  ...(row.locked_at === null ? {} : { locked: { by: row.locked_by, at: row.locked_at } }),
});
