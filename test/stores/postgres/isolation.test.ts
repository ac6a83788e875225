/** What row-level security and grants hold against: a caller who can run any SQL as trailkeep_app. */
import { createHmac } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { platformTenant } from '#core/access/access.ts';
import { signContext, withTenants } from '#stores/postgres/connect.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { batchOf, made, tenantA, tenantB } from './made.ts';

let db: TestDatabase;
let app: Sql;
beforeAll(async () => {
  db = await testDatabase('isolation');
  app = db.login('trailkeep_app');
  const lines = [made(), made({ tenant: tenantB })];
  await createLedger(app, contextKey).commit(...batchOf(lines));
  const tenants = createTenantRegistry(app, contextKey);
  await tenants.create({ id: tenantA, name: 'A', createdAt: new Date() });
  await tenants.create({ id: tenantB, name: 'B', createdAt: new Date() });
});
afterAll(() => db.drop());

/** Rows of a table under a context given as text. */
const seen = async (context: string | undefined, table = 'record.event') =>
  (
    await app.begin(async (tx) => {
      if (context !== undefined) await tx`select set_config('app.ctx', ${context}, true)`;
      return tx`select tenant_id from ${tx(table)}`;
    })
  ).map((row) => row.tenant_id as string);
const within = <T>(tenants: readonly string[], fn: (tx: import('postgres').TransactionSql) => Promise<T>) =>
  withTenants(app, contextKey, tenants, new Date(), fn);
const now = new Date();

describe('the context', () => {
  test('opens its tenants and no others', async () => {
    expect(await seen(signContext(contextKey, [tenantA], now))).toEqual([tenantA]);
    expect((await seen(signContext(contextKey, [tenantA, tenantB], now))).sort()).toEqual([tenantA, tenantB]);
  });

  test('opens nothing when it is missing, left over, malformed, forged or expired', async () => {
    expect(await seen(undefined)).toEqual([]);
    const good = signContext(contextKey, [tenantA], now);
    await within([tenantA], async (tx) => tx`select 1`);
    // After a transaction the setting is '' on that connection and not NULL.
    expect(await seen(undefined)).toEqual([]);
    const [claim, expiry, mac] = good.split('.') as [string, string, string];
    for (const bad of [
      '',
      'nonsense',
      '..',
      tenantA,
      `${claim}.${expiry}`,
      `${claim}.${expiry}.`,
      `${claim}.${expiry}.${'0'.repeat(64)}`,
      `${tenantB}.${expiry}.${mac}`,
      `${claim},${tenantB}.${expiry}.${mac}`,
      `${claim}.${Number(expiry) + 1}.${mac}`,
      `${claim}.9999999999999999999.${mac}`,
      `${claim}.-1.${mac}`,
      `${good}.x`,
      signContext(Buffer.alloc(32, 8), [tenantA], now),
      signContext(contextKey, [tenantA], new Date(now.getTime() - 61_000)),
    ]) {
      expect(await seen(bad), bad).toEqual([]);
    }
  });

  test('cannot be made from inside the database', async () => {
    for (const query of [
      'select * from sec.context_key',
      'set role trailkeep_owner',
      'alter table record.event no force row level security',
      'drop policy tenant on record.event',
      `select record.month_floor('2026-01-01')`,
      'create table public.mine ()',
      `create function pg_temp.hmac(bytea, bytea, text) returns bytea language sql as 'select null::bytea'`,
    ]) {
      const failure = await app.unsafe(query).then(
        () => 'allowed',
        (error: { code: string }) => error.code,
      );
      // A function in pg_temp is allowed and changes nothing: the context's search_path is pinned.
      if (!query.includes('pg_temp')) expect(failure, query).toBe('42501');
    }
    const forged = `${tenantA}.9999999999`;
    expect(await seen(`${forged}.${createHmac('sha256', '').update(forged).digest('hex')}`)).toEqual([]);
  });

  test('signs UUIDs only', () => {
    expect(() => signContext(contextKey, [`${tenantA}.1`], now)).toThrow(TypeError);
  });

  test('of the platform opens the registry of tenants and their issuers, and nothing else', async () => {
    const platform = signContext(contextKey, [platformTenant], now);
    expect((await seen(platform, 'access.tenant')).sort()).toEqual([tenantA, tenantB]);
    for (const table of await tenantTables()) {
      if (!['access.tenant', 'access.issuer'].includes(table)) expect(await seen(platform, table), table).toEqual([]);
    }
    expect(await seen(signContext(contextKey, [tenantA], now), 'access.tenant')).toEqual([tenantA]);
  });
});

