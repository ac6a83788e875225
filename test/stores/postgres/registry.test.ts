import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { platformTenant } from '#core/access/access.ts';
import type { ApiKey } from '#core/access/ports.ts';
import { createKeyRegistry } from '#stores/postgres/keys.ts';
import { createPartitions } from '#stores/postgres/partitions.ts';
import { createPolicyRegistry } from '#stores/postgres/policies.ts';
import { createProjectRegistry } from '#stores/postgres/projects.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB } from './made.ts';

let db: TestDatabase;
let app: Sql;
beforeAll(async () => {
  db = await testDatabase('registry');
  app = db.login('trailkeep_app', 4);
});
afterAll(() => db.drop());

const at = new Date('2026-03-01T12:00:00.123Z');
const conflict = { fault: { code: 'conflict' } };

describe('tenants', () => {
  test('are made once, listed by pages, renamed', async () => {
    const tenants = createTenantRegistry(app, contextKey);
    const a = { id: tenantA, name: 'Acme', createdAt: at };
    await tenants.create(a);
    await tenants.create({ ...a, id: tenantB });
    await expect(tenants.create(a)).rejects.toMatchObject(conflict);
    expect(await tenants.get(tenantA)).toEqual(a);
    expect(await tenants.list(undefined, 1)).toEqual([a]);
    expect((await tenants.list(tenantA, 10)).map((one) => one.id)).toEqual([tenantB]);
    expect(await tenants.rename(tenantA, 'Acme Ltd')).toEqual({ ...a, name: 'Acme Ltd' });
    expect(await tenants.rename(contextlessId, 'x')).toBeUndefined();
    expect(await tenants.get('../x')).toBeUndefined();
  });
  const contextlessId = '01890000-0000-7000-8000-0000000000ff';
});

describe('keys', () => {
  const key: ApiKey = {
    ...{ keyId: 'bbbbbbbbbbbbbbbbbbbb', tenant: tenantA, name: 'ci', secretHash: '11'.repeat(32), createdAt: at },
    ...{ scopes: ['events:write', 'events:read'], project: 'shop', eventsPerSecond: 100, expiresAt: new Date(4e12) },
  };

  test('come back as they went in, and only to their tenant', async () => {
    const keys = createKeyRegistry(app, contextKey);
    await keys.create(key);
    await expect(keys.create(key)).rejects.toMatchObject(conflict);
    expect(await keys.get(tenantA, key.keyId)).toEqual(key);
    expect(await keys.get(tenantB, key.keyId)).toBeUndefined();
    expect(await keys.get(platformTenant, key.keyId)).toBeUndefined();
    await keys.create({ ...key, keyId: 'cccccccccccccccccccc', scopes: [] });
    expect((await keys.list(tenantA, undefined, 10)).map((one) => one.keyId[0])).toEqual(['b', 'c']);
    expect(await keys.list(tenantA, 'cccccccccccccccccccc', 10)).toEqual([]);
    expect((await keys.get(tenantA, 'cccccccccccccccccccc'))?.scopes).toEqual([]);
  });

  test('are rotated while they live, and revoked for ever', async () => {
    const keys = createKeyRegistry(app, contextKey);
    const next = { secretHash: '22'.repeat(32), previousUntil: new Date(5e12) };
    expect(await keys.rotate(tenantB, key.keyId, next)).toBeUndefined();
    const rotated = { ...key, ...next, previousHash: key.secretHash };
    expect(await keys.rotate(tenantA, key.keyId, next)).toEqual(rotated);
    expect(await keys.revoke(tenantB, key.keyId, at)).toBeUndefined();
    expect(await keys.revoke(tenantA, key.keyId, at)).toEqual({ ...rotated, revokedAt: at });
    expect((await keys.revoke(tenantA, key.keyId, new Date()))?.revokedAt).toEqual(at);
    expect(await keys.rotate(tenantA, key.keyId, next)).toBeUndefined();
  });
});

