/**
 * Two tenants on every route: what belongs to the other answers exactly like what is not there, byte for byte.
 * The routes come from the API description, so a new route without a case here fails.
 */
import { readFileSync } from 'node:fs';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { costsMaker } from '#test/support/costs.ts';
import { type Answer, type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let a: Awaited<ReturnType<TestPlatform['makeTenant']>>;
let b: Awaited<ReturnType<TestPlatform['makeTenant']>>;
const theirs = {
  critical: '',
  bulk: '',
  breakGlass: '',
  assignment: '',
  request: '',
  hold: '',
  log: '',
  export: '',
  restore: '',
  query: '',
  override: '',
  load: 0,
  job: '',
  source: '',
};
const secretWord = 'only-b-knows-this';
let theirEventExport = '';
const missingId = '01890000-0000-7000-8000-000000000000';

beforeAll(async () => {
  platform = await testPlatform();
  [a, b] = await Promise.all([platform.makeTenant('A'), platform.makeTenant('B')]);
  const actor = { type: 'user', id: secretWord };
  const sent = await platform.call('POST', '/v1/events', {
    key: b.apiKey,
    json: [
      { action: 'role.assign', actor },
      { action: 'document.view', actor },
    ],
  });
  [theirs.critical, theirs.bulk] = sent.json.items.map((item: { id: string }) => item.id);
  await platform.call('POST', '/v1/projects', { key: b.apiKey, json: { id: 'secret-project' } });
  await platform.call('PUT', '/v1/schemas/user.login', { key: b.apiKey, json: { type: 'object' } });
  const broken = await platform.call('POST', '/v1/break-glass', {
    key: b.apiKey,
    json: { reason: `An emergency, ${secretWord}`, minutes: 60 },
  });
  theirs.breakGlass = broken.json.id;
  await platform.call('PUT', '/v1/roles/secret-role', { key: b.apiKey, json: { name: secretWord } });
  await platform.call('PUT', '/v1/permissions/secret-app/pay', { key: b.apiKey, json: {} });
  const given = await platform.call('POST', '/v1/assignments', {
    key: b.apiKey,
    json: { user: secretWord, role: 'secret-role' },
  });
  theirs.assignment = given.json.id;
  const asked = await platform.call('POST', '/v1/privacy/requests', {
    key: b.apiKey,
    json: { type: 'access', subject: secretWord },
  });
  theirs.request = asked.json.id;
  const held = await platform.call('POST', '/v1/holds', {
    key: b.apiKey,
    json: { matter: secretWord, custodian: 'Legal', scope: { all: true } },
  });
  theirs.hold = held.json.id;
  const restored = await platform.call('POST', '/v1/archive/restores', {
    key: b.apiKey,
    json: { from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z', speed: 'bulk', days: 1 },
  });
  theirs.restore = restored.json.id;
  const question = await platform.call('POST', '/v1/queries', { key: b.apiKey, json: { actor: secretWord } });
  theirs.query = question.json.id;
  const job = await platform.call('POST', '/v1/jobs', {
    key: b.apiKey,
    json: { name: secretWord, kind: 'verify', timing: { every: 'day', time: '03:00' } },
  });
  theirs.job = job.json.id;
  const source = await platform.call('POST', '/v1/sources', {
    key: b.apiKey,
    json: { kind: 'focus', name: secretWord },
  });
  theirs.source = source.json.id;
  const { host, port } = platform.postgres;
  const sql = postgres({ host, port, database: 'trailkeep', user: 'postgres', max: 1 });
  const costs = await costsMaker(sql, b.tenantId);
  const application = await costs.application(secretWord);
  theirs.load = await costs.load([{ day: '2026-01-05', application, billed: '10' }]);
  await sql`with made as (
      insert into costs.forecast (tenant_id, series, run_id, made_at, through, periods, filled, because, missing, best,
        weights, errors, reselected, verdict, point, low80, high80, low95, high95)
      values (${b.tenantId}, ${`application/${application}/cost/EUR/daily`}, ${missingId}, now(), '2026-01-05', 1, 0,
        'insufficient-data', 20, 'naive', '{"naive":1}', '{}', false, 'unknown', '{10}', '{10}', '{10}', '{10}', '{10}')
      returning tenant_id, id, series)
    insert into costs.forecast_series select tenant_id, series, 'application', ${application}, 'cost', 'EUR', 'daily', id,
      '2026-01-05', '2026-01-05', 'unknown' from made`;
  await sql.end();
  const override = await platform.call('POST', '/v1/overrides', {
    key: b.apiKey,
    json: { kind: 'mapping', application, from: '2026-01-01', set: { sector: null }, reason: secretWord },
  });
  theirs.override = override.json.id;
  await platform.call('POST', `/v1/tenants/${b.tenantId}/intake`, { key: platform.access.adminKey });
  await platform.settled();
  const period = { from: '2026-01-01T00:00:00Z', to: new Date().toISOString() };
  const exported = await platform.call('POST', '/v1/exports/auditor', { key: b.apiKey, json: period });
  theirs.export = exported.json.id;
  const files = await platform.call('POST', '/v1/exports', { key: b.apiKey, json: { format: 'jsonl' } });
  theirEventExport = files.json.id;
  await platform.settled();
  const log = await platform.call('GET', '/v1/log', { key: b.apiKey });
  theirs.log = log.json.path;
}, 180_000);
afterAll(() => platform?.end());

/** The answer without what differs in every request. */
const bytesOf = ({ status, text, headers }: Answer) => ({
  status,
  type: headers.get('content-type'),
  text: text.replace(/"instance":"[^"]*"/, '"instance":"…"'),
});

interface Case {
  readonly foreign: () => string;
  readonly missing: string;
  readonly json?: unknown;
}
/** For every route with a name in its path: B's name, and one that nobody has. */
const cases: Record<string, Case> = {
  'GET /v1/events/{eventId}': { foreign: () => `/v1/events/${theirs.critical}`, missing: `/v1/events/${missingId}` },
  'GET /v1/keys/{keyId}': { foreign: () => `/v1/keys/${b.keyId}`, missing: '/v1/keys/aaaaaaaaaaaaaaaaaaaa' },
  'DELETE /v1/keys/{keyId}': { foreign: () => `/v1/keys/${b.keyId}`, missing: '/v1/keys/aaaaaaaaaaaaaaaaaaaa' },
  'POST /v1/keys/{keyId}/rotate': {
    foreign: () => `/v1/keys/${b.keyId}/rotate`,
    missing: '/v1/keys/aaaaaaaaaaaaaaaaaaaa/rotate',
    json: {},
  },
  'GET /v1/break-glass/{breakGlassId}': {
    foreign: () => `/v1/break-glass/${theirs.breakGlass}`,
    missing: `/v1/break-glass/${missingId}`,
  },
  'POST /v1/break-glass/{breakGlassId}/end': {
    foreign: () => `/v1/break-glass/${theirs.breakGlass}/end`,
    missing: `/v1/break-glass/${missingId}/end`,
  },
  'POST /v1/break-glass/{breakGlassId}/review': {
    foreign: () => `/v1/break-glass/${theirs.breakGlass}/review`,
    missing: `/v1/break-glass/${missingId}/review`,
    json: { verdict: 'justified', comment: 'Looks right to us.' },
  },
  'GET /v1/roles/{roleId}': { foreign: () => '/v1/roles/secret-role', missing: '/v1/roles/nothing' },
  'DELETE /v1/roles/{roleId}': { foreign: () => '/v1/roles/secret-role', missing: '/v1/roles/nothing' },
  'DELETE /v1/permissions/{module}/{permission}': {
    foreign: () => '/v1/permissions/secret-app/pay',
    missing: '/v1/permissions/nothing/pay',
  },
  'GET /v1/assignments/{assignmentId}': {
    foreign: () => `/v1/assignments/${theirs.assignment}`,
    missing: `/v1/assignments/${missingId}`,
  },
  'DELETE /v1/assignments/{assignmentId}': {
    foreign: () => `/v1/assignments/${theirs.assignment}`,
    missing: `/v1/assignments/${missingId}`,
  },
  'GET /v1/privacy/requests/{requestId}': {
    foreign: () => `/v1/privacy/requests/${theirs.request}`,
    missing: `/v1/privacy/requests/${missingId}`,
  },
  'POST /v1/privacy/requests/{requestId}/verify': {
    foreign: () => `/v1/privacy/requests/${theirs.request}/verify`,
    missing: `/v1/privacy/requests/${missingId}/verify`,
    json: { method: 'in_person' },
  },
  'POST /v1/privacy/requests/{requestId}/approve': {
    foreign: () => `/v1/privacy/requests/${theirs.request}/approve`,
    missing: `/v1/privacy/requests/${missingId}/approve`,
    json: {},
  },
  'POST /v1/privacy/requests/{requestId}/refuse': {
    foreign: () => `/v1/privacy/requests/${theirs.request}/refuse`,
    missing: `/v1/privacy/requests/${missingId}/refuse`,
    json: { reason: 'no' },
  },
  'POST /v1/privacy/requests/{requestId}/extend': {
    foreign: () => `/v1/privacy/requests/${theirs.request}/extend`,
    missing: `/v1/privacy/requests/${missingId}/extend`,
    json: { reason: 'many' },
  },
  'POST /v1/privacy/requests/{requestId}/cancel': {
    foreign: () => `/v1/privacy/requests/${theirs.request}/cancel`,
    missing: `/v1/privacy/requests/${missingId}/cancel`,
    json: {},
  },
  'GET /v1/privacy/requests/{requestId}/package': {
    foreign: () => `/v1/privacy/requests/${theirs.request}/package`,
    missing: `/v1/privacy/requests/${missingId}/package`,
  },
  'POST /v1/holds/{holdId}/release': {
    foreign: () => `/v1/holds/${theirs.hold}/release`,
    missing: `/v1/holds/${missingId}/release`,
    json: {},
  },
  'GET /v1/archive/restores/{restoreId}': {
    foreign: () => `/v1/archive/restores/${theirs.restore}`,
    missing: `/v1/archive/restores/${missingId}`,
  },
  'POST /v1/archive/restores/{restoreId}/confirm': {
    foreign: () => `/v1/archive/restores/${theirs.restore}/confirm`,
    missing: `/v1/archive/restores/${missingId}/confirm`,
    json: {},
  },
  'GET /v1/queries/{queryId}': {
    foreign: () => `/v1/queries/${theirs.query}`,
    missing: `/v1/queries/${missingId}`,
  },
  'DELETE /v1/queries/{queryId}': {
    foreign: () => `/v1/queries/${theirs.query}`,
    missing: `/v1/queries/${missingId}`,
  },
  'GET /v1/queries/{queryId}/results': {
    foreign: () => `/v1/queries/${theirs.query}/results`,
    missing: `/v1/queries/${missingId}/results`,
  },
  'GET /v1/costs/views/{view}': {
    foreign: () => `/v1/costs/views/${theirs.query}`,
    missing: `/v1/costs/views/${missingId}`,
  },
  'GET /v1/jobs/{jobId}': { foreign: () => `/v1/jobs/${theirs.job}`, missing: `/v1/jobs/${missingId}` },
  'DELETE /v1/jobs/{jobId}': { foreign: () => `/v1/jobs/${theirs.job}`, missing: `/v1/jobs/${missingId}` },
  'GET /v1/jobs/{jobId}/history': {
    foreign: () => `/v1/jobs/${theirs.job}/history`,
    missing: `/v1/jobs/${missingId}/history`,
  },
  'POST /v1/jobs/{jobId}/enable': {
    foreign: () => `/v1/jobs/${theirs.job}/enable`,
    missing: `/v1/jobs/${missingId}/enable`,
    json: {},
  },
  'POST /v1/jobs/{jobId}/disable': {
    foreign: () => `/v1/jobs/${theirs.job}/disable`,
    missing: `/v1/jobs/${missingId}/disable`,
    json: {},
  },
  'POST /v1/jobs/{jobId}/run': {
    foreign: () => `/v1/jobs/${theirs.job}/run`,
    missing: `/v1/jobs/${missingId}/run`,
    json: {},
  },
  'GET /v1/sources/{sourceId}': { foreign: () => `/v1/sources/${theirs.source}`, missing: `/v1/sources/${missingId}` },
  'PUT /v1/sources/{sourceId}': {
    foreign: () => `/v1/sources/${theirs.source}`,
    missing: `/v1/sources/${missingId}`,
    json: { settings: {} },
  },
  'DELETE /v1/sources/{sourceId}': {
    foreign: () => `/v1/sources/${theirs.source}`,
    missing: `/v1/sources/${missingId}`,
  },
  'GET /v1/sources/{sourceId}/quarantine': {
    foreign: () => `/v1/sources/${theirs.source}/quarantine`,
    missing: `/v1/sources/${missingId}/quarantine`,
  },
  'GET /v1/sources/{sourceId}/loads': {
    foreign: () => `/v1/sources/${theirs.source}/loads`,
    missing: `/v1/sources/${missingId}/loads`,
  },
  'GET /v1/sources/{sourceId}/files': {
    foreign: () => `/v1/sources/${theirs.source}/files`,
    missing: `/v1/sources/${missingId}/files`,
  },
  'POST /v1/sources/{sourceId}/files': {
    foreign: () => `/v1/sources/${theirs.source}/files`,
    missing: `/v1/sources/${missingId}/files`,
    json: { name: 'a.csv' },
  },
  'GET /v1/overrides/{overrideId}': {
    foreign: () => `/v1/overrides/${theirs.override}`,
    missing: `/v1/overrides/${missingId}`,
  },
  'POST /v1/overrides/{overrideId}/approve': {
    foreign: () => `/v1/overrides/${theirs.override}/approve`,
    missing: `/v1/overrides/${missingId}/approve`,
    json: {},
  },
  'POST /v1/overrides/{overrideId}/refuse': {
    foreign: () => `/v1/overrides/${theirs.override}/refuse`,
    missing: `/v1/overrides/${missingId}/refuse`,
    json: {},
  },
  'POST /v1/overrides/{overrideId}/withdraw': {
    foreign: () => `/v1/overrides/${theirs.override}/withdraw`,
    missing: `/v1/overrides/${missingId}/withdraw`,
    json: {},
  },
  'GET /t/{slug}/{path}': { foreign: () => `${theirs.log}checkpoint`, missing: `/t/${'a'.repeat(26)}/checkpoint` },
  'GET /v1/events/{eventId}/proof': {
    foreign: () => `/v1/events/${theirs.critical}/proof`,
    missing: `/v1/events/${missingId}/proof`,
  },
  'GET /v1/exports/{exportId}': {
    foreign: () => `/v1/exports/${theirs.export}`,
    missing: `/v1/exports/${missingId}`,
  },
  'GET /v1/exports/{exportId}/content': {
    foreign: () => `/v1/exports/${theirs.export}/content`,
    missing: `/v1/exports/${missingId}/content`,
  },
  'GET /v1/projects/{projectId}': { foreign: () => '/v1/projects/secret-project', missing: '/v1/projects/nothing' },
  'GET /v1/projects/{projectId}/environments': {
    foreign: () => '/v1/projects/secret-project/environments',
    missing: '/v1/projects/nothing/environments',
  },
  'POST /v1/projects/{projectId}/environments': {
    foreign: () => '/v1/projects/secret-project/environments',
    missing: '/v1/projects/nothing/environments',
    json: { id: 'production' },
  },
  'GET /v1/schemas/{action}': { foreign: () => '/v1/schemas/user.login', missing: '/v1/schemas/user.nothing' },
  'DELETE /v1/schemas/{action}': { foreign: () => '/v1/schemas/user.login', missing: '/v1/schemas/user.nothing' },
};
/** These name what the caller makes; two tenants may have the same name and never meet. */
const own = ['PUT /v1/roles/{roleId}', 'PUT /v1/permissions/{module}/{permission}', 'PUT /v1/schemas/{action}'];

const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, { description?: string; security?: unknown[] }>>;
};
const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.entries(operations).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
);
const isAdmin = (operation: { description?: string }) => operation.description?.includes('Scope: `admin`') === true;

