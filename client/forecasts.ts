/** Forecasts of usage and costs: estimates with their intervals, and how earlier ones turned out. */
import type { Accuracy } from '#core/costs/forecast/accuracy.ts';
import type { Verdict } from '#core/costs/forecast/degradation.ts';
import type { BacktestFigures, Because, ForecastPoint } from '#core/costs/forecast/forecast.ts';
import type { Measure, Scope, SeriesGrain } from '#core/costs/forecast/series.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface ForecastOptions {
  /** One series, as `application/12/cost/EUR/monthly`. */
  readonly series?: string;
  readonly scope?: Scope;
  /** The number of an application or a sector. */
  readonly subject?: number;
  readonly measure?: Measure;
  readonly currency?: string;
  readonly grain?: SeriesGrain;
  readonly verdict?: Verdict;
  /** The `next_cursor` of the page before. */
  readonly cursor?: string;
  readonly limit?: number;
}

export interface ForecastView {
  readonly series: string;
  readonly scope: Scope;
  readonly subject: { readonly id: number; readonly name: string };
  readonly measure: Measure;
  readonly currency: string | null;
  readonly grain: SeriesGrain;
  readonly run: string;
  readonly made_at: string;
  /** First day of the last period that it was made from. */
  readonly through: string;
  readonly periods: number;
  /** Periods that were not loaded and had to be filled in. */
  readonly filled: number;
  readonly because: Because;
  /** Periods that are missing for more than the last value. */
  readonly missing: number;
  readonly weights: Readonly<Record<string, number>>;
  readonly best: string;
  readonly errors: Readonly<Record<string, number>>;
  readonly backtest: BacktestFigures | null;
  readonly verdict: Verdict;
  readonly ratio: number | null;
  readonly trend: number | null;
  readonly reselected: boolean;
  readonly accuracy: readonly Accuracy[];
  readonly points: readonly (ForecastPoint & { readonly at: string })[];
}

export interface ForecastPage {
  readonly forecasts: readonly ForecastView[];
  readonly next_cursor: string | null;
}

export const forecasts = (transport: Transport) => ({
  /** Each series' latest forecast, by the series' name. */
  list: (options: ForecastOptions = {}) =>
    transport<ForecastPage>({ method: 'GET', path: `/v1/forecasts${query({ ...options })}` }),
});
