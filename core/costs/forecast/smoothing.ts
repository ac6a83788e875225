/**
 * Exponential smoothing without a season of its own: simple, Holt's trend, and the damped trend. A season is taken out
 * before and put back after, as in the M4 benchmarks.
 *
 * One-step errors are linear in the initial level and trend, so these are solved for exactly and only the smoothing
 * weights are searched: fewer steps than a search over everything, and no wrong valley in the initial states.
 */
import { isFiniteAll, type Member } from './member.ts';
import { minimiseLine, minimiseSimplex } from './minimise.ts';
import { type Adjusted, deseasonalise } from './seasonality.ts';

/** Smoothing weights stay inside these bounds, as in R's `forecast`. */
const weightMin = 1e-4;
const weightMax = 1 - weightMin;
const dampMin = 0.8;
const dampMax = 0.98;

/**
 * Simple exponential smoothing (Brown 1956) with weight and initial level by least squares.
 *
 * @returns the level after the last value: the forecast for every horizon.
 */
export function smoothLevel(values: readonly number[]): number {
  const n = values.length;
  let initial = values[0]!;
  const errorOf = (alpha: number): number => {
    // e_t = y_t − l_{t−1}, where l_{t−1} = (level when starting from 0) + (1 − α)^{t−1} · l_0.
    let level = 0;
    let decay = 1;
    let ee = 0;
    let ed = 0;
    let dd = 0;
    for (let t = 0; t < n; t++) {
      const error = values[t]! - level;
      ee += error * error;
      ed += error * decay;
      dd += decay * decay;
      level += alpha * error;
      decay *= 1 - alpha;
    }
    initial = ed / dd;
    return ee - (ed * ed) / dd;
  };
  const alpha = minimiseLine(errorOf, weightMin, weightMax);
  errorOf(alpha);
  let level = initial;
  for (let t = 0; t < n; t++) level += alpha * (values[t]! - level);
  return level;
}

/**
 * Holt's linear trend (1957), or with `damped` Gardner & McKenzie's damped trend (1985, Management Science 31).
 *
 * @returns the next `horizon` values.
 */
export function smoothTrend(values: readonly number[], horizon: number, damped: boolean): number[] {
  const n = values.length;
  const initial = { level: 0, trend: 0 };
  const errorOf = (alpha: number, beta: number, phi: number): number => {
    let [level, trend] = [0, 0];
    // How far the level and the trend of each step move with l_0 (first index 0) and with b_0 (1).
    let [ll, bl, lb, bb] = [1, 0, 0, 1];
    let [yy, yl, yb, pp, pq, qq] = [0, 0, 0, 0, 0, 0];
    for (let t = 0; t < n; t++) {
      const error = values[t]! - level - phi * trend;
      const p = ll + phi * bl;
      const q = lb + phi * bb;
      yy += error * error;
      yl += error * p;
      yb += error * q;
      pp += p * p;
      pq += p * q;
      qq += q * q;
      level = level + phi * trend + alpha * error;
      trend = phi * trend + beta * error;
      ll = p - alpha * p;
      bl = phi * bl - beta * p;
      lb = q - alpha * q;
      bb = phi * bb - beta * q;
    }
    const det = pp * qq - pq * pq;
    if (!(det > 1e-9 * pp * qq)) {
      initial.level = yl / pp;
      initial.trend = 0;
      return yy - (yl * yl) / pp;
    }
    initial.level = (yl * qq - yb * pq) / det;
    initial.trend = (yb * pp - yl * pq) / det;
    return Math.max(0, yy - initial.level * yl - initial.trend * yb);
  };
  const within = ([alpha, share, phi]: Float64Array): boolean =>
    alpha! > weightMin &&
    alpha! < weightMax &&
    share! > weightMin &&
    share! < weightMax &&
    (!damped || (phi! > dampMin && phi! < dampMax));
  const found = minimiseSimplex(
    (x) => (within(x) ? errorOf(x[0]!, x[0]! * x[1]!, damped ? x[2]! : 1) : Number.POSITIVE_INFINITY),
    damped ? [0.4, 0.1, 0.95] : [0.4, 0.1],
    { sizes: [0.3, 0.25, -0.08], evaluationsMax: 160 },
  );
  const [alpha, beta, phi] = [found[0]!, found[0]! * found[1]!, damped ? found[2]! : 1];
  errorOf(alpha, beta, phi);
  let { level, trend } = initial;
  for (let t = 0; t < n; t++) {
    const error = values[t]! - level - phi * trend;
    level = level + phi * trend + alpha * error;
    trend = phi * trend + beta * error;
  }
  const forecast: number[] = [];
  let growth = 0;
  let power = 1;
  for (let at = 0; at < horizon; at++) {
    power *= phi;
    growth += power;
    forecast.push(level + growth * trend);
  }
  return forecast;
}

/** A member that works on the seasonally adjusted series: as the benchmarks adjust it, or as `adjust` says. */
export function onAdjusted(
  name: string,
  lengthMin: number,
  method: (adjusted: readonly number[], horizon: number) => readonly number[],
  adjust: (values: readonly number[], period: number | undefined) => Adjusted = deseasonalise,
): Member {
  return {
    name,
    forecast(values, horizon, seasons) {
      if (values.length < lengthMin) return undefined;
      const { adjusted, reseason } = adjust(values, seasons[0]);
      const forecast = reseason(method(adjusted, horizon));
      return isFiniteAll(forecast) ? forecast : undefined;
    },
  };
}

const constant = (value: number, horizon: number): number[] => Array.from({ length: horizon }, () => value);

/** Simple exponential smoothing. */
export const ses = onAdjusted('ses', 3, (adjusted, horizon) => constant(smoothLevel(adjusted), horizon));

/** Holt's linear trend. */
export const holt = onAdjusted('holt', 5, (adjusted, horizon) => smoothTrend(adjusted, horizon, false));

/** The damped trend. */
export const damped = onAdjusted('damped', 6, (adjusted, horizon) => smoothTrend(adjusted, horizon, true));
