import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const id = '0198c0de-0000-7000-8000-000000000000';
const job = {
  ...{ id, name: 'nightly', kind: 'etl', timing: { every: 'day', time: '02:30' }, time_zone: 'Europe/Berlin' },
  ...{ expression: 'cron(30 2 * * ? *)', config: {}, overlap: 'refuse', attempts_max: 3, backoff_seconds: 60 },
  ...{ enabled: true, scheduled: true, next_run: '2026-11-22T01:30:00.000Z', left_out: ['2027-03-28T02:30'] },
  next_runs: ['2026-11-22T01:30:00.000Z', '2026-11-23T01:30:00.000Z'],
  ...{ created_by: 'k1', created_at: '2026-11-21T12:00:00.000Z', changed_at: '2026-11-21T12:00:00.000Z' },
};
const run = {
  ...{ id: `${id.slice(0, -1)}1`, job: id, kind: 'etl', state: 'succeeded', cause: 'schedule', asked_by: 'schedule' },
  ...{ scheduled_for: '2026-11-21T01:30:00.000Z', queued_at: '2026-11-21T01:30:02.000Z', trace: 'group stream' },
  ...{ started_at: '2026-11-21T01:30:03.000Z', ended_at: '2026-11-21T01:33:08.000Z', duration_ms: 185_000 },
  ...{
    rows: { read: 120, written: 118, rejected: 2 },
    parts: { open: 0, done: 4, failed: 0 },
    error: null,
    result: null,
  },
};
const failed = {
  ...run,
  ...{ id: `${id.slice(0, -1)}2`, state: 'failed', duration_ms: 92_500, rows: { read: 0, written: 0, rejected: 0 } },
  error: { code: 'source_down', message: 'It did not \u001b[31manswer.' },
};
const refused = { ...run, state: 'refused', started_at: null, duration_ms: null };

let api: StubApi;
let looks = 0;
beforeAll(async () => {
  api = await startStub(({ method, path }) => {
    if (path.endsWith('/run')) return { status: 202, body: { ...run, state: 'queued', ended_at: null } };
    if (path.includes('/history')) {
      const runs = looks++ === 0 ? [{ ...run, state: 'running', ended_at: null }] : [failed, run, refused];
      return { body: { runs, next: null, next_run: job.next_run } };
    }
    if (method === 'DELETE') return { status: 204 };
    if (path.endsWith('/disable')) return { body: { ...job, enabled: false, next_run: null, left_out: [] } };
    if (method === 'POST') return { status: 201, body: { ...job, scheduled: !path.endsWith('/jobs') } };
    return { body: path.includes(id) ? job : { jobs: [job, { ...job, name: 'off', enabled: false }], next: null } };
  });
});
afterAll(() => api.close());
beforeEach(() => {
  looks = 1;
  api.received.length = 0;
});
const cli = (...words: string[]) =>
  trailkeep(['job', ...words], { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });
const calls = () => api.received.map(({ method, path }) => `${method} ${path.split('?')[0]}`);

test('jobs are listed with when they run next', async () => {
  const { out } = await cli();
  expect(out).toMatch(/nightly\s+etl\s+cron\(30 2 \* \* \? \*\)\s+Europe\/Berlin\s+2026-11-22 01:30\s+0198c0de/);
  expect(out).toMatch(/off\s.*disabled/);
});

test.each([
  [['--daily', '02:30'], { every: 'day', time: '02:30' }],
  [['--daily', '02:30', '--weekdays', 'mon,Friday'], { every: 'day', time: '02:30', weekdays: ['MON', 'FRI'] }],
  [['--weekly', 'sunday@06:00'], { every: 'week', time: '06:00', weekday: 'SUN' }],
  [['--monthly', '31@06:00'], { every: 'month', time: '06:00', day: 31 }],
  [['--monthly', 'last@23:00'], { every: 'month', time: '23:00', day: 'last' }],
  [['--once', '2026-12-24T18:00'], { once: '2026-12-24T18:00' }],
  [['--cron', '0 9 ? * MON-FRI *'], { cron: '0 9 ? * MON-FRI *' }],
])('create %j', async (when, timing) => {
  const made = await cli('create', 'nightly', '--kind', 'etl', ...when);
  expect(made.code).toBe(0);
  expect(JSON.parse(api.received[0]!.body)).toEqual({ name: 'nightly', kind: 'etl', timing });
});

