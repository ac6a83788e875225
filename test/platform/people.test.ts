/** People and service accounts on the whole platform: tokens of the local issuer, through API Gateway, to the verbs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localAudience, localTenantClaim } from '#local/issuer.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let other: Awaited<ReturnType<TestPlatform['makeTenant']>>;
beforeAll(async () => {
  platform = await testPlatform();
  other = await platform.makeTenant('Other');
}, 180_000);
afterAll(() => platform?.end());

async function token(form: Record<string, string>): Promise<string> {
  const body = new URLSearchParams({ tenant: platform.access.tenantId, ...form });
  const answer = await fetch(`${platform.access.issuerUrl}/token`, { method: 'POST', body });
  return ((await answer.json()) as { access_token: string }).access_token;
}
const whoami = async (key: string) => platform.call('GET', '/v1/whoami', { key });

describe('a person', () => {
  test('is known by a token, with the second factor and without', async () => {
    const { json } = await whoami(await token({ user: 'ada', name: 'Ada', email: 'ada@example.org', mfa: '1' }));
    expect(json).toMatchObject({ tenant: platform.access.tenantId, kind: 'person', key_id: 'person:ada', scopes: [] });
    expect(json.person).toMatchObject({ id: 'ada', name: 'Ada', email: 'ada@example.org', on_behalf_of: null });
    expect(json.person.mfa_at).not.toBeNull();
    expect((await whoami(await token({ user: 'bo' }))).json.person.mfa_at).toBeNull();
  });

  test('may do what its roles say and nothing else', async () => {
    const ada = await token({ user: 'ada' });
    expect((await platform.call('GET', '/v1/keys', { key: ada })).status).toBe(200);
    expect((await platform.call('GET', '/v1/keys', { key: await token({ user: 'bo' }) })).status).toBe(403);
    const event = { action: 'a.b', actor: { type: 'user', id: 'ada' } };
    expect((await platform.call('POST', '/v1/events', { key: ada, json: event })).status).toBe(403);
    expect((await platform.call('GET', '/v1/tenants', { key: ada })).status).toBe(403);
  });

  test('who acts for another has its own roles, and both are known', async () => {
    const { json } = await whoami(await token({ user: 'ada', act: 'sam' }));
    expect(json.person).toMatchObject({ id: 'sam', on_behalf_of: { type: 'user', id: 'ada' } });
    const asAda = await token({ user: 'ada', act: 'sam' });
    expect((await platform.call('GET', '/v1/keys', { key: asAda })).status).toBe(403);
  });

  test('is nobody in a tenant that the issuer may not serve, until it may, and again when it is taken back', async () => {
    const key = platform.access.adminKey;
    const path = `/v1/tenants/${other.tenantId}/issuers`;
    const before = await token({ user: 'eve', tenant: other.tenantId });
    expect((await whoami(before)).status).toBe(401);
    const body = { name: 'Local', issuer: platform.access.issuerUrl, audience: [localAudience] };
    expect((await platform.call('POST', path, { key, json: body })).status).toBe(409);
    const shared = { ...body, tenant_claim: localTenantClaim };
    const made = await platform.call('POST', path, { key, json: shared });
    expect(made.status).toBe(201);
    expect((await platform.call('POST', path, { key, json: shared })).status).toBe(409);
    expect((await platform.call('DELETE', `${path}/${made.json.id}`, { key })).status).toBe(204);
    expect((await platform.call('GET', path, { key })).json.issuers).toEqual([]);
    expect((await whoami(await token({ user: 'ada' }))).status).toBe(200);
  });

  test('with a token that somebody changed is nobody', async () => {
    const [header, payload, signature] = (await token({ user: 'bo' })).split('.');
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString());
    const ada = Buffer.from(JSON.stringify({ ...claims, sub: 'ada' })).toString('base64url');
    expect((await whoami(`${header}.${ada}.${signature}`)).status).toBe(401);
  });
});

describe('a service account', () => {
  test('has a key without scopes, and the roles that are assigned to it', async () => {
    const { apiKey } = other;
    const made = await platform.call('POST', '/v1/keys', {
      key: apiKey,
      json: { name: 'billing', service_account: 'billing' },
    });
    expect(made.status).toBe(201);
    const me = await whoami(made.json.key);
    expect(me.json).toMatchObject({ kind: 'service', service_account: 'service:billing', scopes: [], person: null });
    expect((await platform.call('GET', '/v1/policy', { key: made.json.key })).status).toBe(403);
    const json = { user: 'service:billing', role: 'trailkeep:admin' };
    expect((await platform.call('POST', '/v1/assignments', { key: apiKey, json })).status).toBe(201);
    await expect
      .poll(async () => (await platform.call('GET', '/v1/policy', { key: made.json.key })).status, { timeout: 5_000 })
      .toBe(200);
  });
});
