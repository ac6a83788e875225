/** Reads from a real streaming standby: late, stopped, killed and back. */
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Problem } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';
import { readingOne, type Sources } from '#functions/query/consistency.ts';
import type { HttpRequest, HttpVerb } from '#functions/runtime/request.ts';
import { startCloud } from '#local/cloud/cloud.ts';
import { type LocalPostgres, startPostgres } from '#local/postgres.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { connect } from '#stores/postgres/connect.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { putContextKey } from '#stores/postgres/migrate.ts';
import { type ReadSource, type ReplicaOptions, Replicas } from '#stores/postgres/replicas.ts';
import { contextKey, prepareTemplate, superuser, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { removeFolder, startStandby } from '#test/support/standby.ts';
import { batchOf, made, tenantA, tenantB } from './made.ts';

let folder: string;
let primary: LocalPostgres;
let standby: LocalPostgres;
let db: TestDatabase;
let writer: Sql;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-replicas-'));
  // PostgreSQL runs as another user when the tests run as root.
  chmodSync(folder, 0o711);
  primary = await startPostgres({ folder: join(folder, 'primary'), durable: false });
  await prepareTemplate(primary);
  db = await testDatabase('replicas', primary);
  standby = await startStandby(primary, join(folder, 'primary'), join(folder, 'standby'));
  writer = pool(primary.port, 2);
});
afterAll(async () => {
  await writer?.end();
  await standby?.stop();
  await db?.drop();
  await primary?.stop();
  removeFolder(folder);
});

const opened: Sql[] = [];
function pool(port: number, connectionsMax = 1): Sql {
  const { host, database } = db;
  const sql = connect({ host, port, database, user: 'trailkeep_app', sslMode: 'disable', connectionsMax });
  opened.push(sql);
  return sql;
}
let sources: ReadSource[];
beforeEach(() => {
  sources = [];
});
afterEach(() =>
  Promise.all(
    opened
      .splice(0)
      .filter((sql) => sql !== writer)
      .map((sql) => sql.end({ timeout: 1 })),
  ),
);

const settings = (): { -readonly [K in keyof ReplicaOptions]: ReplicaOptions[K] } => ({
  writer,
  readers: [() => pool(standby.port)],
  policy: 'health',
  staleMsMax: 60_000,
  clock: () => performance.now(),
  onRead: (source) => sources.push(source),
});
const replicas = (options: Partial<ReplicaOptions> = {}) => new Replicas({ ...settings(), ...options });
const critical = (from: Replicas) => createCriticalEvents(from.request(), contextKey);
async function commit(tenant = tenantA): Promise<string> {
  const line = made({ tenant });
  await createLedger(writer, contextKey).commit(...batchOf([line]));
  return line.event.id;
}
/** Until the standby shows all that is committed now, and a fresh beat. */
async function caughtUp(): Promise<void> {
  await writer`select record.beat(0)`;
  const [beat] = await db.ownerSql`select at::text from record.pulse`;
  await onStandby((sql) =>
    vi.waitFor(async () => {
      const [row] = await sql`select at::text from record.pulse`;
      expect(row).toEqual(beat);
    }, 20_000),
  );
}
async function onStandby<T>(fn: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = superuser(standby, db.database, 1);
  try {
    return await fn(sql);
  } finally {
    await sql.end();
  }
}
test('reads come from the replica, under the row-level security of their tenant', async () => {
  const id = await commit();
  await caughtUp();
  const reads = replicas();
  const events = critical(reads);
  expect(await events.get(tenantA, id)).toMatchObject({ id });
  expect(await events.get(tenantB, id)).toBeUndefined();
  const { parts } = await createCatalogue(reads.request(), contextKey).partsAfter(tenantA, 0n, 10);
  expect(parts).not.toHaveLength(0);
  expect(sources).toEqual(['replica', 'replica', 'replica']);
});

test('a replica that is later than the bound is not believed: the writer answers, whatever is committed', async () => {
  await caughtUp();
  await onStandby((sql) => sql`select pg_wal_replay_pause()`);
  const id = await commit();
  // Within the bound an answer may be old.
  expect(await critical(replicas()).get(tenantA, id)).toBeUndefined();
  const strict = replicas({ staleMsMax: 300, restMs: 0 });
  await sleep(310);
  expect(await critical(strict).get(tenantA, id)).toMatchObject({ id });
  expect(sources).toEqual(['replica', 'writer_after_stale']);
  await onStandby((sql) => sql`select pg_wal_replay_resume()`);
  await vi.waitFor(async () => {
    sources = [];
    expect(await critical(strict).get(tenantA, id)).toMatchObject({ id });
    expect(sources).toEqual(['replica']);
  }, 20_000);
});

test('a request whose replica fell behind stays with the writer; the next one asks the replica again', async () => {
  await caughtUp();
  let now = 0;
  const options = { ...settings(), restMs: 5000, clock: () => now };
  const reads = new Replicas(options);
  const id = await commit();
  await caughtUp();
  options.staleMsMax = -1;
  const events = critical(reads);
  await events.get(tenantA, id);
  options.staleMsMax = 60_000;
  await events.get(tenantA, id);
  await critical(reads).get(tenantA, id);
  now = 5000;
  await critical(reads).get(tenantA, id);
  expect(sources).toEqual(['writer_after_stale', 'writer_after_stale', 'writer', 'replica']);
});

