/** Start and sweep, on a real PostgreSQL: one run for a schedule, however often it is delivered, and a fan-out of thousands. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Due, Runs } from '#core/jobs/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { start } from '#functions/jobs/start.schedule.ts';
import { sweepRuns } from '#functions/jobs/sweep.schedule.ts';
import { createRuns } from '#stores/postgres/runs.ts';
import { addJob, at, messageOf, newId, startedAt, taking, withTime } from '#test/stores/postgres/run-maker.ts';
import { tenantA } from '#test/support/events.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

let db: TestDatabase;
let runs: Runs;
let sent: Due[] = [];
const onward = async (due: Due) => void sent.push(due);
beforeAll(async () => {
  db = await testDatabase('starting');
  runs = createRuns(db.login('trailkeep_loader', 4), contextKey);
});
afterAll(() => db?.drop());
beforeEach(() => {
  sent = [];
});
const input = (job: string) => ({ tenant: tenantA, job, scheduled_for: '2026-03-01T06:00:00Z' });
const started = (job: string, way: typeof onward = onward) =>
  start({ runs, onward: way, newId }, { now: at(3), input: input(job) }) as Promise<{ run: string | null }>;

test('a schedule that is delivered twice, at once or later, makes one run', async () => {
  const job = await addJob(db.ownerSql, tenantA);
  const all = [...(await Promise.all([started(job), started(job)])), await started(job)];
  expect(all.filter(({ run }) => run !== null)).toHaveLength(1);
  expect(sent).toHaveLength(1);
  const { run } = all.find((one) => one.run !== null)!;
  expect(await runs.get(tenantA, run!)).toMatchObject({ cause: 'schedule', scheduledFor: startedAt, queuedAt: at(3) });
});

test('queues that are down leave a run that the sweep sends', async () => {
  const job = await addJob(db.ownerSql, tenantA);
  const { run } = await started(job, () => Promise.reject(new Unavailable('queues')));
  const tenants = { page: async (after?: string) => (after === undefined ? [tenantA] : []) };
  await sweepRuns({ runs, tenants, onward }, { now: at(3 + 600) });
  const messages = sent.flatMap(({ send }) => send.map(({ message }) => message));
  expect(messages).toContainEqual(messageOf(tenantA, run!));
});

test('what is not a schedule of ours is refused', async () => {
  await expect(start({ runs, onward, newId }, { now: at(0), input: {} })).rejects.toThrow();
});

test('ten thousand parts: each is there once, lost ones are found, and the last ends the run', async () => {
  const job = await addJob(db.ownerSql, tenantA);
  const { run } = await started(job);
  const plan = withTime(await runs.take(messageOf(tenantA, run!), taking(4)));
  const parts = Array.from({ length: 10_000 }, (_, number) => `day/${number}`);
  const { send } = await runs.settle(plan, { is: 'done', parts }, at(5));
  expect(new Set(send.map(({ message }) => message.part)).size).toBe(10_000);

  // None of them was taken: all are sent again, a page at a time, and not a second time soon after.
  const tenants = { page: async (after?: string) => (after === undefined ? [tenantA] : []) };
  const report = await sweepRuns({ runs, tenants, onward }, { now: at(5 + 600) });
  const again = sent.flatMap((due) => due.send.filter(({ message }) => message.run === run));
  expect(new Set(again.filter(({ message }) => message.part !== 'plan').map(({ message }) => message.part)).size).toBe(
    10_000,
  );
  expect(report.sent).toBeGreaterThanOrEqual(10_000);
  expect((await sweepRuns({ runs, tenants, onward }, { now: at(5 + 900) })).sent).toBe(0);

  // All but twenty end behind our back: bench/runs.ts does them one by one.
  await db.ownerSql`update jobs.part set state = 'done', ended_at = now() where run_id = ${run!} and part > 'day/1'
    and part not in (select part from jobs.part where run_id = ${run!} and state = 'waiting' order by part limit 20)`;
  const [left] =
    await db.ownerSql`select count(*)::integer as open from jobs.part where run_id = ${run!} and state = 'waiting'`;
  await db.ownerSql`update jobs.run set parts_open = ${left!.open}, parts_done = parts_done + 10000 - ${left!.open}
    where id = ${run!}`;
  const open = await db.ownerSql`select part from jobs.part where run_id = ${run!} and state = 'waiting'`;
  const ended = await Promise.all(
    open.map(async ({ part }) => {
      const task = withTime(await runs.take(messageOf(tenantA, run!, part), taking(1_000)));
      return (await runs.settle(task, { is: 'done' }, at(1_001))).ended;
    }),
  );
  expect(ended.flat()).toMatchObject([{ state: 'succeeded', parts: { open: 0, done: 10_001, failed: 0 } }]);
});