describe("a foreign id answers like one that is not there, and B's thing stays as it was", () => {
  test('every route with a name in its path has a case', () => {
    const named = routes
      .filter(({ route, operation }) => route.includes('{') && !isAdmin(operation))
      .map(({ route }) => route);
    expect([...Object.keys(cases), ...own].sort()).toEqual(named.sort());
  });

  for (const [route, { foreign, missing, json }] of Object.entries(cases)) {
    test(route, async () => {
      const method = route.split(' ')[0]!;
      const options = { key: a.apiKey, ...(json === undefined ? {} : { json }) };
      const strangers = await platform.call(method, foreign(), options);
      const nothing = await platform.call(method, missing, options);
      expect(bytesOf(strangers)).toEqual(bytesOf(nothing));
      expect(strangers.status).toBe(404);
    });
  }

  test('the bulk tier too', async () => {
    const strangers = await platform.call('GET', `/v1/events/${theirs.bulk}`, { key: a.apiKey });
    expect(bytesOf(strangers)).toEqual(
      bytesOf(await platform.call('GET', `/v1/events/${missingId}`, { key: a.apiKey })),
    );
  });

  test('what a load or an override is in too', async () => {
    for (const [foreign, missing] of [
      [`load=${theirs.load + 10_000}`, 'load=999999'],
      [`load=${theirs.load}`, 'load=999999'],
      [`override=${theirs.override}`, `override=${missingId}`],
    ]) {
      const strangers = await platform.call('GET', `/v1/lineage/impact?${foreign}`, { key: a.apiKey });
      const nothing = await platform.call('GET', `/v1/lineage/impact?${missing}`, { key: a.apiKey });
      expect(bytesOf(strangers)).toEqual(bytesOf(nothing));
      expect(strangers.status).toBe(404);
    }
    const own = await platform.call('GET', `/v1/lineage/impact?load=${theirs.load}`, { key: b.apiKey });
    expect(own.status).toBe(200);
  });

  test('what is foretold is only the own', async () => {
    const { forecasts } = (await platform.call('GET', '/v1/forecasts', { key: b.apiKey })).json;
    expect(forecasts).toMatchObject([{ subject: { name: secretWord }, missing: 20 }]);
    const asked = `/v1/forecasts?series=${forecasts[0].series}`;
    expect((await platform.call('GET', asked, { key: a.apiKey })).json).toEqual({ forecasts: [], next_cursor: null });
  });

  test('exports of events too', async () => {
    const asked = await platform.call('GET', `/v1/exports/${theirEventExport}`, { key: b.apiKey });
    expect(asked.json).toMatchObject({ state: 'ready', events: expect.any(Number) });
    for (const rest of ['', '?after=0', '/content', '/content?part=1&offset=3']) {
      const strangers = await platform.call('GET', `/v1/exports/${theirEventExport}${rest}`, { key: a.apiKey });
      const nothing = await platform.call('GET', `/v1/exports/${missingId}${rest}`, { key: a.apiKey });
      expect(bytesOf(strangers)).toEqual(bytesOf(nothing));
      expect(strangers.status).toBe(404);
    }
    const mine = await platform.call('POST', '/v1/exports', {
      key: a.apiKey,
      json: { format: 'jsonl', actor: secretWord },
    });
    await platform.settled();
    expect((await platform.call('GET', `/v1/exports/${mine.json.id}`, { key: a.apiKey })).json.events).toBe(0);
  });

  test("B's key, project, schema and events are still there for B", async () => {
    for (const path of [
      `/v1/keys/${b.keyId}`,
      '/v1/projects/secret-project',
      '/v1/roles/secret-role',
      `/v1/assignments/${theirs.assignment}`,
      '/v1/schemas/user.login',
      `/v1/events/${theirs.critical}`,
      `/v1/events/${theirs.bulk}`,
      `/v1/break-glass/${theirs.breakGlass}`,
      `/v1/privacy/requests/${theirs.request}`,
      `${theirs.log}checkpoint`,
      `/v1/exports/${theirs.export}`,
      `/v1/archive/restores/${theirs.restore}`,
      `/v1/queries/${theirs.query}`,
      `/v1/overrides/${theirs.override}`,
      `/v1/jobs/${theirs.job}`,
      `/v1/sources/${theirs.source}`,
    ]) {
      expect((await platform.call('GET', path, { key: b.apiKey })).status, path).toBe(200);
    }
  });
});

