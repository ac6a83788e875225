/**
 * Exponential smoothing as state-space models: error × trend × season, eight of the fifteen admissible ones, chosen by
 * AICc (Hyndman, Koehler, Snyder & Grose 2002, Int. J. Forecasting 18; Hyndman & Athanasopoulos, "Forecasting:
 * Principles and Practice", ch. 8).
 *
 * Initial seasonal states come from the classical decomposition rather than from the search, which then has a dozen
 * parameters fewer.
 */
import { isFiniteAll, type Member, meanOf } from './member.ts';
import { minimiseSimplex } from './minimise.ts';
import { shrunkIndices } from './seasonality.ts';
import { lineThrough } from './theta.ts';

type Season = 'none' | 'additive' | 'multiplicative';
type Trend = 'none' | 'additive' | 'damped';

interface Model {
  /** Multiplicative errors grow with the level. They change what is likely, not how states move. */
  readonly error: 'additive' | 'multiplicative';
  readonly trend: Trend;
  readonly season: Season;
}

const trends: readonly Trend[] = ['none', 'additive', 'damped'];

/** Longer seasons are for the members that know them: states would outnumber what there is to learn from. */
const periodMax = 24;

const model = (error: Model['error'], trend: Trend, season: Season): Model => ({ error, trend, season });

/** With a season, three without it too: AICc may find that it does not pay. */
const models = (positive: boolean, seasonal: boolean): readonly Model[] => {
  const error = positive ? 'multiplicative' : 'additive';
  const plain = trends.map((trend) => model(error, trend, 'none'));
  if (!seasonal) return positive ? [...plain, ...trends.map((trend) => model('additive', trend, 'none'))] : plain;
  const swinging = trends.map((trend) => model(error, trend, positive ? 'multiplicative' : 'additive'));
  if (!positive) return [...plain, ...swinging];
  return [...plain, ...swinging, model('additive', 'none', 'additive'), model('additive', 'damped', 'additive')];
};

interface Fit {
  readonly aicc: number;
  readonly forecast: readonly number[];
}

interface Initial {
  readonly level: number;
  readonly trend: number;
  readonly season: readonly number[];
}

/** Level and slope of the first seasonally adjusted values, and the season's indices. */
function initialOf(values: readonly number[], season: Season, period: number): Initial | undefined {
  const indices = season === 'none' ? [] : shrunkIndices(values, period, season);
  if (!indices) return undefined;
  const head = values.slice(0, Math.max(10, 3 * period));
  const adjusted = head.map((value, t) => {
    if (season === 'none') return value;
    return season === 'additive' ? value - indices[t % period]! : value / indices[t % period]!;
  });
  const { start, slope } = lineThrough(adjusted);
  return { level: start, trend: slope, season: indices };
}

/** Runs a model over the series and, at the end, on into the future. Reused: one for each series and model. */
class Run {
  private readonly season: Float64Array;
  private readonly period: number;
  level = 0;
  trend = 0;

  private readonly values: readonly number[];
  private readonly model: Model;
  private readonly initial: Initial;

  constructor(values: readonly number[], model: Model, initial: Initial) {
    this.values = values;
    this.model = model;
    this.initial = initial;
    this.period = Math.max(1, initial.season.length);
    this.season = new Float64Array(this.period);
  }

  /** −2 log-likelihood up to a constant; Infinity where a multiplicative model leaves the positive numbers. */
  likelihood(alpha: number, beta: number, gamma: number, phi: number, level: number, trend: number): number {
    const { values, season, period } = this;
    const n = values.length;
    const kind = this.model.season === 'none' ? 0 : this.model.season === 'additive' ? 1 : 2;
    const relative = this.model.error === 'multiplicative';
    for (let phase = 0; phase < period; phase++) season[phase] = this.initial.season[phase] ?? 0;
    let squares = 0;
    let logs = 0;
    let product = 1;
    let phase = 0;
    for (let t = 0; t < n; t++) {
      const base = level + phi * trend;
      const s = season[phase]!;
      const expected = kind === 0 ? base : kind === 1 ? base + s : base * s;
      const error = values[t]! - expected;
      if (relative) {
        if (expected <= 0) return Number.POSITIVE_INFINITY;
        const share = error / expected;
        squares += share * share;
        // One logarithm for many factors: logarithms were half of the time.
        product *= expected;
        if (product > 1e100 || product < 1e-100) {
          logs += Math.log(product);
          product = 1;
        }
      } else squares += error * error;
      if (kind === 2) {
        if (s <= 0 || base <= 0) return Number.POSITIVE_INFINITY;
        level = base + (alpha * error) / s;
        trend = phi * trend + (beta * error) / s;
        season[phase] = s + (gamma * error) / base;
      } else {
        level = base + alpha * error;
        trend = phi * trend + beta * error;
        if (kind === 1) season[phase] = s + gamma * error;
      }
      if (++phase === period) phase = 0;
    }
    this.level = level;
    this.trend = trend;
    const likelihood = n * Math.log(Math.max(squares, 1e-300)) + (relative ? 2 * (logs + Math.log(product)) : 0);
    return Number.isNaN(likelihood) ? Number.POSITIVE_INFINITY : likelihood;
  }

