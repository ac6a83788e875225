/** Whatever dies and whenever: no part is lost, none is done twice to its end, none is stuck, and the trail is told once. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Run, Runs } from '#core/jobs/ports.ts';
import { type Outcome, questionOf, RunFault, type Task } from '#core/jobs/run.ts';
import { createRuns } from '#stores/postgres/runs.ts';
import { addJob, newId, startedAt } from '#test/stores/postgres/run-maker.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { type Fate, RunWorld, type WorldOptions } from './run-world.ts';

let db: TestDatabase;
let runs: Runs;
beforeAll(async () => {
  db = await testDatabase('crashes');
  runs = createRuns(db.login('trailkeep_loader', 4), contextKey);
});
afterAll(() => db?.drop());

/** A run of three parts: one at once, one in two calls with an answer from outside between, one after a fault. */
const everyWay = async (task: Task, world: RunWorld): Promise<Outcome> => {
  const rows = { read: 1, written: 1, rejected: 0 };
  if (task.part === 'plan') return { is: 'done', parts: ['at once', 'outside', 'faulty'], result: { planned: true } };
  if (task.part === 'outside') {
    if (!task.position) return { is: 'more', position: { page: 1 }, rows };
    if (task.answer) return { is: 'done', rows };
    world.push({ ...questionOf(task), answer: { pages: 2 } }, 3);
    return { is: 'away', until: new Date(world.nowMs + 600_000) };
  }
  if (task.part === 'faulty' && task.attempt === 1) throw new RunFault('source_down', 'Down.', { again: true });
  return { is: 'done', rows };
};

async function live(more: Partial<WorldOptions>, starts = 1) {
  const tenant = randomUUID();
  const job = await addJob(db.ownerSql, tenant, { overlap: 'queue', attemptsMax: 10, backoffSeconds: 30 });
  const world = new RunWorld({
    ...{
      runs,
      tenants: [tenant],
      startMs: startedAt.getTime(),
      verb: everyWay,
      fate: () => 'goes well',
      pick: () => 0,
    },
    ...more,
  });
  const ids: string[] = [];
  for (let number = 0; number < starts; number++) {
    const at = new Date(startedAt.getTime() + number);
    const start = { tenant, id: newId(), job, cause: 'schedule' as const, askedBy: 'schedule' };
    const { run, due } = (await runs.start({ ...start, scheduledFor: at, at }))!;
    ids.push(run.id);
    for (const { message } of due.send) world.push(message);
  }
  await world.run(async () => {
    const [row] = await db.ownerSql`select count(*) filter (where parts_open > 0)::integer as under_way,
      bool_and(ended_at is not null) as is_over from jobs.run where job_id = ${job}`;
    expect(row!.under_way, 'runs of a job at once').toBeLessThanOrEqual(1);
    return (
      row!.is_over && [...world.events.values()].filter(({ action }) => action !== 'job.started').length === starts
    );
  });
  return { world, ended: await Promise.all(ids.map(async (id) => (await runs.get(tenant, id))!)) };
}

const whole = (run: Run) =>
  expect(run).toMatchObject({
    state: 'succeeded',
    parts: { open: 0, done: 4, failed: 0 },
    rows: { read: 4, written: 4, rejected: 0 },
    result: { planned: true },
  });
const told = (world: RunWorld) => [...world.events.values()].map(({ action }) => action).sort();

test('a death at any one step changes nothing of the end', async () => {
  const { world: quiet, ended } = await live({});
  ended.forEach(whole);
  expect(quiet.deaths).toBe(0);
  let deaths = 0;
  for (let step = 0; step < quiet.steps; step++) {
    const others: Fate[] = step % 3 === 0 ? ['is down'] : step % 3 === 1 ? ['sleeps'] : [];
    for (const how of ['dies before', 'dies after', ...others] as const) {
      const { world, ended: after } = await live({ fate: (now) => (now === step ? how : 'goes well') });
      after.forEach(whole);
      expect(told(world), `${how} step ${step}`).toEqual(['job.started', 'job.succeeded']);
      deaths += world.deaths;
    }
  }
  // Whoever dies after its last word is not waited for.
  expect(deaths).toBeGreaterThanOrEqual(2 * quiet.steps - 1);
  console.log(
    `a death before or after each of ${quiet.steps} steps, an outage or a lost lease at most of them: all ended whole`,
  );
});

test('many deaths, outages and messages in any order change nothing of the end either', async () => {
  const fates = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant<Fate>('goes well') },
      { weight: 1, arbitrary: fc.constantFrom<Fate>('dies before', 'dies after', 'is down', 'sleeps') },
    ),
    { minLength: 20, maxLength: 80 },
  );
  const picks = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 5, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fates, picks, fc.integer({ min: 1, max: 3 }), async (fate, pick, starts) => {
      let picked = 0;
      const { world, ended } = await live(
        { fate: (step) => fate[step] ?? 'goes well', pick: () => pick[picked++ % pick.length]! },
        starts,
      );
      for (const run of ended) {
        // So many deaths may use up a part's ten tries; then it has failed, and said so.
        if (run.state === 'failed') expect(run.error?.code).toBe('worker_lost');
        else whole(run);
      }
      expect(told(world)).toHaveLength(2 * starts);
    }),
    { numRuns: 20 },
  );
});

test('a part that kills its worker each time has failed after its tries, and the others are done', async () => {
  const { ended } = await live({
    verb: async (task, world) => {
      if (task.part !== 'at once') return everyWay(task, world);
      throw new Error('never heard of');
    },
  });
  expect(ended[0]).toMatchObject({ state: 'failed', error: { code: 'internal_error' }, parts: { done: 3, failed: 1 } });
});
