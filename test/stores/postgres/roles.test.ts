import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { roleTemplates } from '#core/access/role-templates.ts';
import type { Assignment, Role } from '#core/access/roles.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createPermissionSource } from '#stores/postgres/permission-source.ts';
import { createRoleRegistry } from '#stores/postgres/roles.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB } from './made.ts';

let db: TestDatabase;
let app: Sql;
let roles: ReturnType<typeof createRoleRegistry>;
let source: ReturnType<typeof createPermissionSource>;
beforeAll(async () => {
  db = await testDatabase('roles');
  app = db.login('trailkeep_app', 4);
  roles = createRoleRegistry(app, contextKey);
  source = createPermissionSource(app, contextKey);
});
afterAll(() => db.drop());
beforeEach(() => db.ownerSql`truncate access.role, access.assignment, access.permission, access.permission_version`);

/** Arranges rows as the superuser. Without a tenant's context the triggers would refuse: nobody raises versions of others. */
const arrange = (query: string) =>
  db.ownerSql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx.unsafe(query);
  });
const now = new Date();
let count = 0;
const newId = () => uuidv7(now.getTime() + count++, new Uint8Array(10));
const role = (id: string, inherits: string[] = [], permissions: string[] = []): Role => ({
  id,
  name: id,
  inherits,
  grants: permissions.map((permission) => ({ module: 'billing', permission })),
});
const assignment = (user: string, roleId: string, rest: Partial<Assignment> = {}): Assignment => ({
  id: newId(),
  user,
  role: roleId,
  grantedBy: 'key',
  createdAt: now,
  ...rest,
});
const failing = async () => {
  throw new Error('not recorded');
};
const versionOf = async (user = 'ann', tenant = tenantA) => {
  const { tenant: all, user: own } = await source.versions(tenant, user);
  return [Number(all), Number(own)];
};
const held = async (user: string, module = 'billing', tenant = tenantA) =>
  (await source.load(tenant, user, module)).grants.map(({ permission }) => permission);

