import { describe, expect, test } from 'vitest';
import { authenticate } from '#functions/access/authenticate.authorizer.ts';
import { keys } from '#functions/access/keys.http.ts';
import { callerA, tenantA } from '#test/support/events.ts';
import { type Asked, ask, callerB, type Desk, desk } from './desk.ts';

const post = (ports: Desk, json: unknown, caller = callerA) =>
  ask(keys, ports, { method: 'POST', path: '/v1/keys', json, caller });
const one = (ports: Desk, method: string, keyId: string, rest: Partial<Asked> = {}, tail = '') =>
  ask(keys, ports, { method, path: `/v1/keys/${keyId}${tail}`, params: { keyId }, caller: callerA, ...rest });
const who = (ports: Desk, key: string, now = new Date()) =>
  authenticate(ports, { headers: { authorization: `Bearer ${key}` }, now });

describe('a key', () => {
  test('works from the answer on, is shown once and never again', async () => {
    const ports = desk();
    const made = await post(ports, { name: 'api', scopes: ['events:write'] });
    expect(made.status).toBe(201);
    expect(await who(ports, made.json.key)).toEqual({
      tenant: tenantA,
      kind: 'key',
      keyId: made.json.key_id,
      scopes: ['events:write'],
      eventsPerSecond: callerA.eventsPerSecond,
    });
    const secret = made.json.key.split('_').slice(2).join('_');
    const shown = await one(ports, 'GET', made.json.key_id);
    const listed = await ask(keys, ports, { method: 'GET', path: '/v1/keys', caller: callerA });
    expect(listed.json.keys).toEqual([shown.json]);
    for (const text of [shown.text, listed.text, JSON.stringify([...ports.control.keys.values()])]) {
      expect(text).not.toContain(secret);
    }
    expect(shown.text).not.toContain(ports.sha256(secret));
  });

  test('stops working with the answer to its revocation, and revoking again is no error', async () => {
    const ports = desk();
    const { json } = await post(ports, { name: 'api', scopes: ['events:write'] });
    expect((await one(ports, 'DELETE', json.key_id)).status).toBe(204);
    expect(await who(ports, json.key)).toBeUndefined();
    expect((await one(ports, 'DELETE', json.key_id)).status).toBe(204);
    expect((await one(ports, 'GET', json.key_id)).json.revoked_at).toEqual(expect.any(String));
    expect((await one(ports, 'POST', json.key_id, {}, '/rotate')).status).toBe(409);
  });

  test('whose revocation could not be published answers 503, and asking again revokes it', async () => {
    const ports = desk();
    const { json } = await post(ports, { name: 'api', scopes: ['events:write'] });
    ports.control.down = true;
    expect((await one(ports, 'DELETE', json.key_id)).status).toBe(503);
    ports.control.down = false;
    expect(await who(ports, json.key)).toBeDefined();
    expect((await one(ports, 'DELETE', json.key_id)).status).toBe(204);
    expect(await who(ports, json.key)).toBeUndefined();
  });

  test('is in the trail before it works: made, rotated and revoked', async () => {
    const ports = desk();
    ports.recorder.down = true;
    expect((await post(ports, { name: 'api', scopes: ['events:write'] })).status).toBe(503);
    expect(ports.control.keys.size).toBe(0);
    ports.recorder.down = false;
    const { json } = await post(ports, { name: 'api', scopes: ['events:write'] });
    const rotated = await one(ports, 'POST', json.key_id, {}, '/rotate');
    await one(ports, 'DELETE', json.key_id);
    expect(ports.recorder.recorded.map(({ tenant, event }) => [tenant, event.action, event.targets?.[0]?.id])).toEqual([
      [tenantA, 'key.create', json.key_id],
      [tenantA, 'key.rotate', json.key_id],
      [tenantA, 'key.revoke', json.key_id],
    ]);
    const text = JSON.stringify(ports.recorder.recorded);
    for (const key of [json.key, rotated.json.key]) expect(text).not.toContain(key.split('_').at(-1));
  });

  test('is rotated with an overlap, in which both secrets work', async () => {
    const ports = desk();
    const { json: before } = await post(ports, { name: 'api', scopes: ['events:write'] });
    const now = Date.now();
    const after = await one(ports, 'POST', before.key_id, { json: { overlap_seconds: 60 } }, '/rotate');
    expect(after.status).toBe(200);
    expect(after.json.key).not.toBe(before.key);
    for (const key of [before.key, after.json.key]) expect(await who(ports, key)).toBeDefined();
    const later = new Date(now + 3600_000);
    expect(await who(ports, before.key, later)).toBeUndefined();
    expect(await who(ports, after.json.key, later)).toBeDefined();
  });

  test('ends at expires_at', async () => {
    const ports = desk();
    const expires = new Date(Date.now() + 3600_000);
    const { json } = await post(ports, { name: 'api', scopes: ['events:read'], expires_at: expires.toISOString() });
    expect(await who(ports, json.key)).toBeDefined();
    expect(await who(ports, json.key, expires)).toBeUndefined();
  });

  test('published by the slower of two requests is still the newer one', async () => {
    const ports = desk();
    const { json } = await post(ports, { name: 'api', scopes: ['events:write'] });
    const put = ports.control.putKey.bind(ports.control);
    let raced = false;
    ports.control.putKey = async (key) => {
      // Between reading and publishing, another request revokes.
      if (!raced) {
        raced = true;
        await ports.keys.revoke(tenantA, json.key_id, new Date());
      }
      await put(key);
    };
    await one(ports, 'POST', json.key_id, {}, '/rotate');
    expect(ports.control.keys.get(json.key_id)?.revokedAt).toBeDefined();
  });
});

