/** How far a forecast was from what came. */

/** Symmetric MAPE in percent, 0…200: mean of 200·|a − f| / (|a| + |f|); a pair of zeros counts as right. */
export function smape(actual: readonly number[], forecast: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < actual.length; at++) {
    const size = Math.abs(actual[at]!) + Math.abs(forecast[at]!);
    if (size > 0) sum += (200 * Math.abs(actual[at]! - forecast[at]!)) / size;
  }
  return sum / actual.length;
}

/** Mean absolute percentage error, in percent. Actuals of zero have none and are left out; undefined when all are. */
export function mape(actual: readonly number[], forecast: readonly number[]): number | undefined {
  let sum = 0;
  let counted = 0;
  for (let at = 0; at < actual.length; at++) {
    if (actual[at] === 0) continue;
    sum += (100 * Math.abs(actual[at]! - forecast[at]!)) / Math.abs(actual[at]!);
    counted += 1;
  }
  return counted === 0 ? undefined : sum / counted;
}

export function meanAbsoluteError(actual: readonly number[], forecast: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < actual.length; at++) sum += Math.abs(actual[at]! - forecast[at]!);
  return sum / actual.length;
}

/**
 * What MASE divides by: the mean absolute error of the seasonal naive forecast within the history (Hyndman & Koehler
 * 2006, Int. J. Forecasting 22). Undefined when the history is too short or repeats itself exactly.
 */
export function naiveScale(history: readonly number[], period: number): number | undefined {
  let sum = 0;
  for (let t = period; t < history.length; t++) sum += Math.abs(history[t]! - history[t - period]!);
  const scale = sum / (history.length - period);
  return scale > 0 && Number.isFinite(scale) ? scale : undefined;
}

/** Mean absolute scaled error: 1 is as good as repeating the last season was within the history. */
export function mase(
  actual: readonly number[],
  forecast: readonly number[],
  history: readonly number[],
  period: number,
): number | undefined {
  const scale = naiveScale(history, period);
  return scale === undefined ? undefined : meanAbsoluteError(actual, forecast) / scale;
}

/** Σ(forecast − actual) / Σ|actual|: +0.1 is a tenth too high. Undefined when nothing was there to be off from. */
export function biasOf(actual: readonly number[], forecast: readonly number[]): number | undefined {
  let off = 0;
  let size = 0;
  for (let at = 0; at < actual.length; at++) {
    off += forecast[at]! - actual[at]!;
    size += Math.abs(actual[at]!);
  }
  return size > 0 ? off / size : undefined;
}

/** The share of actuals inside their intervals, ends included. */
export function coverageOf(actual: readonly number[], low: readonly number[], high: readonly number[]): number {
  const inside = actual.filter((value, at) => value >= low[at]! && value <= high[at]!).length;
  return inside / actual.length;
}

/** The mean of sMAPE and MASE, each relative to Naive2's on the same series: the measure of M4. */
export const overallWeightedAverage = (
  one: { readonly smape: number; readonly mase: number },
  naive2: { readonly smape: number; readonly mase: number },
): number => (one.smape / naive2.smape + one.mase / naive2.mase) / 2;