describe('roles', () => {
  test('come back as they went in, beside the templates, by pages', async () => {
    const clerk = role('clerk', ['trailkeep:viewer'], ['invoice.read']);
    expect(await roles.putRole(tenantA, clerk, now)).toBe(true);
    expect(await roles.putRole(tenantA, { ...clerk, name: 'Clerk' }, now)).toBe(false);
    expect(await roles.getRole(tenantA, 'clerk')).toEqual({ ...clerk, name: 'Clerk' });
    expect(await roles.getRole(tenantB, 'clerk')).toBeUndefined();
    expect(await roles.getRole(tenantB, 'trailkeep:viewer')).toBe(roleTemplates.get('trailkeep:viewer'));
    await roles.putRole(tenantA, role('zoo'), now);
    const seen: string[] = [];
    for (let after: string | undefined; ; after = seen.at(-1)) {
      const page = await roles.listRoles(tenantA, after, 3);
      seen.push(...page.map(({ id }) => id));
      if (page.length < 3) break;
    }
    expect(seen).toEqual(['clerk', ...roleTemplates.keys(), 'zoo'].sort());
  });

  /** Starts `second` when `first` is about to commit, and lets `first` go on when `second` waits for it or is done. */
  async function meeting(first: (witness: () => Promise<void>) => Promise<unknown>, second: () => Promise<unknown>) {
    let late: Promise<unknown> | undefined;
    const early = first(async () => {
      let done = false;
      late = second().finally(() => {
        done = true;
      });
      late.catch(() => {});
      const waits = async () =>
        (
          await db.ownerSql`select from pg_locks join pg_database d on d.oid = database
          where locktype = 'advisory' and not granted and datname = current_database()`
        ).length > 0;
      while (!done && !(await waits()));
    });
    return Promise.allSettled([early, early.then(() => late)]);
  }

  test('of two that would close a cycle together, put at once, the later is refused', async () => {
    for (const id of ['a', 'b']) await roles.putRole(tenantA, role(id), now);
    const [first, second] = await meeting(
      (witness) => roles.putRole(tenantA, role('a', ['b']), now, witness),
      () => roles.putRole(tenantA, role('b', ['a']), now),
    );
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(second).toMatchObject({ reason: { fault: { code: 'role_invalid', pointer: '/inherits' } } });
  });

  test('given while they are deleted are not there', async () => {
    await roles.putRole(tenantA, role('a'), now);
    const [first, second] = await meeting(
      (witness) => roles.deleteRole(tenantA, 'a', witness),
      () => roles.assign(tenantA, assignment('ann', 'a')),
    );
    expect(first).toMatchObject({ value: true });
    expect(second).toMatchObject({ reason: { fault: { code: 'not_found' } } });
  });

  test('stay while somebody or another role names them', async () => {
    await roles.putRole(tenantA, role('parent'), now);
    await roles.putRole(tenantA, role('child', ['parent']), now);
    await expect(roles.deleteRole(tenantA, 'parent')).rejects.toMatchObject({ fault: { code: 'conflict' } });
    const given = await roles.assign(tenantA, assignment('ann', 'child'));
    await expect(roles.deleteRole(tenantA, 'child')).rejects.toMatchObject({ fault: { code: 'conflict' } });
    expect(await roles.deleteRole(tenantB, 'child')).toBe(false);
    await roles.revoke(tenantA, given.id, now);
    expect([await roles.deleteRole(tenantA, 'child'), await roles.deleteRole(tenantA, 'child')]).toEqual([true, false]);
  });

  test('are 500 a tenant at most, of 16 KB', async () => {
    await arrange(`insert into access.role select '${tenantA}', 'r' || n, '{"name":"r","inherits":[],"grants":[]}', now()
      from generate_series(1, 500) n`);
    const full = { fault: { code: 'role_invalid' } };
    await expect(roles.putRole(tenantA, role('one-more'), now)).rejects.toMatchObject(full);
    await expect(roles.putRole(tenantA, { ...role('r1'), description: 'x'.repeat(16_384) }, now)).rejects.toMatchObject(
      full,
    );
    expect(await roles.putRole(tenantA, role('r1'), now)).toBe(false);
  });
});

describe('assignments', () => {
  test('give what their role and its parents hold, in their module, until they end', async () => {
    await roles.putRole(tenantA, role('reader', [], ['read']), now);
    await roles.putRole(tenantA, role('writer', ['reader', 'trailkeep:analyst'], ['write']), now);
    const given = await roles.assign(tenantA, assignment('ann', 'writer', { module: 'billing' }));
    expect(await held('ann')).toEqual(['read', 'write']);
    expect(await held('ann', 'trailkeep')).toEqual([]);
    expect(await held('ann', 'billing', tenantB)).toEqual([]);
    expect(await source.usersOf(tenantA, 'billing', undefined, 10)).toEqual(['ann']);
    expect(await source.usersOf(tenantA, 'other', undefined, 10)).toEqual([]);
    expect([...(await roles.rolesHeld(tenantA, 'ann'))].sort()).toEqual(
      ['reader', 'trailkeep:analyst', 'trailkeep:viewer', 'writer'].sort(),
    );
    expect(await roles.revoke(tenantB, given.id, now)).toBeUndefined();
    expect(await roles.revoke(tenantA, given.id, now)).toEqual({ ...given, revokedAt: now });
    expect((await roles.revoke(tenantA, given.id, new Date(0)))?.revokedAt).toEqual(now);
    expect(await held('ann')).toEqual([]);
    expect(await roles.listAssignments(tenantA, { user: 'ann' }, undefined, 10)).toEqual([]);
    expect(await roles.listAssignments(tenantA, { role: 'writer', ended: true }, undefined, 10)).toHaveLength(1);
  });

  test('that have an end say so and are gone after it', async () => {
    await roles.putRole(tenantA, role('reader', [], ['read']), now);
    const expiresAt = new Date(now.getTime() + 3600_000);
    await roles.assign(tenantA, assignment('ann', 'reader', { expiresAt }));
    expect((await source.load(tenantA, 'ann', 'billing')).grants).toEqual([
      { module: 'billing', permission: 'read', role: 'reader', until: expiresAt.getTime() },
    ]);
    await arrange(`update access.assignment set created_at = '2020-01-01', expires_at = '2020-01-02'`);
    expect(await held('ann')).toEqual([]);
    expect(await roles.listAssignments(tenantA, {}, undefined, 10)).toEqual([]);
  });

  test('of the same are one, however many ask at once', async () => {
    await roles.putRole(tenantA, role('reader'), now);
    const made = await Promise.all([1, 2, 3, 4].map(() => roles.assign(tenantA, assignment('ann', 'reader'))));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    await expect(roles.assign(tenantA, assignment('ann', 'nothing'))).rejects.toMatchObject({
      fault: { code: 'not_found' },
    });
    await expect(roles.assign(tenantB, assignment('ann', 'reader'))).rejects.toMatchObject({
      fault: { code: 'not_found' },
    });
  });
});