describe('403: nobody gives more than they hold', () => {
  const limited = { ...callerA, scopes: ['keys:manage', 'events:read'] as const, eventsPerSecond: 10 };
  for (const [what, json] of [
    ['a scope the caller lacks', { name: 'x', scopes: ['events:write'] }],
    ['the platform’s scope', { name: 'x', scopes: ['events:read', 'admin'] }],
    ['a higher rate', { name: 'x', scopes: ['events:read'], events_per_second: 11 }],
  ] as const) {
    test(what, async () => {
      const ports = desk();
      expect((await post(ports, json, limited)).json).toMatchObject({ status: 403, code: 'forbidden' });
      expect(ports.keys.rows.size + ports.control.keys.size).toBe(0);
    });
  }

  test('admin, even by a key that would hold it', async () => {
    const odd = { ...callerA, scopes: ['keys:manage', 'admin'] as const };
    expect((await post(desk(), { name: 'x', scopes: ['admin'] }, odd)).status).toBe(403);
  });

  test('the secret of a stronger key by rotating it', async () => {
    const ports = desk();
    const { json } = await post(ports, { name: 'strong', scopes: ['events:write', 'keys:manage'] });
    expect((await one(ports, 'POST', json.key_id, { caller: limited }, '/rotate')).status).toBe(403);
    expect(await who(ports, json.key)).toBeDefined();
  });

  test('a key outside the caller’s project; its own project is the default', async () => {
    const ports = desk();
    const createdAt = new Date();
    for (const id of ['shop', 'other']) await ports.projects.create(tenantA, { id, name: id, createdAt });
    const shop = { ...callerA, project: 'shop' };
    expect((await post(ports, { name: 'x', scopes: ['events:read'], project: 'other' }, shop)).status).toBe(403);
    expect((await post(ports, { name: 'x', scopes: ['events:read'] }, shop)).json.project).toBe('shop');
    const { json } = await post(ports, { name: 'wide', scopes: ['events:read'] });
    expect((await one(ports, 'GET', json.key_id, { caller: shop })).status).toBe(404);
  });

  test('anything without keys:manage', async () => {
    const reader = { ...callerA, scopes: ['events:read'] as const };
    expect((await post(desk(), { name: 'x', scopes: ['events:read'] }, reader)).status).toBe(403);
    expect((await ask(keys, desk(), { method: 'GET', path: '/v1/keys' })).status).toBe(401);
  });
});

describe('400', () => {
  for (const [what, json, pointer] of [
    ['no name', { scopes: ['events:read'] }, '/name'],
    ['no scope', { name: 'x', scopes: [] }, '/scopes'],
    ['an unknown scope', { name: 'x', scopes: ['root'] }, '/scopes/0'],
    ['an unknown member', { name: 'x', scopes: ['events:read'], tenant: 'y' }, ''],
    ['an end in the past', { name: 'x', scopes: ['events:read'], expires_at: '2020-01-01T00:00:00Z' }, '/expires_at'],
    ['a project that does not exist', { name: 'x', scopes: ['events:read'], project: 'nope' }, '/project'],
    ['an environment alone', { name: 'x', scopes: ['events:read'], environment: 'prod' }, '/project'],
  ] as const) {
    test(what, async () => {
      expect((await post(desk(), json)).json).toMatchObject({ status: 400, code: 'request_invalid', pointer });
    });
  }
});

test('404: a foreign key answers byte for byte like a missing and a malformed one', async () => {
  const ports = desk();
  const { json } = await post(ports, { name: 'theirs', scopes: ['events:read'] }, callerB);
  for (const [method, tail] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/rotate'],
  ] as const) {
    const answers = await Promise.all(
      [json.key_id, 'a'.repeat(20), '../x'].map((id) => one(ports, method, id, {}, tail)),
    );
    expect(answers[0]!.status).toBe(404);
    for (const answer of answers)
      expect([answer.text, answer.headers]).toEqual([answers[0]!.text, answers[0]!.headers]);
  }
  expect(await who(ports, json.key)).toBeDefined();
  expect((await ask(keys, ports, { method: 'GET', path: '/v1/keys', caller: callerA })).json.keys).toEqual([]);
});

describe('a key of a service account', () => {
  const giver = { ...callerA, scopes: [...callerA.scopes, 'access:manage' as const] };

  test('has its name and no scopes', async () => {
    const ports = desk();
    for (const name of ['billing', 'service:billing']) {
      const made = await post(ports, { name: 'ci', service_account: name }, giver);
      expect(made.json).toMatchObject({ scopes: [], service_account: 'service:billing' });
      expect(await who(ports, made.json.key)).toMatchObject({
        ...{ kind: 'service', scopes: [], serviceAccount: 'service:billing' },
      });
    }
  });

  test('is given and rotated by those only who may give roles', async () => {
    const ports = desk();
    const body = { name: 'ci', service_account: 'billing' };
    expect((await post(ports, body)).status).toBe(403);
    const { json } = await post(ports, body, giver);
    expect((await one(ports, 'POST', json.key_id, {}, '/rotate')).status).toBe(403);
    expect((await one(ports, 'POST', json.key_id, { caller: giver }, '/rotate')).status).toBe(200);
  });

  test('is one or the other', async () => {
    const ports = desk();
    const both = { name: 'ci', service_account: 'billing', scopes: ['events:read'] };
    expect((await post(ports, both, giver)).json).toMatchObject({ status: 400, pointer: '/service_account' });
    expect((await post(ports, { name: 'ci' }, giver)).json).toMatchObject({ status: 400, pointer: '/scopes' });
    for (const service_account of ['', 'Billing', 'a:b', 'service:', 'service:service:x', '*', 'x'.repeat(64)]) {
      expect((await post(ports, { name: 'ci', service_account }, giver)).status).toBe(400);
    }
  });
});
