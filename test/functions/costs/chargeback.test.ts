/** Overrides, statements and lineage by the API, on a real PostgreSQL. */
import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import { canonical } from '#core/event/canonical.ts';
import { classify } from '#core/event/catalogue.ts';
import type { Json } from '#core/event/event.ts';
import type { Problem } from '#core/event/problem.ts';
import { type FiguresPorts, figures } from '#functions/costs/figures.http.ts';
import { type LineagePorts, lineage } from '#functions/costs/lineage.http.ts';
import { type OverridesPorts, overrides } from '#functions/costs/overrides.http.ts';
import { type StatementPorts, statement } from '#functions/costs/statement.http.ts';
import type { HttpRequest, HttpVerb } from '#functions/runtime/request.ts';
import { createCostFigures } from '#stores/postgres/cost-figures.ts';
import { createLineage } from '#stores/postgres/lineage.ts';
import { createOverrides } from '#stores/postgres/overrides.ts';
import { createStatements } from '#stores/postgres/statements.ts';
import { type CostsMaker, costsMaker } from '#test/support/costs.ts';
import { callerA, httpRequest, tenantA, tenantB } from '#test/support/events.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { keyGuard, MemoryRecorder } from '#test/support/reading.ts';

type Ports = OverridesPorts & StatementPorts & LineagePorts & FiguresPorts;
const now = new Date('2026-11-10T12:00:00.000Z');
const ann: Caller = { ...callerA, keyId: 'ann', scopes: ['costs:read', 'costs:override', 'costs:approve'] };
const bob: Caller = { ...ann, keyId: 'bob' };
const analyst: Caller = { ...ann, keyId: 'carl', scopes: ['costs:read', 'costs:override'] };
const stranger: Caller = { ...ann, tenant: tenantB };
const recorder = new MemoryRecorder();
let db: TestDatabase;
let maker: CostsMaker;
let ports: Ports;
let shop: number;
let load: number;
let ids = 0;

beforeAll(async () => {
  db = await testDatabase('chargeback');
  const sql = db.login('trailkeep_app', 4);
  ports = {
    ...{ guard: keyGuard, recorder },
    newId: () => `0193f000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`,
    sha256: (data) => createHash('sha256').update(data).digest('hex'),
    figures: createCostFigures(sql, contextKey),
    overrides: createOverrides(sql, contextKey),
    statements: createStatements(sql, contextKey),
    lineage: createLineage(sql, contextKey),
  };
  maker = await costsMaker(db.ownerSql, tenantA);
  shop = await maker.application('shop');
  await maker.map(shop, { sector: 'Retail', owner: 'Ann', h_code: 'H-1' });
  await maker.member('sector', 'Online');
  load = await maker.load([
    { day: '2026-10-05', application: shop, billed: '10.25' },
    { day: '2026-10-31', billed: '4.75' },
  ]);
});
afterAll(() => db?.drop());
beforeEach(() => {
  recorder.recorded.length = 0;
  recorder.down = false;
});

const verbs: readonly (readonly [RegExp, (request: HttpRequest) => ReturnType<HttpVerb<Ports>>])[] = [
  [/^\/v1\/costs$/, (request) => figures(ports, request)],
  [/^\/v1\/costs\/statement/, (request) => statement(ports, request)],
  [/^\/v1\/overrides/, (request) => overrides(ports, request)],
  [/^\/v1\/lineage/, (request) => lineage(ports, request)],
];
async function call(caller: Caller, method: string, path: string, json?: object) {
  const [pathname, search] = path.split('?') as [string, string?];
  const overrideId = /^\/v1\/overrides\/([^/]+)/.exec(pathname)?.[1];
  const params: Record<string, string> = overrideId ? { overrideId } : {};
  const query = new URLSearchParams(search);
  const [, verb] = verbs.find(([pattern]) => pattern.test(pathname))!;
  const { status, body, headers } = await verb(
    httpRequest({ method, path: pathname, query, params, caller, now, ...(json === undefined ? {} : { json }) }),
  );
  return { status, headers, body: body as Record<string, never>, text: String(body) };
}
const refused = (...args: Parameters<typeof call>) =>
  call(...args).then(
    () => 'done',
    (error: Problem) => error.fault.code,
  );
