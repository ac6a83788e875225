/** Forecasts in Postgres: what they are made from, what was foretold, and how it turned out. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { EarlierForecast } from '#core/costs/forecast/accuracy.ts';
import type { ForecastPoint } from '#core/costs/forecast/forecast.ts';
import type { Forecasts, KnownSeries, Made, SubjectHistory } from '#core/costs/forecast/ports.ts';
import { reach, type Scope, type SeriesKey, seriesName } from '#core/costs/forecast/series.ts';
import { withTenants } from './connect.ts';
import { listForecasts } from './forecast-list.ts';

/** Years of facts of a large tenant's sectors are summed in one statement, and nobody waits for it. */
const sumMsMax = 240_000;
const answerMs = 5_000;
/** Comparisons that a series is judged by. */
const comparedMax = 50;

/** Opens the forecasts; what each method promises is in core/costs/forecast/ports.ts. */
export function createForecasts(sql: Sql, contextKey: Uint8Array): Forecasts {
  const within = <T>(tenant: string, mode: 'read only' | 'read write', fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn, mode);
  /** For statements that read a tenant's facts from end to end. */
  const summing = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(
      sql,
      contextKey,
      [tenant],
      new Date(),
      async (tx) => {
        const bound = tx`select set_config('statement_timeout', ${String(sumMsMax)}, true)`.execute();
        const [, result] = await Promise.all([bound, fn(tx)]);
        return result;
      },
      'read only',
      sumMsMax + answerMs,
    );
  return {
    async subjects(tenant, scope, since) {
      const rows = await summing(tenant, async (tx) =>
        scope === 'sector'
          ? tx`select id from costs.sector where tenant_id = ${tenant} order by 1`
          : tx`select application_id as id from costs.cost_daily
              where tenant_id = ${tenant} and day >= ${since}::text::date
              union select application_id from costs.usage_daily
              where tenant_id = ${tenant} and day >= ${since}::text::date order by 1`,
      );
      return rows.map(({ id }) => id);
    },

    async lastDays(tenant, day) {
      const [row] = await within(
        tenant,
        'read only',
        async (tx) => tx`select
          (select max(day)::text from costs.cost_daily where tenant_id = ${tenant} and day <= ${day}::text::date) as cost,
          (select max(day)::text from costs.usage_daily where tenant_id = ${tenant} and day <= ${day}::text::date) as usage`,
      );
      return { ...(row!.cost ? { cost: row!.cost } : {}), ...(row!.usage ? { usage: row!.usage } : {}) };
    },

    async histories(tenant, scope, ids, since, until) {
      if (ids.length === 0) return [];
      const rows = await summing(tenant, async (tx) => {
        // Money that was added by hand belongs to a month and is no habit that goes on.
        const days = { since, until };
        return tx`select id, measure, currency, json_agg(day::text order by day) as days,
            json_agg(amount order by day) as amounts
          from (
            select id, 'cost' as measure, currency, day, sum(effective)::float8 as amount
            from ${chargesOf(tx, tenant, scope, ids, days)} group by id, currency, day
            union all
            select id, measure, '', day, sum(amount)::float8 from ${usageOf(tx, tenant, scope, ids, days)} group by id, measure, day
          ) daily group by id, measure, currency order by id, measure, currency`;
      });
      return rows.map(
        ({ id, measure, currency, days, amounts }): SubjectHistory => ({
          subject: { scope, id, measure, currency },
          days,
          amounts,
        }),
      );
    },

    async known(tenant, keys) {
      if (keys.length === 0) return new Map();
      const steps = JSON.stringify(Object.fromEntries(Object.entries(reach).map(([grain, one]) => [grain, one.steps])));
      const rows = await within(
        tenant,
        'read only',
        async (tx) => tx`select s.series, s.through::text, s.checked_through::text, s.verdict,
            (select coalesce(json_agg(e), '[]') from (
              select distinct on (f.through) f.id::text, f.through::text, f.scale, (
                  select json_agg(json_build_array(k, point[k], low80[k], high80[k], low95[k], high95[k]))
                  from json_array_elements_text(${steps}::text::json -> s.grain) k0 cross join lateral (select k0::integer as k) n
                  where k <= cardinality(point)) as points
              from costs.forecast f
              where f.tenant_id = ${tenant} and f.series = s.series
                and f.through >= s.checked_through - case s.grain when 'daily' then 28 else 366 end
              order by f.through, f.id desc) e) as earlier,
            (select coalesce(json_agg(c order by c.target), '[]') from (
              select target, scaled, inside80, inside95 from costs.forecast_accuracy a
              where a.tenant_id = ${tenant} and a.series = s.series and a.step = 1
              order by target desc limit ${comparedMax}) c) as compared
          from costs.forecast_series s where s.tenant_id = ${tenant} and s.series in ${tx(keys.map(seriesName))}`,
      );
      return new Map(rows.map((row) => [row.series as string, knownOf(row)]));
    },

    save: (tenant, run, made, at) => within(tenant, 'read write', (tx) => save(tx, tenant, run, made, at)),

    list: (tenant, question) => within(tenant, 'read only', (tx) => listForecasts(tx, tenant, question)),
  };
}

interface Days {
  readonly since: string;
  readonly until: string;
}

