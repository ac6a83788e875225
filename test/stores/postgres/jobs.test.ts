/** Definitions of jobs on a real PostgreSQL. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuidv7 } from '#core/event/uuid.ts';
import { isScheduled, type Job } from '#core/jobs/job.ts';
import type { Jobs } from '#core/jobs/ports.ts';
import { createJobs } from '#stores/postgres/jobs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

let db: TestDatabase;
let jobs: Jobs;
const now = new Date('2026-11-21T12:00:00Z');
const newId = () => uuidv7(now.getTime(), randomBytes(10));
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
let made = 0;
const jobOf = (tenant: string, more: Partial<Job> = {}): Job => ({
  tenant,
  id: uuidv7(now.getTime() + made, randomBytes(10)),
  name: `job ${++made}`,
  kind: 'etl',
  timing: { every: 'week', time: '02:30', weekday: 'SUN' },
  timeZone: 'Europe/Berlin',
  config: { sources: ['a'], deep: { more: [1, null] } },
  overlap: 'queue',
  attemptsMax: 5,
  backoffSeconds: 30,
  enabled: true,
  createdBy: 'ada',
  createdAt: now,
  changedAt: now,
  ...more,
});

beforeAll(async () => {
  db = await testDatabase('jobs');
  jobs = createJobs(db.login('trailkeep_app'), contextKey);
});
afterAll(() => db.drop());

describe('a job', () => {
  test('is read as it was made, and listed after the one before it', async () => {
    const tenant = newId();
    const [a, b, c] = [jobOf(tenant), jobOf(tenant, { timing: { once: '2026-12-24T18:00' } }), jobOf(tenant)];
    for (const job of [a, b, c]) await jobs.create(job);
    expect(await jobs.get(tenant, b.id)).toEqual(b);
    expect(await jobs.list(tenant, undefined, 2)).toEqual([a, b]);
    expect(await jobs.list(tenant, b.id, 2)).toEqual([c]);
  });

  test('is not there for another tenant, nor by a name that is no id', async () => {
    const [tenant, other] = [newId(), newId()];
    const job = jobOf(tenant);
    await jobs.create(job);
    expect(await jobs.get(other, job.id)).toBeUndefined();
    expect(await jobs.change(other, job.id, { deleted: true }, now)).toBeUndefined();
    expect(await jobs.scheduled({ ...job, tenant: other }, now)).toBeUndefined();
    expect(await jobs.list(other, undefined, 10)).toEqual([]);
    for (const id of ['', 'x', `${job.id}'`]) expect(await jobs.get(tenant, id)).toBeUndefined();
    expect(await jobs.get(tenant, job.id)).toEqual(job);
  });

  test('shares its name with none of its tenant that is there', async () => {
    const tenant = newId();
    const job = jobOf(tenant, { name: 'nightly' });
    await jobs.create(job);
    await jobs.create(jobOf(newId(), { name: 'nightly' }));
    await expect(jobs.create(jobOf(tenant, { name: 'nightly' }))).rejects.toMatchObject({
      fault: { code: 'conflict' },
    });
    await jobs.change(tenant, job.id, { deleted: true }, now);
    await jobs.create(jobOf(tenant, { name: 'nightly' }));
  });

  test('is one of two hundred at most, however many come at once', async () => {
    const tenant = newId();
    await db.ownerSql`insert into jobs.job (tenant_id, id, name, kind, timing, time_zone, config, overlap, attempts_max,
        backoff_seconds, enabled, created_by, created_at, changed_at)
      select ${tenant}, gen_random_uuid(), i::text, 'etl', '{}', 'UTC', '{}', 'refuse', 3, 60, true, 'ada', ${now}, ${now}
      from generate_series(1, 198) as i`;
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => jobs.create(jobOf(tenant))));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { fault: { code: 'conflict', detail: expect.stringContaining('200') } },
    });
  });

  test('is enabled and disabled, and once deleted it is gone', async () => {
    const tenant = newId();
    const job = jobOf(tenant);
    await jobs.create(job);
    const off = await jobs.change(tenant, job.id, { enabled: false }, later(1));
    expect(off).toEqual({ ...job, enabled: false, changedAt: later(1) });
    // A clock that is behind does not make a change older than the one before it.
    const on = await jobs.change(tenant, job.id, { enabled: true }, later(-60));
    expect(on!.changedAt.getTime()).toBe(later(1).getTime() + 1);
    const gone = await jobs.change(tenant, job.id, { deleted: true }, later(2));
    expect(gone).toMatchObject({ enabled: false, deletedAt: later(2) });
    expect(await jobs.get(tenant, job.id)).toBeUndefined();
    expect(await jobs.change(tenant, job.id, { enabled: true }, later(3))).toBeUndefined();
    expect(await jobs.list(tenant, undefined, 10)).toEqual([]);
  });
});

describe('what its schedule says', () => {
  test('is behind until it is noted, and after each change', async () => {
    const tenant = newId();
    const job = jobOf(tenant);
    const behind = async (before = later(-3600)) =>
      (await jobs.unscheduled([tenant], before, undefined, 10)).map(({ id }) => id);
    await jobs.create(job);
    expect(await behind()).toEqual([job.id]);
    const noted = await jobs.scheduled(job, later(-5));
    expect(noted).toEqual({ ...job, scheduledAt: now });
    expect(isScheduled(noted!)).toBe(true);
    expect(await behind()).toEqual([]);

    const off = await jobs.change(tenant, job.id, { enabled: false }, later(10));
    expect(await behind()).toEqual([job.id]);
    expect(isScheduled(off!)).toBe(false);
    const overtaken = await jobs.scheduled(job, later(11));
    expect(overtaken, 'who put what stood there before').toEqual(off);
    expect(await behind()).toEqual([job.id]);
    expect(isScheduled((await jobs.scheduled(off!, later(12)))!)).toBe(true);
    expect(await behind()).toEqual([]);
    expect(await behind(later(60)), 'not looked at for long').toEqual([job.id]);

    const gone = await jobs.change(tenant, job.id, { deleted: true }, later(20));
    expect(await jobs.unscheduled([tenant], now, undefined, 10)).toEqual([gone]);
    expect((await jobs.scheduled(off!, later(21)))?.deletedAt, 'also who did not hear of the deletion').toBeDefined();
    expect(isScheduled((await jobs.scheduled(gone!, later(21)))!)).toBe(true);
    expect(await behind(later(60)), 'what is deleted stays so').toEqual([]);
  });

  test('is asked for several tenants, and for no other', async () => {
    const tenants = [newId(), newId(), newId()];
    const all = tenants.map((tenant) => jobOf(tenant));
    for (const job of all) await jobs.create(job);
    const found = await jobs.unscheduled(tenants.slice(0, 2), now, undefined, 10);
    expect(found).toEqual(expect.arrayContaining(all.slice(0, 2)));
    expect(found).toHaveLength(2);
    const [first] = await jobs.unscheduled(tenants.slice(0, 2), now, undefined, 1);
    expect(await jobs.unscheduled(tenants.slice(0, 2), now, first!.id, 10)).toEqual([found[1]]);
  });
});

test('history: newest first, of this job, page by page', async () => {
  const tenant = newId();
  const [job, other] = [jobOf(tenant), jobOf(tenant)];
  await jobs.create(job);
  await jobs.create(other);
  const run = async (of: Job, seconds: number, state: string, more: object = {}) => {
    const id = uuidv7(later(seconds).getTime(), randomBytes(10));
    const row = {
      ...{
        tenant_id: tenant,
        id,
        job_id: of.id,
        kind: of.kind,
        config: db.ownerSql.json({}),
        attempts_max: 3,
        backoff_seconds: 60,
      },
      ...{ cause: 'schedule', asked_by: 'schedule', scheduled_for: later(seconds), state, queued_at: later(seconds) },
      ...more,
    };
    await db.ownerSql`insert into jobs.run ${db.ownerSql(row)}`;
    return id;
  };
  const ended = { started_at: later(11), ended_at: later(71), rows_read: '12345678901' };
  const first = await run(job, 10, 'succeeded', {
    ...ended,
    result: db.ownerSql.json({ files: 2 }),
    trace: 'group stream',
  });
  await run(other, 20, 'queued');
  const second = await run(job, 30, 'failed', { ...ended, error_code: 'source_down', error: 'It did not answer.' });
  const third = await run(job, 40, 'queued');

  const page = await jobs.history(tenant, job.id, undefined, 2);
  expect(page.map(({ id }) => id)).toEqual([third, second]);
  expect(page[1]).toMatchObject({ state: 'failed', error: { code: 'source_down', message: 'It did not answer.' } });
  const [last, ...none] = await jobs.history(tenant, job.id, second, 2);
  expect(none).toEqual([]);
  expect(last).toMatchObject({
    ...{ id: first, job: job.id, jobName: job.name, state: 'succeeded', result: { files: 2 }, trace: 'group stream' },
    rows: { read: 12345678901, written: 0, rejected: 0 },
  });
  expect(await jobs.history(newId(), job.id, undefined, 10)).toEqual([]);
  expect(await jobs.history(tenant, 'x', undefined, 10)).toEqual([]);
});
