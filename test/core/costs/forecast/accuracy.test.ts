/** The combination on a part of the public sets: better than what it must beat. The whole is in bench/forecast.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { naive2 } from '#core/costs/forecast/baselines.ts';
import { ets } from '#core/costs/forecast/ets.ts';
import { forecastSeries } from '#core/costs/forecast/forecast.ts';
import type { Grain } from '#core/costs/forecast/grain.ts';
import type { Member } from '#core/costs/forecast/member.ts';
import { coverageOf, mase, overallWeightedAverage, smape } from '#core/costs/forecast/metrics.ts';
import { theta } from '#core/costs/forecast/theta.ts';
import { openForecasters } from '#stores/forecast/open.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

interface Series {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly horizon: number;
  readonly seasonality: number;
}

/** One series of so many, and what OWA must come to on them: a little above what it does. A few series say less than all. */
const sets: readonly { name: string; grain: Grain; oneOf: number; owaMax: number }[] = [
  { name: 'm3-monthly', grain: 'monthly', oneOf: 12, owaMax: 0.8 },
  { name: 'm4-weekly', grain: 'weekly', oneOf: 15, owaMax: 0.93 },
  { name: 'm4-hourly', grain: 'hourly', oneOf: 40, owaMax: 0.76 },
  { name: 'nn5-daily', grain: 'daily', oneOf: 7, owaMax: 0.75 },
];

describe('accuracy on public series', () => {
  const folder = dataFolder('forecasting');
  if (!folder) noticeSkip('forecasting');
  let others: readonly Member[];
  beforeAll(async () => {
    others = await openForecasters();
  });

  for (const { name, grain, oneOf, owaMax } of sets) {
    test.skipIf(!folder)(name, () => {
      const series = readFileSync(join(folder!, `${name}.jsonl`), 'utf8')
        .trim()
        .split('\n')
        .filter((_, at) => at % oneOf === 0)
        .map((text): Series => JSON.parse(text));
      let inside = 0;
      const scored = (forecast: (one: Series) => readonly number[]) => {
        const scores = series.map((one) => {
          const values = forecast(one);
          return { smape: smape(one.test, values), mase: mase(one.test, values, one.train, one.seasonality)! };
        });
        const mean = (of: 'smape' | 'mase') => scores.reduce((sum, score) => sum + score[of], 0) / scores.length;
        return { smape: mean('smape'), mase: mean('mase') };
      };
      const single = (member: Member) =>
        scored((one) => member.forecast(one.train, one.horizon, one.seasonality > 1 ? [one.seasonality] : [])!);
      const combined = scored(({ train: values, test: actual, horizon }) => {
        const { points } = forecastSeries({ values, grain, horizon, canBeNegative: false }, others);
        const of = (key: 'point' | 'low80' | 'high80') => points.map((point) => point[key]);
        inside += coverageOf(actual, of('low80'), of('high80')) / series.length;
        return of('point');
      });
      const yardstick = single(naive2);
      const owa = overallWeightedAverage(combined, yardstick);
      expect(owa).toBeLessThan(owaMax);
      // On series of a week and nothing else all good methods are alike.
      const slack = name === 'nn5-daily' ? 1.02 : 1;
      for (const member of [theta, ets]) {
        expect(owa, member.name).toBeLessThan(overallWeightedAverage(single(member), yardstick) * slack);
      }
      expect(inside).toBeGreaterThan(0.7);
      expect(inside).toBeLessThan(0.92);
    });
  }
});
