/** Costs in Postgres, summed as asked. Sums start from costs.charge_in_effect, which has one row for each charge. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import {
  type CostFigures,
  daysOf,
  type Figure,
  type FigureKey,
  type FigureQuestion,
  type Impact,
} from '#core/costs/figures.ts';
import { isUuid, withTenants } from './connect.ts';

/** Loads, adjustments and overrides that an origin names, and lines of each load. */
const originsMax = 1000;
const linesMax = 20;

/** Opens the figures; what each method promises is in core/costs/figures.ts. */
export function createCostFigures(sql: Sql, contextKey: Uint8Array): CostFigures {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn, 'read only');
  return {
    ask: (tenant, question) =>
      within(tenant, async (tx) => {
        const { by, limit } = question;
        const { first, end } = daysOf(question);
        const names = list(
          tx,
          by.map((key) => tx`${nameOf(tx, key)} as ${tx(key)}`),
        );
        const ids = list(
          tx,
          by.filter(hasId).map((key) => tx`g.${tx(key)} as ${tx(`${key}_id`)}`),
        );
        const keys = by.map((key) => tx`${columnOf(tx, key)} as ${tx(key)}`);
        const columns = [
          ...keys,
          tx`c.currency`,
          tx`c.h_code_id = 0 as unmapped`,
          tx`c.override_id is not null as adjusted`,
        ];
        const places = list(
          tx,
          columns.map((_, index) => tx.unsafe(String(index + 1)) as Piece),
        );
        const groups = list(tx, [...by.map((key) => tx`${tx(key)}`), tx`currency`]);
        // One statement, so that totals are those of the figures; the charges are gone through once.
        const [row] = await tx`with part as materialized (
            ${charges(
              tx,
              tenant,
              question,
              tx`${list(tx, columns)}, sum(c.billed) as billed, sum(c.effective) as effective,
              sum(c.contracted) as contracted, sum(c.list) as list, count(*) as charges, max(c.day) as last_day`,
            )}
            group by ${places}
          ), grouped as (
            select ${groups}, sum(billed) as billed, sum(effective) as effective, sum(contracted) as contracted,
              sum(list) as list, sum(charges)::bigint as charges
            from part group by ${groups}
          )
          select
            (select coalesce(json_agg(one), '[]') from (
              select ${by.length === 0 ? tx`` : tx`${names},`} ${by.some(hasId) ? tx`${ids},` : tx``} g.currency,
                g.billed::text, g.effective::text, g.contracted::text, g.list::text, g.charges
              from grouped g ${joins(tx, tenant, by)}
              order by ${list(tx, [
                ...by.filter(isTime).map((key) => tx`g.${tx(key)}`),
                tx`g.effective desc`,
                tx`g.currency`,
                ...by.map((key) => tx`g.${tx(key)}`),
              ])}
              limit ${limit + 1}) one) as figures,
            (select coalesce(json_agg(one), '[]') from (
              select currency, sum(billed)::text as billed, sum(effective)::text as effective,
                sum(contracted)::text as contracted, sum(list)::text as list, sum(charges)::bigint as charges,
                coalesce(sum(effective) filter (where unmapped), 0)::text as unmapped,
                coalesce(sum(effective) filter (where adjusted), 0)::text as adjusted
              from part group by currency order by currency) one) as totals,
            (select max(last_day)::text from part) as last_day,
            (select max(loaded_at) from costs.load where tenant_id = ${tenant} and replaced_by is null
              and from_day < ${end}::text::date and to_day >= ${first}::text::date) as loaded_at,
            (select coalesce(json_agg(one), '[]') from (${contained(tx)}
              where tenant_id = ${tenant} and kind <> 'usage' and from_day < ${end}::text::date
                and to_day > ${first}::text::date
                ${question.only.application === undefined ? tx`` : tx`and application_id in (0, ${Number(question.only.application)})`}
              order by id limit ${originsMax}) one) as overrides`;
        const { figures, totals, overrides, last_day: lastDay, loaded_at: loadedAt } = row!;
        return {
          figures: figures.slice(0, limit).map((one: Record<string, string | number>) => figureOf(one, by)),
          cut: figures.length > limit,
          ...{ totals, overrides, fresh: { loadedAt: loadedAt ?? undefined, lastDay: lastDay ?? undefined } },
        };
      }),

    origin: (tenant, question) =>
      within(tenant, async (tx) => {
        const [row] = await tx`with charge as materialized (${charges(
          tx,
          tenant,
          question,
          tx`c.load_id, c.line, c.currency, c.effective, c.billed, c.override_id, c.overrides`,
        )})
          select
            (select coalesce(json_agg(one), '[]') from (
              select l.id as load, s.name as source, l.stream, l.slice, encode(l.sha256, 'hex') as sha256,
                l.run_id as run, l.loaded_at as "loadedAt", c.currency, c.effective::text, c.billed::text, c.charges, c.lines
              from (select load_id, currency, sum(effective) as effective, sum(billed) as billed, count(*) as charges,
                  (array_agg(line order by line))[:${linesMax}] as lines
                from charge where override_id is null group by 1, 2) c
              join costs.load l on l.tenant_id = ${tenant} and l.id = c.load_id
              join costs.source s on s.tenant_id = ${tenant} and s.id = l.source_id
              order by abs(c.effective) desc, l.id, c.currency limit ${originsMax + 1}) one) as loads,
            (select coalesce(json_agg(one), '[]') from (
              select a.id, a.currency, a.amount::text, a.reason from costs.adjustment a
              where a.tenant_id = ${tenant} and a.id in (select override_id from charge)
              order by a.id limit ${originsMax + 1}) one) as adjustments,
            (select coalesce(json_agg(one), '[]') from (${contained(tx)}
              where tenant_id = ${tenant} and id in (select unnest(overrides) from charge)
              order by id limit ${originsMax + 1}) one) as mappings`;
        const { loads, adjustments, mappings } = row!;
        return {
          loads: loads
            .slice(0, originsMax)
            .map((one: { loadedAt: string }) => ({ ...one, loadedAt: new Date(one.loadedAt) })),
          adjustments: adjustments.slice(0, originsMax),
          mappings: mappings.slice(0, originsMax),
          cut: [loads, adjustments, mappings].some((all) => all.length > originsMax),
        };
      }),

    async impact(tenant, of) {
      if ('override' in of && !isUuid(of.override)) return undefined;
      return within(tenant, async (tx) => {
        const [found] =
          'load' in of
            ? await tx`select from costs.load where tenant_id = ${tenant} and id = ${of.load}`
            : await tx`select from costs.override where tenant_id = ${tenant} and id = ${of.override}`;
        if (!found) return undefined;
        const concerned =
          'load' in of
            ? tx`c.load_id = ${of.load} and c.override_id is null`
            : tx`(c.override_id = ${of.override}::uuid or ${of.override}::uuid = any (c.overrides))`;
        const contains =
          'load' in of
            ? tx`json_array_elements(s.document -> 'loads') one where (one ->> 'id')::int = ${of.load}`
            : tx`json_array_elements(s.document -> 'overrides') one where one ->> 'id' = ${of.override}`;
        const figures = await tx`select to_char(c.month, 'YYYY-MM') as month, h.code as h_code, d.name as sector,
            o.name as owner, c.currency, c.effective::text, c.charges
          from (select month, h_code_id, sector_id, owner_id, currency, sum(effective) as effective, count(*)::int as charges
            from costs.charge_in_effect c where tenant_id = ${tenant} and ${concerned} group by 1, 2, 3, 4, 5) c
          join costs.h_code h on h.tenant_id = ${tenant} and h.id = c.h_code_id
          join costs.sector d on d.tenant_id = ${tenant} and d.id = c.sector_id
          join costs.owner o on o.tenant_id = ${tenant} and o.id = c.owner_id
          order by c.month desc, c.currency, h.code, d.name, o.name limit ${originsMax + 1}`;
        const statements = await tx`select to_char(s.month, 'YYYY-MM') as month, s.version,
            exists (select from costs.statement_lock l
              where l.tenant_id = s.tenant_id and l.month = s.month and l.version = s.version) as locked
          from costs.statement s where s.tenant_id = ${tenant} and exists (select from ${contains})
          order by s.month desc, s.version desc limit ${originsMax + 1}`;
        return {
          figures: figures.slice(0, originsMax).map((row) => ({ ...row })) as unknown as Impact['figures'],
          statements: statements.slice(0, originsMax).map((row) => ({ ...row })) as unknown as Impact['statements'],
          cut: figures.length > originsMax || statements.length > originsMax,
        };
      });
    },
  };
}