const mapping = { kind: 'mapping', application: 1, from: '2026-10-01', set: { sector: 'Online' }, reason: 'moved' };
const proposed = async (more: object = {}) =>
  (await call(ann, 'POST', '/v1/overrides', { ...mapping, application: shop, ...more })).body;
const actions = () => recorder.recorded.map(({ event }) => event.action);

describe('an override', () => {
  test('is proposed by one and approved by another, and the trail has both with what was and what shall be', async () => {
    const one = await proposed({ expires_at: '2027-01-01T00:00:00Z', to: '2026-11-01' });
    expect(one).toMatchObject({ state: 'proposed', proposed_by: 'ann', expires_at: '2027-01-01T00:00:00.000Z' });
    expect(await refused(ann, 'POST', `/v1/overrides/${one.id}/approve`)).toBe('second_person_required');
    const approved = await call(bob, 'POST', `/v1/overrides/${one.id}/approve`, { note: 'seen' });
    expect(approved.body).toMatchObject({ state: 'approved', decisions: [{ by: 'bob', note: 'seen' }] });
    expect(await refused(bob, 'POST', `/v1/overrides/${one.id}/refuse`)).toBe('conflict');
    expect(
      recorder.recorded.map(({ event: { action, changes, data_class, metadata } }) => ({
        action,
        changes,
        data_class,
        metadata,
      })),
    ).toMatchObject([
      {
        action: 'costs.override_proposed',
        data_class: 'financial',
        changes: [
          { path: '/mapping', before: { mapping: [{ sector: 'Retail' }] }, after: { mapping: { sector: 'Online' } } },
        ],
        metadata: { reason: 'moved', proposed_by: 'ann', to: '2026-11-01', expires_at: '2027-01-01T00:00:00.000Z' },
      },
      { action: 'costs.override_approved', metadata: { note: 'seen' } },
    ]);
    expect(classify('costs.override_approved', {})).toMatchObject({ category: 'critical', tier: 'critical' });
    const costs = await call(ann, 'GET', '/v1/costs?by=sector&from=2026-10&to=2026-10');
    expect(costs.body).toMatchObject({
      figures: [
        { sector: 'Online', effective: '10.25' },
        { sector: '(unmapped)', effective: '4.75' },
      ],
      overrides: [{ id: one.id, reason: 'moved', approved_by: 'bob' }],
      fresh: { loaded_at: '2026-11-02T03:00:00.000Z', last_day: '2026-10-31' },
      complete: true,
    });
    expect((await call(ann, 'POST', `/v1/overrides/${one.id}/withdraw`)).body).toMatchObject({ state: 'withdrawn' });
  });

  test('can be withdrawn by who proposed it, without the right to approve, and nobody else without it', async () => {
    const own = (await call(analyst, 'POST', '/v1/overrides', { ...mapping, application: shop })).body;
    const other = await proposed();
    expect((await call(analyst, 'POST', `/v1/overrides/${own.id}/withdraw`)).body).toMatchObject({
      state: 'withdrawn',
    });
    expect(await refused(analyst, 'POST', `/v1/overrides/${other.id}/withdraw`)).toBe('forbidden');
    expect(await refused(analyst, 'POST', `/v1/overrides/${other.id}/approve`)).toBe('forbidden');
    expect((await call(bob, 'POST', `/v1/overrides/${other.id}/refuse`)).body).toMatchObject({ state: 'refused' });
  });

  test('that cannot be recorded does not happen', async () => {
    const one = await proposed();
    recorder.down = true;
    const listed = async () => (await call(ann, 'GET', '/v1/overrides?state=approved')).body;
    for (const path of ['/v1/overrides', `/v1/overrides/${one.id}/approve`]) {
      await expect(
        call(bob, 'POST', path, path.endsWith('s') ? { ...mapping, application: shop } : undefined),
      ).rejects.toThrow();
    }
    expect(await listed()).toMatchObject({ overrides: [] });
  });

  test('of another tenant is not there, and what is malformed is not either', async () => {
    const one = await proposed();
    for (const id of [one.id, 'nonsense', '../x']) {
      for (const step of ['', '/approve', '/refuse', '/withdraw']) {
        const method = step === '' ? 'GET' : 'POST';
        const caller = id === one.id ? stranger : ann;
        expect(await refused(caller, method, `/v1/overrides/${id}${step}`), `${id}${step}`).toBe('not_found');
      }
    }
    expect((await call(stranger, 'GET', '/v1/overrides')).body).toEqual({ overrides: [], next: null });
  });

  test.each([
    ['no reason', { reason: '' }],
    ['no set', { set: {} }],
    ['an unknown field', { set: { tenant: 'x' } }],
    ['a day that is none', { from: '2026-02-30' }],
    ['an end before its beginning', { to: '2026-09-01' }],
    ['an expiry in the past', { expires_at: '2026-11-10T11:00:00Z' }],
    ['a sector that is none', { set: { sector: 'Nowhere' } }],
    ['an amount that is a number', { kind: 'cost', month: '2026-10', amount: 5, currency: 'EUR', set: undefined }],
    ['an adjustment of nothing', { kind: 'cost', month: '2026-10', amount: '-0.00', currency: 'EUR' }],
    ['usage below nothing', { kind: 'usage', measure: 'nodes', amount: '-1', to: '2026-10-02' }],
    ['usage for years', { kind: 'usage', measure: 'nodes', amount: '1', to: '2028-10-02' }],
  ])('with %s is refused', async (_, more) => {
    const { from, set, ...rest } = { ...mapping, application: shop, ...more } as Record<string, unknown>;
    const kept = rest.kind === 'mapping' ? { from, set } : rest.kind === 'usage' ? { from } : {};
    expect(await refused(ann, 'POST', '/v1/overrides', { ...rest, ...kept })).toBe('request_invalid');
    expect(actions()).toEqual([]);
  });
});

