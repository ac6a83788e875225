/** The combination: what is heard, what is said when there is little to hear, and that it is always a number. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { originsOf } from '#core/costs/forecast/backtest.ts';
import { relativeErrors, weightsOf } from '#core/costs/forecast/combine.ts';
import { judge, rankSumZ } from '#core/costs/forecast/degradation.ts';
import { forecastSeries } from '#core/costs/forecast/forecast.ts';
import { fillGaps, type Grain, grains, seasonsOf } from '#core/costs/forecast/grain.ts';
import { conformalQuantile, widthAfter } from '#core/costs/forecast/interval.ts';
import type { Member } from '#core/costs/forecast/member.ts';
import { biasOf, mape, mase, smape } from '#core/costs/forecast/metrics.ts';

const wave = (t: number) => 100 + t + 20 * Math.sin((2 * Math.PI * t) / 12);
const ask = (values: readonly number[], grain: Grain = 'monthly', horizon = 6, others: readonly Member[] = []) =>
  forecastSeries({ values, grain, horizon, canBeNegative: false }, others);

describe('the combination', () => {
  test('a trend with a season goes on, and its weights add up to one', () => {
    const { points, weights, because, backtest } = ask(
      Array.from({ length: 60 }, (_, t) => wave(t)),
      'monthly',
      12,
    );
    expect(because).toBe('combination');
    points.forEach(({ point }, at) => {
      expect(Math.abs(point / wave(60 + at) - 1), `step ${at}`).toBeLessThan(0.05);
    });
    expect(Object.values(weights).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
    expect(backtest!.smape).toBeLessThan(3);
  });

  test('the better a member, the more it is heard; one that is more than 1.5 times as wrong as the best, not at all', () => {
    const folds = [
      {
        actual: [10, 10],
        forecasts: new Map(Object.entries({ y: [14, 14], a: [11, 11], b: [11.2, 11.2], c: [13, 13] })),
      },
    ];
    const errors = relativeErrors(folds, 'y');
    expect(errors.get('a')).toBeCloseTo(0.25);
    const weights = weightsOf(errors, (name) => name !== 'y');
    expect(weights.a! / weights.b!).toBeCloseTo(1.44);
    expect(weights).not.toHaveProperty('c');
    expect(weightsOf(errors, (name) => name === 'b')).toEqual({ b: 1 });
  });

  test('where nothing beats repeating the season, that is published, and said so', () => {
    const noise = Array.from({ length: 12 }, (_, t) => 50 + ((t * 7919) % 101));
    const values = Array.from({ length: 60 }, (_, t) => noise[t % 12]!);
    // Exactly periodic: nothing can be less wrong than not at all.
    const { because, weights, points } = ask(values);
    expect(because).toBe('nothing-beats-seasonal-naive');
    expect(weights).toEqual({ 'seasonal-naive': 1 });
    expect(points.map(({ point }) => point)).toEqual(noise.slice(0, 6));
  });

  test('too few points: how many are missing, and the last value', () => {
    const { because, missing, points, weights } = ask([5, 7, 6]);
    expect({ because, missing, weights }).toEqual({ because: 'insufficient-data', missing: 9, weights: { naive: 1 } });
    expect(points.map(({ point }) => point)).toEqual([6, 6, 6, 6, 6, 6]);
    expect(points[0]!.low80).toBeLessThan(6);
    expect(ask([]).points[0]).toEqual({ point: 0, low80: 0, high80: 0, low95: 0, high95: 0 });
  });

  test('mostly zeros: the rate of what comes, without logarithms', () => {
    const values = Array.from({ length: 60 }, (_, t) => (t % 5 === 0 ? 10 : 0));
    const { points, weights } = ask(values, 'daily', 7);
    expect(Object.keys(weights).every((name) => ['seasonal-naive', 'naive', 'ses', 'croston'].includes(name))).toBe(
      true,
    );
    const mean = points.reduce((sum, { point }) => sum + point, 0) / 7;
    expect(mean).toBeGreaterThan(0.5);
    expect(mean).toBeLessThan(4);
  });

  test('a member that fails, or that runs away, is not heard', () => {
    const bad: readonly Member[] = [
      { name: 'nan', forecast: (_, horizon) => Array(horizon).fill(Number.NaN) },
      { name: 'away', forecast: (_, horizon) => Array(horizon).fill(1e9) },
      { name: 'short', forecast: () => [1] },
      { name: 'silent', forecast: () => undefined },
    ];
    const { weights, errors } = ask(
      Array.from({ length: 60 }, (_, t) => wave(t)),
      'monthly',
      6,
      bad,
    );
    for (const { name } of bad) expect([weights[name], errors[name]]).toEqual([undefined, undefined]);
  });

  test('whatever the series: finite, in order, and not negative where it cannot be', () => {
    const values = fc.array(
      fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true }), fc.integer({ min: 0, max: 5 })),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(values, fc.constantFrom(...grains), fc.integer({ min: 1, max: 20 }), (series, grain, horizon) => {
        const { points, weights } = ask(series, grain, horizon);
        expect(points).toHaveLength(horizon);
        for (const { point, low80, high80, low95, high95 } of points) {
          for (const one of [point, low80, high80, low95, high95]) expect(Number.isFinite(one) && one >= 0).toBe(true);
          expect(low95 <= low80 && low80 <= point && point <= high80 && high80 <= high95).toBe(true);
        }
        expect(Object.values(weights).every((weight) => weight >= 0 && weight <= 1)).toBe(true);
      }),
      { numRuns: 60, seed: 6 },
    );
  });

  test('credits can make costs negative, where that is said', () => {
    const falling = Array.from({ length: 40 }, (_, t) => 30 - 2 * t);
    const asked = { values: falling, grain: 'monthly', horizon: 4 } as const;
    expect(forecastSeries({ ...asked, canBeNegative: true }, []).points[3]!.point).toBeLessThan(-50);
    expect(forecastSeries({ ...asked, canBeNegative: false }, []).points[3]!.point).toBe(0);
  });
});

describe('what it is made of', () => {
  test('origins lie a horizon apart where the history is long, and nearer together where it is not', () => {
    expect(originsOf(120, 12)).toEqual({ horizon: 12, back: [12, 24, 36] });
    expect(originsOf(50, 18)).toEqual({ horizon: 12, back: [12, 18, 24] });
    expect(originsOf(12, 18)).toEqual({ horizon: 3, back: [3, 4, 5] });
  });

  test('seasons are those that were seen twice', () => {
    expect([seasonsOf('daily', 735), seasonsOf('daily', 400), seasonsOf('daily', 10)]).toEqual([[7, 365], [7], []]);
    expect([seasonsOf('hourly', 400), seasonsOf('weekly', 106), seasonsOf('monthly', 25)]).toEqual([
      [24, 168],
      [52],
      [],
    ]);
  });

  test('short holes are filled from the seasons around, long ones are times without use', () => {
    const week = [1, 2, 3, 4, 5, 6, 7];
    const values: (number | undefined)[] = [undefined, ...week, ...week, ...week];
    values[9] = undefined;
    const filled = fillGaps(values, 'daily');
    expect(filled.values).toEqual([...week, ...week, ...week]);
    expect(filled.given.flatMap((there, at) => (there ? [] : at))).toEqual([8]);
    expect(fillGaps([4, undefined, 8], 'monthly').values).toEqual([4, 6, 8]);
    expect(fillGaps([4, ...Array(9).fill(undefined), 8], 'daily').values).toEqual([4, ...Array(9).fill(0), 8]);
    expect(fillGaps([undefined], 'daily').values).toEqual([]);
  });

  test('measures by hand', () => {
    expect(smape([100, 0, 0], [50, 0, 10])).toBeCloseTo((200 / 3 + 0 + 200) / 3);
    expect(mape([100, 0], [50, 3])).toBe(50);
    expect(mape([0], [1])).toBeUndefined();
    expect(mase([3], [5], [1, 2, 3, 4], 1)).toBe(2);
    expect(biasOf([10, 10], [11, 12])).toBeCloseTo(0.15);
  });

  test('intervals: the conformal quantile, and widths that keep the promised share whatever the errors do', () => {
    expect(conformalQuantile([1, 2, 3, 4], 0.8)).toBe(4);
    expect(conformalQuantile([1, 2, 3, 4, 5, 6, 7, 8, 9], 0.8)).toBe(8);
    // Errors that doubled: at 80 % of the old ones the interval must become about twice as wide.
    const inside: boolean[] = [];
    let hits = 0;
    for (let t = 0; t < 2000; t++) {
      const error = 2 * ((t * 0.6180339887) % 1);
      const hit = error <= 0.8 * widthAfter(inside.slice(-400), 0.8);
      inside.push(hit);
      if (t >= 1000 && hit) hits += 1;
    }
    expect(hits / 1000).toBeGreaterThan(0.78);
    expect(hits / 1000).toBeLessThan(0.82);
  });
});

describe('degradation', () => {
  const steady = Array.from({ length: 24 }, (_, t) => 8 + ((t * 37) % 11) / 3);

  test('ranks by hand', () => {
    // Ranks of live: 4, 5, 6 = 15; expected 10.5; variance 3·3·7/12.
    expect(rankSumZ([1, 2, 3], [4, 5, 6])).toBeCloseTo(4.5 / Math.sqrt(5.25));
    expect(rankSumZ([1, 1, 1], [1, 1, 1])).toBe(0);
  });

  test('the same errors again are steady, clearly greater ones an alert, a single one at most a watch', () => {
    expect(judge([...steady, ...steady.slice(0, 6)]).verdict).toBe('steady');
    const alert = judge([...steady, 17, 19, 16, 21, 18, 20]);
    expect(alert.verdict).toBe('alert');
    expect(alert.ratio).toBeGreaterThan(1.5);
    expect(alert.trend).toBeGreaterThan(0);
    expect(judge([...steady, 9, 10, 9, 10, 9, 40]).verdict).toBe('watch');
  });

  test('a little worse is no alert however sure, and too few errors say nothing', () => {
    expect(judge([...Array(24).fill(10), ...Array(6).fill(12)]).verdict).not.toBe('alert');
    expect(judge([1, 2, 3]).verdict).toBe('unknown');
    expect(judge([...Array(24).fill(0), 1, 2, 1, 3, 1, 2]).verdict).toBe('alert');
  });
});
