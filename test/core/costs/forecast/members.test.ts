/** The members against series with known answers, and against the published accuracy of their R originals. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { naive, naive2, seasonalNaive } from '#core/costs/forecast/baselines.ts';
import { ets } from '#core/costs/forecast/ets.ts';
import type { Member } from '#core/costs/forecast/member.ts';
import { mase, smape } from '#core/costs/forecast/metrics.ts';
import { isSeasonal, seasonalIndices } from '#core/costs/forecast/seasonality.ts';
import { damped, holt, ses } from '#core/costs/forecast/smoothing.ts';
import { dotm, theta, thetaBoxCox } from '#core/costs/forecast/theta.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

const every: readonly Member[] = [naive, seasonalNaive, naive2, ses, holt, damped, theta, thetaBoxCox, dotm, ets];
const forecast = (member: Member, values: readonly number[], horizon: number, seasons: readonly number[] = []) =>
  member.forecast(values, horizon, seasons)!;
const line = Array.from({ length: 40 }, (_, t) => 100 + 3 * t);
const swing = [0.8, 0.9, 1.1, 1.2, 1, 1.1, 0.7, 0.9, 1.3, 1.4, 0.9, 0.7];
const seasonal = Array.from({ length: 60 }, (_, t) => (200 + 2 * t) * swing[t % 12]!);

describe('series with known answers', () => {
  test('a constant stays what it is', () => {
    for (const member of every) {
      for (const value of forecast(member, Array(36).fill(42), 6, [12])) expect(value, member.name).toBeCloseTo(42, 6);
    }
  });

  test('naive repeats the last value, seasonal naive the last season', () => {
    expect(forecast(naive, [1, 2, 3], 3)).toEqual([3, 3, 3]);
    expect(forecast(seasonalNaive, [1, 2, 3, 4, 5], 4, [3])).toEqual([3, 4, 5, 3]);
  });

  test('a straight line goes on: with Holt and ETS exactly, with Theta at half its slope', () => {
    for (const member of [holt, ets]) {
      forecast(member, line, 5).forEach((value, at) => {
        expect(value, member.name).toBeCloseTo(100 + 3 * (40 + at), 1);
      });
    }
    const [first, , third] = forecast(theta, line, 3);
    expect(third! - first!).toBeCloseTo(3, 6);
  });

  test('growth by a constant share: Box and Cox choose the logarithm, and the share stays (half of it, as with Theta)', () => {
    const growth = Array.from({ length: 48 }, (_, t) => 10 * 1.05 ** t);
    const bent = forecast(thetaBoxCox, growth, 12);
    for (let at = 1; at < 12; at++) expect(bent[at]! / bent[at - 1]!).toBeCloseTo(1.05 ** 0.5, 6);
  });

  test('a season that multiplies is found, taken out and put back', () => {
    expect(isSeasonal(seasonal, 12)).toBe(true);
    const indices = seasonalIndices(seasonal, 12, 'multiplicative')!;
    for (let phase = 0; phase < 12; phase++) expect(indices[phase]).toBeCloseTo(swing[phase]!, 1);
    for (const member of [damped, theta, dotm, ets]) {
      forecast(member, seasonal, 12, [12]).forEach((value, at) => {
        const truth = (200 + 2 * (60 + at)) * swing[at]!;
        expect(Math.abs(value / truth - 1), `${member.name} at ${at}`).toBeLessThan(0.05);
      });
    }
  });

  test('noise has no season', () => {
    const noise = Array.from({ length: 120 }, (_, t) => Math.sin(t * t * 12.9898) * 43.5);
    expect(isSeasonal(noise, 12)).toBe(false);
  });

  test('zeros, negative values and short series give numbers or nothing, never NaN', () => {
    const hard = [
      [],
      [0],
      [5],
      [1, 2],
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [3, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0],
      Array.from({ length: 30 }, (_, t) => -50 + 3 * t),
      [1e12, 1e-12, 1e12, 1e-12, 1e12, 1e-12, 1e12, 1e-12, 1e12],
      [...Array(40).fill(1e-300), 1e300],
    ];
    for (const member of every) {
      for (const values of hard) {
        const answer = member.forecast(values, 4, [4]) ?? [];
        expect(answer.every(Number.isFinite), `${member.name} of ${values.length}: ${answer}`).toBe(true);
      }
    }
  });
});

interface Series {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly horizon: number;
  readonly seasonality: number;
}

const folder = dataFolder('forecasting');
if (!folder) noticeSkip('forecasting');
describe.skipIf(!folder)('the published accuracy of the M competitions', () => {
  const sets = folder
    ? ['m3-monthly', 'm4-weekly', 'm4-hourly'].map((name) => ({
        name,
        series: readFileSync(join(folder, `${name}.jsonl`), 'utf8')
          .trim()
          .split('\n')
          .map((text): Series => JSON.parse(text)),
        published: new Map(
          readFileSync(join(folder, 'reference', `${name}.accuracy.csv`), 'utf8')
            .split('\n')
            .map((row) => row.split(','))
            .map(([method, , ...figures]) => [method, figures.map(Number)] as const),
        ),
      }))
    : [];
  for (const { name, series, published } of sets) {
    test.each([
      ['R:Naive', naive, 0.0005],
      ['R:sNaive', seasonalNaive, 0.0005],
      ['R:Naive2', naive2, 0.0005],
      ['R:SES', ses, 0.003],
      ['R:Holt', holt, 0.03],
      ['R:Damped', damped, 0.015],
      ['R:Theta', theta, 0.003],
    ] as const)(`${name}: %s`, (label, member, share) => {
      const [errors, scaled] = [published.get(label)![0]!, published.get(label)![1]!];
      const found = series.map(({ train, test: actual, horizon, seasonality }) => {
        const values = forecast(member, train, horizon, seasonality > 1 ? [seasonality] : []);
        return { smape: smape(actual, values), mase: mase(actual, values, train, seasonality)! };
      });
      const mean = (of: 'smape' | 'mase') => found.reduce((sum, one) => sum + one[of], 0) / found.length;
      expect(Math.abs(mean('smape') / errors - 1)).toBeLessThan(share);
      expect(Math.abs(mean('mase') / scaled - 1)).toBeLessThan(share);
    });
  }
});
