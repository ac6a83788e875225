/** Statements in Postgres: made of one moment, approved by one, locked by another, and they add up to the facts. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildStatement } from '#core/costs/build-statement.ts';
import { ownTable } from '#core/costs/lineage.ts';
import { isZero, minus, sumOf } from '#core/costs/money.ts';
import { type Statement, type StatementSettings, type Statements, statementBytes } from '#core/costs/statement.ts';
import { statementDataset } from '#core/costs/statement-lineage.ts';
import { createLineage } from '#stores/postgres/lineage.ts';
import { createOverrides } from '#stores/postgres/overrides.ts';
import { createStatements } from '#stores/postgres/statements.ts';
import { type CostsMaker, costsMaker } from '#test/support/costs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let statements: Statements;
let maker: CostsMaker;
let shop: number;
let till: number;
let october: number;
const at = new Date('2026-12-02T12:00:00Z');
beforeAll(async () => {
  db = await testDatabase('statements');
  statements = createStatements(db.login('trailkeep_app', 4), contextKey);
  maker = await costsMaker(db.ownerSql, tenantA);
  await costsMaker(db.ownerSql, tenantB);
  shop = await maker.application('shop');
  till = await maker.application('till');
  const loose = await maker.application('loose');
  await maker.map(shop, { sector: 'Retail', owner: 'Ann', h_code: 'H-1' });
  await maker.map(till, { sector: 'Retail', owner: 'Bob', h_code: 'H-2' });
  october = await maker.load([
    { day: '2026-10-01', application: shop, billed: '10.00000000001', effective: '9.5' },
    { day: '2026-10-31', application: till, billed: '20' },
    { day: '2026-10-31', application: till, billed: '3', currency: 'USD' },
    { day: '2026-10-15', application: loose, billed: '5.005' },
  ]);
  await maker.load([
    { day: '2026-09-30', application: shop, billed: '4' },
    { day: '2026-11-01', application: shop, billed: '6' },
  ]);
  await maker.usage(october, '2026-10-02', till, 'nodes', '3');
});
afterAll(() => db?.drop());

const draft = async (month: string, settings: StatementSettings = { cost: 'effective' }) =>
  buildStatement(await statements.inputs(tenantA, month, settings));
const hash = (statement: Statement) => createHash('sha256').update(statementBytes(statement)).digest('hex');
const approve = (statement: Statement, approvedBy = 'key:ann', run = randomUUID()) =>
  statements.approve(tenantA, run, {
    month: statement.month,
    statement,
    sha256: hash(statement),
    approvedBy,
    approvedAt: at,
  });
const totals = (statement: Statement) =>
  statement.lines.map(({ h_code, owner, currency, total }) => `${h_code} ${owner} ${total} ${currency}`);
const facts = async (months: readonly string[], cost = 'effective') =>
  (
    await db.ownerSql`select currency, sum(${db.ownerSql(cost)})::text as amount from costs.charge_in_effect
      where tenant_id = ${tenantA} and to_char(month, 'YYYY-MM') = any (string_to_array(${months.join()}, ',')) group by 1`
  ).map((row) => ({ currency: row.currency as string, amount: row.amount as string }));

describe('a draft', () => {
  test('has the month’s facts by bearer, to the last digit, and says how much is unmapped and where it is from', async () => {
    const made = await draft('2026-10');
    expect(totals(made)).toEqual([
      'H-1 Ann 9.5 EUR',
      'H-2 Bob 20 EUR',
      '(unmapped) (unmapped) 5.005 EUR',
      'H-2 Bob 3 USD',
    ]);
    expect(made.lines[0]).toMatchObject({ cost_centre: 'CC H-1', sector: 'Retail', previous: '4' });
    expect(made.coverage).toEqual({ applications: 3, mapped: 2, percent: '66.67', rules: { none: 1, tag: 2 } });
    expect(made.loads).toMatchObject([{ id: october, source: 'bill', stream: 'file', rows: 4 }]);
    expect((await draft('2026-10', { cost: 'billed' })).lines[0]?.total).toBe('10.00000000001');
  });

  test('shares by what applications used', async () => {
    const made = await draft('2026-10', { cost: 'effective', shared: { h_codes: ['(unmapped)'], by: 'nodes' } });
    expect(totals(made)).toEqual([
      'H-1 Ann 9.5 EUR',
      'H-2 Bob 25.005 EUR',
      '(unmapped) (unmapped) 0 EUR',
      'H-2 Bob 3 USD',
    ]);
  });

  test('of a tenant without costs is empty, and so is that of another tenant', async () => {
    const empty = buildStatement(await statements.inputs(tenantB, '2026-10', { cost: 'effective' }));
    expect(empty).toMatchObject({
      lines: [],
      totals: [],
      loads: [],
      overrides: [],
      coverage: { applications: 0, percent: null },
    });
  });
});

describe('a statement', () => {
  test('is approved as a version, with its lineage, and the same once more is the same version', async () => {
    const first = await approve(await draft('2026-10', { cost: 'billed' }));
    expect(first).toMatchObject({ version: 1, approvedBy: 'key:ann' });
    const run = randomUUID();
    const second = await approve(await draft('2026-10'), 'key:ann', run);
    expect(second?.version).toBe(2);
    expect((await approve(await draft('2026-10')))?.version).toBe(2);
    expect(await statements.newest(tenantA, '2026-10')).toEqual(second);
    expect(await statements.newest(tenantB, '2026-10')).toBeUndefined();
    const lineage = createLineage(db.login('trailkeep_app', 1), contextKey);
    const back = await lineage.walk(tenantA, statementDataset('2026-10'), 'back', 10);
    expect(back.map(({ input }) => input)).toContainEqual(ownTable('costs.cost_daily'));
    expect(await lineage.events(tenantA, { run, limit: 10 })).toHaveLength(1);
  });

  test('is locked by another person, the newest version alone, one month after the other', async () => {
    const locked = (month: string, version: number, by: string) => statements.lock(tenantA, month, version, by, at);
    expect(await locked('2026-10', 2, 'key:ann')).toBeUndefined();
    expect(await locked('2026-10', 1, 'key:bob')).toBeUndefined();
    expect(await statements.lock(tenantB, '2026-10', 2, 'key:bob', at)).toBeUndefined();
    expect(await locked('2026-10', 2, 'key:bob')).toMatchObject({ locked: { by: 'key:bob', at } });
    expect(await locked('2026-10', 2, 'key:bob').catch(() => undefined)).toBeUndefined();
    expect(await approve(await draft('2026-10'))).toBeUndefined();
    const december = await approve(await draft('2026-12'));
    expect(await locked('2026-12', december!.version, 'key:bob')).toBeUndefined();
    const listed = (await statements.list(tenantA, 10)).map(
      ({ month, version, locked: by }) => `${month} ${version} ${by?.by}`,
    );
    expect(listed).toEqual(['2026-12 1 undefined', '2026-10 2 key:bob']);
  });

  test('never changes: late costs and overrides of its month are charged in the next, and all adds up', async () => {
    const before = await statements.newest(tenantA, '2026-10');
    await maker.load([{ day: '2026-10-20', application: shop, billed: '1.25' }]);
    const overrides = createOverrides(db.login('trailkeep_app', 1), contextKey);
    const terms = {
      kind: 'mapping' as const,
      application: till,
      from: '2026-10-01',
      to: undefined,
      set: { h_code: 'H-1' },
      controller: 0,
      reason: 'x',
    };
    const prepared = await overrides.prepare(tenantA, uuid7(at.getTime()), terms, {
      proposedBy: 'key:ann',
      proposedAt: at,
    });
    if (!prepared.ok) throw new Error(prepared.fault.detail);
    const { id } = await overrides.propose(prepared.value);
    await overrides.decide(tenantA, id, { decision: 'approved', by: 'key:bob', at, note: '' });

    expect(await statements.newest(tenantA, '2026-10')).toEqual(before);
    const november = await draft('2026-11');
    expect(
      november.corrections.map((one) => `${one.month} ${one.h_code} ${one.owner} ${one.amount} ${one.currency}`),
    ).toEqual([
      '2026-10 H-1 Ann 1.25 EUR',
      '2026-10 H-1 Bob 20 EUR',
      '2026-10 H-2 Bob -20 EUR',
      '2026-10 H-1 Bob 3 USD',
      '2026-10 H-2 Bob -3 USD',
    ]);
    expect(november.overrides.map((one) => one.id)).toEqual([id]);
    for (const { currency, amount } of await facts(['2026-10', '2026-11'])) {
      const charged = [before!.statement, november]
        .flatMap(({ lines }) => lines)
        .filter((line) => line.currency === currency);
      expect(isZero(minus(sumOf(charged.map(({ total }) => total)), amount)), currency).toBe(true);
    }
  });
});
