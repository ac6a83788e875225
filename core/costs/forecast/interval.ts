/**
 * Prediction intervals without a model of the errors: conformal, from what the combination got wrong at its origins
 * (Vovk, Gammerman & Shafer 2005), and adapting to what it covers live (Gibbs & Candès 2021, "Adaptive conformal
 * inference under distribution shift"; Angelopoulos, Candès & Tibshirani 2023, "Conformal PID control").
 */

export interface Interval {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** Errors grow with the horizon h like h to this power: measured on monthly and daily series. */
const growth = 0.25;

/** What an error is measured in at a step: the forecast itself where values are positive, so that it grows along. */
export const sizeAt = (forecast: number, step: number, floor: number): number =>
  Math.max(Math.abs(forecast), floor) * (step + 1) ** growth;

/** The ⌈(n + 1)·level⌉-th smallest score; the greatest when there are too few. 0 for none. */
export function conformalQuantile(scores: readonly number[], level: number): number {
  if (scores.length === 0) return 0;
  const sorted = scores.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length, Math.ceil((sorted.length + 1) * level)) - 1]!;
}

/** How fast the width follows what is covered. */
const pace = 0.1;
const widthMin = 0.5;
const widthMax = 4;

/**
 * How much wider than the backtest says: 1 before anything is known. Each actual outside widens by `level` times the
 * pace, each inside narrows by the rest, so that in the long run the share inside is `level` whatever the errors do.
 *
 * @param inside whether each actual lay in its interval, oldest first
 */
export function widthAfter(inside: readonly boolean[], level: number): number {
  let log = 0;
  for (const hit of inside) {
    log += hit ? -pace * (1 - level) : pace * level;
    log = Math.min(Math.log(widthMax), Math.max(Math.log(widthMin), log));
  }
  return Math.exp(log);
}
