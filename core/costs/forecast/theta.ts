/** The Theta method, the winner of M3, and its heirs. */
import type { Member } from './member.ts';
import { minimiseLine } from './minimise.ts';
import { deseasonaliseShrunk } from './seasonality.ts';
import { onAdjusted, smoothLevel } from './smoothing.ts';

/** The straight line through (0, y_0) … (n − 1, y_{n−1}) by least squares. */
export function lineThrough(values: readonly number[]): { readonly start: number; readonly slope: number } {
  const n = values.length;
  const middle = (n - 1) / 2;
  let sum = 0;
  let product = 0;
  for (let t = 0; t < n; t++) {
    sum += values[t]!;
    product += (t - middle) * values[t]!;
  }
  const slope = n < 2 ? 0 : (12 * product) / (n * (n * n - 1));
  return { start: sum / n - slope * middle, slope };
}

/**
 * Assimakopoulos & Nikolopoulos (2000, Int. J. Forecasting 16): the mean of the trend line (θ = 0) and of the simply
 * smoothed line whose curvature is doubled (θ = 2).
 */
function thetaOf(values: readonly number[], horizon: number): number[] {
  const { start, slope } = lineThrough(values);
  const level = smoothLevel(values.map((value, t) => 2 * value - (start + slope * t)));
  return Array.from({ length: horizon }, (_, at) => (level + start + slope * (values.length + at)) / 2);
}

export const theta: Member = onAdjusted('theta', 4, thetaOf);

/** Box & Cox (1964): logarithm at λ = 0, a shifted line at λ = 1. */
const boxCox = (value: number, lambda: number): number =>
  lambda === 0 ? Math.log(value) : (value ** lambda - 1) / lambda;

const unBoxCox = (value: number, lambda: number): number =>
  lambda === 0 ? Math.exp(value) : Math.max(0, lambda * value + 1) ** (1 / lambda);

/** λ on 0, 0.1 … 1 of the greatest likelihood for a straight line with normal errors. */
export function boxCoxLambda(values: readonly number[]): number {
  const n = values.length;
  const logs = values.map(Math.log);
  const sumLogs = logs.reduce((sum, value) => sum + value, 0);
  let best = 1;
  let greatest = Number.NEGATIVE_INFINITY;
  for (let tenth = 10; tenth >= 0; tenth--) {
    const lambda = tenth / 10;
    const bent = lambda === 0 ? logs : logs.map((value) => (Math.exp(lambda * value) - 1) / lambda);
    const { start, slope } = lineThrough(bent);
    let squares = 0;
    for (let t = 0; t < n; t++) squares += (bent[t]! - start - slope * t) ** 2;
    const likelihood = (-n / 2) * Math.log(squares / n) + (lambda - 1) * sumLogs;
    if (likelihood > greatest) {
      greatest = likelihood;
      best = lambda;
    }
  }
  return best;
}

type Method = (values: readonly number[], horizon: number) => number[];

/** A method on the Box-Cox scale; as it is where a value is not positive. */
const onBoxCox =
  (method: Method): Method =>
  (values, horizon) => {
    const lambda = values.every((value) => value > 0) ? boxCoxLambda(values) : 1;
    if (lambda === 1) return method(values, horizon);
    const bent = values.map((value) => boxCox(value, lambda));
    return method(bent, horizon).map((value) => unBoxCox(value, lambda));
  };

/**
 * Theta on the Box-Cox scale (Legaki & Koutsouri 2018, the M4 entry 260): trends that grow with the level become
 * straight lines.
 */
export const thetaBoxCox: Member = onAdjusted('theta-boxcox', 4, onBoxCox(thetaOf), deseasonaliseShrunk);

interface Dotm {
  /** Σ of squared one-step errors, the first two left out. */
  readonly error: number;
  readonly level: number;
  /** 1 − 1/θ. */
  readonly bend: number;
}

/**
 * One run of the dynamic model for a smoothing weight. Its one-step forecast is
 *
 *     μ_t = l_{t−1} + (1 − 1/θ) · D_t        D_t = (1 − α)^{t−1} A_{t−1} + (1 − (1 − α)^t)/α · B_{t−1}
 *
 * with A and B the straight line through what has been seen so far. It is linear in l_0 and in 1 − 1/θ, so both are
 * solved for, and only α is searched.
 */
function fitDotm(values: readonly number[], alpha: number): Dotm {
  let level = alpha * values[0]!;
  let decay = 1 - alpha;
  let mean = values[0]!;
  let [a, b] = [values[0]!, 0];
  let [yy, yl, yk, ll, lk, kk] = [0, 0, 0, 0, 0, 0];
  for (let t = 1; t < values.length; t++) {
    const drift = decay * a + ((1 - decay * (1 - alpha)) / alpha) * b;
    const error = values[t]! - level;
    if (t >= 2) {
      yy += error * error;
      yl += error * decay;
      yk += error * drift;
      ll += decay * decay;
      lk += decay * drift;
      kk += drift * drift;
    }
    level += alpha * error;
    decay *= 1 - alpha;
    const next = (t * mean + values[t]!) / (t + 1);
    b = ((t - 1) * b + (6 * (values[t]! - mean)) / (t + 1)) / (t + 2);
    mean = next;
    a = mean - (b * (t + 2)) / 2;
  }
  const det = ll * kk - lk * lk;
  const free = det > 1e-12 * ll * kk ? (yk * ll - yl * lk) / det : 0;
  const bend = Math.min(1, Math.max(0, free));
  const start = (yl - bend * lk) / ll;
  const error = yy - 2 * (start * yl + bend * yk) + start * start * ll + 2 * start * bend * lk + bend * bend * kk;
  return { error, level: start, bend };
}

/**
 * The dynamic optimised Theta model (Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler 2016, "Models for optimising
 * the theta method", Int. J. Forecasting 32): smoothing weight, initial level and θ ≥ 1 by least squares.
 */
export function dotmOf(values: readonly number[], horizon: number): number[] {
  const alpha = minimiseLine((x) => fitDotm(values, x).error, 0.1, 0.99);
  const { level: initial, bend } = fitDotm(values, alpha);
  let level = alpha * values[0]! + (1 - alpha) * initial;
  let decay = 1 - alpha;
  let mean = values[0]!;
  let [a, b] = [values[0]!, 0];
  const forecast: number[] = [];
  for (let t = 1; t < values.length + horizon; t++) {
    const expected = level + bend * (decay * a + ((1 - decay * (1 - alpha)) / alpha) * b);
    // After the end, what is expected stands for what was seen.
    const value = t < values.length ? values[t]! : expected;
    if (t >= values.length) forecast.push(expected);
    level += alpha * (value - level);
    decay *= 1 - alpha;
    b = ((t - 1) * b + (6 * (value - mean)) / (t + 1)) / (t + 2);
    mean = (t * mean + value) / (t + 1);
    a = mean - (b * (t + 2)) / 2;
  }
  return forecast;
}

export const dotm: Member = onAdjusted('dotm', 5, dotmOf, deseasonaliseShrunk);

/** The same on the Box-Cox scale: on M3 monthly and M4 weekly 2 % more accurate. */
export const dotmBoxCox: Member = onAdjusted('dotm-boxcox', 5, onBoxCox(dotmOf), deseasonaliseShrunk);
