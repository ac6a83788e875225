/** Costs in Postgres, summed as asked: each currency for itself, nothing lost, nothing twice. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CostFigures, type FigureQuestion, figureKeys, parseFigureQuestion } from '#core/costs/figures.ts';
import { isZero, minus, sumOf } from '#core/costs/money.ts';
import { createCostFigures } from '#stores/postgres/cost-figures.ts';
import { createOverrides } from '#stores/postgres/overrides.ts';
import { costsMaker } from '#test/support/costs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let figures: CostFigures;
const numbers = { bill: 0, late: 0, shop: 0, adjustment: '', mapping: '' };
const at = new Date('2026-11-10T12:00:00Z');
beforeAll(async () => {
  db = await testDatabase('figures');
  figures = createCostFigures(db.login('trailkeep_app', 4), contextKey);
  const maker = await costsMaker(db.ownerSql, tenantA);
  const other = await costsMaker(db.ownerSql, tenantB);
  await other.load([{ day: '2026-10-05', billed: '1000' }]);
  const [shop, till] = [await maker.application('shop'), await maker.application('till')];
  const controller = await maker.member('controller', 'emea');
  await maker.map(shop, { sector: 'Retail', owner: 'Ann', architecture: 'Java', h_code: 'H-1' });
  await maker.map(till, { sector: 'Online', owner: 'Bob' });
  numbers.shop = shop;
  numbers.bill = await maker.load([
    { day: '2026-09-30', application: shop, controller, billed: '1.10', effective: '1.00000000007' },
    { day: '2026-10-01', application: shop, controller, billed: '2.20' },
    { day: '2026-10-31', application: till, billed: '4.40', service: 'RDS' },
    { day: '2026-10-31', application: till, billed: '8.80', currency: 'USD', category: 'Tax' },
    { day: '2026-10-31', billed: '16' },
    { day: '2026-11-01', application: shop, billed: '32' },
  ]);
  numbers.late = await maker.load([{ day: '2026-10-02', application: shop, billed: '0.05' }]);
  const overrides = createOverrides(db.login('trailkeep_app', 1), contextKey);
  const approved = async (terms: Parameters<typeof overrides.prepare>[2]) => {
    const prepared = await overrides.prepare(tenantA, uuid7(at.getTime()), terms, {
      proposedBy: 'key:ann',
      proposedAt: at,
    });
    if (!prepared.ok) throw new Error(prepared.fault.detail);
    await overrides.propose(prepared.value);
    await overrides.decide(tenantA, prepared.value.id, { decision: 'approved', by: 'key:bob', at, note: '' });
    return prepared.value.id;
  };
  const terms = { application: till, from: '2026-10-01', to: '2026-11-01', set: {}, controller: 0, reason: 'agreed' };
  numbers.mapping = await approved({ ...terms, kind: 'mapping', set: { h_code: 'H-1' } });
  numbers.adjustment = await approved({ ...terms, kind: 'cost', amount: '-0.40', currency: 'EUR' });
});
afterAll(() => db?.drop());

const october: FigureQuestion = { from: '2026-10', to: '2026-10', by: [], only: {}, limit: 100 };
const asked = async (more: Partial<FigureQuestion>, tenant = tenantA) =>
  (await figures.ask(tenant, { ...october, ...more })).figures.map(({ of, currency, effective }) =>
    [...Object.values(of), effective, currency].join(' '),
  );

test('figures are by what was asked, each currency for itself, the dearest first', async () => {
  expect(await asked({})).toEqual(['22.25 EUR', '8.80 USD']);
  expect(await asked({ by: ['sector'] })).toEqual([
    '(unmapped) 16 EUR',
    'Online 8.80 USD',
    'Online 4.00 EUR',
    'Retail 2.25 EUR',
  ]);
  expect(await asked({ by: ['h_code'], only: { currency: 'EUR' } })).toEqual(['(unmapped) 16 EUR', 'H-1 6.25 EUR']);
  expect(
    await asked({ by: ['month', 'controller'], from: '2026-09', only: { application: String(numbers.shop) } }),
  ).toEqual(['2026-09 emea 1.00000000007 EUR', '2026-10 emea 2.20 EUR', '2026-10 (unmapped) 0.05 EUR']);
  expect(await asked({ by: ['service', 'category'], only: { sector: 'Online' } })).toEqual([
    'EC2 Tax 8.80 USD',
    'RDS Usage 4.40 EUR',
    'Adjustment Adjustment -0.40 EUR',
  ]);
});

test('however they are grouped, they add up to the same totals', async () => {
  const whole = { from: '2026-09', to: '2026-11', limit: 5000 };
  const { totals } = await figures.ask(tenantA, { ...october, ...whole });
  for (const key of figureKeys) {
    const { figures: some } = await figures.ask(tenantA, {
      ...october,
      ...whole,
      by: [key, ...figureKeys.filter((one) => one !== key).slice(0, 2)],
    });
    for (const total of totals) {
      for (const cost of ['billed', 'effective', 'contracted', 'list'] as const) {
        const sum = sumOf(some.filter(({ currency }) => currency === total.currency).map((one) => one[cost]));
        expect(isZero(minus(sum, total[cost])), `${key} ${cost}`).toBe(true);
      }
    }
  }
});

test('totals say what is unmapped and adjusted, and the answer which overrides it contains and how fresh it is', async () => {
  const answer = await figures.ask(tenantA, october);
  expect(answer.totals).toMatchObject([
    { currency: 'EUR', effective: '22.25', unmapped: '16', adjusted: '-0.40', charges: 5 },
    { currency: 'USD', effective: '8.80', unmapped: '0', adjusted: '0', charges: 1 },
  ]);
  expect(answer.overrides.map(({ id, kind }) => [id, kind])).toEqual([
    [numbers.mapping, 'mapping'],
    [numbers.adjustment, 'cost'],
  ]);
  expect(answer.fresh).toEqual({ loadedAt: new Date('2026-11-02T03:00:00Z'), lastDay: '2026-10-31' });
  expect((await figures.ask(tenantA, { ...october, from: '2026-09', to: '2026-09' })).overrides).toEqual([]);
});

test('more groups than the limit are told, and the totals are of all', async () => {
  const answer = await figures.ask(tenantA, { ...october, by: ['sector'], limit: 1 });
  expect(answer).toMatchObject({ cut: true, figures: [{ of: { sector: '(unmapped)' } }] });
  expect(answer.totals).toHaveLength(2);
});

test('a figure leads back to the lines of its loads, its adjustments and overrides, and they add up to it', async () => {
  const question = { ...october, only: { h_code: 'H-1', currency: 'EUR' } };
  const origin = await figures.origin(tenantA, question);
  expect(
    origin.loads.map(({ load, slice, lines, effective }) => ({ load, slice: slice !== '', lines, effective })),
  ).toEqual([
    { load: numbers.bill, slice: true, lines: [2, 3], effective: '6.60' },
    { load: numbers.late, slice: true, lines: [1], effective: '0.05' },
  ]);
  expect(origin.adjustments).toEqual([{ id: numbers.adjustment, currency: 'EUR', amount: '-0.40', reason: 'agreed' }]);
  expect(origin.mappings.map(({ id }) => id)).toEqual([numbers.mapping]);
  const [total] = (await figures.ask(tenantA, question)).totals;
  const sum = sumOf([...origin.loads.map((one) => one.effective), ...origin.adjustments.map((one) => one.amount)]);
  expect(isZero(minus(sum, total!.effective))).toBe(true);
});

test('a load and an override lead forward to the figures they are in', async () => {
  const of = async (what: Parameters<typeof figures.impact>[1]) =>
    (await figures.impact(tenantA, what))?.figures.map(
      (one) => `${one.month} ${one.h_code} ${one.effective} ${one.currency}`,
    );
  expect(await of({ load: numbers.late })).toEqual(['2026-10 H-1 0.05 EUR']);
  expect(await of({ load: numbers.bill })).toHaveLength(6);
  expect(await of({ override: numbers.mapping })).toEqual(['2026-10 H-1 4.00 EUR', '2026-10 H-1 8.80 USD']);
  expect(await of({ override: numbers.adjustment })).toEqual(['2026-10 H-1 -0.40 EUR']);
  expect(await figures.impact(tenantB, { load: numbers.bill })).toBeUndefined();
  expect(await figures.impact(tenantA, { override: 'nonsense' })).toBeUndefined();
});

test('another tenant sees its own and nothing else', async () => {
  expect(await asked({ by: ['sector'] }, tenantB)).toEqual(['(unmapped) 1000 EUR']);
  expect(await asked({ only: { sector: 'Retail' } }, tenantB)).toEqual([]);
  expect((await figures.origin(tenantB, october)).mappings).toEqual([]);
});

test.each([
  ['from=2026-13', '/from'],
  ['from=2026-10&to=2026-09', '/from'],
  ['from=2020-01', '/from'],
  ['by=sector,sector', '/by'],
  ['by=tenant_id', '/by'],
  ['limit=0', '/limit'],
  ['application=shop', '/application'],
  ['from=2026-10&from=2026-11', '/from'],
  ['month=2026-10', undefined],
])('%s is no question', (text, pointer) => {
  const parsed = parseFigureQuestion(new URLSearchParams(text), at);
  expect(parsed).toMatchObject({ ok: false, fault: { code: 'request_invalid', ...(pointer ? { pointer } : {}) } });
});

test('a question without words is about the last twelve months, by month', () => {
  expect(parseFigureQuestion(new URLSearchParams(), at)).toEqual({
    ok: true,
    value: { from: '2025-12', to: '2026-11', by: ['month'], only: {}, limit: 1000 },
  });
});
