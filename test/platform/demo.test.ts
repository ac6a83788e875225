/** The demo on a whole platform: loaded through the API and by jobs as production is, with a few days instead of half a year. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { companies } from '#local/demo/companies.ts';
import { isoDay } from '#local/demo/dataset.ts';
import { type DemoTenant, loadDemo, startDemoOps } from '#local/demo/load.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let ops: Awaited<ReturnType<typeof startDemoOps>>;
let tenants: readonly DemoTenant[];
const steps: string[] = [];
beforeAll(async () => {
  platform = await testPlatform();
  const smaller = companies.map((one) => ({ ...one, events: 200 }));
  const demo = { seed: 1, until: isoDay(Date.now()), days: 3, companies: smaller };
  ops = await startDemoOps(demo);
  const { apiUrl, adminKey } = platform.access;
  tenants = await loadDemo({
    ...{ apiUrl, adminKey, ...demo, opsUrl: ops.url },
    progress: (share, what) => steps.push(`${share.toFixed(3)} ${what}`),
  });
}, 300_000);
afterAll(async () => {
  await ops?.close();
  await platform?.end();
});

const get = async (tenant: DemoTenant, path: string) => {
  const answer = await platform.call('GET', path, { key: tenant.apiKey });
  expect(answer.status, answer.text).toBe(200);
  return answer.json;
};
const rows = async (tenant: DemoTenant, view: string) => (await get(tenant, `/v1/costs/views/${view}?limit=1000`)).rows;

test('70 of 100 applications are in the CMDB, as the documentation says', async () => {
  for (const [at, applications] of [80, 40].entries()) {
    const matched = (await rows(tenants[at]!, 'cmdb_match_quality')).filter(
      ({ side }: { side: string }) => side === 'application',
    );
    const count = (of: readonly { things: number | string }[]) =>
      of.reduce((sum, { things }) => sum + Number(things), 0);
    expect(count(matched)).toBe(applications);
    expect(count(matched.filter(({ rule }: { rule: string }) => rule !== 'none'))).toBe(applications * 0.7);
  }
});

test('85 of 100 applications have an H-code, on three controllers and in the bills', async () => {
  for (const [at, { controllers, applications }] of companies.entries()) {
    const { figures } = await get(tenants[at]!, '/v1/costs?by=application,controller,h_code&limit=1000');
    const seen = new Map<string, boolean>();
    for (const { application, controller, h_code } of figures) {
      if (application !== '(unmapped)') seen.set(`${controller} ${application}`, h_code !== '(unmapped)');
    }
    // Those of controllers, and twenty that have a bill.
    expect(seen.size).toBe(applications + 20);
    expect([...seen.values()].filter(Boolean)).toHaveLength((applications + 20) * 0.85);
    const names = new Set(figures.map(({ controller }: { controller: string }) => controller));
    expect([...names].sort()).toEqual(['(unmapped)', ...controllers].sort());
  }
});

test('all views are refreshed, overrides are contained, and there is a forecast that says what it lacks', async () => {
  for (const tenant of tenants) {
    const { views } = await get(tenant, '/v1/costs/views');
    expect(views).toHaveLength(8);
    for (const { refreshed_at: at } of views) expect(at).not.toBeNull();
    expect((await get(tenant, '/v1/costs')).overrides).toHaveLength(2);
    const { forecasts } = await get(tenant, '/v1/forecasts?limit=5');
    expect(forecasts.length).toBeGreaterThan(0);
  }
});

test('the incidents are in the trail', async () => {
  await platform.settled();
  for (const tenant of tenants) {
    const found = await get(tenant, '/v1/events?action=user.login_failed&ip=203.0.113.77&limit=200');
    expect(found.events).toHaveLength(120);
    expect((await get(tenant, '/v1/events?action=audit.config.update&limit=10')).events).toHaveLength(2);
  }
});

test('the progress goes from nothing to all, and never back', () => {
  const shares = steps.map((step) => Number(step.split(' ')[0]));
  expect(shares[0]).toBe(0);
  expect(shares.at(-1)).toBe(1);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
});
