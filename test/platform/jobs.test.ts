/** A job by the clock, on the whole platform: defined, called by the scheduler, run, and in the trail. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

/** How far the scheduler's clock is ahead of everybody else's: nobody waits for the next minute. */
let aheadMs = 0;
let platform: TestPlatform;
beforeAll(async () => {
  platform = await testPlatform({ schedules: true, now: () => Date.now() + aheadMs });
}, 180_000);
afterAll(() => platform?.end());

test('a job that is due is run by itself, once, and the trail tells of it', async () => {
  const { apiKey: key } = await platform.makeTenant('Clockwork');
  const due = Math.ceil((Date.now() + 60_000) / 60_000) * 60_000;
  // The scheduler hears of the job when its run is a second away.
  aheadMs = due - Date.now() - 1_000;
  const timing = { once: new Date(due).toISOString().slice(0, 16) };
  const made = await platform.call('POST', '/v1/jobs', {
    key,
    json: { name: 'look after', kind: 'retention', timing },
  });
  expect(made).toMatchObject({ status: 201, json: { scheduled: true, next_run: new Date(due).toISOString() } });

  const history = async () => (await platform.call('GET', `/v1/jobs/${made.json.id}/history`, { key })).json.runs;
  await expect.poll(async () => (await history())[0]?.state, { timeout: 60_000, interval: 200 }).toBe('succeeded');
  expect(await history()).toMatchObject([
    {
      ...{ cause: 'schedule', asked_by: 'schedule', scheduled_for: new Date(due).toISOString(), error: null },
      ...{ parts: { open: 0, done: 1, failed: 0 }, result: { purging: false }, trace: expect.stringContaining('work') },
    },
  ]);
  await platform.settled();
  for (const action of ['job_definition.created', 'job.started', 'job.succeeded']) {
    const told = await platform.call('GET', `/v1/events?action=${action}`, { key });
    expect(told.json.events, action).toMatchObject([
      { targets: [{ type: 'job', id: made.json.id, name: 'look after' }] },
    ]);
  }
}, 180_000);
