/** What every method must beat: the last value, and the last value of the same season. */
import type { Member } from './member.ts';
import { deseasonalise } from './seasonality.ts';

/** The last value, for ever. */
export const naive: Member = {
  name: 'naive',
  forecast: (values, horizon) =>
    values.length === 0 ? undefined : Array.from({ length: horizon }, () => values.at(-1)!),
};

/** The value one season of `period` steps ago, for ever. */
export const repeatSeason = (values: readonly number[], horizon: number, period: number): number[] =>
  Array.from({ length: horizon }, (_, at) => values[values.length - period + (at % period)]!);

/** The last season again, of the shortest period; the last value where there is no whole season. */
export const seasonalNaive: Member = {
  name: 'seasonal-naive',
  forecast(values, horizon, seasons) {
    const period = seasons[0] ?? 1;
    return values.length < period ? naive.forecast(values, horizon, []) : repeatSeason(values, horizon, period);
  },
};

/** The last season again, of the longest of several periods (the same hour a week ago rather than a day ago). */
export const longSeasonalNaive: Member = {
  name: 'seasonal-naive-long',
  forecast(values, horizon, seasons) {
    const period = seasons.at(-1);
    if (period === undefined || seasons.length < 2 || values.length < period) return undefined;
    return repeatSeason(values, horizon, period);
  },
};

/**
 * Naive2, the yardstick of the M competitions: the last value of the seasonally adjusted series, with the season put
 * back (Makridakis, Spiliotis & Assimakopoulos 2020, "The M4 Competition", Int. J. Forecasting 36).
 */
export const naive2: Member = {
  name: 'naive2',
  forecast(values, horizon, seasons) {
    if (values.length === 0) return undefined;
    const { adjusted, reseason } = deseasonalise(values, seasons[0]);
    return reseason(Array.from({ length: horizon }, () => adjusted.at(-1)!));
  },
};