describe('projects', () => {
  test('and their environments belong to one tenant', async () => {
    const projects = createProjectRegistry(app, contextKey);
    const shop = { id: 'shop', name: 'Shop', createdAt: at };
    const live = { id: 'live', name: 'Live', createdAt: at };
    await projects.create(tenantA, shop);
    await expect(projects.create(tenantA, shop)).rejects.toMatchObject(conflict);
    await projects.create(tenantB, { ...shop, name: 'Other' });
    expect(await projects.list(tenantA, undefined, 10)).toEqual([shop]);
    expect(await projects.get(tenantA, 'none')).toBeUndefined();
    expect(await projects.createEnvironment(tenantA, 'shop', live)).toBe(true);
    await expect(projects.createEnvironment(tenantA, 'shop', live)).rejects.toMatchObject(conflict);
    expect(await projects.createEnvironment(tenantA, 'none', live)).toBe(false);
    expect(await projects.listEnvironments(tenantA, 'shop', undefined, 10)).toEqual([live]);
    expect(await projects.listEnvironments(tenantB, 'shop', undefined, 10)).toEqual([]);
    expect(await projects.listEnvironments(tenantB, 'none', undefined, 10)).toBeUndefined();
  });
});

describe('policies', () => {
  test('are replaced whole, by one of those who read the same version', async () => {
    const policies = createPolicyRegistry(app, contextKey);
    const { version, settings } = await policies.get(tenantA);
    expect(version).toBe(0);
    const next = { ...settings, schemas: [{ action: 'a.b', version: 1, schema: { pattern: '\u0000' } }] };
    const tries = await Promise.allSettled([1, 2, 3, 4].map(() => policies.put(tenantA, next, 0)));
    expect(tries.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    expect(await policies.get(tenantA)).toEqual({ version: 1, settings: next });
    expect(await policies.put(tenantA, settings, 1)).toBe(2);
    await expect(policies.put(tenantA, next, 1)).rejects.toMatchObject(conflict);
    expect((await policies.get(tenantB)).version).toBe(0);
  });

  test('say which purposes there are, whatever else they hold', async () => {
    const policies = createPolicyRegistry(app, contextKey);
    const { version, settings } = await policies.get(tenantB);
    expect(await policies.purposes(tenantB)).toBeUndefined();
    const schemas = [{ action: 'a.b', version: 1, schema: { pattern: '\u0000' } }];
    await policies.put(tenantB, { ...settings, schemas, purposes: ['audit', 'billing'] }, version);
    expect(await policies.purposes(tenantB)).toEqual(['audit', 'billing']);
    expect(await policies.purposes(tenantA)).toBeUndefined();
    await policies.put(tenantB, { ...settings, schemas }, version + 1);
    expect(await policies.purposes(tenantB)).toBeUndefined();
  });
});

describe('partitions', () => {
  test('are made once, by any number of callers at once', async () => {
    const partitions = createPartitions(app);
    const runs = await Promise.all([1, 2, 3, 4].map(() => partitions.ensure(new Date('2032-11-30T23:59:59Z'), 3)));
    expect(runs.flat().sort()).toEqual(['event_2032_11', 'event_2032_12', 'event_2033_01', 'event_2033_02']);
    expect(await partitions.ensure(new Date('2032-12-01T00:00:00Z'), 1)).toEqual([]);
  });

  test('meet without a gap', async () => {
    const [row] =
      await db.ownerSql`select pg_get_expr(c.relpartbound, c.oid) as bound from pg_class c where relname = 'event_2032_12'`;
    const hex = (iso: string) => Date.parse(iso).toString(16).padStart(12, '0');
    const [from, to] = [hex('2032-12-01T00:00:00Z'), hex('2033-01-01T00:00:00Z')];
    expect(row!.bound.replaceAll('-', '')).toBe(
      `FOR VALUES FROM ('${from}${'0'.repeat(20)}') TO ('${to}${'0'.repeat(20)}')`,
    );
  });

  test('of absurd months are refused', async () => {
    await expect(createPartitions(app).ensure(new Date('2026-01-01'), 400)).rejects.toThrow(/months/);
  });
});
