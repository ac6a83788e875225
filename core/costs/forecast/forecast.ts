/** The forecast of one series: members, their weights from backtests, and intervals from what these got wrong. */
import { askAll, backtest, type Fold, originsOf } from './backtest.ts';
import { longSeasonalNaive, naive, seasonalNaive } from './baselines.ts';
import { mix, mixedFolds, relativeErrors, type Weights, weightsOf } from './combine.ts';
import { croston } from './croston.ts';
import { ets } from './ets.ts';
import { type Grain, pointsMinOf, seasonsOf } from './grain.ts';
import { inHierarchy } from './hierarchy.ts';
import { conformalQuantile, sizeAt } from './interval.ts';
import { type Member, meanOf } from './member.ts';
import { biasOf, coverageOf, meanAbsoluteError, naiveScale, smape } from './metrics.ts';
import { damped, ses } from './smoothing.ts';
import { dotmBoxCox, thetaBoxCox } from './theta.ts';

/** Why the published forecast is the one it is. */
export type Because = 'combination' | 'nothing-beats-seasonal-naive' | 'insufficient-data';

export interface ForecastPoint {
  readonly point: number;
  readonly low80: number;
  readonly high80: number;
  readonly low95: number;
  readonly high95: number;
}

/** How the published forecast did at the backtest's origins. */
export interface BacktestFigures {
  readonly smape: number;
  /** Against the seasonal naive forecast within the history; null where that was never wrong. */
  readonly mase: number | null;
  readonly bias: number | null;
  readonly coverage80: number;
}

export interface SeriesForecast {
  readonly because: Because;
  /** How many more points it takes until there is more to say than the last value. */
  readonly missing: number;
  readonly points: readonly ForecastPoint[];
  /** Shares that add up to 1: the members that are heard, and how much. */
  readonly weights: Weights;
  /** The member with the least error, as an explanation only. */
  readonly best: string;
  /** Each member's error in the backtest, 1 being the seasonal naive forecast's. */
  readonly errors: Readonly<Record<string, number>>;
  readonly backtest?: BacktestFigures;
  readonly seasons: readonly number[];
}

export interface Question {
  /** Evenly spaced, oldest first, without holes: see fillGaps. */
  readonly values: readonly number[];
  readonly grain: Grain;
  readonly horizon: number;
  /** A count or an amount used cannot be; a cost with credits can. */
  readonly canBeNegative: boolean;
  /** What live coverage says the intervals' widths are to be multiplied by: see widthAfter. */
  readonly widths?: { readonly of80: number; readonly of95: number };
}

/** Above this share of zeros a series has no scale to take logarithms or seasons on. */
const zeroShareMax = 0.3;

const alone = (member: Member): Member => ({
  name: `${member.name}-plain`,
  forecast: (values, horizon, seasons) =>
    // A season of a few steps has been seen often enough to trust it; a year of weeks has not.
    (seasons.at(-1) ?? 0) > 24 ? member.forecast(values, horizon, []) : undefined,
});

const plainMembers: readonly Member[] = [
  seasonalNaive,
  longSeasonalNaive,
  thetaBoxCox,
  dotmBoxCox,
  ets,
  inHierarchy('ets-hierarchy', ets),
  alone(dotmBoxCox),
  alone(damped),
];
const sparseMembers: readonly Member[] = [seasonalNaive, naive, ses, croston];
const yardstick = seasonalNaive.name;

/**
 * Forecasts a series with our members and `others` (the two that are not plain TypeScript).
 *
 * Always answers, with finite numbers, not negative where they cannot be. A series without a single value is a series
 * of zeros.
 */
export function forecastSeries(question: Question, others: readonly Member[]): SeriesForecast {
  const { values, grain, horizon } = question;
  const missing = Math.max(0, pointsMinOf(grain) - values.length);
  if (missing > 0) return lastValue(question, missing);
  const origins = originsOf(values.length, horizon);
  // Seasons that every fold has seen: a member that the backtest has not met in its final form would be a stranger.
  const seasons = seasonsOf(grain, values.length - origins.back.at(-1)!);
  const zeros = values.filter((value) => value === 0).length / values.length;
  const members = zeros > zeroShareMax ? sparseMembers : [...plainMembers, ...others];
  const folds = backtest(members, values, origins, seasons);
  const final = askAll(members, values, horizon, seasons);
  const errors = relativeErrors(folds, yardstick);
  const heard = (name: string) => final.has(name);
  const [best] = [...errors].filter(([name]) => heard(name)).reduce((a, b) => (b[1] < a[1] ? b : a));
  const mixed = mixedFolds(folds, yardstick, heard);
  const nothingBeats = best === yardstick && loses(folds, mixed);
  const weights = nothingBeats ? { [yardstick]: 1 } : weightsOf(errors, heard);
  const said = nothingBeats ? foldsOf(folds, yardstick) : mixed;
  const point = mix(final, weights)!;
  const scores = scoresOf(folds, said, floorOf(values));
  return {
    because: nothingBeats ? 'nothing-beats-seasonal-naive' : 'combination',
    missing: 0,
    points: withIntervals(question, point, scores),
    weights,
    best,
    errors: Object.fromEntries(errors),
    backtest: figuresOf(question, folds, said, scores, seasons[0] ?? 1),
    seasons,
  };
}