const chargesOf = (tx: TransactionSql, tenant: string, scope: Scope, ids: readonly number[], { since, until }: Days) =>
  scope === 'sector'
    ? tx`(select sector_id as id, currency, day, effective from costs.charge_in_effect where tenant_id = ${tenant}
        and override_id is null and sector_id in ${tx(ids)} and day between ${since}::text::date and ${until}::text::date) c`
    : tx`(select application_id as id, currency, day, effective from costs.cost_daily where tenant_id = ${tenant}
        and application_id in ${tx(ids)} and day between ${since}::text::date and ${until}::text::date) c`;

const usageOf = (tx: TransactionSql, tenant: string, scope: Scope, ids: readonly number[], { since, until }: Days) =>
  scope === 'sector'
    ? tx`(select coalesce(m.sector_id, 0) as id, u.measure, u.day, u.amount from costs.usage_in_effect u
        left join costs.mapping_in_effect m on m.tenant_id = u.tenant_id and m.application_id = u.application_id
          and m.from_day <= u.day and u.day < m.to_day
        where u.tenant_id = ${tenant} and coalesce(m.sector_id, 0) in ${tx(ids)}
          and u.day between ${since}::text::date and ${until}::text::date) u`
    : tx`(select application_id as id, measure, day, amount from costs.usage_in_effect where tenant_id = ${tenant}
        and application_id in ${tx(ids)} and day between ${since}::text::date and ${until}::text::date) u`;

type StoredPoint = readonly [number, number, number, number, number, number];

function knownOf(row: Row): KnownSeries extends ReadonlyMap<string, infer One> ? One : never {
  const earlier = (row.earlier as { id: string; through: string; scale: number | null; points: StoredPoint[] }[]).map(
    ({ id, through, scale, points }): [string, EarlierForecast] => [
      through,
      { id, scale, points: new Map(points.map(([step, ...values]) => [step, pointOf(values)])) },
    ],
  );
  return {
    through: row.through,
    checkedThrough: row.checked_through,
    verdict: row.verdict,
    earlier: new Map(earlier),
    compared: row.compared,
  };
}

const pointOf = ([point, low80, high80, low95, high95]: readonly number[]): ForecastPoint => ({
  point: point!,
  low80: low80!,
  high80: high80!,
  low95: low95!,
  high95: high95!,
});

async function save(tx: TransactionSql, tenant: string, run: string, made: readonly Made[], at: Date): Promise<number> {
  if (made.length === 0) return 0;
  const rows = made.map(({ key, next: { forecast } }) => ({
    series: seriesName(key),
    ...forecast,
    ...forecast.degradation,
    ...arraysOf(forecast.points),
    backtest: forecast.backtest ?? null,
  }));
  const stored =
    await tx`insert into costs.forecast (tenant_id, series, run_id, made_at, through, periods, filled, because,
      missing, best, weights, errors, backtest, scale, reselected, verdict, ratio, trend, point, low80, high80, low95, high95)
    select ${tenant}, series, ${run}, ${at}, through, periods, filled, because, missing, best, weights, errors, backtest,
      scale, reselected, verdict, ratio, trend, point, low80, high80, low95, high95
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as x(series text, through date, periods integer,
      filled integer, because text, missing integer, best text, weights json, errors json, backtest json, scale float8,
      reselected boolean, verdict text, ratio float8, trend float8, point float8[], low80 float8[], high80 float8[],
      low95 float8[], high95 float8[])
    on conflict (tenant_id, series, run_id) do nothing returning id::text, series`;
  const ids = new Map(stored.map(({ id, series }) => [series as string, id as string]));
  const fresh = made.filter(({ key }) => ids.has(seriesName(key)));
  const compared = fresh.flatMap(({ key, next }) =>
    next.comparisons.map((one) => ({ series: seriesName(key), ...one })),
  );
  if (compared.length > 0) {
    await tx`insert into costs.forecast_accuracy (tenant_id, series, step, target, forecast_id, actual, point, inside80,
        inside95, scaled)
      select ${tenant}, series, step, target, forecast, actual, point, inside80, inside95, scaled
      from json_to_recordset(${JSON.stringify(compared)}::text::json) as x(series text, step integer, target date,
        forecast bigint, actual float8, point float8, inside80 boolean, inside95 boolean, scaled float8)
      on conflict do nothing`;
  }
  const latest = fresh.map(({ key, next: { forecast } }) => ({
    ...seriesRow(key),
    forecast: ids.get(seriesName(key)),
    through: forecast.through,
    verdict: forecast.degradation.verdict,
  }));
  await tx`insert into costs.forecast_series (tenant_id, series, scope, subject_id, measure, currency, grain, forecast_id,
      through, checked_through, verdict)
    select ${tenant}, series, scope, subject_id, measure, currency, grain, forecast, through, through, verdict
    from json_to_recordset(${JSON.stringify(latest)}::text::json) as x(series text, scope text, subject_id integer,
      measure text, currency text, grain text, forecast bigint, through date, verdict text)
    on conflict (tenant_id, series) do update set forecast_id = excluded.forecast_id, through = excluded.through,
      checked_through = greatest(costs.forecast_series.checked_through, excluded.checked_through),
      verdict = excluded.verdict`;
  return fresh.length;
}

const seriesRow = (key: SeriesKey) => ({
  series: seriesName(key),
  scope: key.scope,
  subject_id: key.id,
  measure: key.measure,
  currency: key.currency,
  grain: key.grain,
});

const arraysOf = (points: readonly ForecastPoint[]) => ({
  point: points.map((one) => one.point),
  low80: points.map((one) => one.low80),
  high80: points.map((one) => one.high80),
  low95: points.map((one) => one.low95),
  high95: points.map((one) => one.high95),
});
