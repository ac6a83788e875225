/**
 * Contexts that nobody should believe, on every table that has a tenant_id: forged, expired, cut short, signed again,
 * spliced, another tenant's. The tables come from the catalogue, and each gets a row of a tenant, so that a new table
 * is asked too.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { platformTenant } from '#core/access/access.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { signContext } from '#stores/postgres/connect.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

const mine = '0190a000-0000-7000-8000-00000000000a';
const theirs = '0190b000-0000-7000-8000-00000000000b';
/** What verbs of the platform's admin look up across tenants. */
const registries = ['access.issuer', 'access.tenant'];
const roles = ['trailkeep_app', 'trailkeep_sealer', 'trailkeep_purger'] as const;

let db: TestDatabase;
let tables: string[];
const logins = new Map<string, Sql>();

beforeAll(async () => {
  db = await testDatabase('contexts');
  tables = await tenantTables(db.ownerSql);
  for (const table of tables) await fill(db.ownerSql, table);
  for (const role of roles) logins.set(role, db.login(role, 1));
}, 60_000);
afterAll(() => db.drop());

/** Tables with a tenant_id, partitions left out. */
async function tenantTables(sql: Sql): Promise<string[]> {
  const rows = await sql`select format('%I.%I', n.nspname, c.relname) as name from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition order by 1`;
  return rows.map((row) => String(row.name));
}

/** A value of a type, as SQL. */
const samples: Readonly<Record<string, string>> = {
  // Of the month of the other samples: partitions go by the time in it.
  uuid: `'${uuidv7(Date.parse('2026-03-10'), randomBytes(10))}'`,
  text: `'word'`,
  integer: '1',
  bigint: '1',
  smallint: '1',
  boolean: 'true',
  bytea: `'\\x01'`,
  date: `'2026-03-10'`,
  'timestamp with time zone': `'2026-03-10'`,
  jsonb: `'{}'`,
  json: `'{}'`,
  inet: `'192.0.2.1'`,
  interval: `'1 day'`,
  'double precision': '1',
  numeric: '1',
};

/** One row of `theirs`, whatever the table's checks and references ask for: only its policies matter here. */
async function fill(sql: Sql, table: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    const checks = await tx`select conname from pg_constraint where conrelid = ${table}::regclass and contype = 'c'`;
    for (const { conname } of checks) await tx.unsafe(`alter table ${table} drop constraint "${conname}"`);
    const columns = await tx`select attname as name, format_type(atttypid, null) as type from pg_attribute
      where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''
      and (attnotnull and not atthasdef or attname = 'tenant_id')`;
    const sampleOf = ({ name, type }: { name?: string; type?: string }) => {
      if (name === 'tenant_id') return `'${theirs}'`;
      if (type?.endsWith('[]')) return `'{}'`;
      const sample = samples[type ?? ''];
      if (!sample) throw new Error(`${table}.${name}: say what a ${type} looks like`);
      return sample;
    };
    const names = columns.map(({ name }) => `"${name}"`).join(', ');
    await tx.unsafe(`insert into ${table} (${names}) values (${columns.map(sampleOf).join(', ')})`);
  });
}

const hmac = (key: Uint8Array | string, claim: string) => createHmac('sha256', key).update(claim).digest('hex');
const now = new Date();
const good = signContext(contextKey, [theirs], now);
const [claim, expiry, mac] = good.split('.') as [string, string, string];
const ownContext = signContext(contextKey, [mine], now);
const signed = (text: string, key: Uint8Array | string = contextKey) => `${text}.${hmac(key, text)}`;