describe('a statement', () => {
  test('is approved as it was seen, locked by another, and stays', async () => {
    const draft: Record<string, Json> = (await call(ann, 'GET', '/v1/costs/statement?month=2026-10')).body;
    expect(draft).toMatchObject({
      state: 'draft',
      version: null,
      statement: { totals: [{ total: '15', unmapped_percent: '31.67' }] },
    });
    expect(createHash('sha256').update(canonical(draft.statement!)).digest('hex')).toBe(draft.sha256);
    const asked = { month: '2026-10', sha256: draft.sha256 };
    expect(await refused(ann, 'POST', '/v1/costs/statement/lock', asked)).toBe('conflict');
    expect(await refused(ann, 'POST', '/v1/costs/statement/approve', { ...asked, sha256: '0'.repeat(64) })).toBe(
      'conflict',
    );
    expect(await refused(analyst, 'POST', '/v1/costs/statement/approve', asked)).toBe('forbidden');
    expect((await call(ann, 'POST', '/v1/costs/statement/approve', asked)).body).toMatchObject({
      state: 'approved',
      version: 1,
    });
    expect(await refused(ann, 'POST', '/v1/costs/statement/lock', asked)).toBe('second_person_required');

    const late = await maker.load([{ day: '2026-10-06', application: shop, billed: '1' }]);
    expect((await call(ann, 'GET', '/v1/costs/statement?month=2026-10')).body).toMatchObject({
      ...{ state: 'approved', moved: true, statement: { totals: [{ total: '15' }] } },
    });
    expect(await refused(bob, 'POST', '/v1/costs/statement/approve', asked)).toBe('conflict');
    expect((await call(bob, 'POST', '/v1/costs/statement/lock', asked)).body).toMatchObject({
      state: 'locked',
      locked: { by: 'bob' },
    });
    expect(await refused(bob, 'POST', '/v1/costs/statement/lock', asked)).toBe('conflict');
    expect(actions()).toEqual(['costs.statement_approved', 'costs.statement_locked']);

    expect(await refused(ann, 'GET', '/v1/costs/statement?month=2026-10&kind=draft')).toBe('conflict');
    const showback = await call(ann, 'GET', '/v1/costs/statement?month=2026-10&kind=showback');
    expect(showback.body).toMatchObject({ state: 'showback', statement: { totals: [{ total: '16' }] } });
    const november = await call(ann, 'GET', '/v1/costs/statement?month=2026-11');
    expect(november.body).toMatchObject({
      statement: { corrections: [{ month: '2026-10', h_code: 'H-1', amount: '1' }] },
    });
    const list = await call(ann, 'GET', '/v1/costs/statements');
    expect(list.body).toMatchObject({ statements: [{ month: '2026-10', state: 'locked', version: 1 }] });

    expect((await call(ann, 'GET', `/v1/lineage/impact?load=${load}`)).body).toMatchObject({
      statements: [{ month: '2026-10', version: 1, locked: true }],
    });
    expect((await call(ann, 'GET', `/v1/lineage/impact?load=${late}`)).body).toMatchObject({
      statements: [],
      figures: [{ effective: '1' }],
    });
  });

  test('is CSV that a program reads, and a page that runs nothing', async () => {
    const csv = await call(ann, 'GET', '/v1/costs/statement?month=2026-10&format=csv');
    expect(csv.headers).toMatchObject({
      'content-disposition': 'attachment; filename="chargeback-2026-10-locked.csv"',
    });
    const rows = parse(csv.text, { columns: true }) as { charged: string; h_code: string }[];
    expect(rows.map(({ h_code, charged }) => [h_code, charged])).toEqual([
      ['H-1', '10.25'],
      ['(unmapped)', '4.75'],
    ]);
    const page = await call(ann, 'GET', '/v1/costs/statement?month=2026-10&format=html');
    expect(page.headers?.['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).toContain('Locked by bob');
  });

  test('of a month that goes on is not approved', async () => {
    const { sha256 } = (await call(ann, 'GET', '/v1/costs/statement?month=2026-11')).body;
    expect(await refused(ann, 'POST', '/v1/costs/statement/approve', { month: '2026-11', sha256 })).toBe('conflict');
  });

  test('is asked in its own words', async () => {
    const get = (query: string) => refused(ann, 'GET', `/v1/costs/statement?${query}`);
    expect(await get('month=2026-9')).toBe('request_invalid');
    expect(await get('')).toBe('request_invalid');
    expect(await get('month=2026-09&shared_by=nodes')).toBe('request_invalid');
    expect(await get('month=2026-09&cost=list')).toBe('request_invalid');
    expect(await get('month=2026-09&shared=H-1,H-2&shared_by=even&cost=billed')).toBe('done');
    expect(await get('month=2026-10&cost=billed')).toBe('request_invalid');
    expect(await refused({ ...ann, scopes: [] }, 'GET', '/v1/costs/statement?month=2026-09')).toBe('forbidden');
    expect(await refused({ ...ann, project: 'p' }, 'GET', '/v1/costs')).toBe('forbidden');
  });
});

describe('lineage', () => {
  test('leads from a figure to the lines of its loads', async () => {
    const { body } = await call(ann, 'GET', '/v1/lineage/figure?from=2026-10&to=2026-10&h_code=H-1');
    expect(body).toMatchObject({
      loads: [
        { load, source: 'bill', effective: '10.25', lines: [1] },
        { effective: '1', lines: [1] },
      ],
      adjustments: [],
      complete: true,
    });
  });

  test('has run events of OpenLineage, and a graph both ways', async () => {
    const first = await call(ann, 'GET', '/v1/lineage?limit=1');
    expect(first.body).toMatchObject({ events: [{ eventType: 'COMPLETE', job: { name: 'statement.approve' } }] });
    const second = await call(ann, 'GET', `/v1/lineage?limit=1&cursor=${first.body.next_cursor}`);
    expect(second.body).toEqual({ events: [], next_cursor: null });
    const back = await call(ann, 'GET', '/v1/lineage/graph?namespace=trailkeep://statements&name=2026-10');
    expect(back.body).toMatchObject({ complete: true, direction: 'back' });
    const forward = await call(
      ann,
      'GET',
      '/v1/lineage/graph?namespace=postgres://trailkeep&name=costs.cost_daily&direction=forward',
    );
    expect(forward.body).toMatchObject({
      edges: [{ output: { namespace: 'trailkeep://statements', name: '2026-10' }, job: 'statement.approve' }],
    });
  });

  test('of another tenant is empty, and what is no question is refused', async () => {
    expect((await call(stranger, 'GET', '/v1/lineage')).body).toEqual({ events: [], next_cursor: null });
    expect(await refused(stranger, 'GET', `/v1/lineage/impact?load=${load}`)).toBe('not_found');
    for (const query of [
      '?type=DONE',
      '?cursor=x',
      '/graph?namespace=a%20b&name=c',
      '/impact',
      '/impact?load=1&override=x',
      '/figure?by=x',
    ]) {
      expect(await refused(ann, 'GET', `/v1/lineage${query}`), query).toMatch(/request_invalid|cursor_invalid/);
    }
  });
});
