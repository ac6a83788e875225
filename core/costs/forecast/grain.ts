/** How far apart the points of a series are, and what follows from it. */
import { medianOf } from './member.ts';

export const grains = ['hourly', 'daily', 'weekly', 'monthly'] as const;
export type Grain = (typeof grains)[number];

/** Seasons a series of a grain may have, shortest first, and how many points say anything about what comes. */
const known: Readonly<Record<Grain, { readonly seasons: readonly number[]; readonly pointsMin: number }>> = {
  hourly: { seasons: [24, 168], pointsMin: 72 },
  daily: { seasons: [7, 365], pointsMin: 21 },
  weekly: { seasons: [52], pointsMin: 12 },
  monthly: { seasons: [12], pointsMin: 12 },
};

/** With less, a forecast is the last value, and marked as such. */
export const pointsMinOf = (grain: Grain): number => known[grain].pointsMin;

/** The seasons that a history of so many points shows twice. */
export const seasonsOf = (grain: Grain, points: number): readonly number[] =>
  known[grain].seasons.filter((period) => points >= 2 * period + 2);

/** The season that MASE and the seasonal naive forecast repeat: weekly series are measured against the last week. */
export const scalePeriodOf = (grain: Grain): number => (grain === 'weekly' ? 1 : known[grain].seasons[0]!);

export interface Filled {
  readonly values: readonly number[];
  /** Which of them were there. */
  readonly given: readonly boolean[];
}

/**
 * A series without holes. A hole shorter than a season is what was not loaded: it becomes the median of the same phase
 * in the seasons around it, or lies on the line between its neighbours. A longer one is a time without use: zeros.
 * What is missing before the first value does not belong to the series.
 */
export function fillGaps(values: readonly (number | undefined)[], grain: Grain): Filled {
  const first = values.findIndex((value) => value !== undefined);
  if (first < 0) return { values: [], given: [] };
  const given = values.slice(first);
  const period = known[grain].seasons[0]!;
  const result: number[] = [];
  for (let at = 0; at < given.length; ) {
    const value = given[at];
    if (value !== undefined) {
      result.push(value);
      at += 1;
      continue;
    }
    let end = at;
    while (end < given.length && given[end] === undefined) end += 1;
    for (let hole = at; hole < end; hole++) result.push(end - at > period ? 0 : between(given, hole, at, end, period));
    at = end;
  }
  return { values: result, given: given.map((value) => value !== undefined) };
}

function between(
  given: readonly (number | undefined)[],
  hole: number,
  start: number,
  end: number,
  period: number,
): number {
  const same = [-2, -1, 1, 2].flatMap((seasons) => given[hole + seasons * period] ?? []);
  if (same.length > 0) return medianOf(same);
  const [left, right] = [given[start - 1]!, given[end] ?? given[start - 1]!];
  return left + ((right - left) * (hole - start + 1)) / (end - start + 1);
}
