/**
 * A deleted database comes back, counted and proven: events in archive files whose segments are gone, events in segments,
 * critical and bulk; then every row of them is deleted, and an operator types three commands.
 */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { S3Segments } from '#stores/s3/segments.ts';
import { sqsEvent } from '#test/support/events.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { superuser } from './least-privilege/world.ts';

let platform: TestPlatform;
let tenant: Awaited<ReturnType<TestPlatform['makeTenant']>>;
let neighbour: Awaited<ReturnType<TestPlatform['makeTenant']>>;
let sql: Sql;
/** Everything that was sent, with where it is kept. */
const sent: { id: string; tier: string }[] = [];
const run = promisify(execFile);

const trailkeep = async (...args: string[]) => {
  const env = { ...process.env, TRAILKEEP_URL: platform.apiUrl, TRAILKEEP_ADMIN_KEY: platform.access.adminKey };
  const done = run(process.execPath, [resolve('bin/trailkeep.mjs'), ...args], { env });
  return done.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
};

/** Log-ins and role changes are critical, reads of documents are bulk; over two months. */
async function send(from: number, count: number): Promise<void> {
  const json = Array.from({ length: count }, (_, at) => {
    const n = from + at;
    const action = n % 5 === 0 ? 'role.assign' : n % 3 === 0 ? 'user.login' : 'document.view';
    const occurred_at = new Date(Date.parse('2026-01-05T00:00:00Z') + n * 3 * 3600_000).toISOString();
    return {
      action,
      occurred_at,
      actor: { type: 'user', id: `u-${n % 9}`, email: `u${n % 9}@example.com` },
      metadata: { n },
    };
  });
  const answer = await platform.call('POST', '/v1/events', { key: tenant.apiKey, json });
  sent.push(...answer.json.items.map(({ id, tier }: { id: string; tier: string }) => ({ id, tier })));
  await platform.settled();
}

async function compact(): Promise<void> {
  const event = sqsEvent([JSON.stringify({ tenant: tenant.tenantId })], { queue: 'compact' });
  expect(await platform.functions.invoke('archive-compact', event)).toEqual({ batchItemFailures: [] });
  await platform.settled();
}

/** As the sweep does when their names are old enough. */
async function removeSegments(keys: readonly string[]): Promise<void> {
  const credentials = { accessKeyId: 'outsider', secretAccessKey: 'outsider' };
  const endpoint = platform.services.endpoints.s3;
  const s3 = new S3Client({ region: 'eu-west-1', endpoint, forcePathStyle: true, credentials });
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
  const bucket = Buckets.find(({ Name }) => Name!.includes('segments'))!.Name!;
  const segments = new S3Segments(s3, bucket);
  for (const key of keys) await segments.remove(key);
  s3.destroy();
}

const eventsOf = async (filter: object = {}) => {
  const ids: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const { json } = await platform.call('POST', '/v1/events/search', {
      key: tenant.apiKey,
      json: { from: '2026-01-01T00:00:00Z', to: '2026-06-01T00:00:00Z', limit: 1000, ...filter, cursor },
    });
    ids.push(...json.events.map(({ id }: { id: string }) => id));
    if (json.next_cursor === null) return ids.sort();
    cursor = json.next_cursor;
  }
};
const countOf = async (table: string) => {
  const [row] = await sql.unsafe(`select count(*)::int as n from ${table} where tenant_id = '${tenant.tenantId}'`);
  return row!.n as number;
};
const proves = async (id: string) =>
  (await platform.call('GET', `/v1/events/${id}/proof`, { key: tenant.apiKey })).status;

let before: { events: string[]; rows: number; files: number; chunks: number; leaves: number };

beforeAll(async () => {
  platform = await testPlatform();
  sql = superuser(platform);
  tenant = await platform.makeTenant('Lost and found');
  neighbour = await platform.makeTenant('Neighbour');
  const theirs = { action: 'document.view', actor: { type: 'user', id: 'eve' } };
  await platform.call('POST', '/v1/events', { key: neighbour.apiKey, json: theirs });
  await send(0, 200);
  await send(200, 200);
  await compact();
  // Pollers had their time: what is compacted leaves the feed, and its segments leave S3.
  const old = await sql`update record.segment set committed_at = now() - interval '50 days'
    where segment_id in (select p.segment_id from record.segment_part p join archive.progress g using (tenant_id)
      where p.tenant_id = ${tenant.tenantId} and p.seq <= g.compacted_seq) returning key`;
  await compact();
  expect(await countOf('record.segment_part')).toBeLessThan(old.length);
  await removeSegments(old.map(({ key }) => String(key)));
  await send(400, 150);
  const [counter] = await sql`select leaves::int from record.tenant_counter where tenant_id = ${tenant.tenantId}`;
  before = {
    events: await eventsOf(),
    rows: await countOf('record.event'),
    files: await countOf('archive.file'),
    chunks: await countOf('archive.chunk'),
    leaves: counter!.leaves,
  };
  expect(before.events).toHaveLength(550);
  expect(before.files).toBeGreaterThan(3);
  // The question above is in the trail too.
  await platform.settled();
}, 300_000);
afterAll(async () => {
  await sql?.end();
  await platform?.end();
});