describe('a list shows nothing of the other', () => {
  for (const path of [
    '/v1/events',
    `/v1/events?actor=${secretWord}`,
    '/v1/events/feed',
    '/v1/keys',
    '/v1/projects',
    '/v1/roles',
    '/v1/permissions',
    '/v1/assignments?ended=true',
    '/v1/assignments?role=secret-role',
    '/v1/permissions/effective?user=someone&module=secret-app',
    '/v1/break-glass',
    '/v1/privacy/requests',
    '/v1/holds',
    '/v1/retention',
    '/v1/retention/purges',
    '/v1/archive/restores',
    '/v1/costs?by=application,sector',
    '/v1/costs/statement?month=2026-01',
    '/v1/costs/statements',
    '/v1/forecasts',
    '/v1/forecasts?grain=daily&subject=1',
    '/v1/overrides',
    '/v1/lineage',
    '/v1/lineage/figure?from=2026-01&to=2026-01',
    '/v1/lineage/graph?namespace=postgres://trailkeep&name=costs.cost_daily&direction=forward',
    '/v1/jobs',
    '/v1/sources',
    '/v1/prices',
    '/v1/costs/views',
    '/v1/costs/views/cmdb_match_quality',
    '/v1/costs/views/audit_activity_daily',
    '/v1/log',
    '/v1/policy',
    '/v1/schemas',
    '/v1/whoami',
  ]) {
    test(`GET ${path}`, async () => {
      const answer = await platform.call('GET', path, { key: a.apiKey });
      expect(answer.status).toBe(200);
      for (const secret of [
        secretWord,
        b.tenantId,
        b.keyId,
        'secret-project',
        'user.login',
        theirs.critical,
        theirs.assignment,
        theirs.log,
      ]) {
        expect(answer.text).not.toContain(secret);
      }
    });
  }

  test('POST /v1/events/search', async () => {
    const answer = await platform.call('POST', '/v1/events/search', { key: a.apiKey, json: { actor: secretWord } });
    expect(answer.json.events).toEqual([]);
  });

  test('B sees both events, once', async () => {
    const answer = await platform.call('GET', `/v1/events?actor=${secretWord}`, { key: b.apiKey });
    expect(answer.json.events.map(({ id }: { id: string }) => id).sort()).toEqual(
      [theirs.bulk, theirs.critical].sort(),
    );
  });
});

