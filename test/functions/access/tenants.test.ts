import { describe, expect, test } from 'vitest';
import { tenantScopes } from '#core/access/key.ts';
import { authenticate } from '#functions/access/authenticate.authorizer.ts';
import { bootstrap } from '#functions/access/bootstrap.deploy.ts';
import { policy } from '#functions/access/policy.http.ts';
import { projects } from '#functions/access/projects.http.ts';
import { tenants } from '#functions/access/tenants.http.ts';
import { whoami } from '#functions/access/whoami.http.ts';
import { callerA, tenantA } from '#test/support/events.ts';
import { type Asked, admin, ask, callerB, type Desk, desk } from './desk.ts';

describe('tenants', () => {
  const ask_ = (ports: Desk, method: string, path: string, rest: Partial<Asked> = {}) => {
    const tenantId = path.split('/')[3];
    return ask(tenants, ports, { method, path, ...(tenantId ? { params: { tenantId } } : {}), caller: admin, ...rest });
  };

  test('are made, published, shown, listed and renamed', async () => {
    const ports = desk();
    const made = await ask_(ports, 'POST', '/v1/tenants', { json: { name: 'Acme' } });
    expect(made.status).toBe(201);
    const { id } = made.json;
    expect(ports.control.tenants.get(id)).toMatchObject({ v: 1, tenant: id, name: 'Acme', schemaMode: 'refuse' });
    expect((await ask_(ports, 'GET', `/v1/tenants/${id}`)).json).toEqual(made.json);
    expect((await ask_(ports, 'GET', '/v1/tenants')).json).toEqual({ tenants: [made.json], next: null });
    expect((await ask_(ports, 'PATCH', `/v1/tenants/${id}`, { json: { name: 'Acme 2' } })).json.name).toBe('Acme 2');
    expect(ports.control.tenants.get(id)?.name).toBe('Acme 2');
  });

  test('are listed in pages', async () => {
    const ports = desk();
    for (const name of ['a', 'b', 'c']) await ask_(ports, 'POST', '/v1/tenants', { json: { name } });
    const first = await ask_(ports, 'GET', '/v1/tenants', { query: { limit: ['2'] } });
    const second = await ask_(ports, 'GET', '/v1/tenants', { query: { limit: ['2'], after: [first.json.next] } });
    expect([...first.json.tenants, ...second.json.tenants].map(({ name }: { name: string }) => name)).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(second.json.next).toBeNull();
  });

  test('get their first key from the platform, never one with its scope', async () => {
    const ports = desk();
    const { id } = (await ask_(ports, 'POST', '/v1/tenants', { json: { name: 'Acme' } })).json;
    const made = await ask_(ports, 'POST', `/v1/tenants/${id}/keys`, { json: { name: 'first' } });
    expect(made.json).toMatchObject({ scopes: [...tenantScopes] });
    const headers = { authorization: `Bearer ${made.json.key}` };
    expect(await authenticate(ports, { headers, now: new Date() })).toMatchObject({ tenant: id });
    const refused = await ask_(ports, 'POST', `/v1/tenants/${id}/keys`, { json: { name: 'x', scopes: ['admin'] } });
    expect(refused.status).toBe(403);
    expect((await ask_(ports, 'GET', `/v1/tenants/${id}/keys`)).json.keys).toHaveLength(1);
  });

  test('are nobody’s but the platform’s', async () => {
    for (const [method, path] of [
      ['POST', '/v1/tenants'],
      ['GET', `/v1/tenants/${tenantA}`],
      ['POST', `/v1/tenants/${tenantA}/keys`],
    ] as const) {
      expect((await ask_(desk(), method, path, { caller: callerA })).status).toBe(403);
    }
  });

  test('missing and malformed ids answer alike', async () => {
    const missing = await ask_(desk(), 'GET', `/v1/tenants/${tenantA}`);
    const malformed = await ask_(desk(), 'GET', '/v1/tenants/x');
    expect(missing.status).toBe(404);
    expect(malformed.text).toBe(missing.text);
  });
});

