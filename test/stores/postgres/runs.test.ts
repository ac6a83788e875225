/** Runs in Postgres: who may take a part and when, what becomes of it, and what a run's end brings. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Due, Runs } from '#core/jobs/ports.ts';
import { questionOf, type Task } from '#core/jobs/run.ts';
import { createRuns } from '#stores/postgres/runs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB } from './made.ts';
import { addJob, at, messageOf, newId, startedAt, taking, withTime } from './run-maker.ts';

let db: TestDatabase;
let runs: Runs;
beforeAll(async () => {
  db = await testDatabase('runs');
  // As they are spread over functions: verbs of the API and the sweep are the application's, most work is the loader's.
  const { start, due, unsaid, said } = createRuns(db.login('trailkeep_app', 4), contextKey);
  runs = { ...createRuns(db.login('trailkeep_loader', 4), contextKey), start, due, unsaid, said };
});
afterAll(() => db?.drop());

const add = (more: Parameters<typeof addJob>[2] = {}, tenant = tenantA) => addJob(db.ownerSql, tenant, more);
const starting = (job: string, more: Partial<Parameters<Runs['start']>[0]> = {}) => ({
  ...{ tenant: tenantA, id: newId(), job, cause: 'schedule' as const, askedBy: 'schedule' },
  ...{ scheduledFor: startedAt, at: startedAt },
  ...more,
});
const parts = ({ send }: Due) => send.map(({ message }) => message.part);
const take = async (run: string, part = 'plan', seconds = 0, holder?: string): Promise<Task | undefined> => {
  const task = await runs.take(messageOf(tenantA, run, part), taking(seconds, holder));
  return task && withTime(task);
};
/** A run whose first part is taken. */
async function begun(more: Parameters<typeof addJob>[2] = {}) {
  const { run } = (await runs.start(starting(await add(more))))!;
  return { run, task: (await take(run.id))! };
}
/** What a sweep finds of one run. */
const dueOf = async (run: string, seconds: number) => {
  const due = await runs.due([tenantA, tenantB], at(seconds), 10_000);
  return {
    send: due.send.filter(({ message }) => message.run === run).map(({ message }) => message.part),
    ended: due.ended.filter(({ id }) => id === run),
  };
};
const broken = { code: 'source_down', message: 'The source answers 503.', again: true };

describe('a start', () => {
  test('makes a run and its first part; the same schedule again makes none', async () => {
    const job = await add();
    const started = (await runs.start(starting(job)))!;
    expect(started.run).toMatchObject({ job, jobName: job, state: 'queued', parts: { open: 1, done: 0, failed: 0 } });
    expect(started.due).toEqual({
      ...{ began: [], ended: [] },
      send: [{ kind: 'etl', message: messageOf(tenantA, started.run.id), delaySeconds: 0 }],
    });
    expect(await runs.start(starting(job))).toBeUndefined();
  });

  test('of a deleted, foreign or malformed job is nothing; of a disabled one only by hand', async () => {
    const gone = await add();
    await db.ownerSql`update jobs.job set deleted_at = now() where id = ${gone}`;
    expect(await runs.start(starting(gone))).toBeUndefined();
    expect(await runs.start(starting(await add({}, tenantB)))).toBeUndefined();
    expect(await runs.start(starting('nonsense'))).toBeUndefined();
    const disabled = await add({ enabled: false });
    expect(await runs.start(starting(disabled))).toBeUndefined();
    expect(await runs.start(starting(disabled, { cause: 'manual', askedBy: 'user:one' }))).toBeDefined();
  });

  test('while another is under way is refused, and said so', async () => {
    const { run } = await begun({ overlap: 'refuse' });
    const second = (await runs.start(starting(run.job, { scheduledFor: at(60) })))!;
    expect(second.run).toMatchObject({ state: 'refused', error: { code: 'run_overlaps' } });
    expect(second.due).toMatchObject({ send: [], ended: [{ id: second.run.id }] });
  });

  test('or waits, in the order they came, at most ten', async () => {
    const { run, task } = await begun({ overlap: 'queue' });
    const behind: string[] = [];
    for (let minute = 1; minute <= 11; minute++) {
      const next = (await runs.start(starting(run.job, { scheduledFor: at(60 * minute), at: at(minute) })))!;
      if (minute <= 10) behind.push(next.run.id);
      else expect(next.run.state).toBe('refused');
      expect(next.due.send).toEqual([]);
    }
    expect(await take(behind[0]!)).toBeUndefined();
    expect((await runs.due([tenantA], at(100), 1_000)).send.map(({ message }) => message.run)).not.toContain(behind[0]);
    const due = await runs.settle(task, { is: 'done' }, at(100));
    expect(due.ended).toMatchObject([{ id: run.id, state: 'succeeded' }]);
    expect(due.send.map(({ message }) => message.run)).toEqual([behind[0]]);
    const second = (await take(behind[0]!, 'plan', 101))!;
    expect(parts(await runs.settle(second, { is: 'done' }, at(102)))).toEqual(['plan']);
  });

  test('of two at once one is first, and the other is refused', async () => {
    const job = await add();
    const both = await Promise.all([1, 2].map((minute) => runs.start(starting(job, { scheduledFor: at(minute) }))));
    expect(both.map((one) => one!.run.state).sort()).toEqual(['queued', 'refused']);
  });
});

