/** Whether a series has a season, and the series without it. */
import { meanOf } from './member.ts';

/** A seasonally adjusted series, and the way back for what is forecast after its end. */
export interface Adjusted {
  readonly adjusted: readonly number[];
  readonly seasonal: boolean;
  readonly reseason: (forecast: readonly number[]) => number[];
}

const unadjusted = (values: readonly number[]): Adjusted => ({
  adjusted: values,
  seasonal: false,
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

/**
 * Classical decomposition: a season's index per phase of `period`, from the ratios to (or differences from) the
 * centred moving average. Index t of the series has phase t mod period. Undefined for less than two seasons, or when
 * an index of a multiplicative season is not positive.
 */
export function seasonalIndices(
  values: readonly number[],
  period: number,
  kind: 'multiplicative' | 'additive',
): readonly number[] | undefined {
  const n = values.length;
  if (n < 2 * period) return undefined;
  const half = period >> 1;
  const sums = new Array<number>(period).fill(0);
  const counts = new Array<number>(period).fill(0);
  // The centred average moves by one step: what leaves is subtracted, what enters is added.
  let window = 0;
  for (let t = 0; t < period; t++) window += values[t]!;
  const first = period % 2 === 0 ? half : (period - 1) >> 1;
  for (let t = first; t + half < n; t++) {
    const start = t - first;
    const trend =
      period % 2 === 0 ? (window + (values[start + period]! - values[start]!) / 2) / period : window / period;
    const phase = t % period;
    if (kind === 'additive') sums[phase]! += values[t]! - trend;
    else if (trend <= 0) return undefined;
    else sums[phase]! += values[t]! / trend;
    counts[phase]! += 1;
    if (start + period < n) window += values[start + period]! - values[start]!;
  }
  const indices = sums.map((sum, phase) => sum / counts[phase]!);
  const mean = meanOf(indices);
  if (kind === 'additive') return indices.map((index) => index - mean);
  return indices.every((index) => index > 0) ? indices.map((index) => index / mean) : undefined;
}

/**
 * The series without its season, where the test finds one: divided by the indices, or, where values or indices are not
 * positive, with them subtracted.
 */
export function deseasonalise(values: readonly number[], period: number | undefined): Adjusted {
  if (period === undefined || !isSeasonal(values, period)) return unadjusted(values);
  const n = values.length;
  const ratios = values.every((value) => value > 0) ? seasonalIndices(values, period, 'multiplicative') : undefined;
  if (ratios) {
    return {
      adjusted: values.map((value, t) => value / ratios[t % period]!),
      seasonal: true,
      reseason: (forecast) => forecast.map((value, at) => value * ratios[(n + at) % period]!),
    };
  }
  const differences = seasonalIndices(values, period, 'additive');
  if (!differences) return unadjusted(values);
  return {
    adjusted: values.map((value, t) => value - differences[t % period]!),
    seasonal: true,
    reseason: (forecast) => forecast.map((value, at) => value + differences[(n + at) % period]!),
  };
}