test('every row of the trail is lost', async () => {
  const { tenantId } = tenant;
  for (const table of [
    ...['archive.chunk', 'archive.file', 'archive.progress', 'archive.doomed', 'record.event', 'record.event_token'],
    ...['record.segment_part', 'record.tenant_counter', 'proof.outbox', 'proof.checkpoint'],
  ]) {
    await sql.unsafe(`delete from ${table} where tenant_id = '${tenantId}'`);
  }
  await sql`delete from record.segment where ${tenantId}::uuid = any (tenants)`;
  await sql`delete from record.message`;
  // As a backup of the day when the tenant was made has it.
  await sql`update proof.log set state = 'initializing', size = 0, archived_size = 0, published_size = 0, edge = '',
    root = sha256('') where tenant_id = ${tenantId}`;
  const early = await trailkeep('archive', 'rebuild', tenantId);
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('There is no log of this tenant.')]);
  // It is asked all the same, and the record of that is a new event: the first of a new log.
  expect(await eventsOf()).toEqual([]);
  await platform.settled();
  const late = await trailkeep('archive', 'rebuild', tenantId);
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('Recover the log first')]);
});

test('the log comes back, and names the events that no segment has', async () => {
  const { tenantId } = tenant;
  expect((await trailkeep('log', 'recover', tenantId, '--freeze')).code).toBe(1);
  await sql`update proof.log set frozen_at = now() - interval '1 hour' where tenant_id = ${tenantId}`;
  const ran = await trailkeep('log', 'recover', tenantId, '--json');
  const told = JSON.parse(ran.stdout);
  expect(told).toMatchObject({ state: 'recovered' });
  expect(told.missing_events).toBeGreaterThanOrEqual(400);
  await platform.settled();
}, 60_000);

test('the catalogue comes back from S3, and every leaf of the log is accounted for', async () => {
  const ran = await trailkeep('archive', 'rebuild', tenant.tenantId, '--json');
  const told = JSON.parse(ran.stdout);
  expect(told).toMatchObject({ missing_leaves: 0, missing: [], broken: [], files: { added: before.files, twice: 0 } });
  expect(told.in_files).toBeGreaterThanOrEqual(400);
  expect(told.in_files + told.in_parts + told.purged).toBe(told.leaves);
  expect(told.leaves).toBeGreaterThanOrEqual(before.leaves);
  expect([await countOf('archive.file'), await countOf('archive.chunk')]).toEqual([before.files, before.chunks]);
  expect(ran.code).toBe(0);
  const again = await trailkeep('archive', 'rebuild', tenant.tenantId);
  expect(again.stdout).toContain('added        0\n');
  expect(again.stdout).toContain('Every leaf of the log is accounted for.');
}, 60_000);

test('critical events come back into Postgres, to the byte', async () => {
  const ran = await trailkeep('replay', tenant.tenantId, '--from', '2020-01-01', '--json');
  const told = JSON.parse(ran.stdout);
  expect(told).toMatchObject({ same: true, unread: [] });
  expect(told.added).toBeGreaterThan(100);
  expect(await countOf('record.event')).toBeGreaterThanOrEqual(before.rows);
  const again = JSON.parse((await trailkeep('replay', tenant.tenantId, '--json')).stdout);
  expect(again).toMatchObject({ same: true });
  expect(again.added).toBeLessThan(5);
  const told2 = await trailkeep('replay', tenant.tenantId);
  expect(told2.stdout).toContain('The rows are, to the byte, the lines of the archive.');
}, 60_000);

test('every event is there again, found by a search and by its id, and each is there once', async () => {
  const found = await eventsOf();
  expect(found).toEqual(before.events);
  expect(new Set(found)).toEqual(new Set(sent.map(({ id }) => id)));
  for (const { id } of sent.filter((_, n) => n % 37 === 0)) {
    const { json } = await platform.call('GET', `/v1/events/${id}`, { key: tenant.apiKey });
    expect(json.id).toBe(id);
  }
  const person = await eventsOf({ actor_email: ['u3@example.com'], category: ['critical', 'auth_events'] });
  expect(person.length).toBeGreaterThan(10);
}, 60_000);

test('events are proven as before, those of files too', async () => {
  const [first, last] = [sent[0]!, sent.at(-1)!];
  const bulk = sent.find(({ tier }) => tier === 'bulk')!;
  expect([await proves(first.id), await proves(bulk.id), await proves(last.id)]).toEqual([200, 200, 200]);
}, 60_000);

test('nothing is compacted twice, and what comes next goes on', async () => {
  await send(550, 50);
  await compact();
  expect(await eventsOf()).toHaveLength(600);
  const told = JSON.parse((await trailkeep('archive', 'rebuild', tenant.tenantId, '--json')).stdout);
  expect(told).toMatchObject({ missing_leaves: 0, files: { added: 0, twice: 0 } });
  const [twice] = await sql`select count(*)::int as n from archive.chunk a join archive.chunk b
    on a.tenant_id = b.tenant_id and a.file_id < b.file_id and a.min_leaf = b.min_leaf
    where a.tenant_id = ${tenant.tenantId}`;
  expect(twice!.n).toBe(0);
}, 60_000);

test('a tenant that is none, or that nobody knows, has nothing to rebuild', async () => {
  const key = platform.access.adminKey;
  for (const id of ['none', '01890000-0000-7000-8000-0000000000ff']) {
    for (const path of [`/v1/tenants/${id}/archive/rebuild`, `/v1/tenants/${id}/replay`]) {
      expect((await platform.call('POST', path, { key, json: {} })).status, path).toBe(404);
      expect((await platform.call('POST', path, { key: neighbour.apiKey, json: {} })).status, path).toBe(403);
    }
  }
});
