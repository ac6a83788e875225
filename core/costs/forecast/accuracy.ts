/** Forecasts held against what came. */
import type { ForecastPoint } from './forecast.ts';
import { meanOf } from './member.ts';
import { type History, periodAfter, reach, type SeriesGrain } from './series.ts';

/** A forecast that was made before, as far as comparing it takes. */
export interface EarlierForecast {
  readonly id: string;
  readonly scale: number | null;
  /** By step, 1 being the first period after those it was made from. */
  readonly points: ReadonlyMap<number, ForecastPoint>;
}

/** An actual beside what had been foretold `step` periods before. */
export interface Comparison {
  readonly step: number;
  /** The first day of the period. */
  readonly target: string;
  readonly forecast: string;
  readonly actual: number;
  readonly point: number;
  readonly inside80: boolean;
  readonly inside95: boolean;
  readonly scaled: number | null;
}

/**
 * What is to be compared: the periods after `checkedThrough` up to the history's end, at the steps of the grain, with
 * forecasts by the period they were made after.
 */
export function compare(
  grain: SeriesGrain,
  { values, given, through }: History,
  checkedThrough: string,
  earlier: ReadonlyMap<string, EarlierForecast>,
): readonly Comparison[] {
  const comparisons: Comparison[] = [];
  for (let back = 0; back < values.length; back++) {
    const target = periodAfter(grain, through, -back);
    if (target <= checkedThrough) break;
    const at = values.length - 1 - back;
    // What was filled in is no actual.
    if (!given[at]) continue;
    const actual = values[at]!;
    for (const step of reach[grain].steps) {
      const forecast = earlier.get(periodAfter(grain, target, -step));
      const said = forecast?.points.get(step);
      if (!forecast || !said) continue;
      comparisons.push({
        step,
        target,
        forecast: forecast.id,
        actual,
        point: said.point,
        inside80: actual >= said.low80 && actual <= said.high80,
        inside95: actual >= said.low95 && actual <= said.high95,
        scaled: forecast.scale === null ? null : Math.abs(actual - said.point) / forecast.scale,
      });
    }
  }
  return comparisons.reverse();
}

/** How forecasts of one step did. Null where there was nothing to measure. */
export interface Accuracy {
  readonly step: number;
  readonly count: number;
  /** Percent; actuals of zero are left out. */
  readonly mape: number | null;
  readonly smape: number | null;
  readonly mase: number | null;
  /** Σ(forecast − actual) / Σ|actual|. */
  readonly bias: number | null;
  readonly coverage80: number | null;
  readonly coverage95: number | null;
}

export function summarise(step: number, all: readonly Comparison[]): Accuracy {
  const mean = (values: readonly number[]) => (values.length === 0 ? null : meanOf(values));
  const size = all.reduce((sum, { actual }) => sum + Math.abs(actual), 0);
  const share = ({ actual, point }: Comparison) => {
    const both = Math.abs(actual) + Math.abs(point);
    return both === 0 ? 0 : (200 * Math.abs(actual - point)) / both;
  };
  return {
    step,
    count: all.length,
    mape: mean(
      all.flatMap(({ actual, point }) => (actual === 0 ? [] : [(100 * Math.abs(actual - point)) / Math.abs(actual)])),
    ),
    smape: mean(all.map(share)),
    mase: mean(all.flatMap(({ scaled }) => scaled ?? [])),
    bias: size > 0 ? all.reduce((sum, { actual, point }) => sum + point - actual, 0) / size : null,
    coverage80: mean(all.map(({ inside80 }) => Number(inside80))),
    coverage95: mean(all.map(({ inside95 }) => Number(inside95))),
  };
}
