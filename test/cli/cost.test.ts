import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { costBars } from '#cli/cost-bars.ts';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const sums = { billed: '1', contracted: '1', list: '1', charges: 1 };
const figures = {
  ...{ from: '2026-10', to: '2026-10', by: ['sector'], complete: true },
  figures: [
    { sector: 'Retail', currency: 'EUR', effective: '200.50', ...sums },
    { sector: '\u001b[2JOnline', currency: 'EUR', effective: '-20', ...sums },
    { sector: 'Retail', currency: 'USD', effective: '3', ...sums },
  ],
  totals: [{ currency: 'EUR', effective: '180.50', unmapped: '7', adjusted: '-20', ...sums }],
  overrides: [{ id: 'o1' }],
  fresh: { loaded_at: '2026-11-02T03:00:00.000Z', last_day: '2026-10-31' },
};
const sha256 = 'a'.repeat(64);
const signed = { month: '2026-10', state: 'draft', sha256, version: null, approved: null, locked: null };
const bearer = {
  currency: 'EUR',
  h_code_id: 1,
  h_code: 'H-1',
  cost_centre: 'CC 1',
  sector_id: 1,
  sector: 'Retail',
  owner_id: 1,
  owner: 'Ann',
};
const amounts = { direct: '10.25', shared: '1', adjustments: '-2', corrections: '0.5', total: '9.75', charged: '9.75' };
const statement = {
  ...{ v: 1, month: '2026-10', settings: { cost: 'effective' }, corrections: [], overrides: [], loads: [] },
  lines: [{ ...bearer, ...amounts, previous: '8' }],
  totals: [{ currency: 'EUR', ...amounts, unmapped: '0', unmapped_percent: '0.00' }],
  coverage: { applications: 20, mapped: 17, percent: '85.00', rules: { tag: 17 } },
};
const override = {
  ...{
    id: 'o1',
    kind: 'mapping',
    state: 'proposed',
    application: { id: 7, name: 'shop' },
    from: '2026-10-01',
    to: null,
  },
  ...{ set: { sector: 'Retail' }, controller: null, measure: null, amount: null, currency: null, reason: 'moved' },
  ...{ before: { mapping: [] }, after: { mapping: { sector: 'Retail' } }, proposed_by: 'ann', expires_at: null },
  ...{ proposed_at: '2026-11-10T12:00:00.000Z', decisions: [] },
};

let api: StubApi;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-cost-'));
beforeAll(async () => {
  api = await startStub(({ method, path }) => {
    if (path.startsWith('/v1/costs/statements'))
      return { body: { statements: [{ ...signed, state: 'locked', version: 2 }] } };
    if (method === 'POST' && path.startsWith('/v1/costs'))
      return { body: { ...signed, state: 'approved', version: 1 } };
    if (path.includes('format=csv')) return { body: 'month,h_code', headers: { 'content-type': 'text/csv' } };
    if (path.startsWith('/v1/costs/statement')) return { body: { ...signed, moved: false, statement } };
    if (path.startsWith('/v1/costs')) return { body: figures };
    if (path.startsWith('/v1/lineage/figure')) {
      const load = { load: 4, source: 'bill', slice: 'october.csv', charges: 2, effective: '200.50', currency: 'EUR' };
      return {
        body: {
          loads: [load],
          adjustments: [{ id: 'x', currency: 'EUR', amount: '-20', reason: 'credit' }],
          complete: true,
        },
      };
    }
    if (path.startsWith('/v1/overrides?')) return { body: { overrides: [override], next: null } };
    return { body: override };
  });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});
const run = (...words: string[]) => trailkeep(words, { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });
const last = () => api.received.at(-1)!;

