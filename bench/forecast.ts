/**
 * Forecasts: accuracy on public series against published tables, and what a series costs. Accuracy does not depend on
 * the machine. `--full` takes every series of the sets (about five minutes); without it, every eighth.
 *
 * Nothing here knows which set it is at: grain and horizon are all that a series comes with.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { naive2 } from '#core/costs/forecast/baselines.ts';
import { ets } from '#core/costs/forecast/ets.ts';
import { forecastSeries } from '#core/costs/forecast/forecast.ts';
import type { Grain } from '#core/costs/forecast/grain.ts';
import { coverageOf, mase, overallWeightedAverage, smape } from '#core/costs/forecast/metrics.ts';
import { theta } from '#core/costs/forecast/theta.ts';
import { openForecasters } from '#stores/forecast/open.ts';
import { dataFolder } from '#test/support/data.ts';
import { type Line, report } from './report.ts';

interface Series {
  readonly train: readonly number[];
  readonly test: readonly number[];
  readonly horizon: number;
  readonly seasonality: number;
}

/** `best`: the best published on the same series, where there is one. */
const sets: readonly { name: string; grain: Grain; goal: string; best?: { name: string; owa: number } }[] = [
  { name: 'm3-monthly', grain: 'monthly', goal: '≤ 0.80', best: { name: 'ForecastPro', owa: 0.8314 } },
  { name: 'm4-weekly', grain: 'weekly', goal: '≤ 0.82', best: { name: '024', owa: 0.7892 } },
  { name: 'm4-hourly', grain: 'hourly', goal: '≤ 0.58', best: { name: '024', owa: 0.5858 } },
  { name: 'nn5-daily', grain: 'daily', goal: '< Theta, ETS' },
];

const folder = dataFolder('forecasting');
if (!folder) {
  console.log('forecast: the data set forecasting is not here; set TRAILKEEP_DATA to its parent folder');
  process.exit(0);
}
const every = process.argv.includes('--full') ? 1 : 8;
const others = await openForecasters();
const accuracy: string[] = [];
const lines: Line[] = [];

for (const { name, grain, goal, best } of sets) {
  const series = readFileSync(join(folder, `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .filter((_, at) => at % every === 0)
    .map((text): Series => JSON.parse(text));
  const sums = new Map<string, { smape: number; mase: number }>();
  const add = (method: string, one: Series, values: readonly number[]) => {
    const sum = sums.get(method) ?? { smape: 0, mase: 0 };
    sum.smape += smape(one.test, values) / series.length;
    sum.mase += mase(one.test, values, one.train, one.seasonality)! / series.length;
    sums.set(method, sum);
  };
  let [inside80, inside95, naiveOnly, cpuMs, slowestMs] = [0, 0, 0, 0, 0];
  for (const one of series) {
    const { train: values, test: actual, horizon, seasonality } = one;
    const before = process.cpuUsage();
    const { points, because } = forecastSeries({ values, grain, horizon, canBeNegative: false }, others);
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1000;
    cpuMs += ms;
    slowestMs = Math.max(slowestMs, ms);
    if (because !== 'combination') naiveOnly += 1;
    const of = (key: keyof (typeof points)[number]) => points.map((point) => point[key]);
    inside80 += coverageOf(actual, of('low80'), of('high80')) / series.length;
    inside95 += coverageOf(actual, of('low95'), of('high95')) / series.length;
    add('combination', one, of('point'));
    const seasons = seasonality > 1 ? [seasonality] : [];
    for (const member of [naive2, theta, ets]) add(member.name, one, member.forecast(values, horizon, seasons)!);
  }
  const yardstick = sums.get('naive2')!;
  for (const [method, sum] of sums) {
    const owa = overallWeightedAverage(sum, yardstick);
    const rest =
      method === 'combination'
        ? `${goal} | ${inside80.toFixed(3)} / ${inside95.toFixed(3)} | ${naiveOnly} of ${series.length}`
        : '– | – | –';
    accuracy.push(
      `| ${name} | ${method} | ${sum.smape.toFixed(3)} | ${sum.mase.toFixed(4)} | ${owa.toFixed(4)} | ${rest} |`,
    );
  }
  if (best) accuracy.push(`| ${name} | best published: ${best.name} | – | – | ${best.owa} | – | – | – |`);
  lines.push(
    {
      path: `${name}: CPU a series, with its backtests`,
      figure: cpuMs / series.length,
      unit: 'ms',
      ...(grain === 'monthly' ? { goal: '≤ 100 ms' } : {}),
    },
    { path: `${name}: slowest series`, figure: slowestMs, unit: 'ms' },
    { path: `${name}: series of a CPU second`, figure: (1000 * series.length) / cpuMs, unit: 'series/s' },
  );
}
const { rss, arrayBuffers } = process.memoryUsage();
lines.push({ path: 'memory after all series', figure: rss / 2 ** 20, unit: 'MiB' });
lines.push({ path: 'of it WebAssembly and buffers', figure: arrayBuffers / 2 ** 20, unit: 'MiB' });

console.log('\n### Forecasts: accuracy\n');
console.log(
  '| set | method | sMAPE | MASE | OWA | goal | inside 80 / 95 % | not combined |\n|---|---|---|---|---|---|---|---|',
);
for (const line of accuracy) console.log(line);
report('Forecasts: what a series costs', lines);