/** By the way in which they are no good. */
const contexts: Readonly<Record<string, readonly (string | undefined)[]>> = {
  missing: [undefined, '', ' ', '.', '..', '...'],
  "another tenant's": [
    ownContext,
    signContext(contextKey, [mine, '0190c000-0000-7000-8000-00000000000c'], now),
    signContext(contextKey, [], now),
  ],
  forged: [
    `${theirs}.${expiry}.${'0'.repeat(64)}`,
    `${theirs}.${expiry}.${mac.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`,
    `${theirs}.${expiry}.${ownContext.split('.')[2]}`,
    `${claim}.${Number(expiry) + 1}.${mac}`,
    `${mine}.${expiry}.${mac}`,
    `${mine},${theirs}.${ownContext.split('.').slice(1).join('.')}`,
    `${theirs}.${expiry}.${mac.toUpperCase()}`,
    `${theirs.toUpperCase()}.${expiry}.${mac}`,
    `${theirs}.9999999999999.${mac}`,
    `${theirs}.-1.${mac}`,
    `${theirs}.1e12.${mac}`,
    `${theirs}.${expiry}.${mac}.${mac}`,
    `${theirs}'::text or true --.${expiry}.${mac}`,
    `*.${expiry}.${mac}`,
    theirs,
    JSON.stringify({ tenant: theirs }),
  ],
  'signed again': [
    ...[Buffer.alloc(32), Buffer.alloc(32, 8), '', 'trailkeep', randomBytes(32), contextKey.subarray(0, 31)].map(
      (key) => signed(`${theirs}.${expiry}`, key),
    ),
    `${theirs}.${expiry}.${hmac(contextKey, theirs)}`,
    `${theirs}.${expiry}.${hmac(contextKey, `${theirs}${expiry}`)}`,
    `${theirs}.${expiry}.${createHmac('sha512', contextKey).update(`${theirs}.${expiry}`).digest('hex')}`,
    `${theirs}.${expiry}.${createHmac('sha256', contextKey).update(`${theirs}.${expiry}`).digest('base64')}`,
  ],
  expired: [1, 2, 60, 3600, 86_400, 31_536_000].map((seconds) =>
    signContext(contextKey, [theirs], new Date(now.getTime() - (60 + seconds) * 1000)),
  ),
  'signed and out of form': [
    signed(`${theirs}.`),
    signed(`${theirs}.never`),
    signed(`${theirs}.${'9'.repeat(13)}`),
    signed(`.${expiry}`),
    signed(`${mine}.${theirs}.${expiry}`),
  ],
  'cut short': Array.from({ length: good.length }, (_, length) => good.slice(0, length)),
};

/** Rows that a role sees of every table it may read, under a context. */
async function seen(role: string, context: string | undefined): Promise<Map<string, number>> {
  const sql = logins.get(role)!;
  const counts = readable.get(role)!.map((table) => `select '${table}' as name, count(*)::int as rows from ${table}`);
  const rows = await sql.begin('read only', async (tx) => {
    if (context !== undefined) await tx`select set_config('app.ctx', ${context}, true)`;
    return tx.unsafe(counts.join(' union all '));
  });
  return new Map(rows.map(({ name, rows }) => [String(name), Number(rows)]));
}

const readable = new Map<string, string[]>();
beforeAll(async () => {
  for (const role of roles) {
    const rows = await db.ownerSql`select name from unnest(${tables}::text[]) as name
      where has_any_column_privilege(${role}, name, 'select') order by 1`;
    readable.set(
      role,
      rows.map(({ name }) => String(name)),
    );
  }
});

test('the true context shows the row of every table that the application reads', async () => {
  expect(tables.length).toBeGreaterThanOrEqual(12);
  const counts = await seen('trailkeep_app', good);
  // Tables of which the application may read nothing need no context to be kept from it.
  console.log(`${tables.length} tables; the application reads ${counts.size}`);
  expect([...counts].filter(([, rows]) => rows !== 1)).toEqual([]);
  expect(tables.filter((table) => ![...readable.values()].flat().includes(table))).toEqual([]);
});

test("the platform's own context opens its registries and nothing else", async () => {
  const counts = await seen('trailkeep_app', signContext(contextKey, [platformTenant], now));
  expect([...counts].filter(([, rows]) => rows > 0).map(([table]) => table)).toEqual(registries);
});

test.each(roles)('%s: no other context shows a row of any table', async (role) => {
  const leaks: string[] = [];
  let asked = 0;
  for (const [kind, list] of Object.entries(contexts)) {
    for (const context of list) {
      const counts = await seen(role, context).catch((error: { code?: string }) => {
        // A signed context whose tenants are no UUIDs is an error, which shows no row either.
        if (error.code === '22P02') return new Map<string, number>();
        throw error;
      });
      for (const [table, rows] of counts) if (rows > 0) leaks.push(`${kind}: ${table} (${context})`);
      asked += readable.get(role)!.length;
    }
  }
  const size = Object.values(contexts).flat().length;
  console.log(
    `${role}: ${size} contexts on ${readable.get(role)!.length} tables, ${asked} looks, ${leaks.length} leaks`,
  );
  expect(leaks).toEqual([]);
  expect(size).toBeGreaterThan(150);
});
