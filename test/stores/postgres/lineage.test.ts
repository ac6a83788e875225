/** Lineage in Postgres: kept once, walked both ways, and nobody else's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DatasetName, Lineage, LineageEvent } from '#core/costs/lineage.ts';
import { ownTable } from '#core/costs/lineage.ts';
import { createLineage } from '#stores/postgres/lineage.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let lineage: Lineage;
beforeAll(async () => {
  db = await testDatabase('lineage');
  lineage = createLineage(db.login('trailkeep_app'), contextKey);
});
afterAll(() => db?.drop());

const bill: DatasetName = { namespace: 's3://imports', name: 'inbox/october.csv' };
const facts = ownTable('costs.cost_daily');
const summary = ownTable('costs.mv_monthly_chargeback_summary');
const statement: DatasetName = { namespace: 'trailkeep://statements', name: '2026-10' };
const event = (more: Partial<LineageEvent>): LineageEvent => ({
  ...{ tenant: tenantA, run: uuid7(1), task: '', job: 'etl.focus', type: 'COMPLETE', at: new Date('2026-11-01') },
  ...{ inputs: [bill], outputs: [facts] },
  ...more,
});

test('an event is kept once, and its edges with it', async () => {
  const one = event({ outputs: [{ ...facts, columns: { billed: [{ ...bill, field: 'BilledCost' }] } }] });
  await lineage.keep(one);
  await lineage.keep({ ...one, inputs: [statement] });
  expect(await lineage.events(tenantA, { limit: 10 })).toMatchObject([{ run: one.run, type: 'COMPLETE' }]);
  expect(await lineage.walk(tenantA, facts, 'back', 10)).toEqual([
    {
      input: bill,
      output: facts,
      job: 'etl.focus',
      columns: { billed: ['BilledCost'] },
      at: one.at,
      run: one.run,
      depth: 1,
    },
  ]);
});

test('what failed is an event and no edge', async () => {
  const lost: DatasetName = { namespace: 's3://imports', name: 'inbox/lost.csv' };
  await lineage.keep(event({ type: 'FAIL', inputs: [lost], error: 'It was not CSV.' }));
  expect(await lineage.walk(tenantA, lost, 'forward', 10)).toEqual([]);
  const [failed] = await lineage.events(tenantA, { type: 'FAIL', limit: 10 });
  expect(failed?.event).toMatchObject({ run: { facets: { errorMessage: { message: 'It was not CSV.' } } } });
});

test('the graph is walked both ways, nearest first, circles and all', async () => {
  await lineage.keep(event({ job: 'refresh', inputs: [facts], outputs: [summary] }));
  await lineage.keep(event({ job: 'report', inputs: [facts, summary], outputs: [statement] }));
  await lineage.keep(event({ job: 'compare', inputs: [statement], outputs: [facts] }));
  const steps = async (from: DatasetName, direction: 'back' | 'forward') =>
    (await lineage.walk(tenantA, from, direction, 100)).map(({ depth, job }) => `${depth} ${job}`);
  expect((await steps(bill, 'forward')).sort()).toEqual(
    ['1 etl.focus', '2 refresh', '2 report', '3 report', '3 compare'].sort(),
  );
  expect((await steps(statement, 'back')).sort()).toEqual([
    '1 report',
    '1 report',
    '2 compare',
    '2 etl.focus',
    '2 refresh',
  ]);
  expect(await lineage.walk(tenantA, bill, 'forward', 2)).toHaveLength(2);
});

test('a later run names itself on the edge, an earlier one that comes late does not', async () => {
  const later = event({ at: new Date('2026-12-01') });
  await lineage.keep(later);
  await lineage.keep(event({ at: new Date('2026-10-01') }));
  expect((await lineage.walk(tenantA, bill, 'forward', 1))[0]).toMatchObject({ run: later.run, at: later.at });
});

test('pages go on where the one before ended', async () => {
  const all = await lineage.events(tenantA, { limit: 100 });
  const paged: string[] = [];
  for (let before = undefined as (typeof all)[number] | undefined; ; ) {
    const [one] = await lineage.events(tenantA, { limit: 1, ...(before ? { before } : {}) });
    if (!one) break;
    paged.push(one.run);
    before = one;
  }
  expect(paged).toEqual(all.map(({ run }) => run));
});

test('another tenant has its own', async () => {
  expect(await lineage.events(tenantB, { limit: 10 })).toEqual([]);
  expect(await lineage.walk(tenantB, bill, 'forward', 10)).toEqual([]);
});
