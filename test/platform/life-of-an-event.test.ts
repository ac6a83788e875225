/** Whole stories over HTTP, on everything that `npm start` runs. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPostgres } from '#local/postgres.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let key: string;
let tenantId: string;
let adminKey: string;

beforeAll(async () => {
  platform = await testPlatform();
  ({ apiKey: key, tenantId } = await platform.makeTenant('Stories'));
  ({ adminKey } = platform.access);
}, 180_000);
afterAll(() => platform?.end());

const send = (json: unknown, headers: Record<string, string> = {}) =>
  platform.call('POST', '/v1/events', { key, json, headers });
const ask = async (query: string) => (await platform.call('GET', `/v1/events?${query}`, { key })).json;
const event = (action: string, actor: string) => ({ action, actor: { type: 'user', id: actor } });

describe('an event goes in over HTTP and comes back', () => {
  test('from both tiers, with one cursor, newest first', async () => {
    const actor = randomUUID();
    const minute = (n: number) => new Date(Date.UTC(2026, 2, 1, 12, n)).toISOString();
    const events = Array.from({ length: 30 }, (_, n) => ({
      ...event(n % 3 ? 'document.view' : 'user.login', actor),
      occurred_at: minute(n),
    }));
    const receipt = (await send(events)).json;
    expect(receipt).toMatchObject({ accepted: 30, refused: 0 });
    expect(new Set(receipt.items.map(({ tier }: { tier: string }) => tier))).toEqual(new Set(['critical', 'bulk']));
    await platform.settled();
    const times: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await ask(`actor=${actor}&limit=7${cursor && `&cursor=${cursor}`}`);
      times.push(...page.events.map((one: { occurred_at: string }) => one.occurred_at));
      cursor = page.next_cursor;
      if (!cursor) break;
    }
    expect(times).toEqual(events.map((one) => one.occurred_at).reverse());
  });

  test('with every form of body, gzip included', async () => {
    const actor = randomUUID();
    const lines = [event('user.login', actor), event('document.view', actor)]
      .map((one) => JSON.stringify(one))
      .join('\n');
    const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
      platform.call('POST', '/v1/events', { key, body, headers });
    const gzip = new Uint8Array(gzipSync(lines));
    const answers = await Promise.all([
      post(lines, { 'content-type': 'application/x-ndjson' }),
      post(gzip, { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }),
      post(
        JSON.stringify({
          specversion: '1.0',
          id: randomUUID(),
          source: '/x',
          type: 'user.login',
          data: { actor: { type: 'user', id: actor } },
        }),
        { 'content-type': 'application/cloudevents+json' },
      ),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    await platform.settled();
    expect((await ask(`actor=${actor}`)).events).toHaveLength(5);
  });

  test('once, however often it is sent with its Idempotency-Key', async () => {
    const actor = randomUUID();
    const headers = { 'idempotency-key': randomUUID() };
    const batch = [event('user.login', actor), event('document.view', actor)];
    const receipts = [];
    for (let n = 0; n < 5; n++) receipts.push((await send(batch, headers)).json);
    for (const receipt of receipts) expect(receipt).toEqual(receipts[0]);
    expect((await send([event('user.login', 'other')], headers)).json.code).toBe('idempotency_conflict');
    await platform.settled();
    expect((await ask(`actor=${actor}`)).events).toHaveLength(2);
  });

  test('by the feed, in commit order, the late one too, with a Link even on an empty page', async () => {
    const { apiKey } = await platform.makeTenant('Pollers');
    const poll = (after = '') => platform.call('GET', `/v1/events/feed${after && `?after=${after}`}`, { key: apiKey });
    await platform.settled();
    const founding = await poll();
    expect(founding.json.events.map(({ action }: { action: string }) => action)).toContain('key.create');
    const empty = await poll(founding.json.next);
    expect(empty.json.events).toEqual([]);
    expect(empty.headers.get('link')).toMatch(/^<\/v1\/events\/feed\?after=.+>; rel="next"$/);
    const post = (one: object) => platform.call('POST', '/v1/events', { key: apiKey, json: one });
    await post({ ...event('user.login', 'new'), occurred_at: '2026-03-01T00:00:00Z' });
    await platform.settled();
    const first = await poll(empty.json.next);
    await post({ ...event('user.login', 'late'), occurred_at: '2020-01-01T00:00:00Z' });
    await platform.settled();
    const second = await poll(first.json.next);
    expect(
      [first, second].map(({ json }) => json.events.map((one: { actor: { id: string } }) => one.actor.id)),
    ).toEqual([['new'], ['late']]);
  });
});

describe('a producer inside AWS', () => {
  test("sends to its tenant's queue; what is invalid lies in the dead-letter queue with its reason", async () => {
    const actor = randomUUID();
    const opened = await platform.call('POST', `/v1/tenants/${tenantId}/intake`, { key: adminKey });
    expect(opened.status).toBe(201);
    const again = await platform.call('POST', `/v1/tenants/${tenantId}/intake`, { key: adminKey });
    expect(again.json).toEqual(opened.json);
    const sqs = new SQSClient({
      endpoint: platform.services.endpoints.sqs,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'producer', secretAccessKey: 'x' },
    });
    const body = JSON.stringify([event('user.login', actor), { action: 'nonsense' }, event('document.view', actor)]);
    await sqs.send(new SendMessageCommand({ QueueUrl: opened.json.queue_url, MessageBody: body }));
    let found = 0;
    for (let n = 0; n < 100 && found < 2; n++) {
      await sleep(100);
      found = (await ask(`actor=${actor}`)).events.length;
    }
    expect(found).toBe(2);
    const { queues } = (await platform.call('GET', '/v1/dead-letters', { key: adminKey })).json;
    const unreadable = queues.find(
      ({ queue, visible }: { queue: string; visible: number }) => /unreadable/i.test(queue) && visible > 0,
    );
    const { messages } = (await platform.call('GET', `/v1/dead-letters/${unreadable.queue}`, { key: adminKey })).json;
    expect(messages[0]).toMatchObject({ code: 'event_invalid', bytes: 21, shape: { action: 'string(8)' } });
  });
});

describe("a tenant's own rules", () => {
  test('move an action to another tier, and refuse or flag what breaks a schema', async () => {
    const { apiKey } = await platform.makeTenant('Rules');
    const call = (method: string, path: string, json: unknown) => platform.call(method, path, { key: apiKey, json });
    const rules = { catalogue: [{ action: 'invoice.*', tier: 'critical' }], tiers: {}, schema_mode: 'refuse' };
    expect((await call('PUT', '/v1/policy', rules)).status).toBe(200);
    const schema = {
      properties: { metadata: { required: ['amount'], properties: { amount: { type: 'number' } } } },
      required: ['metadata'],
    };
    expect((await call('PUT', '/v1/schemas/invoice.approve', schema)).status).toBe(201);
    // Policies are published to S3 and read within a minute; a fresh tenant's first reader finds this one.
    const good = await call('POST', '/v1/events', { ...event('invoice.approve', 'ada'), metadata: { amount: 12 } });
    expect(good.json).toMatchObject({ tier: 'critical' });
    const bad = await call('POST', '/v1/events', event('invoice.approve', 'ada'));
    expect(bad.json).toMatchObject({ status: 422, code: 'event_schema_violated' });
  });
});

describe('while Postgres is down', () => {
  test('events are accepted, readers are told, and when it is back nothing is missing', async () => {
    const actor = randomUUID();
    const { port } = platform.postgres;
    // A writer in the middle of a batch would lose its connection, not find none.
    await platform.settled();
    await platform.postgres.stop();
    const receipts = await Promise.all(
      Array.from({ length: 5 }, () => send([event('user.login', actor), event('document.view', actor)])),
    );
    expect(receipts.map(({ status }) => status)).toEqual(Array(5).fill(202));
    const asked = await platform.call('GET', `/v1/events?actor=${actor}`, { key });
    expect(asked.json).toMatchObject({ status: 503, code: 'unavailable' });
    expect(asked.headers.get('retry-after')).toBe('1');
    const again = await startPostgres({ folder: join(platform.folder, 'postgres'), durable: false, port });
    try {
      let found = 0;
      for (let n = 0; n < 300 && found < 10; n++) {
        await sleep(200);
        found = (await ask(`actor=${actor}`)).events?.length ?? 0;
      }
      expect(found).toBe(10);
    } finally {
      await platform.settled();
      await again.stop();
    }
  });
});

test('segments are ordinary gzip JSON lines', async () => {
  const { readdirSync, readFileSync } = await import('node:fs');
  const folder = join(platform.folder, 's3');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.jsonl.gz'));
  expect(files.length).toBeGreaterThan(0);
  const lines = gunzipSync(readFileSync(join(folder, files[0]!)))
    .toString()
    .trim()
    .split('\n');
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty('action');
});
