/** Forecasts as readers list them: each series' latest, with how forecasts of it turned out. */
import type { Row, TransactionSql } from 'postgres';
import { type Comparison, summarise } from '#core/costs/forecast/accuracy.ts';
import type { ForecastEntry, ForecastQuestion } from '#core/costs/forecast/ports.ts';
import type { SeriesKey } from '#core/costs/forecast/series.ts';

/** Comparisons of each step that accuracy is told of. */
const comparedMax = 60;

export async function listForecasts(
  tx: TransactionSql,
  tenant: string,
  question: ForecastQuestion,
): Promise<readonly ForecastEntry[]> {
  const { series, scope, subject, measure, currency, grain, verdict, after, limit } = question;
  const only = [
    series === undefined ? undefined : tx`and s.series = ${series}`,
    scope === undefined ? undefined : tx`and s.scope = ${scope}`,
    subject === undefined ? undefined : tx`and s.subject_id = ${subject}`,
    measure === undefined ? undefined : tx`and s.measure = ${measure}`,
    currency === undefined ? undefined : tx`and s.currency = ${currency}`,
    grain === undefined ? undefined : tx`and s.grain = ${grain}`,
    verdict === undefined ? undefined : tx`and s.verdict = ${verdict}`,
    after === undefined ? undefined : tx`and s.series > ${after}`,
  ].reduce((all, one) => (one === undefined ? all! : tx`${all!} ${one}`), tx``)!;
  const rows = await tx`select s.series, s.scope, s.subject_id, s.measure, s.currency, s.grain,
      coalesce(a.name, r.name, '') as name, f.run_id, f.made_at, f.through::text, f.periods, f.filled, f.because, f.missing,
      f.best, f.weights, f.errors, f.backtest, f.reselected, f.verdict, f.ratio, f.trend,
      (select json_agg(json_build_object('point', f.point[k], 'low80', f.low80[k], 'high80', f.high80[k],
        'low95', f.low95[k], 'high95', f.high95[k]) order by k) from generate_subscripts(f.point, 1) k) as points,
      (select coalesce(json_agg(c), '[]') from (
        select step, target::text, forecast_id::text as forecast, actual, point, inside80, inside95, scaled
        from (select *, row_number() over (partition by step order by target desc) as place
          from costs.forecast_accuracy where tenant_id = ${tenant} and series = s.series) ranked
        where place <= ${comparedMax} order by step, target) c) as compared
    from (select * from costs.forecast_series s where s.tenant_id = ${tenant} ${only} order by s.series limit ${limit}) s
    join costs.forecast f on f.tenant_id = ${tenant} and f.id = s.forecast_id
    left join costs.application a on s.scope = 'application' and a.tenant_id = ${tenant} and a.id = s.subject_id
    left join costs.sector r on s.scope = 'sector' and r.tenant_id = ${tenant} and r.id = s.subject_id
    order by s.series`;
  return rows.map(entryOf);
}

function entryOf(row: Row): ForecastEntry {
  const { scope, measure, currency, grain } = row;
  const compared = row.compared as Comparison[];
  const steps = [...new Set(compared.map(({ step }) => step))];
  return {
    series: row.series,
    key: { scope, id: row.subject_id, measure, currency, grain } as SeriesKey,
    name: row.name,
    run: row.run_id,
    madeAt: row.made_at,
    through: row.through,
    periods: row.periods,
    filled: row.filled,
    because: row.because,
    missing: row.missing,
    best: row.best,
    weights: row.weights,
    errors: row.errors,
    backtest: row.backtest,
    reselected: row.reselected,
    verdict: row.verdict,
    ratio: row.ratio,
    trend: row.trend,
    points: row.points,
    accuracy: steps.map((step) =>
      summarise(
        step,
        compared.filter((one) => one.step === step),
      ),
    ),
  };
}
