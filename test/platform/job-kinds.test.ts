/** Runs of jobs on the whole platform: each kind to its end, and what the trail and the views then know of them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { runJobs } from './least-privilege/run-stories.ts';
import { superuser } from './least-privilege/world.ts';

let platform: TestPlatform;
let key: string;
beforeAll(async () => {
  platform = await testPlatform();
  ({ apiKey: key } = await platform.makeTenant('Runs jobs'));
  const events = [1, 2, 3].map((n) => ({ action: 'iam.role.create', actor: { type: 'user', id: `ann-${n}` } }));
  await platform.call('POST', '/v1/events', { key, json: events });
  await platform.settled();
});
afterAll(() => platform?.end());

test('each kind runs to its end, and the trail knows how', async () => {
  const ended = await runJobs(async (status, method, path, apiKey, json) => {
    const answer = await platform.call(method, path, { ...(apiKey ? { key: apiKey } : {}), ...(json ? { json } : {}) });
    expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
    return answer.json;
  }, key);
  expect(
    Object.fromEntries(Object.entries(ended).map(([kind, { state, error }]) => [kind, error?.code ?? state])),
  ).toEqual({
    ...{ compare: 'succeeded', report: 'succeeded', export: 'succeeded', retention: 'succeeded', verify: 'succeeded' },
    'custom-webhook': 'webhook_unreachable',
  });
  expect(ended.verify.rows.read).toBeGreaterThan(0);
  expect(ended.export.result.events).toBeGreaterThanOrEqual(3);
  const built = await platform.call('GET', `/v1/exports/${ended.export.result.export}`, { key });
  expect(built).toMatchObject({ status: 200, json: { state: 'ready', events: ended.export.result.events } });

  await platform.settled();
  const found = await platform.call('GET', '/v1/events?action=job.*&limit=100', { key });
  const told = (found.json as { events: { action: string }[] }).events.map(({ action }) => action).sort();
  expect(told).toEqual([
    'job.failed',
    ...Array.from({ length: 6 }, () => 'job.started'),
    ...Array.from({ length: 5 }, () => 'job.succeeded'),
  ]);
  const sql = superuser(platform);
  const rows =
    await sql`select status, count(*)::integer as runs from public.job_execution_history group by 1 order by 1`;
  await sql.end();
  expect(rows).toEqual([
    { status: 'failed', runs: 1 },
    { status: 'succeeded', runs: 5 },
  ]);
});
