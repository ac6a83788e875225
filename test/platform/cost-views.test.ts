/** Views over the whole platform: a tenant's job refreshes them, and the clock finds nothing left to do. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { costViews } from '#core/costs/views.ts';
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

test('a job refreshes all views, its run says how, and the clock has nothing left to do', async () => {
  const { apiKey, tenantId } = await platform.makeTenant('Views');
  await platform.settled();
  const timing = { every: 'day', time: '03:00' };
  const job = await call(201, 'POST', '/v1/jobs', apiKey, { name: 'views', kind: 'refresh', timing });
  await call(202, 'POST', `/v1/jobs/${job.id}/run`, apiKey);
  await platform.settled();
  const { runs } = await call(200, 'GET', `/v1/jobs/${job.id}/history`, apiKey);
  expect(runs).toMatchObject([{ state: 'succeeded' }]);
  const views = costViews.map(({ name }) => ({ view: name, refreshed: true, took_ms: expect.any(Number) }));
  expect(runs[0].result).toMatchObject({ views });

  const sql = superuser(platform);
  try {
    // What the run told of itself came in as events, which the view of the trail counts.
    expect(await platform.functions.invoke('costs-refresh-nightly', {})).toEqual({ refreshed: 1 });
    expect(await platform.functions.invoke('costs-refresh-nightly', {})).toEqual({ refreshed: 0 });
    const [activity] =
      await sql`select sum(events)::int as events from costs.mv_audit_activity_daily where tenant_id = ${tenantId}`;
    const [trail] = await sql`select sum(events)::int as events from record.segment_part where tenant_id = ${tenantId}`;
    expect(activity).toEqual(trail);
    const lineage = await sql`select count(*)::int as n from costs.lineage_event where tenant_id = ${tenantId}`;
    expect(lineage[0]).toEqual({ n: costViews.length });
  } finally {
    await sql.end();
  }
});
