/** Applies sql/migrations in order, each in a transaction, once. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sql } from 'postgres';

export interface Migration {
  /** The file's name: `0001_tenants.sql`. */
  readonly name: string;
  readonly text: string;
  /** Hex, of the file's bytes. */
  readonly sha256: string;
}

/** 'trailkeep' in ASCII, cut to 8 bytes: two deployments at once take turns. */
const lockKey = '8390876212064903525';
/** Roles belong to the whole cluster, so migrations of two databases may meet on them. */
const triesMax = 5;
const meetings = new Set(['XX000', '23505', '42710', '40P01']);

/** Reads a folder of `NNNN_name.sql`; numbers must run from 1 without gaps. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  names.forEach((name, index) => {
    if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name) || Number(name.slice(0, 4)) !== index + 1) {
      throw new Error(`${name} is not migration ${String(index + 1).padStart(4, '0')}`);
    }
  });
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(folder, name));
      return { name, text: bytes.toString('utf8'), sha256: createHash('sha256').update(bytes).digest('hex') };
    }),
  );
}

/**
 * Brings the database up to date and resolves with the names of the migrations that were applied now.
 *
 * Needs a login that may create roles and an extension (the cluster's master user). Rejects, with nothing
 * changed, when an applied migration's file was edited or is missing; a failing migration is rolled back whole.
 */
export async function migrate(sql: Sql, migrations: readonly Migration[]): Promise<string[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await sql.begin((tx) => migrateLocked(tx, migrations));
    } catch (error) {
      if (attempt === triesMax || !meetings.has((error as { code?: string }).code ?? '')) throw error;
    }
  }
}

/** All pending migrations in the one transaction of `tx`: a deployment is done whole or not at all. */
async function migrateLocked(tx: Pick<Sql, 'unsafe'>, migrations: readonly Migration[]): Promise<string[]> {
  await tx.unsafe(`select pg_advisory_xact_lock(${lockKey})`);
  await tx.unsafe(`set local client_min_messages = warning;
    create table if not exists public.migration (
      name text primary key, sha256 text not null, applied_at timestamptz not null default now());
    revoke all on public.migration from public`);
  const rows = await tx.unsafe('select name, sha256 from public.migration order by name');
  const applied = new Map(rows.map((row) => [String(row.name), String(row.sha256)]));
  for (const name of applied.keys()) {
    if (!migrations.some((one) => one.name === name))
      throw new Error(`migration ${name} was applied and its file is gone`);
  }
  const done: string[] = [];
  for (const { name, text, sha256 } of migrations) {
    const before = applied.get(name);
    if (before === sha256) continue;
    if (before !== undefined) throw new Error(`migration ${name} was applied and its file was edited since`);
    await tx.unsafe(text);
    await tx.unsafe('reset role');
    await tx.unsafe('insert into public.migration (name, sha256) values ($1, $2)', [name, sha256]);
    done.push(name);
  }
  return done;
}

/**
 * Makes a migrated cluster one of several: the mover's login and rights (`text` is sql/shards.sql), and the number by which the
 * cluster is known. Needs the login that migrates; doing it again does no harm.
 */
export async function admitMover(sql: Sql, text: string, shard: number): Promise<void> {
  await sql.begin(async (tx) => {
    await tx.unsafe(`select pg_advisory_xact_lock(${lockKey})`);
    await tx.unsafe('set local client_min_messages = warning');
    await tx.unsafe(text);
    await tx`update proof.incarnation set shard = ${shard} where shard <> ${shard}`;
  });
}

/** Stores the key that tenant contexts are signed with; the roles that work for tenants cannot read it. */
export async function putContextKey(sql: Sql, key: Uint8Array): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local role trailkeep_owner`;
    await tx`insert into sec.context_key (id, key) values (1, ${Buffer.from(key)})
      on conflict (id) do update set key = excluded.key where sec.context_key.key <> excluded.key`;
  });
}