test("a log of one's own lists no leaf of the other", async () => {
  const period = { from: '2026-01-01T00:00:00Z', to: new Date().toISOString() };
  await platform.call('POST', '/v1/events', {
    key: a.apiKey,
    json: { action: 'role.assign', actor: { type: 'user', id: 'x' } },
  });
  await platform.settled();
  const range = await platform.call('POST', '/v1/log/range-proof', { key: a.apiKey, json: period });
  expect(range.status).toBe(200);
  expect(range.json.entries.length).toBeGreaterThan(0);
  for (const id of [theirs.critical, theirs.bulk, theirs.log.slice(3, -1)]) expect(range.text).not.toContain(id);
});

describe('naming the other tenant gets nobody anywhere', () => {
  for (const path of [`/v1/events?tenant=${missingId}`, `/v1/events?tenant_id=${missingId}`]) {
    test(path.split('=')[0]!, async () => {
      const answer = await platform.call('GET', path, { key: a.apiKey });
      expect(answer.json.code).toBe('filter_invalid');
    });
  }

  test('in a body or a header', async () => {
    const answer = await platform.call('POST', '/v1/events', {
      key: a.apiKey,
      json: { action: 'user.login', actor: { type: 'user', id: 'x' }, tenant: b.tenantId },
      headers: { 'x-tenant': b.tenantId, 'x-trailkeep-tenant': b.tenantId },
    });
    expect(answer.json.code).toBe('event_invalid');
  });

  test("with B's cursor", async () => {
    const page = await platform.call('GET', '/v1/events?limit=1', { key: b.apiKey });
    const stolen = await platform.call('GET', `/v1/events?limit=1&cursor=${page.json.next_cursor}`, { key: a.apiKey });
    expect(stolen.json.code).toBe('cursor_invalid');
    const feed = await platform.call('GET', '/v1/events/feed', { key: b.apiKey });
    expect((await platform.call('GET', `/v1/events/feed?after=${feed.json.next}`, { key: a.apiKey })).json.code).toBe(
      'cursor_invalid',
    );
  });

  test("with B's event id: A's event is A's own", async () => {
    const sent = await platform.call('POST', '/v1/events', {
      key: a.apiKey,
      json: { id: theirs.critical, action: 'role.assign', actor: { type: 'user', id: 'a-person' } },
    });
    expect(sent.json.id).toBe(theirs.critical);
    await platform.settled();
    const [mine, others] = await Promise.all(
      [a, b].map((tenant) => platform.call('GET', `/v1/events/${theirs.critical}`, { key: tenant.apiKey })),
    );
    expect(mine!.json).toMatchObject({ tenant: a.tenantId, actor: { id: 'a-person' } });
    expect(others!.json).toMatchObject({ tenant: b.tenantId, actor: { id: secretWord } });
  });

  test("with B's Idempotency-Key", async () => {
    const headers = { 'idempotency-key': 'shared' };
    const json = { action: 'user.login', actor: { type: 'user', id: 'x' } };
    const [first, second] = [
      await platform.call('POST', '/v1/events', { key: a.apiKey, json, headers }),
      await platform.call('POST', '/v1/events', { key: b.apiKey, json: { ...json, action: 'user.logout' }, headers }),
    ];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(first.json.id).not.toBe(second.json.id);
  });
});

