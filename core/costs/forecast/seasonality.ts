/** Whether a series has a season, and the series without it. */
import { meanOf } from './member.ts';

/** A seasonally adjusted series, and the way back for what is forecast after its end. */
export interface Adjusted {
  readonly adjusted: readonly number[];
  readonly reseason: (forecast: readonly number[]) => number[];
}

const unadjusted = (values: readonly number[]): Adjusted => ({
  adjusted: values,
  reseason: (forecast) => [...forecast],
});

/**
 * The 90 % test of autocorrelation at the seasonal lag, as in the M4 benchmarks: |r_m| against
 * 1.645 · √((1 + 2 Σ r_k²) / n). Series of less than three seasons count as not seasonal.
 */
export function isSeasonal(values: readonly number[], period: number): boolean {
  const n = values.length;
  if (period < 2 || n < 3 * period) return false;
  const mean = meanOf(values);
  const from = values.map((value) => value - mean);
  let variance = 0;
  for (const value of from) variance += value * value;
  if (variance === 0) return false;
  let squares = 0;
  let last = 0;
  for (let lag = 1; lag <= period; lag++) {
    if (lag > 1) squares += last * last;
    let sum = 0;
    for (let t = lag; t < n; t++) sum += from[t]! * from[t - lag]!;
    last = sum / variance;
  }
  return Math.abs(last) > (1.645 / Math.sqrt(n)) * Math.sqrt(1 + 2 * squares);
}

type Kind = 'multiplicative' | 'additive';

interface Indices {
  /** One for each phase, around 1 or 0. */
  readonly raw: readonly number[];
  /** The mean variance of an index as an estimate. */
  readonly variance: number;
}

/** Ratios to (or differences from) the centred moving average, taken together by phase. */
function phaseIndices(values: readonly number[], period: number, kind: Kind): Indices | undefined {
  const n = values.length;
  if (n < 2 * period) return undefined;
  const half = period >> 1;
  const sums = new Float64Array(period);
  const squares = new Float64Array(period);
  const counts = new Float64Array(period);
  // The average moves by one step: what leaves is subtracted, what enters is added.
  let window = 0;
  for (let t = 0; t < period; t++) window += values[t]!;
  for (let t = half; t + half < n; t++) {
    const start = t - half;
    const trend =
      period % 2 === 0 ? (window + (values[start + period]! - values[start]!) / 2) / period : window / period;
    const phase = t % period;
    if (kind === 'multiplicative' && trend <= 0) return undefined;
    const one = kind === 'additive' ? values[t]! - trend : values[t]! / trend;
    sums[phase]! += one;
    squares[phase]! += one * one;
    counts[phase]! += 1;
    if (start + period < n) window += values[start + period]! - values[start]!;
  }
  let variance = 0;
  const raw = Array.from(sums, (sum, phase) => {
    const count = counts[phase]!;
    const mean = sum / count;
    if (count > 1) variance += Math.max(0, squares[phase]! / count - mean * mean) / (count - 1) / period;
    return mean;
  });
  const mean = meanOf(raw);
  if (kind === 'additive') return { raw: raw.map((index) => index - mean), variance };
  return raw.every((index) => index > 0)
    ? { raw: raw.map((index) => index / mean), variance: variance / mean ** 2 }
    : undefined;
}

/**
 * Classical decomposition: a season's index per phase. Index t of the series has phase t mod `period`. Undefined for
 * less than two seasons, and for a multiplicative season with an index that is not positive.
 */
export const seasonalIndices = (values: readonly number[], period: number, kind: Kind): readonly number[] | undefined =>
  phaseIndices(values, period, kind)?.raw;

/**
 * The same, shrunk towards no season as far as they may be chance: the James-Stein estimator of Miller & Williams
 * (2003, "Shrinkage estimators of time series seasonal factors and their effect on forecasting accuracy", Int. J.
 * Forecasting 19). Takes the place of a test: what is noise shrinks to nothing.
 */
export function shrunkIndices(values: readonly number[], period: number, kind: Kind): readonly number[] | undefined {
  const indices = phaseIndices(values, period, kind);
  if (!indices || period < 4) return indices?.raw;
  const { raw, variance } = indices;
  const middle = kind === 'additive' ? 0 : 1;
  const spread = raw.reduce((sum, index) => sum + (index - middle) ** 2, 0) / (period - 1);
  const share = spread > 0 ? Math.min(1, (((period - 3) / (period - 1)) * variance) / spread) : 1;
  return raw.map((index) => middle + (index - middle) * (1 - share));
}

type Estimate = (values: readonly number[], period: number, kind: Kind) => readonly number[] | undefined;

function adjust(values: readonly number[], period: number, estimate: Estimate): Adjusted {
  const n = values.length;
  const ratios = values.every((value) => value > 0) ? estimate(values, period, 'multiplicative') : undefined;
  if (ratios) {
    return {
      adjusted: values.map((value, t) => value / ratios[t % period]!),
      reseason: (forecast) => forecast.map((value, at) => value * ratios[(n + at) % period]!),
    };
  }
  const differences = estimate(values, period, 'additive');
  if (!differences) return unadjusted(values);
  return {
    adjusted: values.map((value, t) => value - differences[t % period]!),
    reseason: (forecast) => forecast.map((value, at) => value + differences[(n + at) % period]!),
  };
}

/**
 * The series without its season, where the test finds one: divided by the indices, or, where values or indices are not
 * positive, with them subtracted. What the benchmarks of the M competitions do.
 */
export const deseasonalise = (values: readonly number[], period: number | undefined): Adjusted =>
  period !== undefined && isSeasonal(values, period) ? adjust(values, period, seasonalIndices) : unadjusted(values);

/** The series without as much of a season as three whole ones or more give evidence for. */
export const deseasonaliseShrunk = (values: readonly number[], period: number | undefined): Adjusted =>
  period !== undefined && period > 1 && values.length >= 3 * period
    ? adjust(values, period, shrunkIndices)
    : unadjusted(values);