  /** What follows after the states that the last run ended in. */
  ahead(phi: number, horizon: number): number[] {
    const forecast: number[] = [];
    let growth = 0;
    let power = 1;
    for (let at = 0; at < horizon; at++) {
      power *= phi;
      growth += power;
      const base = this.level + growth * this.trend;
      const s = this.season[(this.values.length + at) % this.period]!;
      forecast.push(this.model.season === 'multiplicative' ? base * s : base + s);
    }
    return forecast;
  }
}

function fitModel(values: readonly number[], horizon: number, model: Model, initial: Initial): Fit | undefined {
  const n = values.length;
  const trended = model.trend !== 'none';
  const seasonal = model.season !== 'none';
  const scale = Math.max(1e-9, Math.abs(initial.level) * 0.1, Math.abs(meanOf(values)) * 0.02);
  const run = new Run(values, model, initial);
  // Where each parameter stands: weight, [trend's share of it], [season's share of the rest], [damping], level, [trend].
  const start = [0.3];
  const sizes = [0.25];
  const push = (value: number, size: number) => {
    start.push(value);
    sizes.push(size);
    return start.length - 1;
  };
  const at = {
    beta: trended ? push(0.1, 0.2) : -1,
    gamma: seasonal ? push(0.1, 0.2) : -1,
    phi: model.trend === 'damped' ? push(0.95, -0.08) : -1,
    level: push(0, 1),
    trend: trended ? push(0, 0.3) : -1,
  };
  const slopeScale = Math.max(Math.abs(initial.trend), scale / 20);
  const likelihoodAt = (x: Float64Array): number => {
    const alpha = x[0]!;
    const share = at.beta < 0 ? 0.5 : x[at.beta]!;
    const rest = at.gamma < 0 ? 0.5 : x[at.gamma]!;
    const phi = at.phi < 0 ? 0.9 : x[at.phi]!;
    if (alpha < 1e-4 || alpha > 0.9999 || share < 1e-4 || share > 0.9999 || rest < 1e-4 || rest > 0.9999) {
      return Number.POSITIVE_INFINITY;
    }
    if (phi < 0.8 || phi > 0.98) return Number.POSITIVE_INFINITY;
    return run.likelihood(
      alpha,
      trended ? alpha * share : 0,
      seasonal ? (1 - alpha) * rest : 0,
      model.trend === 'damped' ? phi : trended ? 1 : 0,
      initial.level + x[at.level]! * scale,
      trended ? initial.trend + x[at.trend]! * slopeScale : 0,
    );
  };
  const found = minimiseSimplex(likelihoodAt, start, { sizes, evaluationsMax: 60 * start.length, tolerance: 1e-7 });
  const likelihood = likelihoodAt(found);
  if (!Number.isFinite(likelihood)) return undefined;
  const parameters = start.length + (seasonal ? initial.season.length - 1 : 0) + 1;
  if (n - parameters - 1 <= 0) return undefined;
  const aicc = likelihood + 2 * parameters + (2 * parameters * (parameters + 1)) / (n - parameters - 1);
  const phi = model.trend === 'damped' ? found[at.phi]! : trended ? 1 : 0;
  const forecast = run.ahead(phi, horizon);
  return isFiniteAll(forecast) ? { aicc, forecast } : undefined;
}

export const ets: Member = {
  name: 'ets',
  forecast(values, horizon, seasons) {
    if (values.length < 8) return undefined;
    const positive = values.every((value) => value > 0);
    const period = seasons[0] ?? 1;
    const seasonal = period > 1 && period <= periodMax && values.length >= 2 * period + 5;
    const tried = models(positive, seasonal);
    const initials = new Map<Season, Initial | undefined>();
    const fits = tried.flatMap((model) => {
      if (!initials.has(model.season)) initials.set(model.season, initialOf(values, model.season, period));
      const initial = initials.get(model.season);
      return (initial && fitModel(values, horizon, model, initial)) ?? [];
    });
    return weigh(fits, horizon);
  },
};

/**
 * The models' forecasts by Akaike weights, exp(−ΔAICc / 2) (Kolassa 2011, Int. J. Forecasting 27): two models that are
 * almost equally likely share, where a choice would be a toss.
 */
function weigh(fits: readonly Fit[], horizon: number): readonly number[] | undefined {
  if (fits.length === 0) return undefined;
  const least = Math.min(...fits.map(({ aicc }) => aicc));
  const weights = fits.map(({ aicc }) => Math.exp((least - aicc) / 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from({ length: horizon }, (_, at) =>
    fits.reduce((sum, { forecast }, i) => sum + (weights[i]! / total) * forecast[at]!, 0),
  );
}
