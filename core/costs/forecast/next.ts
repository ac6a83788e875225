/** The next forecast of a series, with what its forecasts so far were worth. */
import { type Comparison, compare, type EarlierForecast } from './accuracy.ts';
import { type Degradation, judge, type Verdict } from './degradation.ts';
import { forecastSeries, type SeriesForecast } from './forecast.ts';
import { pointsMinOf, scalePeriodOf } from './grain.ts';
import { widthAfter } from './interval.ts';
import type { Member } from './member.ts';
import { naiveScale } from './metrics.ts';
import { canBeNegative, type History, reach, type SeriesKey } from './series.ts';

/** What is known of a series when it is foretold again. */
export interface Known {
  readonly history: History;
  /** Before the first forecast: undefined. */
  readonly checkedThrough: string | undefined;
  readonly verdict: Verdict;
  /** By the period they were made after. */
  readonly earlier: ReadonlyMap<string, EarlierForecast>;
  /** Comparisons so far at the shortest step, oldest first: the last fifty will do. */
  readonly compared: readonly Pick<Comparison, 'scaled' | 'inside80' | 'inside95'>[];
}

export interface NextForecast extends SeriesForecast {
  readonly through: string;
  readonly periods: number;
  readonly filled: number;
  readonly scale: number | null;
  readonly degradation: Degradation;
  readonly reselected: boolean;
}

export interface Next {
  readonly forecast: NextForecast;
  readonly comparisons: readonly Comparison[];
  /** Forecasts have become worse since last time, and somebody is to know. */
  readonly degraded: boolean;
}

/**
 * Compares what came with what had been foretold, judges it, and foretells anew.
 *
 * Weights are chosen with every forecast. When forecasts have become worse, they are also chosen on the later half of
 * the history alone, and that is taken where its backtest is better: what was before a break misleads.
 */
export function forecastNext(key: SeriesKey, known: Known, others: readonly Member[]): Next {
  const { history } = known;
  const comparisons =
    known.checkedThrough === undefined ? [] : compare(key.grain, history, known.checkedThrough, known.earlier);
  const shortest = reach[key.grain].steps[0]!;
  const live = [...known.compared, ...comparisons.filter(({ step }) => step === shortest)];
  const degradation = judge(live.flatMap(({ scaled }) => scaled ?? []));
  const { values, given, through } = history;
  const question = {
    grain: key.grain,
    horizon: reach[key.grain].horizon,
    canBeNegative: canBeNegative(key, values),
    widths: {
      of80: widthAfter(
        live.map(({ inside80 }) => inside80),
        0.8,
      ),
      of95: widthAfter(
        live.map(({ inside95 }) => inside95),
        0.95,
      ),
    },
  };
  const whole = forecastSeries({ ...question, values }, others);
  const half = values.slice(-Math.ceil(values.length / 2));
  const again =
    degradation.verdict === 'alert' && half.length >= 2 * pointsMinOf(key.grain)
      ? forecastSeries({ ...question, values: half }, others)
      : undefined;
  const reselected = again?.backtest !== undefined && again.backtest.smape < (whole.backtest?.smape ?? 0);
  return {
    forecast: {
      ...(reselected ? again : whole),
      through,
      periods: values.length,
      filled: given.filter((one) => !one).length,
      scale: naiveScale(values, scalePeriodOf(key.grain)) ?? null,
      degradation,
      reselected,
    },
    comparisons,
    degraded: degradation.verdict === 'alert' && known.verdict !== 'alert',
  };
}
