/** Forecasts as the API hands them out, on a real PostgreSQL. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dayAfter } from '#core/costs/day.ts';
import { forecastNext } from '#core/costs/forecast/next.ts';
import type { Forecasts } from '#core/costs/forecast/ports.ts';
import { historyOf, type Measure, type SeriesKey, seriesGrains } from '#core/costs/forecast/series.ts';
import { Problem } from '#core/event/problem.ts';
import { forecasts } from '#functions/costs/forecasts.http.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { createForecasts } from '#stores/postgres/forecasts.ts';
import { costsMaker } from '#test/support/costs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

const tenant = '01890000-0000-7000-8000-00000000000a';
let db: TestDatabase;
let store: Forecasts;
const asked: string[] = [];

beforeAll(async () => {
  db = await testDatabase('forecast_list');
  store = createForecasts(db.login('trailkeep_app'), contextKey);
  const maker = await costsMaker(db.ownerSql, tenant);
  const shop = await maker.application('shop');
  const keyOf = (measure: Measure, grain: SeriesKey['grain']): SeriesKey => ({
    ...{ scope: 'application', id: shop, measure, grain },
    currency: measure === 'cost' ? 'EUR' : '',
  });
  const days = Array.from({ length: 70 }, (_, at) => dayAfter('2026-08-01', at));
  const amounts = days.map((_, at) => 20 + (at % 7) + ((at * 37) % 5) / 5);
  const made = (['cost', 'nodes'] as const).flatMap((measure) =>
    seriesGrains.map((grain) => {
      const key = keyOf(measure, grain);
      const history = historyOf(key, grain, { days, amounts }, days.at(-1)!)!;
      const known = {
        history,
        checkedThrough: undefined,
        verdict: 'unknown',
        earlier: new Map(),
        compared: [],
      } as const;
      return { key, next: forecastNext(key, known, []) };
    }),
  );
  const loader = createForecasts(db.login('trailkeep_loader'), contextKey);
  expect(await loader.save(tenant, randomUUID(), made, new Date('2026-10-10T05:00:00Z'))).toBe(4);
});
afterAll(() => db?.drop());

const ask = async (query = '', who = tenant, method = 'GET') => {
  const request = {
    method,
    path: '/v1/forecasts',
    query: new URLSearchParams(query),
    headers: {},
    now: new Date('2026-10-10T08:00:00Z'),
  };
  const guard = {
    require: async (_: unknown, permission: string) => {
      asked.push(permission);
      return { tenant: who } as never;
    },
  };
  const answer = await forecasts({ guard: guard as never, forecasts: store }, request as unknown as HttpRequest);
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  return answer.body as any;
};
const refused = (query: string, method?: string) =>
  ask(query, tenant, method).then(
    () => 'answered',
    (error: unknown) => (error instanceof Problem ? error.fault.code : error),
  );
const names = (body: { forecasts: { series: string }[] }) => body.forecasts.map(({ series }) => series);

describe('200', () => {
  test('a forecast says of what, from what, by what and how sure', async () => {
    const body = await ask('series=application/1/nodes/-/daily');
    expect(body.next_cursor).toBeNull();
    const [one] = body.forecasts;
    expect(one).toMatchObject({
      ...{ scope: 'application', subject: { id: 1, name: 'shop' }, measure: 'nodes', currency: null, grain: 'daily' },
      ...{ made_at: '2026-10-10T05:00:00.000Z', through: '2026-10-09', periods: 70, filled: 0 },
      ...{ because: 'combination', missing: 0, verdict: 'unknown', accuracy: [], reselected: false },
    });
    expect(one.points).toHaveLength(30);
    expect(one.points[0].at).toBe('2026-10-10');
    expect(one.points[29].at).toBe('2026-11-08');
    expect(Math.abs(one.points[0].point - 20.4)).toBeLessThan(2);
    expect(one.errors['seasonal-naive']).toBe(1);
    expect(asked.at(-1)).toBe('costs:read');
  });

  test('pages, filters, and periods of months', async () => {
    const first = await ask('limit=3');
    const rest = await ask(`limit=3&cursor=${encodeURIComponent(first.next_cursor)}`);
    expect([...names(first), ...names(rest)]).toEqual(
      ['cost/EUR', 'nodes/-'].flatMap((what) => ['daily', 'monthly'].map((grain) => `application/1/${what}/${grain}`)),
    );
    expect(rest.next_cursor).toBeNull();
    expect(names(await ask('measure=cost&grain=monthly'))).toEqual(['application/1/cost/EUR/monthly']);
    expect(names(await ask('currency=EUR&verdict=unknown&scope=application&subject=1'))).toHaveLength(2);
    expect(names(await ask('scope=sector'))).toEqual([]);
    const [months] = (await ask('series=application/1/cost/EUR/monthly')).forecasts;
    expect(months).toMatchObject({ through: '2026-09-01', because: 'insufficient-data', missing: 10 });
    expect(months.points.map(({ at }: { at: string }) => at).slice(0, 4)).toEqual([
      ...['2026-10-01', '2026-11-01', '2026-12-01', '2027-01-01'],
    ]);
  });

  test('of another tenant: nothing, as if there were none', async () => {
    const stranger = await ask('series=application/1/nodes/-/daily', '01890000-0000-7000-8000-00000000000b');
    expect(stranger).toEqual({ forecasts: [], next_cursor: null });
  });
});

describe('400', () => {
  test.each([
    ['colour=red', 'request_invalid'],
    ['series=application/1/nodes/-/yearly', 'request_invalid'],
    ['series=application/01/nodes/-/daily', 'request_invalid'],
    ['subject=-1', 'request_invalid'],
    ['subject=99999999999', 'request_invalid'],
    ['subject=', 'request_invalid'],
    ['limit=0', 'request_invalid'],
    ['limit=101', 'request_invalid'],
    ['grain=daily&grain=monthly', 'request_invalid'],
    ['cursor=x', 'cursor_invalid'],
  ])('%s', async (query, code) => {
    expect(await refused(query)).toBe(code);
  });

  test('another method', async () => {
    expect(await refused('', 'POST')).toBe('method_not_allowed');
  });
});