describe('under a context', () => {
  test('rows of another tenant cannot be written', async () => {
    const insert = (tx: import('postgres').TransactionSql) =>
      tx`insert into access.project values (${tenantB}, 'p', 'P', now())`;
    await expect(within([tenantA], async (tx) => insert(tx))).rejects.toThrow(/unavailable/);
    const rename = async (tx: import('postgres').TransactionSql) =>
      tx`update access.tenant set name = 'mine' where tenant_id = ${tenantA}`;
    await expect(within([tenantA], rename)).rejects.toThrow(/unavailable/);
  });

  test('events cannot be changed or deleted, nor parts, nor a counter removed', async () => {
    for (const query of [
      `update record.event set body = ''`,
      'delete from record.event',
      'truncate record.event',
      'delete from record.segment_part',
      'update record.segment_part set events = 0',
      'delete from record.tenant_counter',
      `update record.segment set sha256 = ''`,
      'delete from access.api_key',
      `update access.api_key set scopes = '{admin}'`,
    ]) {
      await expect(app.unsafe(query), query).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('a partition cannot be reached past its parent, even with a grant made by mistake', async () => {
    const direct = async (tx: import('postgres').TransactionSql) => tx`select tenant_id from record.event_2026_03`;
    await expect(within([tenantA], direct)).rejects.toThrow(/unavailable/);
    await db.ownerSql`grant select on record.event_2026_03 to trailkeep_app`;
    expect(await within([tenantA], direct)).toHaveLength(0);
    await db.ownerSql`revoke select on record.event_2026_03 from trailkeep_app`;
  });

  test('the purger deletes for its tenant only; the sealer reads parts and no events', async () => {
    const purger = db.login('trailkeep_purger');
    await withTenants(purger, contextKey, [tenantB], now, async (tx) => {
      expect(await tx`delete from record.event returning tenant_id`).toHaveLength(1);
      throw new Error('undo');
    }).catch((error: Error) => expect(error.message).toBe('undo'));
    const sealer = db.login('trailkeep_sealer');
    const read = (table: string) =>
      withTenants(sealer, contextKey, [tenantA], now, async (tx) => tx`select tenant_id from ${tx(table)}`);
    expect(await read('record.segment_part')).toHaveLength(1);
    await expect(read('record.event')).rejects.toThrow(/unavailable/);
  });
});

/** Tables with a tenant_id, partitions left out. */
async function tenantTables(): Promise<string[]> {
  const rows = await db.ownerSql`select n.nspname || '.' || c.relname as name from pg_class c
    join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relkind in ('r', 'p') and not c.relispartition order by 1`;
  return rows.map((row) => String(row.name));
}

/** What is wrong with any table that has a tenant_id. */
async function unguarded(): Promise<string[]> {
  const rows = await db.ownerSql`
    select n.nspname || '.' || c.relname as name, c.relrowsecurity, c.relforcerowsecurity, r.rolcanlogin or r.rolsuper as owned,
      c.relispartition or exists (select from pg_policy p where p.polrelid = c.oid) as policy,
      (select bool_and(a.attname = 'tenant_id') from pg_index i join pg_attribute a
        on a.attrelid = c.oid and a.attnum = i.indkey[0] where i.indrelid = c.oid and i.indisunique) as keyed
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
    join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
    where c.relkind in ('r', 'p') and n.nspname not like 'pg_%' order by 1`;
  return rows.flatMap((row) => [
    ...(row.relrowsecurity ? [] : [`${row.name}: row-level security is off`]),
    ...(row.relforcerowsecurity ? [] : [`${row.name}: not forced on its owner`]),
    ...(row.policy ? [] : [`${row.name}: no policy`]),
    ...(row.owned ? [`${row.name}: owned by a role that can log in`] : []),
    ...(row.keyed === false ? [`${row.name}: a unique key that does not begin with tenant_id`] : []),
  ]);
}

describe('the gate', () => {
  test('every table with a tenant_id is guarded', async () => {
    expect((await tenantTables()).length).toBeGreaterThanOrEqual(8);
    expect(await unguarded()).toEqual([]);
  });

  test('sees a table that is not', async () => {
    await db.ownerSql.unsafe('create table record.leaky (tenant_id uuid, n int unique)');
    expect(await unguarded()).toEqual([
      'record.leaky: row-level security is off',
      'record.leaky: not forced on its owner',
      'record.leaky: no policy',
      'record.leaky: owned by a role that can log in',
      'record.leaky: a unique key that does not begin with tenant_id',
    ]);
    await db.ownerSql.unsafe('drop table record.leaky');
  });

  test('no login role of ours can step around it', async () => {
    const rows = await db.ownerSql`select rolname from pg_roles where rolname like 'trailkeep_%'
      and (rolsuper or rolbypassrls or rolcreaterole or (rolcanlogin and pg_has_role(rolname, 'trailkeep_owner', 'member')))`;
    expect(rows).toHaveLength(0);
  });
});