describe('cost', () => {
  test('shows bars, what is unmapped, and how fresh it is', async () => {
    const { code, out } = await run(
      'cost',
      '--by',
      'sector',
      '--from',
      '2026-10',
      '--only',
      'currency=EUR',
      '--only',
      'h_code=H=1',
    );
    expect(code).toBe(0);
    expect(last().path).toBe('/v1/costs?from=2026-10&by=sector&currency=EUR&h_code=H%3D1');
    expect(out).toMatch(/^Retail +200\.50 EUR {2}#{40,}\n/);
    expect(out).toMatch(/Online +-20\.00 EUR {2}-+\n/);
    expect(out).not.toContain('\u001b');
    expect(out).toContain('Total 180.50 EUR, without an H-code 7.00, adjusted by -20.00');
    expect(out).toContain('Overrides contained: 1');
    expect(out).toContain('Costs up to 2026-10-31, newest load 2026-11-02T03:00:00.000Z');
  });

  test('says where a figure is from', async () => {
    const { out } = await run('cost', 'origin', '--only', 'sector=Retail');
    expect(last().path).toBe('/v1/lineage/figure?sector=Retail');
    expect(out).toMatch(/4 +bill +october\.csv +2 +200\.50 +EUR/);
    expect(out).toMatch(/- +adjustment +credit +1 +-20 +EUR/);
  });

  test('takes a statement from draft to locked', async () => {
    const { out, err } = await run(
      'cost',
      'statement',
      '2026-10',
      '--shared',
      'H-9',
      '--shared-by',
      'nodes',
      '--kind',
      'draft',
    );
    expect(last().path).toBe('/v1/costs/statement?month=2026-10&kind=draft&shared=H-9&shared_by=nodes');
    expect(out).toMatch(/H-1 +CC 1 +Retail +Ann +10\.25 +1\.00 +-2\.00 +0\.50 +9\.75 +EUR/);
    expect(out).toContain('H-codes: 17 of 20 applications (85.00 %)');
    expect(err).toContain(`trailkeep cost approve 2026-10 ${sha256}`);
    await run('cost', 'approve', '2026-10', sha256, '--shared', 'H-9', '--shared-by', 'nodes');
    expect(JSON.parse(last().body)).toEqual({
      ...{ month: '2026-10', sha256 },
      settings: { cost: 'effective', shared: { h_codes: ['H-9'], by: 'nodes' } },
    });
    const locked = await run('cost', 'lock', '2026-10', sha256);
    expect(last()).toMatchObject({ method: 'POST', path: '/v1/costs/statement/lock' });
    expect(locked.out).toContain('version 1');
    expect((await run('cost', 'statements')).out).toMatch(/2026-10 +2 +locked/);
  });

  test('hands out files as they are', async () => {
    const { out } = await run('cost', 'statement', '2026-10', '--format', 'csv');
    expect(out).toContain('month,h_code');
  });

  test.each([
    [['cost', '--by', 'tenant'], /--by takes some of month/],
    [['cost', '--only', 'sector'], /--only is a key and a name/],
    [['cost', 'statement', '2026-10', '--format', 'pdf'], /csv or html/],
    [['cost', 'statement', '2026-10', '--shared-by', 'even'], /What is shared/],
    [['cost', 'statement'], /The month/],
    [['override', 'list', '--state', 'done'], /--state is one of/],
    [['override', 'propose', '/nothing/there'], /cannot be read/],
  ])('%j is typed wrongly', async (words, says) => {
    const { code, err } = await run(...words);
    expect(code).toBe(2);
    expect(err).toMatch(says);
  });
});

describe('override', () => {
  test('is proposed from a file, listed and decided on', async () => {
    const file = join(folder, 'move.json');
    const body = { kind: 'mapping', application: 7, from: '2026-10-01', set: { sector: 'Retail' }, reason: 'moved' };
    writeFileSync(file, JSON.stringify(body));
    const { out, err } = await run('override', 'propose', file);
    expect(JSON.parse(last().body)).toEqual(body);
    expect(out).toMatch(/before +\{"mapping":\[\]\}/);
    expect(err).toContain('trailkeep override approve o1');
    expect((await run('override', 'list', '--state', 'proposed')).out).toMatch(
      /o1 +mapping +proposed +shop +2026-10-01/,
    );
    await run('override', 'refuse', 'o1', '--note', 'no');
    expect(last()).toMatchObject({ path: '/v1/overrides/o1/refuse', body: '{"note":"no"}' });
    await run('override', 'withdraw', 'o1');
    expect(last()).toMatchObject({ path: '/v1/overrides/o1/withdraw', body: '' });
  });
});

describe('bars', () => {
  const bar = (amount: string, currency = 'EUR') => ({ label: ['a'], currency, amount });
  test('are as long as their part of the largest of their currency', () => {
    const lines = costBars([bar('100'), bar('50'), bar('0.01'), bar('0'), bar('7', 'USD')], 40).split('\n');
    expect(lines.map((line) => line.replace(/[^#]/g, '').length)).toEqual([27, 14, 1, 0, 27, 0]);
  });
  test('of nothing are nothing', () => {
    expect(costBars([])).toBe('');
    expect(costBars([bar('0')])).toBe('a  0 EUR\n');
  });
});
