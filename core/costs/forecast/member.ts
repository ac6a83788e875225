/** A forecasting method, as the combination sees it. */

/** A point forecaster: same history, same answer, whatever the machine and the hour. */
export interface Member {
  /** Stable: stored with the weights of every forecast. */
  readonly name: string;
  /**
   * The next `horizon` values after `values` (evenly spaced, oldest first, finite).
   *
   * `seasons` are the periods to look for, shortest first; none for a series without. Undefined when the series is
   * not one for this member (too short, or not positive where it works on logarithms), or when its fit failed: the
   * combination then does without.
   */
  forecast(values: readonly number[], horizon: number, seasons: readonly number[]): readonly number[] | undefined;
}

/** Whether every value is a finite number. A member's answer that is not is no answer. */
export const isFiniteAll = (values: readonly number[]): boolean => values.every(Number.isFinite);

export const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The middle of the sorted values, or the mean of the two middles; 0 for none. */
export function medianOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
