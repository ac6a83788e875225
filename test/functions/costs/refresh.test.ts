/** Refreshing views: in calls that have an end, on a real PostgreSQL as the login that runs jobs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CostViews, costViews } from '#core/costs/views.ts';
import type { Task } from '#core/jobs/run.ts';
import { refresh } from '#functions/costs/refresh.queue.ts';
import { refreshNightly } from '#functions/costs/refresh-nightly.schedule.ts';
import { createLineage } from '#stores/postgres/lineage.ts';
import { createCostViews } from '#stores/postgres/views.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase('refresh');
});
afterAll(() => db?.drop());

const now = new Date('2026-11-02T03:00:00Z');
const minutes = (n: number) => new Date(now.getTime() + n * 60_000);
const names = costViews.map(({ name }) => name);
const task: Task = {
  tenant: '01890000-0000-7000-8000-00000000000a',
  run: '01890000-0000-7000-8000-0000000000aa',
  job: '01890000-0000-7000-8000-0000000000ab',
  jobName: 'views',
  createdBy: 'ann',
  kind: 'refresh',
  part: 'plan',
  attempt: 1,
  scheduledFor: now,
  config: {},
  until: minutes(12),
  lease: 1,
};

/** Views of which each takes so many minutes; the clock goes with them. */
function slowViews(minutesEach: number) {
  let passed = 0;
  const asked: string[] = [];
  const views: CostViews = {
    async refresh(view, msMax) {
      asked.push(view);
      expect(msMax).toBeGreaterThanOrEqual(minutesEach * 60_000);
      passed += minutesEach;
      return { refreshed: true, at: minutes(passed), tookMs: minutesEach * 60_000 };
    },
  };
  return { views, asked, clock: () => minutes(passed), passed: () => passed };
}
const unused = { runs: {} as never, onward: (() => {}) as never, trace: () => '' };
const noLineage = { keep: async () => {} };

describe('a run', () => {
  test('refreshes all views in their order, and tells of each what it was made from', async () => {
    const loader = db.login('trailkeep_loader');
    const lineage = createLineage(loader, contextKey);
    const ports = { ...unused, views: createCostViews(loader), lineage, clock: () => now };
    const first = await refresh(ports, task);
    expect(first).toMatchObject({ is: 'done', result: { views: names.map((view) => ({ view, refreshed: true })) } });
    const again = await refresh(ports, { ...task, run: '01890000-0000-7000-8000-0000000000ac' });
    expect(again).toMatchObject({ is: 'done', result: { views: names.map((view) => ({ view, refreshed: false })) } });
    const walked = await lineage.walk(
      task.tenant,
      { namespace: 'postgres://trailkeep', name: 'costs.usage_daily' },
      'forward',
      100,
    );
    expect(walked.map(({ output }) => output.name)).toEqual([
      'costs.mv_daily_usage_by_application',
      'costs.mv_architecture_metrics_90d',
    ]);
    const events = await lineage.events(task.tenant, { run: task.run, limit: 100 });
    expect(events.map(({ task: view, type }) => `${view} ${type}`).sort()).toEqual(
      names.map((name) => `${name} COMPLETE`).sort(),
    );
  });

  test('that is too long for one call goes on in the next with what is left', async () => {
    const { views, asked, clock } = slowViews(4);
    const ports = { ...unused, views, lineage: noLineage, clock };
    const first = await refresh(ports, task);
    expect(first.is).toBe('more');
    expect(asked).toEqual(names.slice(0, 2));
    let outcome = first;
    for (let calls = 0; outcome.is === 'more' && calls < 8; calls++) {
      // As it comes out of the database.
      const position = JSON.parse(JSON.stringify(outcome.position));
      outcome = await refresh(ports, { ...task, position, until: new Date(clock().getTime() + 720_000) });
    }
    expect(asked).toEqual(names);
    expect(outcome).toEqual({
      is: 'done',
      result: {
        views: names.map((view, n) => ({
          view,
          refreshed: true,
          at: minutes(4 * n + 4).toISOString(),
          took_ms: 240_000,
        })),
      },
    });
  });

  test('begins a view even when one takes all of a call', async () => {
    const { views, asked, clock } = slowViews(12);
    const ports = { ...unused, views, lineage: noLineage, clock };
    expect(await refresh(ports, task)).toMatchObject({ is: 'more' });
    expect(asked).toEqual(names.slice(0, 1));
  });
});

describe('by the clock', () => {
  test('all views are refreshed without a tenant', async () => {
    const views = createCostViews(db.login('trailkeep_loader'));
    await db.ownerSql`update costs.view set dirty = true where place <= 3`;
    const at = { now };
    expect(await refreshNightly({ views, clock: () => now }, at)).toEqual({ refreshed: 3 });
    expect(await refreshNightly({ views, clock: () => now }, at)).toEqual({ refreshed: 0 });
  });

  test('a call that has too little time throws, so that the schedule tries again', async () => {
    const { views, clock } = slowViews(4);
    await expect(refreshNightly({ views, clock }, { now })).rejects.toThrow('2 views were refreshed');
  });
});
