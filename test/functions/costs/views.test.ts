/** The views as the API hands them out, on a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readableViewNames, readableViews } from '#core/costs/view-rows.ts';
import { costViews } from '#core/costs/views.ts';
import { categories, tiers } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { views } from '#functions/costs/views.http.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { createViewRows } from '#stores/postgres/view-rows.ts';
import { costsMaker } from '#test/support/costs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

const tenantA = '01890000-0000-7000-8000-00000000000a';
const tenantB = '01890000-0000-7000-8000-00000000000b';
let db: TestDatabase;
const asked: string[] = [];
let rows: ReturnType<typeof createViewRows>;
beforeAll(async () => {
  db = await testDatabase('view_rows');
  rows = createViewRows(db.login('trailkeep_app'), contextKey);
  const maker = await costsMaker(db.ownerSql, tenantA);
  await costsMaker(db.ownerSql, tenantB);
  const shop = await maker.application('shop');
  await maker.map(shop, { sector: 'Retail', h_code: 'H-1' });
  const load = await maker.load([
    ...[1, 2, 3, 4, 5].map((n) => ({ day: `2026-0${n}-05`, application: shop, billed: `0.${n}` })),
    { day: '2026-05-05', application: shop, billed: '12345678901234567.89', currency: 'USD' },
  ]);
  for (const day of ['2026-05-05', '2026-05-06']) await maker.usage(load, day, shop, 'calls', '7');
  for (const { name } of costViews) await db.ownerSql`select costs.refresh_view(${name}, false)`;
});
afterAll(() => db?.drop());

const ask = async (path: string, tenant = tenantA, method = 'GET') => {
  const url = new URL(`http://x${path}`);
  const request = { method, path: url.pathname, query: url.searchParams, headers: {}, now: new Date() };
  const guard = {
    require: async (_: unknown, permission: string) => {
      asked.push(permission);
      return { tenant } as never;
    },
  };
  const answer = await views({ guard: guard as never, rows }, request as unknown as HttpRequest);
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  return answer.body as any;
};
const refused = (path: string, method?: string) =>
  ask(path, tenantA, method).then(
    () => 'answered',
    (error: unknown) => (error instanceof Problem ? error.fault.code : error),
  );

describe('200', () => {
  test('all views, with when they were refreshed', async () => {
    const { views } = await ask('/v1/costs/views');
    const names = costViews.map(({ name }) => name.slice(3));
    expect(views.map((one: { view: string }) => one.view).sort()).toEqual(names.sort());
    for (const { refreshed_at } of views) expect(Date.parse(refreshed_at)).toBeGreaterThan(Date.now() - 600_000);
  });

  test.each(readableViewNames)(
    '%s has the columns that it is said to have, and is asked for by whoever may',
    async (name) => {
      const { rows: found, refreshed_at } = await ask(`/v1/costs/views/${name}`);
      expect(refreshed_at).toMatch(/^20/);
      const { columns, permission } = readableViews[name];
      for (const row of found) expect(Object.keys(row)).toEqual(Object.keys(columns));
      expect(asked.at(-1)).toBe(permission);
    },
  );

  test('amounts are exact text, counts are numbers, and nothing is of another tenant', async () => {
    const { rows: found } = await ask('/v1/costs/views/cost_by_sector_controller?from=2026-05-01');
    expect(found).toEqual([
      expect.objectContaining({ month: '2026-05-01', sector: 'Retail', currency: 'EUR', charges: 1, billed: '0.5' }),
      expect.objectContaining({ currency: 'USD', billed: '12345678901234567.89' }),
    ]);
    expect((await ask('/v1/costs/views/cost_by_sector_controller', tenantB)).rows).toEqual([]);
    const [metrics] = (await ask('/v1/costs/views/architecture_metrics_90d')).rows;
    expect(metrics).toMatchObject({
      application: 'shop',
      calls: '14',
      days: 2,
      effective: { USD: '12345678901234567.89' },
    });
  });

  test('page by page all rows come once, in the order of their keys', async () => {
    const found: { month: string; currency: string }[] = [];
    let cursor = '';
    for (let pages = 0; pages < 9; pages++) {
      const page = await ask(`/v1/costs/views/cost_by_owner_controller?limit=2${cursor}`);
      found.push(...page.rows);
      if (page.next_cursor === null) break;
      cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
    expect(found.map(({ month, currency }) => `${month} ${currency}`)).toEqual([
      ...[1, 2, 3, 4].map((n) => `2026-0${n}-01 EUR`),
      '2026-05-01 EUR',
      '2026-05-01 USD',
    ]);
    const days = await ask('/v1/costs/views/daily_usage_by_application?from=2026-05-06&to=2026-05-06');
    expect(days.rows).toMatchObject([{ day: '2026-05-06', calls: '7', nodes: null, estimated: false }]);
  });

  test('the overrides are those that counted when the view was refreshed', async () => {
    const id = '01890000-0000-7000-8000-0000000000aa';
    const decide = (decision: string, at: string) =>
      db.ownerSql`insert into costs.override_decision (tenant_id, override_id, decision, proposed_by, decided_by, decided_at)
        values (${tenantA}, ${id}, ${decision}, 'ann', 'bob', now() + ${at}::text::interval)`;
    await db.ownerSql`insert into costs.override (tenant_id, id, kind, from_day, to_day, amount, currency, before, after, reason,
        proposed_by, proposed_at)
      values (${tenantA}, ${id}, 'cost', '2026-05-01', '2026-06-01', 5, 'EUR', '{}', '{}', 'why', 'ann', now())`;
    await decide('approved', '0');
    const contained = async () => (await ask('/v1/costs/views/monthly_chargeback_summary')).overrides;
    expect(await contained()).toEqual([]);
    await db.ownerSql`select costs.refresh_view('mv_monthly_chargeback_summary', false)`;
    expect(await contained()).toEqual([id]);
    await decide('withdrawn', '1 second');
    expect(await contained()).toEqual([id]);
    expect((await ask('/v1/costs/views/license_utilization')).overrides).toEqual([]);
  });
});

test('names of categories and tiers are those of events', async () => {
  const source = await db.ownerSql`select pg_get_viewdef('costs.audit_activity_daily'::regclass) as text`;
  const lists = [...String(source[0]!.text).matchAll(/ARRAY\[(.*?)\]/g)].map(([, list]) =>
    [...list!.matchAll(/'(.*?)'::text/g)].map(([, word]) => word),
  );
  expect(lists).toEqual([[...categories], [...tiers]]);
});

describe('refused', () => {
  test.each([
    ['/v1/costs/views/mv_license_utilization', 'not_found'],
    ['/v1/costs/views/toString', 'not_found'],
    ['/v1/costs/views/license_utilization?limit=0', 'request_invalid'],
    ['/v1/costs/views/license_utilization?limit=1001', 'request_invalid'],
    ['/v1/costs/views/license_utilization?from=2026-13-01', 'request_invalid'],
    ['/v1/costs/views/cmdb_match_quality?from=2026-01-01', 'request_invalid'],
    ['/v1/costs/views/license_utilization?from=2026-01-01&from=2026-01-02', 'request_invalid'],
    ['/v1/costs/views/license_utilization?cursor=x', 'cursor_invalid'],
    ['/v1/costs/views/license_utilization?cursor=["2026-01-01",1]', 'cursor_invalid'],
    ['/v1/costs/views/license_utilization?cursor=["2026-02-31",1,"a"]', 'cursor_invalid'],
    ['/v1/costs/views/license_utilization?cursor=["2026-02-01",9999999999,"a"]', 'cursor_invalid'],
    ['/v1/costs/views/license_utilization?cursor=["2026-02-01","1","a"]', 'cursor_invalid'],
    ['/v1/costs/views/license_utilization?cursor=["2026-02-01",1,"\\u0000"]', 'cursor_invalid'],
  ])('%s: %s', async (path, code) => expect(await refused(path)).toBe(code));

  test('other methods', async () => expect(await refused('/v1/costs/views', 'POST')).toBe('method_not_allowed'));
});