test('create says everything, and is told what the clock leaves out and that the schedule lags', async () => {
  const made = await cli(
    ...['create', 'nightly', '--kind', 'export', '--daily', '02:30', '--zone', 'Europe/Berlin'],
    ...['--config', '{"last_days":7}', '--overlap', 'queue', '--attempts', '5', '--backoff', '30', '--disabled'],
  );
  expect(JSON.parse(api.received[0]!.body)).toEqual({
    ...{ name: 'nightly', kind: 'export', timing: { every: 'day', time: '02:30' }, time_zone: 'Europe/Berlin' },
    ...{ config: { last_days: 7 }, overlap: 'queue', attempts_max: 5, backoff_seconds: 30, enabled: false },
  });
  expect(made.out).toContain('2026-11-23T01:30:00.000Z');
  expect(made.err).toContain('There is no 2027-03-28T02:30 in Europe/Berlin');
  expect(made.err).toContain('within minutes');
});

test('a job is named by its name or its id', async () => {
  await cli('show', 'nightly');
  expect(calls()).toEqual(['GET /v1/jobs', `GET /v1/jobs/${id}`]);
  api.received.length = 0;
  await cli('show', id);
  expect(calls()).toEqual([`GET /v1/jobs/${id}`]);
  expect(await cli('show', 'nothing')).toMatchObject({ code: 1, err: expect.stringContaining('There is no job') });
});

test('history draws how long runs took, and says why one failed, without its control characters', async () => {
  const { out } = await cli('history', 'nightly', '--limit', '5');
  expect(api.received.at(-1)!.path).toContain('limit=5');
  const [, first, second, third] = out.split('\n');
  expect(first).toMatch(/2026-11-21 01:30\s+failed\s+schedule\s+1 min 33 s\s+#{10}\s+0\s+0\s+source_down: It did not/);
  expect(first).not.toContain('\u001b');
  expect(second).toMatch(/succeeded\s+schedule\s+3 min 5 s\s+#{20}\s+118\s+2/);
  expect(third).toMatch(/refused\s+schedule\s+-\s+118/);
  expect(out).toContain('Next run: 2026-11-22T01:30:00.000Z');
});

test('run starts one; with --wait it says how it ended, and fails when that did', async () => {
  const started = await cli('run', id);
  expect(started).toMatchObject({ code: 0, out: expect.stringContaining('queued') });
  looks = 0;
  const waited = await cli('run', id, '--wait');
  expect(waited).toMatchObject({ code: 0, out: expect.stringContaining('118 written, 2 put aside') });
  expect(calls().filter((one) => one.endsWith('/history'))).toHaveLength(2);
});

test('it is switched and deleted', async () => {
  expect((await cli('disable', id)).out).toMatch(/enabled\s+false/);
  await cli('enable', id);
  expect((await cli('delete', id)).err).toContain('its history stays');
  expect(calls().filter((one) => !one.startsWith('GET'))).toEqual([
    ...[`POST /v1/jobs/${id}/disable`, `POST /v1/jobs/${id}/enable`, `DELETE /v1/jobs/${id}`],
  ]);
});

test.each([
  [['create', 'x', '--kind', 'etl'], 'When?'],
  [['create', 'x', '--kind', 'etl', '--daily', '02:30', '--cron', '0 9 * * ? *'], 'When?'],
  [['create', 'x', '--kind', 'shell', '--daily', '02:30'], 'What does it do?'],
  [['create', 'x', '--kind', 'etl', '--weekly', '02:30'], '--weekly is DAY@HH:MM'],
  [['create', 'x', '--kind', 'etl', '--weekly', 'someday@02:30'], 'none of MON'],
  [['create', 'x', '--kind', 'etl', '--monthly', 'first@02:30'], '--monthly is a day'],
  [['create', 'x', '--kind', 'etl', '--weekly', 'SUN@02:30', '--weekdays', 'MON'], '--weekdays goes with --daily'],
  [['create', 'x', '--kind', 'etl', '--daily', '02:30', '--config', '[]'], '--config is a JSON object'],
  [['create', 'x', '--kind', 'etl', '--daily', '02:30', '--config', '{"a":1,"a":2}'], '--config is no JSON'],
  [['create', 'x', '--kind', 'etl', '--daily', '02:30', '--overlap', 'both'], '--overlap is refuse or queue'],
  [['create', '--kind', 'etl', '--daily', '02:30'], 'The name of the job is missing'],
  [['start', 'x'], 'job has no "start"'],
])('%j is refused before the API is asked', async (words, message) => {
  expect(await cli(...words)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  expect(api.received).toEqual([]);
});