type Said = readonly (readonly number[] | undefined)[];

const foldsOf = (folds: readonly Fold[], name: string): Said => folds.map(({ forecasts }) => forecasts.get(name));

/**
 * Whether repeating the season was right of it at every origin. Over all of them together chance decides too often:
 * then one series in twenty of M3 was published seasonal naive, which made it a quarter more wrong.
 */
const loses = (folds: readonly Fold[], mixed: Said): boolean =>
  folds.every(({ actual, forecasts }, at) => {
    const [own, naive] = [mixed[at], forecasts.get(yardstick)];
    return !own || !naive || meanAbsoluteError(actual, own) >= meanAbsoluteError(actual, naive);
  });

/** Sizes do not go below a tenth of the mean, so that one forecast near zero does not blow up every interval. */
const floorOf = (values: readonly number[]): number => Math.max(0.1 * meanOf(values.map(Math.abs)), 1e-12);

/** The errors at the origins, each in what it is measured in at its step. */
const scoresOf = (folds: readonly Fold[], said: Said, floor: number): readonly number[] =>
  folds.flatMap(({ actual }, at) =>
    (said[at] ?? []).map((value, step) => Math.abs(actual[step]! - value) / sizeAt(value, step, floor)),
  );

function withIntervals(
  { values, canBeNegative, widths }: Question,
  point: readonly number[],
  scores: readonly number[],
) {
  const floor = floorOf(values);
  const [of80, of95] = [
    conformalQuantile(scores, 0.8) * (widths?.of80 ?? 1),
    conformalQuantile(scores, 0.95) * (widths?.of95 ?? 1),
  ];
  const least = canBeNegative ? Number.NEGATIVE_INFINITY : 0;
  return point.map((value, step): ForecastPoint => {
    const middle = Math.max(least, value);
    const size = sizeAt(middle, step, floor);
    // An interval for 95 % that is inside the one for 80 % would be read as a mistake.
    const wide = Math.max(of80, of95) * size;
    return {
      point: middle,
      low80: Math.max(least, middle - of80 * size),
      high80: middle + of80 * size,
      low95: Math.max(least, middle - wide),
      high95: middle + wide,
    };
  });
}

function figuresOf(
  { values, canBeNegative }: Question,
  folds: readonly Fold[],
  said: Said,
  scores: readonly number[],
  period: number,
): BacktestFigures {
  const floor = floorOf(values);
  const width = conformalQuantile(scores, 0.8);
  const least = canBeNegative ? Number.NEGATIVE_INFINITY : 0;
  const actual: number[] = [];
  const forecast: number[] = [];
  const sizes: number[] = [];
  folds.forEach((fold, at) => {
    (said[at] ?? []).forEach((value, step) => {
      actual.push(fold.actual[step]!);
      forecast.push(Math.max(least, value));
      sizes.push(width * sizeAt(value, step, floor));
    });
  });
  const scale = naiveScale(values, period);
  return {
    smape: smape(actual, forecast),
    mase: scale === undefined ? null : meanAbsoluteError(actual, forecast) / scale,
    bias: biasOf(actual, forecast) ?? null,
    coverage80: coverageOf(
      actual,
      forecast.map((value, at) => value - sizes[at]!),
      forecast.map((value, at) => value + sizes[at]!),
    ),
  };
}

/** Too few points: the last value, with an interval from the steps so far. */
function lastValue(question: Question, missing: number): SeriesForecast {
  const { values, horizon } = question;
  const last = values.at(-1) ?? 0;
  const floor = floorOf(values);
  const scores = values.slice(1).map((value, at) => Math.abs(value - values[at]!) / sizeAt(values[at]!, 0, floor));
  return {
    because: 'insufficient-data',
    missing,
    points: withIntervals(question, Array<number>(horizon).fill(last), scores),
    weights: { [naive.name]: 1 },
    best: naive.name,
    errors: {},
    seasons: [],
  };
}
