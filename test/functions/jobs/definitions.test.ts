/** Jobs by the API: on a real PostgreSQL and the local scheduler. */
import { CreateScheduleGroupCommand, GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import { ownPermissions } from '#core/access/guard.ts';
import type { Problem } from '#core/event/problem.ts';
import type { Due } from '#core/jobs/ports.ts';
import { jobKinds } from '#core/jobs/run.ts';
import { scheduleName } from '#core/jobs/timing.ts';
import { Unavailable } from '#core/record/ports.ts';
import { align } from '#functions/jobs/align.ts';
import { type DefinitionsPorts, definitions } from '#functions/jobs/definitions.http.ts';
import { type PutSchedulesPorts, putSchedules } from '#functions/jobs/put-schedules.schedule.ts';
import { createJobs } from '#stores/postgres/jobs.ts';
import { createRuns } from '#stores/postgres/runs.ts';
import { JobSchedules } from '#stores/scheduler/schedules.ts';
import { type TestCloud, testCloud } from '#test/local/cloud/cloud.ts';
import { callerA, httpRequest, tenantA, tenantB } from '#test/support/events.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { keyGuard, MemoryRecorder } from '#test/support/reading.ts';

let now = new Date('2026-11-21T12:00:00.000Z');
const groupName = 'jobs';
const planner: Caller = { ...callerA, scopes: ['jobs:read', 'jobs:manage', 'costs:manage', 'costs:read'] };
const stranger: Caller = { ...planner, tenant: tenantB };
const recorder = new MemoryRecorder();
const sent: Due[] = [];
const secrets = new Map<string, string>();
let onwardFails = false;
let db: TestDatabase;
let cloud: TestCloud;
let ports: DefinitionsPorts & PutSchedulesPorts;
let ids = 0;
const source = '01890000-0000-7000-8000-0000000000ff';
const newId = () => `01890000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`;

beforeAll(async () => {
  db = await testDatabase('defining');
  cloud = await testCloud();
  await cloud.clients.scheduler.send(new CreateScheduleGroupCommand({ Name: groupName }));
  const sql = db.login('trailkeep_app', 4);
  const target = { groupName, targetArn: 'arn:start', roleArn: 'arn:role', deadLetterArn: 'arn:dead' };
  ports = {
    ...{ guard: keyGuard, recorder, newId: () => newId(), clock: () => now },
    jobs: createJobs(sql, contextKey),
    runs: createRuns(sql, contextKey),
    schedules: new JobSchedules(cloud.clients.scheduler, target, () => now),
    tenants: { page: async (after) => (after === undefined ? [tenantA, tenantB] : []) },
    random: (bytes) => new Uint8Array(bytes).fill(7),
    secrets: {
      put: async (tenant, id, secret) => void secrets.set(`${tenant} ${id}`, secret),
      remove: async (tenant, id) => void secrets.delete(`${tenant} ${id}`),
    },
    onward: async (due) => {
      if (onwardFails) throw new Unavailable('queues');
      sent.push(due);
    },
  };
});
afterAll(async () => {
  await cloud?.end();
  await db?.drop();
});
beforeEach(async () => {
  await db.ownerSql`truncate jobs.job cascade`;
  recorder.recorded.length = 0;
  sent.length = 0;
  secrets.clear();
  onwardFails = false;
  cloud.faults.clear();
  now = new Date('2026-11-21T12:00:00.000Z');
});

const call = (method: string, path: string, { caller = planner, json }: { caller?: Caller; json?: unknown } = {}) => {
  const [pathname, search] = path.split('?') as [string, string?];
  const jobId = /^\/v1\/jobs\/([^/]+)/.exec(pathname)?.[1];
  return definitions(
    ports,
    httpRequest({
      ...{ method, path: pathname, query: new URLSearchParams(search), caller, now },
      params: (jobId ? { jobId } : {}) as Record<string, string>,
      ...(json === undefined ? {} : { json }),
    }),
  );
};
const body = (more: object = {}) => ({
  ...{ name: 'nightly', kind: 'etl', timing: { every: 'day', time: '02:30' }, time_zone: 'Europe/Berlin' },
  ...more,
});
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
const create = async (more: object = {}): Promise<any> => (await call('POST', '/v1/jobs', { json: body(more) })).body;
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
const get = async (path: string): Promise<any> => (await call('GET', path)).body;
const caught = (work: Promise<unknown>): Promise<Problem> =>
  work.then(
    () => Promise.reject(new Error('it was answered')),
    (error: Problem) => error,
  );
const scheduleOf = async (id: string) => {
  const named = { Name: scheduleName(id), GroupName: groupName };
  const found = await cloud.clients.scheduler.send(new GetScheduleCommand(named)).catch(() => undefined);
  return found?.ScheduleExpression;
};
const actions = () => recorder.recorded.map(({ tenant, event }) => [tenant, event.action]);

describe('201', () => {
  test('a job is made, recorded, scheduled, and says when it runs and when the clock leaves it out', async () => {
    const answer = await call('POST', '/v1/jobs', { json: body({ config: { sources: [source] } }) });
    const job = answer.body as { id: string };
    expect(answer).toMatchObject({ status: 201, headers: { location: `/v1/jobs/${job.id}` } });
    expect(job).toEqual({
      ...{ id: job.id, name: 'nightly', kind: 'etl', timing: { every: 'day', time: '02:30' } },
      ...{ time_zone: 'Europe/Berlin', expression: 'cron(30 2 * * ? *)', config: { sources: [source] } },
      ...{ overlap: 'refuse', attempts_max: 3, backoff_seconds: 60, enabled: true, scheduled: true },
      next_run: '2026-11-22T01:30:00.000Z',
      next_runs: [22, 23, 24, 25, 26].map((day) => `2026-11-${day}T01:30:00.000Z`),
      left_out: ['2027-03-28T02:30'],
      created_by: callerA.keyId,
      created_at: now.toISOString(),
      changed_at: now.toISOString(),
    });
    expect(await get(`/v1/jobs/${job.id}`)).toEqual(job);
    expect(await scheduleOf(job.id)).toBe('cron(30 2 * * ? *)');
    expect(recorder.recorded).toMatchObject([
      {
        tenant: tenantA,
        event: {
          action: 'job_definition.created',
          targets: [{ type: 'job', id: job.id, name: 'nightly' }],
          metadata: {
            kind: 'etl',
            timing: 'cron(30 2 * * ? *)',
            time_zone: 'Europe/Berlin',
            config: { sources: [source] },
          },
        },
      },
    ]);
  });

  test('a webhook gets a signing secret, which is shown once and goes with its job', async () => {
    const config = { url: 'https://hooks.example/trailkeep' };
    const { signing_secret, ...job } = await create({ name: 'hook', kind: 'custom-webhook', config });
    expect(signing_secret).toBe(`whsec_${Buffer.alloc(32, 7).toString('base64')}`);
    expect(secrets.get(`${tenantA} ${job.id}`)).toBe(signing_secret);
    expect(await get(`/v1/jobs/${job.id}`)).toEqual(job);
    await call('DELETE', `/v1/jobs/${job.id}`);
    expect(secrets.size).toBe(0);
  });

  test('one that is made disabled has no schedule and no next run', async () => {
    const job = await create({ enabled: false });
    expect(job).toMatchObject({ enabled: false, next_run: null, left_out: [], scheduled: true });
    expect(await scheduleOf(job.id)).toBeUndefined();
  });

  test('the scheduler is down: the job is there, says so, and is scheduled by the sweep', async () => {
    cloud.faults.add({ service: 'scheduler', status: 503, times: 9 });
    const job = await create();
    expect(job.scheduled).toBe(false);
    expect(await scheduleOf(job.id)).toBeUndefined();
    cloud.faults.clear();
    expect(await putSchedules(ports, { now })).toMatchObject({ put: 1, refused: 0 });
    expect(await get(`/v1/jobs/${job.id}`)).toMatchObject({ scheduled: true });
    expect(await scheduleOf(job.id)).toBe('cron(30 2 * * ? *)');
    expect(await putSchedules(ports, { now })).toMatchObject({ put: 0 });
  });
});

describe('400', () => {
  test.each([
    [{ timing: { every: 'day', time: '25:00' } }, '/timing'],
    [{ timing: { cron: '0 9 * * *' } }, '/timing'],
    [{ timing: { cron: '* * * * ? *' } }, '/timing'],
    [{ timing: { once: '2026-01-01T00:00' } }, '/timing'],
    [{ time_zone: '+01:00' }, '/time_zone'],
    [{ kind: 'shell' }, '/kind'],
    [{ kind: 'report', config: { months_ago: -1 } }, '/config/months_ago'],
    [{ kind: 'custom-webhook', config: { url: 'http://plain.example' } }, '/config/url'],
    [{ tenant: tenantB }, ''],
  ])('%j is refused, and nothing is recorded', async (wrong, pointer) => {
    const { fault } = await caught(call('POST', '/v1/jobs', { json: body(wrong) }));
    expect(fault).toMatchObject({ code: 'request_invalid' });
    expect(fault.pointer?.startsWith(pointer)).toBe(true);
    expect(actions()).toEqual([]);
  });

  test('what only the scheduler refuses leaves no job behind, and its name is free', async () => {
    const { schedules } = ports;
    const refusing = { put: async () => Promise.reject((await caught(call('GET', '/v1/jobs?x=1'))) as Problem) };
    const { fault } = await caught(definitions({ ...ports, schedules: refusing }, httpRequest({ ...posted(), now })));
    expect(fault.code).toBe('request_invalid');
    expect(await get('/v1/jobs')).toEqual({ jobs: [], next: null });
    expect(actions()).toEqual([
      [tenantA, 'job_definition.created'],
      [tenantA, 'job_definition.deleted'],
    ]);
    expect(schedules).toBe(ports.schedules);
    await create();
  });
  const posted = () => ({ method: 'POST', path: '/v1/jobs', params: {}, caller: planner, json: body() });

  test.each(['limit=0', 'limit=x', 'limit=1001', 'after=x', 'before=x', 'state=y'])('?%s', async (query) => {
    expect((await caught(call('GET', `/v1/jobs?${query}`))).fault.code).toBe('request_invalid');
  });
});

describe('403', () => {
  test('reading takes jobs:read, the rest jobs:manage', async () => {
    const { id } = await create();
    const reader: Caller = { ...planner, scopes: ['jobs:read', 'costs:manage'] };
    await call('GET', `/v1/jobs/${id}`, { caller: reader });
    for (const [method, step] of [
      ['POST', '/enable'],
      ['POST', '/disable'],
      ['POST', '/run'],
      ['DELETE', ''],
    ] as const) {
      const { fault } = await caught(call(method, `/v1/jobs/${id}${step}`, { caller: reader }));
      expect(fault.code).toBe('forbidden');
    }
    const nobody: Caller = { ...planner, scopes: ['events:read'] };
    expect((await caught(call('GET', '/v1/jobs', { caller: nobody }))).fault.code).toBe('forbidden');
  });

  test('who makes, enables or runs a job needs what its kind needs; who stops it does not', async () => {
    const all: Caller = { ...planner, scopes: ownPermissions };
    const manager: Caller = { ...planner, scopes: ['jobs:read', 'jobs:manage'] };
    for (const kind of jobKinds) {
      const config = kind === 'custom-webhook' ? { url: 'https://hooks.example/jobs' } : {};
      const answer = await call('POST', '/v1/jobs', { caller: all, json: body({ kind, name: kind, config }) });
      const { id } = answer.body as { id: string };
      const tries = await Promise.all([
        caught(call('POST', '/v1/jobs', { caller: manager, json: body({ kind, name: 'x', config }) })).catch(
          () => undefined,
        ),
        caught(call('POST', `/v1/jobs/${id}/enable`, { caller: manager })).catch(() => undefined),
        caught(call('POST', `/v1/jobs/${id}/run`, { caller: manager })).catch(() => undefined),
      ]);
      const expected = kind === 'custom-webhook' ? undefined : 'forbidden';
      expect(
        tries.map((one) => one?.fault.code),
        kind,
      ).toEqual([expected, expected, expected]);
      expect(await call('POST', `/v1/jobs/${id}/disable`, { caller: manager })).toMatchObject({ status: 200 });
      expect(await call('DELETE', `/v1/jobs/${id}`, { caller: manager })).toEqual({ status: 204 });
    }
  });

  test('a key of one project does nothing here', async () => {
    const one: Caller = { ...planner, project: 'shop' };
    expect((await caught(call('GET', '/v1/jobs', { caller: one }))).fault.code).toBe('forbidden');
  });
});

test('404: a foreign job, a missing one, a deleted one and no id are the same', async () => {
  const { id } = await create();
  const gone = await create({ name: 'gone' });
  await call('DELETE', `/v1/jobs/${gone.id}`);
  for (const [method, step] of [
    ['GET', ''],
    ['GET', '/history'],
    ['POST', '/enable'],
    ['POST', '/disable'],
    ['POST', '/run'],
    ['DELETE', ''],
  ] as const) {
    const faults = await Promise.all([
      caught(call(method, `/v1/jobs/${id}${step}`, { caller: stranger })),
      caught(call(method, `/v1/jobs/${newId()}${step}`)),
      caught(call(method, `/v1/jobs/${gone.id}${step}`)),
      caught(call(method, `/v1/jobs/x${step}`)),
    ]);
    const told = { code: 'not_found', detail: 'There is no job with this id.' };
    expect(faults.map(({ fault }) => fault)).toEqual([told, told, told, told]);
  }
  expect(await scheduleOf(id)).toBeDefined();
});

test('409: the name of another job', async () => {
  const { id } = await create();
  expect((await caught(create())).fault.code).toBe('conflict');
  const config = { url: 'https://hooks.example/jobs' };
  expect((await caught(create({ kind: 'custom-webhook', config }))).fault.code).toBe('conflict');
  expect(secrets.size, 'no secret of a job that is not there').toBe(0);
  expect(actions().map(([, action]) => action)).toEqual([
    'job_definition.created',
    ...['job_definition.created', 'job_definition.deleted'],
    ...['job_definition.created', 'job_definition.deleted'],
  ]);
  await call('DELETE', `/v1/jobs/${id}`);
  await create();
});

test('lists go page by page', async () => {
  const made = [];
  for (const name of ['a', 'b', 'c']) made.push((await create({ name })).id);
  const first = await get('/v1/jobs?limit=2');
  expect(first.jobs.map(({ id }: { id: string }) => id)).toEqual(made.slice(0, 2));
  const second = await get(`/v1/jobs?limit=2&after=${first.next}`);
  expect(second).toMatchObject({ jobs: [{ id: made[2] }], next: null });
});

describe('switching', () => {
  test('off takes the schedule away, on brings it back; twice changes and records nothing', async () => {
    const { id } = await create();
    expect((await call('POST', `/v1/jobs/${id}/disable`)).body).toMatchObject({ enabled: false, next_run: null });
    expect(await scheduleOf(id)).toBeUndefined();
    await call('POST', `/v1/jobs/${id}/disable`);
    expect((await call('POST', `/v1/jobs/${id}/enable`)).body).toMatchObject({ enabled: true, scheduled: true });
    expect(await scheduleOf(id)).toBe('cron(30 2 * * ? *)');
    await call('POST', `/v1/jobs/${id}/enable`);
    expect(actions().map(([, action]) => action)).toEqual([
      'job_definition.created',
      'job_definition.disabled',
      'job_definition.enabled',
    ]);
  });

  test('a change that cannot be recorded is not made', async () => {
    const { id } = await create();
    recorder.down = true;
    for (const [method, step] of [
      ['POST', '/disable'],
      ['DELETE', ''],
    ] as const) {
      await expect(call(method, `/v1/jobs/${id}${step}`)).rejects.toThrow(Unavailable);
    }
    recorder.down = false;
    expect(await get(`/v1/jobs/${id}`)).toMatchObject({ enabled: true });
    expect(await scheduleOf(id)).toBeDefined();
  });

  test('deletion takes the schedule away, at the latest by the sweep', async () => {
    const { id } = await create();
    cloud.faults.add({ service: 'scheduler', operation: 'DeleteSchedule', status: 503, times: 9 });
    await call('DELETE', `/v1/jobs/${id}`);
    expect(await scheduleOf(id)).toBeDefined();
    cloud.faults.clear();
    await putSchedules(ports, { now });
    expect(await scheduleOf(id)).toBeUndefined();
  });
});

describe('the schedule follows the row', () => {
  test('a put that is overtaken by another change puts that as well', async () => {
    const { id } = await create();
    const job = (await ports.jobs.get(tenantA, id))!;
    const slow = {
      jobs: ports.jobs,
      schedules: {
        put: async (one: typeof job) => {
          // Between the row and the put somebody else disables the job, and is done with it.
          if (one.enabled) await call('POST', `/v1/jobs/${id}/disable`);
          await ports.schedules.put(one);
        },
      },
    };
    await align(slow, job, now);
    expect(await scheduleOf(id)).toBeUndefined();
    expect(await get(`/v1/jobs/${id}`)).toMatchObject({ enabled: false, scheduled: true });
  });

  test('what somebody removed by hand is put again within a day', async () => {
    const { id } = await create();
    await ports.schedules.put({ ...(await ports.jobs.get(tenantA, id))!, enabled: false });
    expect(await putSchedules(ports, { now })).toMatchObject({ put: 0 });
    now = new Date(now.getTime() + 86_400_001);
    expect(await putSchedules(ports, { now })).toMatchObject({ put: 1 });
    expect(await scheduleOf(id)).toBeDefined();
  });

  test('a timing that the scheduler does not take holds up nobody', async () => {
    const wrong = await create({ name: 'wrong' });
    await db.ownerSql`update jobs.job set timing = '{"cron":"0 9 * * *"}', scheduled_at = null where id = ${wrong.id}`;
    cloud.faults.add({ service: 'scheduler', status: 503, times: 3 });
    const { id } = await create({ name: 'right' });
    cloud.faults.clear();
    expect(await putSchedules(ports, { now })).toMatchObject({ put: 1, refused: 1 });
    expect(await scheduleOf(id)).toBeDefined();
  });

  test('the scheduler is down: the sweep says so, for its own retry', async () => {
    cloud.faults.add({ service: 'scheduler', status: 503, times: 99 });
    await create();
    await expect(putSchedules(ports, { now })).rejects.toThrow(Unavailable);
  });
});

describe('running by hand', () => {
  test('makes a run in the caller’s name, and it is in the history', async () => {
    const { id } = await create({ enabled: false });
    const answer = await call('POST', `/v1/jobs/${id}/run`);
    expect(answer).toMatchObject({
      status: 202,
      body: {
        job: id,
        state: 'queued',
        cause: 'manual',
        asked_by: callerA.keyId,
        duration_ms: null,
        parts: { open: 1 },
      },
    });
    const { id: run } = answer.body as { id: string };
    expect(sent[0]!.send).toMatchObject([{ kind: 'etl', message: { tenant: tenantA, run, part: 'plan' } }]);
    const told = await get(`/v1/jobs/${id}/history`);
    expect(told).toMatchObject({ runs: [{ id: run, state: 'queued' }], next: null, next_run: null });
  });

  test('while one is under way it is refused, and the refusal is in the history', async () => {
    const { id } = await create();
    await call('POST', `/v1/jobs/${id}/run`);
    const problem = await caught(call('POST', `/v1/jobs/${id}/run`));
    expect(problem.fault.code).toBe('conflict');
    const { runs } = await get(`/v1/jobs/${id}/history`);
    expect(runs).toMatchObject([{ id: problem.extensions.run, state: 'refused' }, { state: 'queued' }]);
    const older = await get(`/v1/jobs/${id}/history?limit=1&before=${runs[0].id}`);
    expect(older.runs).toEqual([runs[1]]);
  });

  test('or waits, when its job wants that', async () => {
    const { id } = await create({ overlap: 'queue' });
    await call('POST', `/v1/jobs/${id}/run`);
    expect((await call('POST', `/v1/jobs/${id}/run`)).body).toMatchObject({ state: 'queued', parts: { open: 0 } });
  });

  test('queues are down: the run is made and waits for the sweep', async () => {
    const { id } = await create();
    onwardFails = true;
    expect(await call('POST', `/v1/jobs/${id}/run`)).toMatchObject({ status: 202 });
    expect((await get(`/v1/jobs/${id}/history`)).runs).toHaveLength(1);
  });
});