describe('a part', () => {
  test('is taken by one; whoever held its message may take it again at once', async () => {
    const { run } = (await runs.start(starting(await add({ config: { days: 3 } }))))!;
    const first = (await take(run.id, 'plan', 1, 'message-1'))!;
    expect(first).toMatchObject({
      attempt: 1,
      lease: 1,
      kind: 'etl',
      config: { days: 3 },
      began: { state: 'running' },
    });
    expect(await take(run.id, 'plan', 2, 'message-2')).toBeUndefined();
    const again = (await take(run.id, 'plan', 3, 'message-1'))!;
    expect(again).toMatchObject({ attempt: 1, lease: 2 });
    expect(await runs.settle(first, { is: 'done' }, at(4))).toEqual({ send: [], began: [], ended: [] });
    expect((await runs.settle(again, { is: 'done' }, at(5))).ended).toHaveLength(1);
    expect(await take(run.id, 'plan', 6)).toBeUndefined();
  });

  test('makes others, each once, and the run ends with the last', async () => {
    const { run, task } = await begun();
    const rows = { read: 5, written: 4, rejected: 1 };
    const planned = await runs.settle(task, { is: 'done', rows, parts: ['b', 'a', 'b'], result: { days: 2 } }, at(1));
    expect(parts(planned)).toEqual(['a', 'b']);
    const a = (await take(run.id, 'a', 2))!;
    expect(a.began).toBeUndefined();
    expect(parts(await runs.settle(a, { is: 'done', rows, parts: ['a', 'b'], result: { files: 1 } }, at(3)))).toEqual(
      [],
    );
    const b = (await take(run.id, 'b', 4))!;
    const { ended } = await runs.settle(b, { is: 'done', rows }, at(5));
    expect(ended).toMatchObject([
      {
        state: 'succeeded',
        rows: { read: 15, written: 12, rejected: 3 },
        result: { days: 2, files: 1 },
        parts: { open: 0, done: 3, failed: 0 },
        endedAt: at(5),
      },
    ]);
    expect(await runs.get(tenantA, run.id)).toEqual(ended[0]);
    expect(await runs.get(tenantB, run.id)).toBeUndefined();
  });

  test('that is too long for one call goes on where it stopped, with all its tries', async () => {
    const { run, task } = await begun({ attemptsMax: 1 });
    expect(parts(await runs.settle(task, { is: 'more', position: { page: 2 } }, at(700)))).toEqual(['plan']);
    expect(await take(run.id, 'plan', 701)).toMatchObject({ attempt: 1, position: { page: 2 } });
  });

  test('that fails is tried again after a back-off that doubles, and then has failed; the others go on', async () => {
    const { run, task } = await begun({ attemptsMax: 3, backoffSeconds: 60 });
    await runs.settle(task, { is: 'done', parts: ['a', 'b'] }, at(1));
    const first = (await take(run.id, 'a', 2))!;
    expect((await runs.fault(first, broken, at(10))).send).toMatchObject([{ delaySeconds: 60 }]);
    expect(await take(run.id, 'a', 60)).toBeUndefined();
    const second = (await take(run.id, 'a', 70))!;
    expect((await runs.fault(second, broken, at(70))).send).toMatchObject([{ delaySeconds: 120 }]);
    const third = (await take(run.id, 'a', 190))!;
    expect(third.attempt).toBe(3);
    expect(await runs.fault(third, broken, at(190))).toMatchObject({ send: [], ended: [] });
    const b = (await take(run.id, 'b', 191))!;
    expect((await runs.settle(b, { is: 'done' }, at(192))).ended).toMatchObject([
      { state: 'failed', error: { code: 'source_down' }, parts: { done: 2, failed: 1 } },
    ]);
  });

  test('that cannot go better is not tried again; a source that names a time is asked after it', async () => {
    const { task } = await begun();
    expect((await runs.fault(task, { ...broken, again: false }, at(1))).ended).toMatchObject([{ state: 'failed' }]);
    const other = await begun();
    const notBefore = at(7_200);
    expect(await runs.fault(other.task, { ...broken, notBefore }, at(1))).toMatchObject({ send: [] });
    expect((await dueOf(other.run.id, 7_199)).send).toEqual([]);
    expect((await dueOf(other.run.id, 7_200)).send).toEqual(['plan']);
  });
});

