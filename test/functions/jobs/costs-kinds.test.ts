/** Report and compare, on real rows of costs. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reportDataset } from '#core/costs/statement-lineage.ts';
import { differencesOf, type LoadPair } from '#core/jobs/compare.ts';
import { compareLoads } from '#functions/jobs/compare-loads.ts';
import { writeReport } from '#functions/jobs/write-report.ts';
import { createLineage } from '#stores/postgres/lineage.ts';
import { createLoadPairs } from '#stores/postgres/load-pairs.ts';
import { createStatements } from '#stores/postgres/statements.ts';
import { type CostsMaker, costsMaker } from '#test/support/costs.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { taskOf } from './task.ts';

let db: TestDatabase;
let maker: CostsMaker;
beforeAll(async () => {
  db = await testDatabase('kinds');
  maker = await costsMaker(db.ownerSql, tenantA);
  const shop = await maker.application('shop');
  await maker.map(shop, { sector: 'Retail', owner: 'Ann', h_code: 'H-1' });
  await maker.load([
    { day: '2026-02-01', application: shop, billed: '100.10' },
    { day: '2026-02-01', billed: '7', currency: 'USD' },
  ]);
  await maker.load([
    { day: '2026-02-02', application: shop, billed: '150.15' },
    { day: '2026-02-02', billed: '7.07', currency: 'USD' },
    { day: '2026-02-02', billed: '1' },
  ]);
});
afterAll(() => db?.drop());

test('a report is the statement of the month before, as bytes that its hash is over, and its totals', async () => {
  const kept = new Map<string, Uint8Array>();
  const lineage = createLineage(db.login('trailkeep_loader'), contextKey);
  const ports = {
    ...{ lineage, clock: () => new Date('2026-03-01T03:00:10Z') },
    statements: createStatements(db.login('trailkeep_app'), contextKey),
    reports: {
      put: async (tenant: string, run: string, bytes: Uint8Array) => void kept.set(`${tenant} ${run}`, bytes),
    },
  };
  const task = taskOf({ kind: 'report' });
  const outcome = await writeReport(ports, task);
  const bytes = kept.get(`${tenantA} ${task.run}`)!;
  expect(outcome).toMatchObject({
    is: 'done',
    result: {
      month: '2026-02',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      totals: [
        { currency: 'EUR', total: '251.25', unmapped: '1' },
        { currency: 'USD', total: '14.07' },
      ],
    },
  });
  expect(JSON.parse(Buffer.from(bytes).toString())).toMatchObject({ v: 1, month: '2026-02' });
  expect(await writeReport(ports, task)).toEqual(outcome);
  const made = await lineage.walk(tenantA, reportDataset('2026-02'), 'back', 10);
  expect(made.map(({ input, job }) => `${input.name} ${job}`)).toEqual(
    ['costs.cost_daily', 'costs.mapping', 'costs.override'].map((name) => `${name} report.chargeback`),
  );
});

describe('compare', () => {
  const compared = async (config: object, tenant = tenantA) =>
    (await compareLoads(
      { pairs: createLoadPairs(db.login('trailkeep_app'), contextKey) },
      taskOf({ kind: 'compare', tenant, config: config as never }),
    )) as unknown as { result: { told: { of: string }[]; differences: number; compared: number } };

  test('tells rows and totals that differ by more than they may, by currency and sector', async () => {
    const { result } = await compared({ percent: 20 });
    expect(result).toMatchObject({ streams: 1, compared: 1, differences: 3 });
    const source = expect.any(String);
    expect(result.told).toEqual([
      { source, stream: 'file', of: 'rows', before: '2', now: '3', percent: '50.00' },
      { source, stream: 'file', of: 'EUR', sector: '(unmapped)', before: '0', now: '1', percent: null },
      { source, stream: 'file', of: 'EUR', sector: 'Retail', before: '100.10', now: '150.15', percent: '50.00' },
    ]);
    expect((await compared({ percent: 60 })).result.told).toMatchObject([{ of: 'EUR', sector: '(unmapped)' }]);
    expect((await compared({}, tenantB)).result).toMatchObject({ streams: 0, differences: 0, told: [] });
  });

  test('one load alone differs from nothing; what is gone differs by all of it', () => {
    const load = (rows: number, effective?: string) => ({
      ...{ load: 1, slice: 's', loadedAt: '2026-02-02T00:00:00.000Z', rows },
      totals: effective === undefined ? [] : [{ currency: 'EUR', sector: 'Retail', effective }],
    });
    const pair: LoadPair = { source: 's', stream: 'file', now: load(1), before: load(1, '5') };
    expect(differencesOf([pair], 10)).toMatchObject([{ of: 'EUR', before: '5', now: '0', percent: '-100.00' }]);
    const { before: _, ...alone } = pair;
    expect(differencesOf([alone], 10)).toEqual([]);
  });
});