describe('every route', () => {
  for (const { route, operation } of routes) {
    const [method, template] = route.split(' ') as [string, string];
    const path = template.replace(/\{[^}]+\}/g, missingId);
    if (operation.security) continue;

    test(`${route} without a key, with a wrong one, or one cut short: 401, the same bytes`, async () => {
      const answers = await Promise.all([
        platform.call(method, path),
        platform.call(method, path, { key: 'tk_aaaaaaaaaaaaaaaaaaaa_wrong' }),
        platform.call(method, path, { key: a.apiKey.slice(0, -1) }),
      ]);
      for (const answer of answers) {
        expect(bytesOf(answer)).toEqual(bytesOf(answers[0]!));
        expect(answer.status).toBe(401);
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
        expect(answer.json.code).toBe('unauthenticated');
      }
    });

    if (!isAdmin(operation)) continue;
    test(`${route} with a tenant's key: forbidden, whatever it names`, async () => {
      const json = method === 'GET' || method === 'DELETE' ? {} : { json: { name: 'x' } };
      const answers = await Promise.all(
        [path, template.replace(/\{[^}]+\}/g, b.tenantId)].map((one) =>
          platform.call(method, one, { key: a.apiKey, ...json }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual([403, 403]);
      expect(bytesOf(answers[0]!)).toEqual(bytesOf(answers[1]!));
    });
  }
});