describe('policy', () => {
  const put = (ports: Desk, json: unknown, headers = {}, caller = callerA) =>
    ask(policy, ports, { method: 'PUT', path: '/v1/policy', json, headers, caller });
  const get = (ports: Desk, caller = callerA) => ask(policy, ports, { method: 'GET', path: '/v1/policy', caller });
  const schema = (ports: Desk, method: string, action: string, json?: unknown, caller = callerA) =>
    ask(policy, ports, { method, path: `/v1/schemas/${action}`, params: { action }, json, caller });
  const withTenants = async () => {
    const ports = desk();
    for (const { tenant } of [callerA, callerB]) {
      await ports.tenants.create({ id: tenant, name: 'T', createdAt: new Date() });
    }
    return ports;
  };
  const body = {
    catalogue: [{ action: 'pay.*', category: 'critical' }],
    tiers: { system: 'critical' },
    schema_mode: 'flag',
  };

  test('is published with the answer, for its tenant alone', async () => {
    const ports = await withTenants();
    const answer = await put(ports, body);
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"1"' }, json: { ...body, version: 1, schemas: [] } });
    expect(ports.control.tenants.get(tenantA)).toEqual({
      v: 1,
      tenant: tenantA,
      name: 'T',
      catalogue: body.catalogue,
      tiers: body.tiers,
      schemaMode: 'flag',
      schemas: [],
    });
    expect((await get(ports)).json).toEqual(answer.json);
    expect((await get(ports, callerB)).json).toMatchObject({ version: 0, catalogue: [] });
  });

  test('lists what readers may read for, and forgets the list with the next put', async () => {
    const ports = await withTenants();
    expect((await put(ports, { ...body, purposes: ['audit', 'billing'] })).json.purposes).toEqual(['audit', 'billing']);
    expect((await put(ports, { ...body, purposes: ['Not a word'] })).status).toBe(400);
    expect((await get(ports)).json.purposes).toEqual(['audit', 'billing']);
    expect((await put(ports, body)).json.purposes).toBeUndefined();
  });

  test('says what data subjects are told', async () => {
    const ports = await withTenants();
    const processing = { purposes: 'Security of the service, Art. 6(1)(f)', retention: 'One year' };
    expect((await put(ports, { ...body, processing })).json.processing).toEqual(processing);
    expect((await put(ports, { ...body, processing: { mood: 'good' } })).status).toBe(400);
    expect((await get(ports)).json.processing).toEqual(processing);
  });

  test('that was read before another change conflicts; the same again keeps its version', async () => {
    const ports = await withTenants();
    await put(ports, body);
    expect((await put(ports, body)).json.version).toBe(1);
    expect((await put(ports, { catalogue: [] }, { 'if-match': '"1"' })).json.version).toBe(2);
    expect((await put(ports, body, { 'if-match': '"1"' })).json).toMatchObject({ status: 409, code: 'conflict' });
    expect((await get(ports)).json.version).toBe(2);
  });

  test('that could not be published answers 503, and the same again publishes it', async () => {
    const ports = await withTenants();
    ports.control.down = true;
    expect((await put(ports, body)).status).toBe(503);
    ports.control.down = false;
    expect((await put(ports, body)).json.version).toBe(1);
    expect(ports.control.tenants.get(tenantA)?.schemaMode).toBe('flag');
  });

  for (const [what, json, pointer] of [
    ['a rule that sets nothing', { catalogue: [{ action: 'a.b' }] }, '/catalogue/0'],
    ['a * inside', { catalogue: [{ action: 'a.*.b', crud: 'c' }] }, '/catalogue/0/action'],
    ['an unknown category', { tiers: { nope: 'bulk' } }, '/tiers'],
    ['501 rules', { catalogue: Array.from({ length: 501 }, () => ({ action: 'a.b', crud: 'c' })) }, '/catalogue'],
  ] as const) {
    test(`with ${what} is refused`, async () => {
      expect((await put(await withTenants(), json)).json).toMatchObject({ code: 'request_invalid', pointer });
    });
  }

  test('is in the trail before it changes, the policy and each schema for itself, and the same again is no change', async () => {
    const ports = desk();
    ports.recorder.down = true;
    const tiers = { tiers: { operations: 'critical' } };
    expect((await put(ports, tiers)).status).toBe(503);
    ports.recorder.down = false;
    expect((await ask(policy, ports, { method: 'GET', path: '/v1/policy', caller: callerA })).json.version).toBe(0);
    await put(ports, tiers);
    await put(ports, tiers);
    const schema = (json: unknown, method = 'PUT') =>
      ask(policy, ports, { method, path: '/v1/schemas/a.b', params: { action: 'a.b' }, caller: callerA, json });
    await schema({ type: 'object', title: 'x'.repeat(20_000) });
    await schema(undefined, 'DELETE');
    expect(ports.recorder.recorded.map(({ event }) => [event.action, event.changes?.map(({ path }) => path)])).toEqual([
      ['policy.put', ['/tiers']],
      ['schema.put', ['/action', '/version', '/schema']],
      ['schema.delete', ['/action', '/version', '/schema']],
    ]);
    expect(ports.recorder.recorded[1]!.event.changes?.[2]?.after).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test('of a whole tenant is not for a key of one project', async () => {
    expect((await put(await withTenants(), body, {}, { ...callerA, project: 'shop' } as typeof callerA)).status).toBe(
      403,
    );
  });

  test('schemas are versioned, survive a new policy, and go', async () => {
    const ports = await withTenants();
    expect(await schema(ports, 'PUT', 'pay.card', { type: 'object' })).toMatchObject({
      status: 201,
      json: { version: 1 },
    });
    expect((await schema(ports, 'PUT', 'pay.card', { type: 'object' })).json.version).toBe(1);
    const second = { type: 'object', required: ['actor'] };
    expect(await schema(ports, 'PUT', 'pay.card', second)).toMatchObject({ status: 200, json: { version: 2 } });
    await put(ports, body);
    expect(ports.control.tenants.get(tenantA)?.schemas).toEqual([{ action: 'pay.card', version: 2, schema: second }]);
    const foreign = await schema(ports, 'GET', 'pay.card', undefined, callerB);
    expect(foreign.text).toBe((await schema(ports, 'GET', 'no.such', undefined, callerB)).text);
    expect((await schema(ports, 'DELETE', 'pay.card')).status).toBe(204);
    expect((await schema(ports, 'DELETE', 'pay.card')).status).toBe(404);
    expect(ports.control.tenants.get(tenantA)?.schemas).toEqual([]);
  });

  test('a schema that is none is refused', async () => {
    const answer = await schema(await withTenants(), 'PUT', 'pay.card', { type: 'nonsense' });
    expect(answer.json).toMatchObject({ status: 400, code: 'schema_invalid' });
  });

  test('a schema whose tags would do nothing is refused, with the place', async () => {
    const ports = await withTenants();
    const tagged = (field: string) => ({ properties: { [field]: { 'x-privacy': 'pii' } } });
    expect(await schema(ports, 'PUT', 'pay.card', tagged('category'))).toMatchObject({
      status: 400,
      json: { code: 'schema_invalid', pointer: '/properties/category/x-privacy' },
    });
    expect((await schema(ports, 'PUT', 'pay.card', tagged('external_id'))).status).toBe(201);
  });
});

describe('projects', () => {
  const call = (ports: Desk, method: string, path: string, rest: Partial<Asked> = {}) => {
    const projectId = path.split('/')[3];
    return ask(projects, ports, {
      method,
      path,
      ...(projectId ? { params: { projectId } } : {}),
      caller: callerA,
      ...rest,
    });
  };

  test('and environments are made once and are the tenant’s own', async () => {
    const ports = desk();
    expect((await call(ports, 'POST', '/v1/projects', { json: { id: 'shop', name: 'Shop' } })).status).toBe(201);
    expect((await call(ports, 'POST', '/v1/projects', { json: { id: 'shop' } })).status).toBe(409);
    expect((await call(ports, 'POST', '/v1/projects/shop/environments', { json: { id: 'prod' } })).status).toBe(201);
    const environments = await call(ports, 'GET', '/v1/projects/shop/environments');
    expect(environments.json.environments).toMatchObject([{ id: 'prod', name: 'prod' }]);
    const foreign = await call(ports, 'GET', '/v1/projects/shop', { caller: callerB });
    const missing = await call(ports, 'GET', '/v1/projects/nope', { caller: callerB });
    const malformed = await call(ports, 'GET', '/v1/projects/!', { caller: callerB });
    expect([foreign.status, foreign.text, foreign.text]).toEqual([404, missing.text, malformed.text]);
    expect((await call(ports, 'GET', '/v1/projects', { caller: callerB })).json.projects).toEqual([]);
  });
});

test('whoami says who a person is, and for whom it acts', async () => {
  const person = { id: 'sam', email: 's@example.org', mfaAt: 1e12, onBehalfOf: { type: 'user', id: 'ada' } };
  const caller = { ...callerA, kind: 'person' as const, keyId: 'person:sam', scopes: [], person };
  const { json } = await ask(whoami, {}, { method: 'GET', path: '/v1/whoami', caller });
  expect(json).toMatchObject({
    kind: 'person',
    scopes: [],
    person: {
      ...{ id: 'sam', name: null, email: 's@example.org', mfa_at: '2001-09-09T01:46:40.000Z' },
      on_behalf_of: { type: 'user', id: 'ada' },
    },
  });
});

test('whoami says what the key is', async () => {
  const answer = await ask(whoami, {}, { method: 'GET', path: '/v1/whoami', caller: callerA });
  expect(answer.json).toEqual({
    tenant: tenantA,
    kind: 'key',
    person: null,
    service_account: null,
    key_id: callerA.keyId,
    scopes: callerA.scopes,
    project: null,
    environment: null,
    events_per_second: 10_000,
  });
  expect((await ask(whoami, {}, { method: 'GET', path: '/v1/whoami' })).status).toBe(401);
});

describe('bootstrap', () => {
  const boot = () => {
    const ports = desk();
    const done: string[] = [];
    const step =
      <T>(name: string, value: T) =>
      async () => {
        done.push(name);
        return value;
      };
    return {
      done,
      ports: {
        ...ports,
        rootSecret: { createIfAbsent: step('secret', true) },
        migrator: { apply: step('migrate', ['0001']), adoptContextKey: step('adopt', undefined) },
        contextKey: step('derive', new Uint8Array(32)),
        keys: () => ports.keys,
      },
      keys: ports.keys,
    };
  };
  const at = { now: new Date('2026-03-01T12:00:00Z') };

  test('makes the secret before it is needed and an admin key once', async () => {
    const { ports, done } = boot();
    const first = await bootstrap(ports, {}, at);
    expect(done).toEqual(['secret', 'migrate', 'derive', 'adopt']);
    expect(first.migrations).toEqual(['0001']);
    const headers = { authorization: `Bearer ${first.adminKey}` };
    expect(await authenticate(ports, { headers, now: at.now })).toMatchObject({
      scopes: ['admin'],
      tenant: admin.tenant,
    });
    expect(await bootstrap(ports, {}, at)).toEqual({ migrations: ['0001'] });
    const again = await bootstrap(ports, { reissueAdminKey: true }, at);
    expect(again.adminKey).toMatch(/^tk_/);
    expect(again.adminKey).not.toBe(first.adminKey);
  });

  test('that could not publish or store is run again', async () => {
    for (const place of ['control', 'keys'] as const) {
      const { ports, keys } = boot();
      const broken = place === 'control' ? ports.control : keys;
      // The list must answer: only the write fails.
      broken.down = true;
      await expect(bootstrap(ports, {}, at)).rejects.toThrow(/unavailable/);
      broken.down = false;
      expect((await bootstrap(ports, {}, at)).adminKey).toBeDefined();
    }
  });
});