describe('permissions', () => {
  test('are listed by module and name', async () => {
    const all = [
      { module: 'billing', name: 'invoice.approve', description: 'Approves' },
      { module: 'billing', name: 'invoice.read' },
      { module: 'stock', name: 'count' },
    ];
    for (const one of all) expect(await roles.putPermission(tenantA, one)).toBe(true);
    expect(await roles.putPermission(tenantA, all[1]!)).toBe(false);
    expect(await roles.listPermissions(tenantA, undefined, undefined, 2)).toEqual(all.slice(0, 2));
    expect(await roles.listPermissions(tenantA, undefined, all[1], 2)).toEqual(all.slice(2));
    expect(await roles.listPermissions(tenantA, 'stock', undefined, 2)).toEqual(all.slice(2));
    expect(await roles.listPermissions(tenantB, undefined, undefined, 2)).toEqual([]);
    expect(await roles.deletePermission(tenantB, 'stock', 'count')).toBe(false);
    expect(await roles.deletePermission(tenantA, 'stock', 'count')).toBe(true);
  });
});

describe('versions', () => {
  test('rise with each change, in its transaction, for those whom it concerns', async () => {
    expect(await versionOf()).toEqual([0, 0]);
    await roles.putRole(tenantA, role('reader'), now);
    const [first] = (await versionOf()) as [number];
    // At least the time in µs: a restored database never gives out a version again.
    expect(first).toBeGreaterThan((Date.now() - 60_000) * 1000);
    await roles.putRole(tenantA, role('reader'), now);
    expect(await versionOf()).toEqual([first, 0]);
    const given = await roles.assign(tenantA, assignment('ann', 'reader'));
    const [, ann] = (await versionOf('ann')) as [number, number];
    expect(ann).toBeGreaterThan(first);
    expect(await versionOf('bob')).toEqual([first, 0]);
    await roles.revoke(tenantA, given.id, now);
    await roles.deleteRole(tenantA, 'reader');
    const [all, annNow] = (await versionOf()) as [number, number];
    expect([all > first, annNow > ann, await versionOf('ann', tenantB)]).toEqual([true, true, [0, 0]]);
  });

  test('rise also when the clock stands still or went back', async () => {
    await roles.putRole(tenantA, role('reader'), now);
    await db.ownerSql`update access.permission_version set version = 9000000000000000`;
    await roles.putRole(tenantA, role('reader', [], ['read']), now);
    expect(await versionOf()).toEqual([9000000000000001, 0]);
  });

  test('stay, as everything does, when the change was not recorded', async () => {
    await roles.putRole(tenantA, role('reader', [], ['read']), now);
    const given = await roles.assign(tenantA, assignment('ann', 'reader'));
    const before = await versionOf();
    const attempts = [
      () => roles.putRole(tenantA, role('reader', [], ['read', 'write']), now, failing),
      () => roles.putRole(tenantA, role('new'), now, failing),
      () => roles.assign(tenantA, assignment('bob', 'reader'), failing),
      () => roles.revoke(tenantA, given.id, now, failing),
      () => roles.putPermission(tenantA, { module: 'm', name: 'p' }, failing),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toThrow('not recorded');
    expect([await versionOf(), await held('ann'), await held('bob')]).toEqual([before, ['read'], []]);
    expect(await roles.getRole(tenantA, 'new')).toBeUndefined();
    expect(await roles.listPermissions(tenantA, undefined, undefined, 9)).toEqual([]);
  });

  test('come with what follows from them, out of one snapshot', async () => {
    // The name of the permission says at which version it was put, so any mixture shows.
    const putting = (async () => {
      for (let n = 1; n <= 60; n++) await roles.putRole(tenantA, role('reader', [], [`v${n}`]), now);
    })();
    await roles.assign(tenantA, assignment('ann', 'trailkeep:viewer'));
    const seen = new Map<bigint, string>();
    let mixed = 0;
    for (let round = 0; round < 60; round++) {
      const { version, roles: all } = await source.roles(tenantA);
      const permission = all.find(({ id }) => id === 'reader')?.grants[0]?.permission ?? 'v0';
      if ((seen.get(version) ?? permission) !== permission) mixed++;
      seen.set(version, permission);
    }
    await putting;
    const inOrder = [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, permission]) => Number(permission.slice(1)));
    expect([mixed, new Set(inOrder).size]).toEqual([0, seen.size]);
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
  });

  test('cannot be written by the application, lowered or removed', async () => {
    for (const query of [
      `insert into access.permission_version values ('${tenantA}', 'x', 1)`,
      'update access.permission_version set version = 1',
      'delete from access.permission_version',
      'delete from access.assignment',
      'update access.assignment set expires_at = null',
      'select access.raise_permission_version()',
    ]) {
      await expect(app.unsafe(query), query).rejects.toMatchObject({ code: expect.stringMatching(/42501|0A000/) });
    }
  });
});

