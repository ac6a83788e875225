/** What came in over HTTP ends up in archive files: to the byte, each event once, and every answer stays what it was. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { GetObjectCommand, ListBucketsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { superuser } from './least-privilege/world.ts';

let platform: TestPlatform;
let s3: S3Client;
let sql: Sql;
let tenantId: string;
let key: string;

beforeAll(async () => {
  platform = await testPlatform();
  ({ tenantId, apiKey: key } = await platform.makeTenant('Archived'));
  const credentials = { accessKeyId: 'outsider', secretAccessKey: 'local' };
  const endpoint = platform.services.endpoints.s3;
  s3 = new S3Client({ endpoint, region: 'eu-west-1', forcePathStyle: true, credentials });
  sql = superuser(platform);
}, 300_000);
afterAll(async () => {
  await sql?.end();
  await platform?.end();
});

/** The lines of all objects under a prefix of the bucket that is called so; read by zcat, as anybody would. */
async function linesIn(name: RegExp, Prefix: string): Promise<{ readonly key: string; readonly lines: string[] }[]> {
  const { Buckets = [] } = await s3.send(new ListBucketsCommand());
  const Bucket = Buckets.find((one) => name.test(one.Name!))!.Name!;
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
  const keys = Contents.map(({ Key = '' }) => Key).filter((one) => one.endsWith('.jsonl.gz'));
  return Promise.all(
    keys.map(async (one) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: one }));
      const text = execFileSync('zcat', { input: await Body!.transformToByteArray() }).toString();
      return { key: one, lines: text.split('\n').slice(0, -1) };
    }),
  );
}

const idOf = (line: string): string => (JSON.parse(line) as Event).id;
/** Everything that was committed for the tenant, copies included, as its segments have it. */
async function committed(): Promise<string[]> {
  const segments = await linesIn(/segments/, 'segments/');
  return segments.flatMap(({ lines }) => lines).filter((line) => (JSON.parse(line) as Event).tenant === tenantId);
}
/** What the catalogue has: a merge leaves what it replaced to readers for an hour. */
async function filesOf() {
  const rows = await sql`select key from archive.file where tenant_id = ${tenantId}`;
  const all = await linesIn(/archive/, 'audit-logs');
  return all.filter((file) => rows.some((row) => row.key === file.key));
}

/** Whoever waits for events to be old enough for compaction. */
async function compact(): Promise<void> {
  await sql`update record.segment set committed_at = committed_at - interval '1 day'`;
  await platform.functions.invoke('archive-compact-sweep', {});
  await platform.settled();
}

/** Asking is an event as well, which is to be there before anybody counts. */
const ask = async (query: string) => {
  const { json } = await platform.call('GET', `/v1/events?limit=500&${query}`, { key });
  await platform.settled();
  return json;
};
const send = async (events: object[]) => {
  const { status } = await platform.call('POST', '/v1/events', { key, json: events });
  expect(status).toBe(202);
  await platform.settled();
};

test('segments become files that zcat reads, each event once, and answers stay what they were', async () => {
  const start = Date.parse('2026-03-01T10:00:00.000Z');
  const events = Array.from({ length: 120 }, (_, n) => ({
    id: uuidv7(Date.now(), randomBytes(10)),
    action: n % 4 ? 'document.view' : 'user.login',
    occurred_at: new Date(start + n * 3_600_000).toISOString(),
    actor: { type: 'user', id: `user-${n % 7}`, name: 'Ada' },
    context: { ip: `203.0.113.${n}` },
  }));
  await send(events.slice(0, 70));
  await send(events.slice(70));
  // The same again, as a producer does that has lost its receipt and has no key for it.
  await send(events.slice(60, 80));
  const question = 'from=2026-03-01T00:00:00Z&to=2026-03-31T00:00:00Z';
  const before = await ask(question);
  expect(before.events).toHaveLength(120);
  const lines = await committed();
  expect(lines.length).toBeGreaterThan(120);

  await compact();
  const files = await filesOf();
  const archived = files.flatMap((file) => file.lines);
  expect(new Set(archived.map(idOf))).toEqual(new Set(lines.map(idOf)));
  expect(archived).toHaveLength(new Set(lines.map(idOf)).size);
  const known = new Set(lines);
  expect(archived.filter((line) => !known.has(line))).toEqual([]);
  for (const { key: name, lines: own } of files) {
    const [, day, category, tier] = /dt=([^/]+)\/tenant=[^/]+\/category=([^/]+)\/(\w+)-/.exec(name)!;
    const stored = own.map((line) => JSON.parse(line) as Event);
    expect(stored.every((one) => one.occurred_at.startsWith(day!) && one.category === category)).toBe(true);
    expect(['critical', 'bulk']).toContain(tier);
    expect(stored.map((one) => one.occurred_at)).toEqual(stored.map((one) => one.occurred_at).toSorted());
  }
  const [row] = await sql`select sum(events)::int as count from archive.file where tenant_id = ${tenantId}`;
  expect(row!.count).toBe(archived.length);

  // What was recorded meanwhile is newer than what is asked for.
  const after = await ask(question);
  // Of two copies the one that was committed first stays; they differ in when they came in.
  const shown = ({ received_at: _, ...event }: Event) => event;
  expect(after.events.map(shown)).toEqual(before.events.map(shown));
  expect(after.complete).toBe(true);
  for (const id of [events[0]!.id, events[65]!.id, events[119]!.id]) {
    expect((await platform.call('GET', `/v1/events/${id}`, { key })).json.id).toBe(id);
  }

  // Of the twenty copies five were critical, which a commit refuses. The log was told which leaves have lost theirs, and compacting again changes nothing of what was.
  const told = await ask('action=retention.purged');
  expect(told.events[0].metadata.policy).toBe('duplicate');
  const leaves = told.events[0].metadata.leaves as [number, number][];
  expect(leaves.reduce((sum, [from, to]) => sum + to - from, 0)).toBe(15);
  await compact();
  const again = await filesOf();
  for (const file of files) expect(again).toContainEqual(file);
}, 120_000);
