/** What the members would have said before: rolling origins (Tashman 2000, Int. J. Forecasting 16). */
import { isFiniteAll, type Member } from './member.ts';

/** What each member said at one origin, and what came. */
export interface Fold {
  readonly actual: readonly number[];
  readonly forecasts: ReadonlyMap<string, readonly number[]>;
}

export interface Origins {
  /** How many points each fold foretells. */
  readonly horizon: number;
  /** How many of the last points each fold did not see, least first. */
  readonly back: readonly number[];
}

const origins = 3;

/** A member that says more than this times the greatest value so far has lost its way, and is not heard. */
const growthMax = 10;

/**
 * Three origins, a whole horizon apart where the history is long enough, so that each speaks of another time; nearer
 * together, and over a shorter horizon, where at least half of the points would not be left to learn from.
 */
export function originsOf(points: number, horizon: number): Origins {
  const reach = Math.floor(points / 2);
  const tested = Math.max(1, Math.min(horizon, Math.floor(reach / 2)));
  const step = Math.max(1, Math.min(tested, Math.floor((reach - tested) / (origins - 1))));
  return { horizon: tested, back: Array.from({ length: origins }, (_, at) => tested + at * step) };
}

/** Every member's forecast that is one, by name. */
export function askAll(
  members: readonly Member[],
  values: readonly number[],
  horizon: number,
  seasons: readonly number[],
): ReadonlyMap<string, readonly number[]> {
  let greatest = 0;
  for (const value of values) greatest = Math.max(greatest, Math.abs(value));
  return new Map(
    members.flatMap((member) => {
      const forecast = member.forecast(values, horizon, seasons);
      const sound =
        forecast?.length === horizon &&
        isFiniteAll(forecast) &&
        forecast.every((value) => Math.abs(value) <= growthMax * greatest);
      return sound ? [[member.name, forecast] as const] : [];
    }),
  );
}

export const backtest = (
  members: readonly Member[],
  values: readonly number[],
  { horizon, back }: Origins,
  seasons: readonly number[],
): readonly Fold[] =>
  back.map((unseen) => {
    const start = values.length - unseen;
    return {
      actual: values.slice(start, start + horizon),
      forecasts: askAll(members, values.slice(0, start), horizon, seasons),
    };
  });
