/** Series that are forecast: what they are of, and their values as periods. */
import { dayAfter, daysBetween } from '../day.ts';
import { addMonths, firstDay } from '../month.ts';
import { type Filled, fillGaps } from './grain.ts';

export const scopes = ['application', 'sector'] as const;
export type Scope = (typeof scopes)[number];
export const measures = ['cost', 'nodes', 'vcpu', 'licence_units', 'calls'] as const;
export type Measure = (typeof measures)[number];
export const seriesGrains = ['daily', 'monthly'] as const;
export type SeriesGrain = (typeof seriesGrains)[number];

/** A measure of an application or a sector, without its grain. */
export interface Subject {
  readonly scope: Scope;
  readonly id: number;
  readonly measure: Measure;
  /** Of costs; '' for what is counted. */
  readonly currency: string;
}
export interface SeriesKey extends Subject {
  readonly grain: SeriesGrain;
}

/** `application/12/cost/EUR/monthly`; `-` stands for no currency. */
export const seriesName = ({ scope, id, measure, currency, grain }: SeriesKey): string =>
  [scope, id, measure, currency || '-', grain].join('/');

/** How far each grain is foretold, and at which steps forecasts are held against what came. */
export const reach: Readonly<
  Record<SeriesGrain, { readonly horizon: number; readonly steps: readonly number[]; readonly historyMax: number }>
> = {
  daily: { horizon: 30, steps: [1, 7, 28], historyMax: 900 },
  monthly: { horizon: 12, steps: [1, 3, 6, 12], historyMax: 120 },
};

/** What a measure comes to in a month: costs and calls add up, of the others there were so many on average. */
const addsUp: Readonly<Record<Measure, boolean>> = {
  cost: true,
  calls: true,
  nodes: false,
  vcpu: false,
  licence_units: false,
};

/** Days of a subject with what they came to. */
export interface DailyAmounts {
  /** YYYY-MM-DD, ascending. */
  readonly days: readonly string[];
  readonly amounts: readonly number[];
}

export interface History extends Filled {
  /** The first day of the last period. */
  readonly through: string;
}

/** The day after so many periods. */
export const periodAfter = (grain: SeriesGrain, day: string, count: number): string =>
  grain === 'daily' ? dayAfter(day, count) : firstDay(addMonths(day.slice(0, 7), count));

/**
 * The periods of a subject up to `lastDay` (the last day of which everything is known), without holes; only whole months.
 * Undefined when there is not one.
 */
export function historyOf(
  { measure }: Subject,
  grain: SeriesGrain,
  { days, amounts }: DailyAmounts,
  lastDay: string,
): History | undefined {
  const first = days[0];
  if (first === undefined || first > lastDay) return undefined;
  const known = new Map(days.map((day, at) => [day, amounts[at]!]));
  const values = daysBetween(first, lastDay).map((day) => known.get(day));
  if (grain === 'daily') return cut(fillGaps(values, 'daily'), 'daily', lastDay);
  const filled = fillGaps(values, 'daily').values;
  const months = new Map<string, { sum: number; days: number }>();
  filled.forEach((value, at) => {
    const month = dayAfter(first, at).slice(0, 7);
    const one = months.get(month) ?? { sum: 0, days: 0 };
    months.set(month, { sum: one.sum + value, days: one.days + 1 });
  });
  const whole = [...months].filter(([month, one]) => one.days === daysOfMonth(month));
  const last = whole.at(-1);
  if (!last) return undefined;
  const series = whole.map(([, { sum, days: count }]) => (addsUp[measure] ? sum : sum / count));
  return cut({ values: series, given: series.map(() => true) }, 'monthly', firstDay(last[0]));
}

const daysOfMonth = (month: string): number =>
  daysBetween(firstDay(month), dayAfter(firstDay(addMonths(month, 1)), -1)).length;

const cut = ({ values, given }: Filled, grain: SeriesGrain, through: string): History => ({
  values: values.slice(-reach[grain].historyMax),
  given: given.slice(-reach[grain].historyMax),
  through,
});

/** An amount used is not negative; a cost is when there were credits. */
export const canBeNegative = ({ measure }: Subject, values: readonly number[]): boolean =>
  measure === 'cost' && values.some((value) => value < 0);