test('another tenant’s rows cannot be written, nor its versions raised', async () => {
  await roles.putRole(tenantB, role('reader'), now);
  await roles.assign(tenantB, assignment('ann', 'reader'));
  const before = await versionOf('ann', tenantB);
  await withTenants(app, contextKey, [tenantA], now, async (tx) => {
    for (const table of ['role', 'assignment', 'permission', 'permission_version']) {
      expect(await tx`select from ${tx(`access.${table}`)}`, table).toHaveLength(0);
    }
    expect((await tx`update access.assignment set revoked_at = now()`).count).toBe(0);
    expect((await tx`delete from access.role`).count).toBe(0);
  });
  const foreign = withTenants(app, contextKey, [tenantA], now, async (tx) => {
    await tx`insert into access.role values (${tenantB}, 'mine', '{}', now())`;
  });
  await expect(foreign).rejects.toThrow(/unavailable/);
  expect(await versionOf('ann', tenantB)).toEqual(before);
});

test('the look-ups of a check use their indexes under row-level security', async () => {
  await arrange(`insert into access.assignment (tenant_id, assignment_id, user_id, role_id, granted_by, created_at)
    select '${tenantA}', gen_random_uuid(), 'u' || n % 5000, 'trailkeep:viewer', 'k', now() from generate_series(1, 20000) n`);
  await db.ownerSql`analyze access.assignment`;
  const plan = await withTenants(app, contextKey, [tenantA], now, async (tx) => {
    const rows = await tx`explain select role_id from access.assignment
      where tenant_id = ${tenantA} and user_id = 'u7' and revoked_at is null`;
    return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
  });
  expect(plan).toMatch(/Index Cond:.*user_id = 'u7'/);
});
