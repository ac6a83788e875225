/**
 * Temporal hierarchies (Athanasopoulos, Hyndman, Kourentzes & Petropoulos 2017, European Journal of Operational
 * Research 262): a series is forecast at every coarseness that divides its season (months, quarters, years), and the
 * forecasts are reconciled. Trends are clearer in years, seasons in months.
 */
import type { Member } from './member.ts';

/** Coarser than this is not worth its time for long seasons. */
const levelsMax = 8;

const divisorsOf = (period: number): readonly number[] =>
  Array.from({ length: period }, (_, at) => at + 1).filter((k) => period % k === 0);

/** Sums of `k` values each, from the first whole season counted from the end. */
function aggregate(values: readonly number[], k: number, skip: number): number[] {
  const sums: number[] = [];
  for (let t = skip; t + k <= values.length; t += k) {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += values[t + j]!;
    sums.push(sum);
  }
  return sums;
}

/** Solves A·x = b for a symmetric positive definite A, by Cholesky's factors. */
function cholesky(a: readonly Float64Array[]): (b: Float64Array) => Float64Array {
  const n = a.length;
  const l = a.map((row) => Float64Array.from(row));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i]![j]!;
      for (let k = 0; k < j; k++) sum -= l[i]![k]! * l[j]![k]!;
      l[i]![j] = i === j ? Math.sqrt(sum) : sum / l[j]![j]!;
    }
  }
  return (b) => {
    const x = Float64Array.from(b);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) x[i]! -= l[i]![k]! * x[k]!;
      x[i]! /= l[i]![i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) x[i]! -= l[k]![i]! * x[k]!;
      x[i]! /= l[i]![i]!;
    }
    return x;
  };
}

/** A member over the hierarchy of the shortest season, weighted by structure: a sum of k varies k times as much. */
export function inHierarchy(name: string, member: Member): Member {
  return {
    name,
    forecast(values, horizon, seasons) {
      const period = seasons[0] ?? 1;
      if (period < 4 || values.length < 3 * period) return undefined;
      const blocks = Math.ceil(horizon / period);
      const skip = values.length % period;
      const all = divisorsOf(period);
      const levels = (all.length > levelsMax ? [...all.slice(0, levelsMax - 1), period] : all).flatMap((k) => {
        const own = k === 1 ? values : aggregate(values, k, skip);
        const forecast = member.forecast(own, (blocks * period) / k, period / k > 1 ? [period / k] : []);
        return forecast ? [{ k, forecast }] : [];
      });
      if (levels[0]?.k !== 1) return undefined;
      const normal = Array.from({ length: period }, (_, i) =>
        Float64Array.from({ length: period }, (_, j) =>
          levels.reduce((sum, { k }) => sum + (Math.floor(i / k) === Math.floor(j / k) ? 1 / k : 0), 0),
        ),
      );
      const solve = cholesky(normal);
      const answer: number[] = [];
      for (let block = 0; block < blocks; block++) {
        const right = Float64Array.from({ length: period }, (_, i) =>
          levels.reduce((sum, { k, forecast }) => sum + forecast[(block * period) / k + Math.floor(i / k)]! / k, 0),
        );
        answer.push(...solve(right));
      }
      return answer.slice(0, horizon);
    },
  };
}