const isTime = (key: FigureKey) => key === 'month' || key === 'day';
const hasId = (key: FigureKey) => key === 'application' || key === 'controller';
/** Keys whose members are rows of a table of that name. */
const tables: readonly FigureKey[] = ['sector', 'owner', 'architecture', 'controller', 'h_code', 'application'];

type Piece = PendingQuery<Row[]>;

/** Pieces of SQL with commas between them. */
const list = (tx: TransactionSql, pieces: readonly Piece[]): Piece =>
  pieces.reduce((all, one, index) => (index === 0 ? one : tx`${all}, ${one}`), tx``);

function columnOf(tx: TransactionSql, key: FigureKey): Piece {
  if (tables.includes(key)) return tx`c.${tx(`${key}_id`)}`;
  return tx`c.${tx(key === 'service' ? 'service_name' : key === 'category' ? 'charge_category' : key)}`;
}

function nameOf(tx: TransactionSql, key: FigureKey): Piece {
  if (key === 'month') return tx`to_char(g.month, 'YYYY-MM')`;
  if (key === 'day') return tx`g.day::text`;
  if (!tables.includes(key)) return tx`g.${tx(key)}`;
  return tx`${tx(`d_${key}`)}.${tx(key === 'h_code' ? 'code' : 'name')}`;
}

