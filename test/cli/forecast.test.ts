import { afterAll, beforeAll, expect, test } from 'vitest';
import { forecastChart } from '#cli/forecast-chart.ts';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const point = (at: string, value: number) => ({
  ...{ at, point: value, low80: value - 2, high80: value + 2, low95: value - 4, high95: value + 4 },
});
const one = (grain: string) => ({
  ...{ series: `application/12/cost/EUR/${grain}`, scope: 'application', subject: { id: 12, name: 'shop\u001b[31m' } },
  ...{ measure: 'cost', currency: 'EUR', grain, run: 'r', made_at: '2026-11-02T05:00:00.000Z', through: '2026-11-01' },
  ...{ periods: 400, filled: 3, because: 'combination', missing: 0, best: 'ets', errors: {}, backtest: null },
  ...{ weights: { ets: 0.25, 'dotm-boxcox': 0.75 }, verdict: 'alert', ratio: 1.62, trend: 0.031, reselected: true },
  accuracy: [
    { step: 1, count: 20, mape: 4.25, smape: 4.5, mase: 0.8, bias: -0.01, coverage80: 0.75, coverage95: 0.95 },
  ],
  points: [point('2026-11-02', 10), point('2026-11-03', 14), point('2026-11-04', 12)],
});

let api: StubApi;
beforeAll(async () => {
  api = await startStub(({ path }) => {
    if (path.includes('series=sector')) return { body: { forecasts: [], next_cursor: null } };
    const second = path.includes('cursor=') || path.includes('series=');
    const grain = second && !path.includes('series=') ? 'monthly' : 'daily';
    return { body: { forecasts: [one(grain)], next_cursor: second ? null : 'application/12/cost/EUR/daily' } };
  });
});
afterAll(() => api.close());
const run = (...words: string[]) =>
  trailkeep(['forecast', ...words], { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });

test('lists the series of all pages', async () => {
  const { code, out, err } = await run('--scope', 'application', '--subject', '12');
  expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 5))).toEqual([
    ['SERIES', 'NAME', 'THROUGH', 'NEXT', '80 %'],
    ['application/12/cost/EUR/daily', 'shop\uFFFD[31m', '2026-11-01', '10.00', '8.00 to 12.00'],
    ['application/12/cost/EUR/monthly', 'shop\uFFFD[31m', '2026-11-01', '10.00', '8.00 to 12.00'],
    [''],
  ]);
  expect([code, err]).toEqual([0, '']);
  expect(api.received[0]!.path).toContain('scope=application');
  expect((await run('--limit', '1')).err).toContain('There are more');
});

test('shows one as a chart, why it is so, and how earlier ones turned out', async () => {
  const { code, out } = await run('application/12/cost/EUR/daily');
  expect(code).toBe(0);
  expect(out).toContain('cost by day, in EUR');
  expect(out).toContain('from 2026-11-02 to 2026-11-04');
  expect(out).toContain('A weighted mean of dotm-boxcox 75 %, ets 25 %. The best one by itself: ets.');
  expect(out).toContain('3 of 400 periods were not loaded');
  expect(out).toContain('Worse than before. Errors are 1.62 times what they were. They change by 3.1 % each time.');
  expect(out.match(/●/g)).toHaveLength(4);
});

test('refuses what it is not asked by, and says when there is none', async () => {
  const wrong = await run('--grain', 'yearly');
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain('grain');
  expect((await run('shop')).code).toBe(2);
  const none = await run('sector/3/cost/EUR/daily');
  expect([none.code, none.err]).toEqual([1, expect.stringContaining('There is no forecast of sector/3')]);
});

test('hands programs whole forecasts', async () => {
  const { out } = await run('--json', '--limit', '1');
  expect(JSON.parse(out)).toEqual(one('daily'));
});

test('a chart is its points on their intervals', () => {
  const rows = forecastChart(
    [
      { point: 0, low80: 0, high80: 2 },
      { point: 4, low80: 2, high80: 4 },
    ],
    3,
  );
  expect(rows).toBe('4 ┤  ●\n2 ┤│ │\n0 ┤●\n');
  expect(forecastChart([{ point: 5, low80: 5, high80: 5 }], 3)).toBe('5 ┤●\n');
  expect(forecastChart([])).toBe('');
});