test('round-robin asks each reader in turn, health passes over one that failed', async () => {
  const id = await commit();
  await caughtUp();
  const nobody = () => pool(1);
  const three = async (policy: ReplicaOptions['policy']) => {
    sources = [];
    const reads = replicas({ policy, readers: [nobody, () => pool(standby.port)] });
    for (let request = 0; request < 4; request++) expect(await critical(reads).get(tenantA, id)).toMatchObject({ id });
    return sources;
  };
  expect(await three('round-robin')).toEqual(['writer_after_failure', 'replica', 'writer_after_failure', 'replica']);
  expect(await three('health')).toEqual(['writer_after_failure', 'replica', 'replica', 'replica']);
});

test('while the replica is killed and comes back, no read fails and none is older than the bound', async () => {
  const staleMsMax = 1500;
  const reads = replicas({ staleMsMax, restMs: 50, answerMsMax: 1000 });
  const committed: { readonly id: string; readonly at: number }[] = [];
  let over = false;
  const writing = (async () => {
    while (!over) {
      const id = await commit();
      committed.push({ id, at: performance.now() });
      await sleep(5);
    }
  })();
  let wrong = 0;
  const reading = (async () => {
    while (!over) {
      const began = performance.now();
      // What was committed longer ago than the bound must be there; a beat's own time is not ours by some ms.
      const old = committed.findLast(({ at }) => at < began - staleMsMax - 20);
      const found = old && (await critical(reads).get(tenantA, old.id));
      if (old && !found) wrong++;
      await sleep(1);
    }
  })();
  const until = (source: ReadSource) => {
    sources = [];
    return vi.waitFor(() => expect(sources).toContain(source), 20_000);
  };
  await until('replica');
  const { port } = standby;
  await standby.kill();
  await until('writer_after_failure');
  standby = await startPostgres({ folder: join(folder, 'standby'), port, durable: false });
  await until('replica');
  await onStandby((sql) => sql`select pg_wal_replay_pause()`);
  await until('writer_after_stale');
  await onStandby((sql) => sql`select pg_wal_replay_resume()`);
  await until('replica');
  over = true;
  await Promise.all([writing, reading]);
  expect(wrong).toBe(0);
});

test('a connection that is lost in the middle of a read is made good by the writer', async () => {
  const id = await commit();
  await caughtUp();
  const reads = replicas();
  const request = reads.request();
  const answer = await request.begin('read only', async (tx) => {
    await tx`select case when pg_is_in_recovery() then pg_terminate_backend(pg_backend_pid()) end`;
    return tx`select pg_is_in_recovery() as standby`;
  });
  expect(answer).toMatchObject([{ standby: false }]);
  expect(sources).toEqual(['writer_after_failure']);
  expect(await critical(reads).get(tenantA, id)).toMatchObject({ id });
});

test('data that the question gets wrong is no reason to ask the writer', async () => {
  await caughtUp();
  const request = replicas().request();
  await expect(request.begin('read only', (tx) => tx`select 1 / 0`.execute())).rejects.toMatchObject({ code: '22012' });
  await expect(request.begin('read write', async () => {})).rejects.toThrow(TypeError);
  expect(sources).toEqual([]);
});

test('without a writer there is no proof of age: a read fails rather than answer too old', async () => {
  const reads = replicas({ writer: pool(1), staleMsMax: 300 });
  await sleep(310);
  await expect(critical(reads).get(tenantA, tenantA)).rejects.toBeInstanceOf(Unavailable);
});

test('the pulse is written by its function alone, and seldom', async () => {
  await expect(writer`update record.pulse set at = now() + interval '1 year'`).rejects.toMatchObject({ code: '42501' });
  await writer`select record.beat(0)`;
  const at = async () => (await db.ownerSql`select at::text from record.pulse`)[0]!.at as string;
  const before = await at();
  await writer`select record.beat(60000)`;
  expect(await at()).toBe(before);
  await writer`select record.beat(0)`;
  expect(await at()).not.toBe(before);
});

test('functions open it from their environment: a replica lacks what was just written, strong and show do not', async () => {
  const cloud = await startCloud({ folder: join(folder, 'cloud') });
  const { host, port } = standby;
  Object.assign(process.env, cloud.env, db.env, { ROOT_SECRET_PARAMETER: '/trailkeep/test/root-secret' });
  Object.assign(process.env, { DATABASE_READ_HOST: `${host}:${port}`, DATABASE_READ_POLICY: 'health' });
  process.env.DATABASE_READ_STALE_MS = '60000';
  const open = await import('#functions/runtime/open.ts');
  await open.openRootSecret().createIfAbsent(Buffer.alloc(32, 1));
  await putContextKey(db.ownerSql, await open.openContextKey());
  await caughtUp();
  await onStandby((sql) => sql`select pg_wal_replay_pause()`);
  const line = made();
  await createLedger(writer, await open.openContextKey()).commit(...batchOf([line]));
  const reads = await open.openReads();
  const { id } = line.event;
  expect(await reads.from('bounded').critical.get(tenantA, id)).toBeUndefined();
  expect(await reads.from('strong').critical.get(tenantA, id)).toMatchObject({ id });
  const show: HttpVerb<Sources> = async ({ critical: source }) => {
    const event = await source.get(tenantA, id);
    if (!event) throw new Problem('not_found', 'There is none.');
    return { status: 200, body: event };
  };
  const request = { query: new URLSearchParams() } as unknown as HttpRequest;
  expect(await readingOne(show)({ reads }, request)).toMatchObject({ body: { id } });
  await onStandby((sql) => sql`select pg_wal_replay_resume()`);
  await putContextKey(db.ownerSql, contextKey);
  await cloud.close();
});