/** Each group meets one row of each dimension, so no sum changes. */
const joins = (tx: TransactionSql, tenant: string, by: readonly FigureKey[]): Piece =>
  by
    .filter((key) => tables.includes(key))
    .reduce<Piece>(
      (all, key) => tx`${all} join costs.${tx(key)} ${tx(`d_${key}`)}
        on ${tx(`d_${key}`)}.tenant_id = ${tenant} and ${tx(`d_${key}`)}.id = g.${tx(key)}`,
      tx``,
    );

/** The charges that a question is about. */
function charges(tx: TransactionSql, tenant: string, question: FigureQuestion, columns: Piece): Piece {
  const { first, end } = daysOf(question);
  return Object.entries(question.only).reduce<Piece>(
    (all, [name, value]) => tx`${all} and ${narrowed(tx, tenant, name, value)}`,
    tx`select ${columns} from costs.charge_in_effect c
      where c.tenant_id = ${tenant} and c.day >= ${first}::text::date and c.day < ${end}::text::date`,
  );
}

function narrowed(tx: TransactionSql, tenant: string, name: string, value: string): Piece {
  if (name === 'application') return tx`c.application_id = ${Number(value)}`;
  if (!tables.includes(name as FigureKey)) {
    return tx`c.${tx(name === 'service' ? 'service_name' : name === 'category' ? 'charge_category' : name)} = ${value}`;
  }
  return tx`c.${tx(`${name}_id`)} in (select id from costs.${tx(name)}
    where tenant_id = ${tenant} and ${tx(name === 'h_code' ? 'code' : 'name')} = ${value})`;
}

const contained = (tx: TransactionSql): Piece => tx`select id, kind, from_day::text as "from",
    nullif(to_day, 'infinity')::text as "to", reason, approved_by,
    to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as expires_at
  from costs.override_in_effect`;

function figureOf(row: Readonly<Record<string, string | number>>, by: readonly FigureKey[]): Figure {
  const text = (name: string) => String(row[name]);
  return {
    of: Object.fromEntries(by.map((key) => [key, text(key)])),
    ids: Object.fromEntries(by.filter(hasId).map((key) => [key, Number(row[`${key}_id`])])),
    currency: text('currency'),
    billed: text('billed'),
    effective: text('effective'),
    contracted: text('contracted'),
    list: text('list'),
    charges: Number(row.charges),
  };
}
