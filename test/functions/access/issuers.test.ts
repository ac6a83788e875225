import { describe, expect, test } from 'vitest';
import type { Issuer } from '#core/access/issuer.ts';
import { issuers } from '#functions/access/issuers.http.ts';
import { callerA, tenantA, tenantB } from '#test/support/events.ts';
import { admin, ask, type Desk, desk } from './desk.ts';

const body = { issuer: 'https://login.acme.example/realms/a', name: 'Acme', audience: ['trailkeep'] };
const pool = { ...body, issuer: 'https://pool.example', tenant_claim: 'custom:tenant' };

async function deskWithTenants(): Promise<Desk> {
  const ports = desk();
  for (const id of [tenantA, tenantB]) await ports.tenants.create({ id, name: id, createdAt: new Date() });
  return ports;
}
const call = (ports: Desk, method: string, tenantId: string, issuerId?: string, json?: unknown, caller = admin) =>
  ask(issuers, ports, {
    method,
    path: `/v1/tenants/${tenantId}/issuers${issuerId === undefined ? '' : `/${issuerId}`}`,
    params: { tenantId, ...(issuerId === undefined ? {} : { issuerId }) },
    ...(json === undefined ? {} : { json }),
    caller,
  });

describe('an issuer', () => {
  test('is registered, shown, listed, published', async () => {
    const ports = await deskWithTenants();
    const made = await call(ports, 'POST', tenantA, undefined, { ...body, subject_prefix: 'acme:', always_mfa: true });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({ ...body, tenant_claim: null, subject_prefix: 'acme:', always_mfa: true });
    expect((await call(ports, 'GET', tenantA, made.json.id)).json).toEqual(made.json);
    expect((await call(ports, 'GET', tenantA)).json).toEqual({ issuers: [made.json], next: null });
    expect(await ports.control.issuer(body.issuer)).toEqual({
      v: 1,
      issuer: body.issuer,
      tenants: [{ tenant: tenantA, audience: ['trailkeep'], subjectPrefix: 'acme:', alwaysMfa: true }],
    });
  });

  test('that is shared is published with all its tenants, and goes from one only', async () => {
    const ports = await deskWithTenants();
    const a = await call(ports, 'POST', tenantA, undefined, pool);
    await call(ports, 'POST', tenantB, undefined, pool);
    const published = async () => (await ports.control.issuer(pool.issuer))?.tenants.map(({ tenant }) => tenant);
    expect(await published()).toEqual([tenantA, tenantB]);
    expect((await call(ports, 'DELETE', tenantA, a.json.id)).status).toBe(204);
    expect(await published()).toEqual([tenantB]);
    expect((await call(ports, 'DELETE', tenantA, a.json.id)).status).toBe(404);
  });

  test('that goes is gone for the authorizer first: when that fails it is still there to be removed', async () => {
    const ports = await deskWithTenants();
    const { json } = await call(ports, 'POST', tenantA, undefined, body);
    ports.control.down = true;
    expect((await call(ports, 'DELETE', tenantA, json.id)).status).toBe(503);
    ports.control.down = false;
    expect((await call(ports, 'DELETE', tenantA, json.id)).status).toBe(204);
    expect((await ports.control.issuer(body.issuer))?.tenants).toEqual([]);
  });
});

describe('refused', () => {
  const bodies: [string, object, number][] = [
    ['plain http', { issuer: 'http://login.acme.example' }, 400],
    ['plain http to the metadata service', { issuer: 'http://169.254.169.254' }, 400],
    ['plain http to a host that looks like one named', { issuer: 'http://127.0.0.1.evil.example' }, 400],
    ['a login in the address', { issuer: 'https://a:b@login.example' }, 400],
    ['a query', { issuer: 'https://login.example/?x=1' }, 400],
    ['a fragment', { issuer: 'https://login.example/#x' }, 400],
    ['a path that climbs', { issuer: 'https://login.example/a/../b' }, 400],
    ['a file', { issuer: 'file:///etc/passwd' }, 400],
    ['a port that is none', { issuer: 'https://login.example:99999' }, 400],
    ['no audience', { audience: [] }, 400],
    ['a claim with another meaning', { tenant_claim: 'sub' }, 400],
    ['the prefix of service accounts', { subject_prefix: 'service:' }, 400],
    ['a field nobody knows', { jwks_uri: 'https://login.example/keys' }, 400],
    ['plain http to a host that an operator named', { issuer: 'http://127.0.0.1:4601' }, 201],
  ];
  for (const [what, change, status] of bodies) {
    test(`${what}: ${status}`, async () => {
      const ports = await deskWithTenants();
      expect((await call(ports, 'POST', tenantA, undefined, { ...body, ...change })).status).toBe(status);
    });
  }

  test('to everybody but the platform, and nothing is there that is not', async () => {
    const ports = await deskWithTenants();
    const { json } = await call(ports, 'POST', tenantA, undefined, body);
    for (const [method, id] of [['POST'], ['GET'], ['GET', json.id], ['DELETE', json.id]] as const) {
      expect((await call(ports, method, tenantA, id, body, callerA)).status).toBe(403);
    }
    for (const id of ['x', '../x', '01890000-0000-7000-8000-00000000ffff']) {
      expect((await call(ports, 'GET', tenantA, id)).status).toBe(404);
      expect((await call(ports, 'GET', id)).status).toBe(404);
    }
    expect((await call(ports, 'GET', tenantB, json.id)).status).toBe(404);
    expect((await call(ports, 'DELETE', tenantB, json.id)).status).toBe(404);
    expect((await call(ports, 'PUT', tenantA, json.id, body)).status).toBe(405);
  });

  test('when the tenant has it, or it belongs to another', async () => {
    const ports = await deskWithTenants();
    await call(ports, 'POST', tenantA, undefined, body);
    expect((await call(ports, 'POST', tenantA, undefined, body)).status).toBe(409);
    expect((await call(ports, 'POST', tenantB, undefined, body)).status).toBe(409);
    expect((await call(ports, 'POST', tenantA, undefined, { ...pool })).status).toBe(409);
    const rows: Issuer[] = [...ports.issuers.rows.values()];
    expect(rows).toHaveLength(1);
  });
});
