/** Forecasts over the whole platform: a tenant's job makes them, and the API and the trail tell of them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { costsMaker } from '#test/support/costs.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { superuser } from './least-privilege/world.ts';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await testPlatform();
});
afterAll(() => platform?.end());

const call = async (status: number, method: string, path: string, key: string, json?: unknown) => {
  const answer = await platform.call(method, path, { key, ...(json === undefined ? {} : { json }) });
  expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
  return answer.json;
};

test('a job foretells what was loaded, with all members, and its run says of how much', async () => {
  const { apiKey, tenantId } = await platform.makeTenant('Forecasts');
  const sql = superuser(platform);
  try {
    const maker = await costsMaker(sql, tenantId);
    const shop = await maker.application('shop');
    const load = await maker.load([]);
    await sql`insert into costs.usage_daily (tenant_id, load_id, day, application_id, measure, amount)
      select ${tenantId}, ${load}, d, ${shop}, 'nodes', 20 + extract(isodow from d) + extract(day from d) / 31.0
      from generate_series(current_date - 120, current_date - 1, interval '1 day') d`;
  } finally {
    await sql.end();
  }
  const timing = { every: 'day', time: '05:00' };
  const wrong = { name: 'wrong', kind: 'forecast', timing, config: { settle_days: 0 } };
  await call(400, 'POST', '/v1/jobs', apiKey, wrong);
  const job = await call(201, 'POST', '/v1/jobs', apiKey, { name: 'forecasts', kind: 'forecast', timing });
  await call(202, 'POST', `/v1/jobs/${job.id}/run`, apiKey);
  await platform.settled();
  const { runs } = await call(200, 'GET', `/v1/jobs/${job.id}/history`, apiKey);
  // By day and by month, of the application and of the sector that nobody mapped it to.
  expect(runs).toMatchObject([{ state: 'succeeded', rows: { written: 4 }, result: { applications: 1, sectors: 1 } }]);

  const { forecasts } = await call(200, 'GET', '/v1/forecasts?scope=application&grain=daily', apiKey);
  expect(forecasts).toMatchObject([{ subject: { name: 'shop' }, because: 'combination', run: runs[0].id }]);
  // Those in WebAssembly were asked, in the bundle as it is deployed.
  expect(Object.keys(forecasts[0].errors)).toEqual(expect.arrayContaining(['airline', 'mstl', 'ets', 'dotm-boxcox']));
  for (const { point } of forecasts[0].points) {
    expect(point).toBeGreaterThan(18);
    expect(point).toBeLessThan(30);
  }
});
