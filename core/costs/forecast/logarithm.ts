/** The logarithmic scale, on which growth and seasons add up. */
import { isFiniteAll, meanOf } from './member.ts';

/** A tenth of the mean, added before the logarithm where there are zeros. */
const zeroShift = 0.1;

/**
 * Runs a method on logarithms and takes its answer back. Zeros are shifted by a tenth of the mean; undefined for series
 * with negative values or of nothing but zeros, and for an answer that is not finite.
 */
export function onLogarithms(
  values: readonly number[],
  method: (logs: readonly number[]) => readonly number[],
): readonly number[] | undefined {
  let least = Number.POSITIVE_INFINITY;
  for (const value of values) least = Math.min(least, value);
  const shift = least > 0 ? 0 : zeroShift * meanOf(values);
  if (least < 0 || !(least + shift > 0)) return undefined;
  const forecast = method(values.map((value) => Math.log(value + shift))).map((log) =>
    Math.max(0, Math.exp(log) - shift),
  );
  return isFiniteAll(forecast) ? forecast : undefined;
}