describe('an answer from outside', () => {
  test('is what a part waits for', async () => {
    const { run, task } = await begun();
    const asked = questionOf(task);
    await runs.settle(task, { is: 'away', until: at(600), position: { page: 1 } }, at(2));
    expect(await take(run.id, 'plan', 3)).toBeUndefined();
    const answered = await runs.take({ ...asked, answer: { objects: 2 } }, taking(4));
    expect(answered).toMatchObject({ attempt: 1, answer: { objects: 2 }, position: { page: 1 } });
    expect(await runs.take({ ...asked, answer: { objects: 2 } }, taking(5))).toBeUndefined();
  });

  test('that comes before the question was noted is kept for it', async () => {
    const { task } = await begun();
    const asked = questionOf(task);
    expect(await runs.take({ ...asked, answer: { objects: 2 } }, taking(1))).toBeUndefined();
    const { send } = await runs.settle(task, { is: 'away', until: at(600) }, at(2));
    expect(send).toMatchObject([{ message: { ...asked, answer: { objects: 2 } } }]);
    expect(await runs.take(send[0]!.message, taking(3))).toMatchObject({ answer: { objects: 2 } });
  });

  test('to an earlier question is dropped', async () => {
    const { run, task } = await begun();
    await runs.settle(task, { is: 'away', until: at(600) }, at(1));
    const second = (await take(run.id, 'plan', 601))!;
    expect(second).toMatchObject({ attempt: 2 });
    await runs.settle(second, { is: 'away', until: at(1_200) }, at(602));
    expect(await runs.take({ ...questionOf(task), answer: {} }, taking(603))).toBeUndefined();
    expect(await runs.take({ ...questionOf(second), answer: {} }, taking(604))).toBeDefined();
  });
});

describe('the sweep', () => {
  test('sends again what nobody took, once an hour', async () => {
    const { run } = (await runs.start(starting(await add())))!;
    expect((await dueOf(run.id, 599)).send).toEqual([]);
    expect((await dueOf(run.id, 600)).send).toEqual(['plan']);
    expect((await dueOf(run.id, 601)).send).toEqual([]);
    expect((await dueOf(run.id, 4_200)).send).toEqual(['plan']);
  });

  test('sends again what a worker took with it, and ends what it took with the last try', async () => {
    const { run } = await begun({ attemptsMax: 2 });
    expect((await dueOf(run.id, 959)).send).toEqual([]);
    expect((await dueOf(run.id, 960)).send).toEqual(['plan']);
    expect(await take(run.id, 'plan', 961)).toMatchObject({ attempt: 2 });
    expect(await dueOf(run.id, 961 + 960)).toMatchObject({
      send: [],
      ended: [{ state: 'failed', error: { code: 'worker_lost' } }],
    });
  });

  test('lets runs begin that a crash left behind', async () => {
    const { run, task } = await begun({ overlap: 'queue' });
    const second = (await runs.start(starting(run.job, { scheduledFor: at(60), at: at(60) })))!;
    await runs.settle(task, { is: 'done' }, at(61));
    await db.ownerSql`delete from jobs.part where run_id = ${second.run.id}`;
    await db.ownerSql`update jobs.run set parts_open = 0 where id = ${second.run.id}`;
    expect((await dueOf(second.run.id, 62)).send).toEqual(['plan']);
  });

  test('knows which runs the trail was not told of', async () => {
    const { run, task } = await begun();
    const unsaid = async (seconds: number) =>
      (await runs.unsaid([tenantA], at(seconds), 10_000)).filter(({ id }) => id === run.id);
    expect(await unsaid(0)).toEqual([]);
    expect(await unsaid(1)).toMatchObject([{ id: run.id, state: 'running' }]);
    await runs.said(run, 'began', at(1));
    expect(await unsaid(2)).toEqual([]);
    await runs.settle(task, { is: 'done' }, at(2));
    expect(await unsaid(3)).toMatchObject([{ state: 'succeeded' }]);
    await runs.said(run, 'ended', at(3));
    expect(await unsaid(4)).toEqual([]);
  });
});
