/** The permission cache's second layer, on a real server, alone and as a cluster. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { permissionsKey, userVersionKey } from '#core/access/permission-keys.ts';
import type { PermissionStore } from '#core/access/permission-ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { connectValkey, parseEndpoint, type ValkeyClient } from '#stores/valkey/connect.ts';
import { createPermissionStore } from '#stores/valkey/permission-store.ts';
import { startValkey, type TestValkey, valkeyCommand } from '#test/support/valkey.ts';

if (!valkeyCommand) console.log('no valkey-server or redis-server in PATH (apt-get install redis-server): not tested');

const sealKey = Buffer.alloc(32, 1);
const edition = 'first';
const tenant = '018f0000-0000-7000-8000-000000000001';
const version = { tenant: 3n, user: 7n };
const permissions = {
  tenantId: tenant,
  user: 'ada',
  module: 'billing',
  version,
  grants: [{ module: 'billing', permission: 'invoice.approve', role: 'clerk', until: 1_900_000_000_000 }],
};

test('an endpoint says whether it is a cluster over TLS', () => {
  expect(parseEndpoint('valkeys://cache.example.com:6379')).toEqual({
    host: 'cache.example.com',
    port: 6379,
    tls: true,
    cluster: true,
  });
  expect(parseEndpoint('valkey://127.0.0.1:7000')).toMatchObject({ port: 7000, tls: false, cluster: false });
  expect(() => parseEndpoint('http://127.0.0.1')).toThrow('not a Valkey endpoint');
});

describe.skipIf(!valkeyCommand).each([
  ['one node', false],
  ['a cluster', true],
])('%s', (_, cluster) => {
  let valkey: TestValkey;
  let client: ValkeyClient;
  let store: PermissionStore;
  let users = 0;
  const someone = () => `user-${++users}`;

  beforeAll(async () => {
    valkey = await startValkey({ cluster });
    client = valkey.connect();
    store = createPermissionStore(client, { sealKey, edition, timeoutMs: 5_000 });
  });
  afterAll(() => valkey?.stop());

  const term = async (user: string, ms = 60_000) => ({
    readAt: 1_000,
    deadline: (await store.lookUp(tenant, user)).time + ms,
  });

  test('what was put under versions is found under them and no others', async () => {
    await store.putPermissions(permissions, 60_000);
    expect(await store.getPermissions(tenant, 'ada', 'billing', version)).toEqual(permissions);
    expect(await store.getPermissions(tenant, 'ada', 'billing', { tenant: 4n, user: 7n })).toBeUndefined();
    expect(await store.getPermissions(tenant, 'ada', 'sales', version)).toBeUndefined();
    expect(await store.getPermissions('other', 'ada', 'billing', version)).toBeUndefined();
    const roles = [{ id: 'clerk', name: 'Clerk', inherits: [], grants: [] }];
    await store.putRoles(tenant, 3n, roles, 60_000);
    expect(await store.getRoles(tenant, 3n)).toEqual(roles);
    expect(await store.getRoles(tenant, 4n)).toBeUndefined();
  });

  test('what is put ends', async () => {
    await store.putPermissions({ ...permissions, user: 'eve' }, 60_000);
    const key = permissionsKey(tenant, 'eve', 'billing', version);
    expect(key).toBe(`permissions:tenant_{${tenant}}:user_eve:module_billing:v3.7`);
    const left = await client.pttl(key);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  test('versions are found with the time, one or both', async () => {
    const user = someone();
    const { time, ...nothing } = await store.lookUp('fresh', user);
    expect(time).toBeGreaterThan(1_700_000_000_000);
    expect(nothing).toEqual({});
    await store.raise('fresh', undefined, { tenant: 5n, user: 0n }, await term(user));
    expect(await store.lookUp('fresh', user)).toMatchObject({ tenant: { version: 5n, readAt: 1_000 } });
    await store.raise('fresh', user, { tenant: 5n, user: 9n }, await term(user));
    expect(await store.lookUp('fresh', user)).toMatchObject({ tenant: { version: 5n }, user: { version: 9n } });
  });

  test('a version only grows, beyond 2^53 too', async () => {
    const user = someone();
    const seen = async () => (await store.lookUp(tenant, user)).user?.version;
    const put = async (one: bigint) => store.raise(tenant, user, { tenant: 1n, user: one }, await term(user));
    for (const [one, then] of [
      [9n, 9n],
      [10n, 10n],
      [9n, 10n],
      [2n ** 62n + 1n, 2n ** 62n + 1n],
      [2n ** 62n, 2n ** 62n + 1n],
      [2n ** 62n + 2n, 2n ** 62n + 2n],
    ] as const) {
      await put(one);
      expect(await seen()).toBe(then);
    }
  });

  test('a lease ends at its deadline, and the same version later moves it', async () => {
    const user = someone();
    const { time } = await store.lookUp(tenant, user);
    const key = userVersionKey(tenant, user);
    const put = (deadline: number) => store.raise(tenant, user, { tenant: 1n, user: 1n }, { readAt: 1, deadline });
    await put(time + 50_000);
    expect(Math.abs((await client.pexpiretime(key)) - (time + 50_000))).toBeLessThan(2);
    await put(time + 40_000);
    expect(Math.abs((await client.pexpiretime(key)) - (time + 50_000))).toBeLessThan(2);
    await put(time + 60_000);
    expect(Math.abs((await client.pexpiretime(key)) - (time + 60_000))).toBeLessThan(2);
  });

  test('after its deadline nothing is put, and what is lower goes', async () => {
    const user = someone();
    const { time } = await store.lookUp(tenant, user);
    const late = { readAt: 1, deadline: time - 1 };
    await store.raise(tenant, user, { tenant: 1n, user: 5n }, late);
    expect((await store.lookUp(tenant, user)).user).toBeUndefined();
    await store.raise(tenant, user, { tenant: 1n, user: 5n }, await term(user));
    await store.raise(tenant, user, { tenant: 1n, user: 4n }, late);
    expect((await store.lookUp(tenant, user)).user?.version).toBe(5n);
    await store.raise(tenant, user, { tenant: 1n, user: 6n }, late);
    expect((await store.lookUp(tenant, user)).user).toBeUndefined();
  });

  test('what somebody else wrote, or moved, is not there', async () => {
    const mallory = createPermissionStore(client, { sealKey: Buffer.alloc(32, 2), edition, timeoutMs: 5_000 });
    await mallory.putPermissions({ ...permissions, user: 'mallory' }, 60_000);
    expect(await store.getPermissions(tenant, 'mallory', 'billing', version)).toBeUndefined();
    await store.putPermissions({ ...permissions, user: 'boss' }, 60_000);
    const stolen = await client.get(permissionsKey(tenant, 'boss', 'billing', version));
    await client.set(permissionsKey(tenant, 'mallory', 'billing', version), stolen!);
    expect(await store.getPermissions(tenant, 'mallory', 'billing', version)).toBeUndefined();

    const later = createPermissionStore(client, { sealKey, edition: 'second', timeoutMs: 5_000 });
    expect(await later.getPermissions(tenant, 'boss', 'billing', version)).toBeUndefined();

    await mallory.raise(tenant, 'mallory', version, await term('mallory'));
    expect((await store.lookUp(tenant, 'mallory')).user).toBeUndefined();
    for (const junk of ['', '7', '7@1', '7@1.', 'x.y', '7@999999999999999.aaaaaaaaaaaaaaaaaaaaaa']) {
      await client.set(userVersionKey(tenant, 'junk'), junk);
      expect((await store.lookUp(tenant, 'junk')).user).toBeUndefined();
    }
  });

  test('a server that hangs or is gone is unavailable, within the time limit, and comes back', async () => {
    const quick = createPermissionStore(valkey.connect(), { sealKey, edition, timeoutMs: 300 });
    await quick.lookUp(tenant, 'ada');
    valkey.freeze();
    await expect(quick.lookUp(tenant, 'ada')).rejects.toThrow(Unavailable);
    valkey.thaw();
    await expect
      .poll(() =>
        quick.lookUp(tenant, 'ada').then(
          () => 'back',
          () => 'away',
        ),
      )
      .toBe('back');
    const nowhere = connectValkey({ host: '127.0.0.1', port: 1, tls: false, cluster });
    const unreachable = createPermissionStore(nowhere, { sealKey, edition, timeoutMs: 300 });
    await expect(unreachable.getRoles(tenant, 1n)).rejects.toThrow(Unavailable);
    nowhere.disconnect();
  });
});
