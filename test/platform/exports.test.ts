/** Exports on the whole platform: asked for over HTTP, built by the queue's worker, fetched from S3 by who has the address. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from '#test/cli/run-cli.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let key: string;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-exports-'));
const count = 250;
beforeAll(async () => {
  platform = await testPlatform();
  ({ apiKey: key } = await platform.makeTenant('Exporters'));
  const events = Array.from({ length: count }, (_, n) => ({
    action: n % 5 ? 'document.view' : 'user.login',
    actor: {
      type: 'user',
      id: `person-${n % 7}`,
      name: n === 3 ? '=HYPERLINK("http://evil.example")' : `Name ${n % 7}`,
    },
    data_class: n % 2 ? 'phi' : 'none',
    external_id: `n-${n}`,
  }));
  const sent = await platform.call('POST', '/v1/events', { key, json: events });
  expect(sent.json.accepted).toBe(count);
  await platform.settled();
}, 180_000);
afterAll(async () => {
  await platform?.end();
  rmSync(folder, { recursive: true, force: true });
});

const filter = { action: ['document.view', 'user.login'] };
async function built(json: object, headers: Record<string, string> = {}) {
  const asked = await platform.call('POST', '/v1/exports', { key, json, headers });
  expect(asked.status).toBe(202);
  await platform.settled();
  const made = await platform.call('GET', asked.headers.get('location')!, { key });
  expect(made.json).toMatchObject({ state: 'ready', parts: 1 });
  return made.json;
}
/** Every event as a search shows it. */
async function searched(headers: Record<string, string> = {}) {
  const page = await platform.call('POST', '/v1/events/search', { key, json: { ...filter, limit: 1000 }, headers });
  expect(page.json.complete).toBe(true);
  return page.json.events as Record<string, unknown>[];
}

test('holds what a search shows, masked as there, and by an address that needs no key', async () => {
  const made = await built({ format: 'jsonl', ...filter });
  const answer = await fetch(made.files[0].url);
  expect(answer.status).toBe(200);
  const lines = gunzipSync(Buffer.from(await answer.arrayBuffer()))
    .toString()
    .trimEnd()
    .split('\n');
  const masked = lines.map((line) => JSON.parse(line));
  expect(masked).toEqual(await searched());
  expect(masked).toHaveLength(count);
  expect(masked.some(({ redacted }) => redacted !== undefined)).toBe(true);

  const purpose = { 'trailkeep-purpose': 'treatment' };
  const opened = await built({ format: 'jsonl', ...filter }, purpose);
  const whole = await platform.call('GET', `/v1/exports/${opened.id}/content?part=1&offset=0`, { key });
  expect(whole.status).toBe(200);
  const bytes = await fetch(opened.files[0].url).then((one) => one.arrayBuffer());
  const clear = gunzipSync(Buffer.from(bytes))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(clear).toEqual(await searched(purpose));
  expect(clear.every(({ redacted }) => redacted === undefined)).toBe(true);
});

test('an address of one part opens no other, and none without its signature', async () => {
  const made = await built({ format: 'csv', ...filter });
  const { url } = made.files[0];
  for (const wrong of [
    url.split('?')[0].replace(made.id, key),
    url.replace(/X-Amz-Signature=\w{4}/, 'X-Amz-Signature=0000'),
  ]) {
    expect((await fetch(wrong)).status, wrong).toBeGreaterThanOrEqual(400);
  }
  expect((await fetch(url, { method: 'DELETE' })).status).toBeGreaterThanOrEqual(400);
});

test('another key of the same tenant does not find it; one without the permission is refused', async () => {
  const { id } = await built({ format: 'csv', ...filter });
  const other = await platform.call('POST', '/v1/keys', {
    key,
    json: { name: 'other', scopes: ['events:read', 'events:export'] },
  });
  expect((await platform.call('GET', `/v1/exports/${id}`, { key: other.json.key })).status).toBe(404);
  const reader = await platform.call('POST', '/v1/keys', { key, json: { name: 'reader', scopes: ['events:read'] } });
  expect((await platform.call('GET', `/v1/exports/${id}`, { key: reader.json.key })).status).toBe(403);
  expect((await platform.call('POST', '/v1/exports', { key: reader.json.key, json: { format: 'csv' } })).status).toBe(
    403,
  );
});

test('the command line fetches, compares and counts; others read the files', async () => {
  const env = { TRAILKEEP_URL: platform.apiUrl, TRAILKEEP_API_KEY: key };
  const actions = ['--action', 'document.view,user.login'];
  const run = (...words: string[]) => trailkeep(['export', 'events', ...actions, ...words], { env, cwd: folder });
  const csv = await run('--format', 'csv', '--out', 'csv', '--json');
  expect(csv.code, csv.err).toBe(0);
  expect(JSON.parse(csv.out)).toMatchObject({ format: 'csv', files: 1, events: count });
  const [name] = readdirSync(join(folder, 'csv')).filter((one) => one.endsWith('.csv.gz'));
  const rows = parse(gunzipSync(readFileSync(join(folder, 'csv', name!))), { columns: true }) as Record<
    string,
    string
  >[];
  const events = await searched();
  expect(rows.map(({ event }) => JSON.parse(event!))).toEqual(events);
  expect(rows.map(({ external_id }) => external_id)).toEqual(events.map(({ external_id }) => external_id));

  const parquet = await run('--format', 'parquet', '--out', 'parquet', '--through-api');
  expect(parquet.code, parquet.err).toBe(0);
  const db = await (await DuckDBInstance.create(':memory:')).connect();
  const read = await db.runAndReadAll(
    `select external_id, event from '${folder}/parquet/*.parquet' order by occurred_at desc, id desc`,
  );
  expect(read.getRows()).toEqual(events.map((event) => [event.external_id, JSON.stringify(event)]));
  db.closeSync();
});

test('asking and taking away are in the trail', async () => {
  await platform.settled();
  const looks = await platform.call('POST', '/v1/events/search', { key, json: { action: ['export.*'], limit: 1000 } });
  const by = Map.groupBy(
    looks.json.events as { action: string; category: string; metadata: Record<string, unknown> }[],
    ({ action }) => action,
  );
  expect(by.get('export.requested')!.length).toBeGreaterThanOrEqual(6);
  expect(by.get('export.downloaded')!.length).toBeGreaterThanOrEqual(6);
  expect(new Set(looks.json.events.map(({ category }: { category: string }) => category))).toEqual(
    new Set(['critical']),
  );
});
