import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Issuer } from '#core/access/issuer.ts';
import type { IssuerRegistry } from '#core/access/ports.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createIssuerRegistry } from '#stores/postgres/issuers.ts';
import { createKeyRegistry } from '#stores/postgres/keys.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB } from './made.ts';

let db: TestDatabase;
let app: Sql;
let issuers: IssuerRegistry;
const at = new Date('2026-03-01T12:00:00.123Z');
beforeAll(async () => {
  db = await testDatabase('issuers');
  app = db.login('trailkeep_app', 4);
  issuers = createIssuerRegistry(app, contextKey);
  for (const id of [tenantA, tenantB]) {
    await createTenantRegistry(app, contextKey).create({ id, name: id, createdAt: at });
  }
});
afterAll(() => db.drop());

const id = (n: number) => `01890000-0000-7000-8000-0000000001${String(n).padStart(2, '0')}`;
const pool: Issuer = {
  ...{ id: id(1), tenant: tenantA, issuer: 'https://pool.example', name: 'Console', createdAt: at },
  ...{ audience: ['a,b', '"quoted"', 'ü'], tenantClaim: 'custom:tenant', subjectPrefix: '', alwaysMfa: true },
};
const own: Issuer = {
  ...{ id: id(2), tenant: tenantA, issuer: 'https://login.acme.example', name: 'Acme', createdAt: at },
  ...{ audience: ['trailkeep'], subjectPrefix: 'acme:', alwaysMfa: false },
};
const conflict = { fault: { code: 'conflict' } };

test('come back as they went in, and only under their tenant', async () => {
  await issuers.create(pool);
  await issuers.create(own);
  expect(await issuers.get(tenantA, pool.id)).toEqual(pool);
  expect(await issuers.get(tenantA, own.id)).toEqual(own);
  expect(await issuers.get(tenantB, own.id)).toBeUndefined();
  expect(await issuers.get(tenantA, '../x')).toBeUndefined();
  expect((await issuers.list(tenantA, undefined, 1)).map((one) => one.id)).toEqual([pool.id]);
  expect((await issuers.list(tenantA, pool.id, 9)).map((one) => one.id)).toEqual([own.id]);
});

test('a shared issuer is shared under one claim, an owned one by nobody', async () => {
  await issuers.create({ ...pool, id: id(3), tenant: tenantB });
  expect((await issuers.allOf(pool.issuer)).map(({ tenant }) => tenant)).toEqual([tenantA, tenantB]);
  const other = { ...pool, id: id(4), tenant: tenantB, subjectPrefix: 'x:' };
  const { tenantClaim: _, ...unshared } = other;
  await expect(issuers.create(other)).rejects.toMatchObject(conflict);
  await expect(issuers.create({ ...other, tenantClaim: 'org' })).rejects.toMatchObject(conflict);
  await expect(issuers.create(unshared)).rejects.toMatchObject(conflict);
  await expect(issuers.create({ ...own, id: id(5), tenant: tenantB })).rejects.toMatchObject(conflict);
  const taken = { ...own, id: id(6), tenant: tenantB, tenantClaim: 'org' };
  await expect(issuers.create(taken)).rejects.toMatchObject(conflict);
});

test('of four at once that would share an issuer under four claims one gets it, 20 times', async () => {
  for (let round = 0; round < 20; round++) {
    const issuer = `https://raced-${round}.example`;
    const all = await Promise.allSettled(
      Array.from({ length: 4 }, (_, n) =>
        issuers.create({
          ...{ ...pool, id: crypto.randomUUID(), tenant: n % 2 ? tenantA : tenantB },
          ...{ issuer, tenantClaim: `claim${n}`, subjectPrefix: `p${round}-${n}:` },
        }),
      ),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await issuers.allOf(issuer)).toHaveLength(1);
  }
});

test('two issuers of a tenant never name people alike', async () => {
  const second = { ...own, id: id(7), issuer: 'https://second.example' };
  await expect(issuers.create(second)).rejects.toMatchObject(conflict);
  await issuers.create({ ...second, subjectPrefix: 'second:' });
});

test('go, and others stay', async () => {
  expect(await issuers.remove(tenantB, own.id)).toBeUndefined();
  expect(await issuers.remove(tenantA, own.id)).toEqual(own);
  expect(await issuers.remove(tenantA, own.id)).toBeUndefined();
  expect(await issuers.get(tenantA, pool.id)).toEqual(pool);
});

test('a tenant sees its own and changes none', async () => {
  const within = <T>(fn: Parameters<typeof withTenants<T>>[4]) =>
    withTenants(app, contextKey, [tenantB], new Date(), fn);
  const seen = await within(async (tx) => tx`select distinct tenant_id from access.issuer`);
  expect(seen.map((row) => row.tenant_id)).toEqual([tenantB]);
  expect((await within(async (tx) => tx`delete from access.issuer`)).count).toBe(0);
  const insert = within(
    async (tx) => tx`insert into access.issuer (tenant_id, issuer_id, issuer, name, audience, created_at)
      values (${tenantB}, ${id(8)}, 'https://x.example', 'x', '{x}', now())`,
  );
  await expect(insert).rejects.toThrow(/row-level security|unavailable/);
  await expect(within(async (tx) => tx`update access.issuer set audience = '{x}'`)).rejects.toThrow(
    /denied|unavailable/,
  );
});

test('a key of a service account keeps its name and may have no scopes', async () => {
  const keys = createKeyRegistry(app, contextKey);
  const key = {
    ...{ keyId: 'ssssssssssssssssssss', tenant: tenantA, name: 'ci', secretHash: '11'.repeat(32), createdAt: at },
    ...{ scopes: [], serviceAccount: 'service:billing', eventsPerSecond: 1 },
  };
  await keys.create(key);
  expect(await keys.get(tenantA, key.keyId)).toEqual(key);
  const both = keys.create({ ...key, keyId: 'tttttttttttttttttttt', scopes: ['events:read'] });
  await expect(both).rejects.toMatchObject({ code: '23514' });
});
