import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const row = (month: string) => ({
  ...{
    month,
    controller_id: 3,
    controller: 'north\u001b[31m',
    package: 'APM',
    days: 30,
    days_estimated: 0,
    days_over: 2,
  },
  ...{ provisioned_avg: '100', provisioned_max: '100', used_avg: '70.5', used_max: '120' },
  ...{ utilization_avg: '0.705000', utilization_max: null },
});
const refreshed_at = '2026-11-02T03:00:00.000Z';

let api: StubApi;
beforeAll(async () => {
  api = await startStub(({ path }) => {
    if (path === '/v1/costs/views') return { body: { views: [{ view: 'license_utilization', refreshed_at: null }] } };
    const second = path.includes('cursor=');
    const rows = [row(second ? '2026-10-01' : '2026-09-01')];
    return {
      body: { view: 'license_utilization', refreshed_at, rows, overrides: [], next_cursor: second ? null : '["x"]' },
    };
  });
});
afterAll(() => api.close());
const run = (...words: string[]) =>
  trailkeep(['view', ...words], { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });

test('shows all views and how old they are', async () => {
  const { code, out } = await run();
  expect(out).toMatch(/VIEW +REFRESHED\nlicense_utilization +never\n/);
  expect(code).toBe(0);
});

test('shows the rows of all pages, and when they were summed', async () => {
  const { code, out, err } = await run('license_utilization', '--from', '2026-09-01');
  expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 4))).toEqual([
    ['MONTH', 'CONTROLLER', 'PACKAGE', 'DAYS'],
    ['2026-09-01', 'north\uFFFD[31m', 'APM', '30'],
    ['2026-10-01', 'north\uFFFD[31m', 'APM', '30'],
    [''],
  ]);
  expect(err).toBe(`Refreshed ${refreshed_at}.\n`);
  expect(api.received.at(-1)!.path).toBe(
    '/v1/costs/views/license_utilization?from=2026-09-01&cursor=%5B%22x%22%5D&limit=99',
  );
  expect(code).toBe(0);
});

test('says that there are more, and hands programs whole rows', async () => {
  const { out, err } = await run('license_utilization', '--limit', '1');
  expect(out.split('\n')).toHaveLength(3);
  expect(err).toContain('There are more');
  const lines = (await run('license_utilization', '--json')).out.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([row('2026-09-01'), row('2026-10-01')]);
});

test('refuses a view that there is not', async () => {
  const { code, err } = await run('mv_license_utilization');
  expect(err).toContain('there are cost_by_sector_controller, ');
  expect(code).toBe(2);
});
