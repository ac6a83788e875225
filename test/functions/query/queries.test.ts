/** Questions to the whole archive: real PostgreSQL, files that compaction's own code wrote, and the local Athena. */
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AthenaClient } from '@aws-sdk/client-athena';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import type { Event } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { costUsd } from '#core/query/athena-ports.ts';
import { comparePositions, positionOf } from '#core/query/merge.ts';
import { type QueriesPorts, queries } from '#functions/query/queries.http.ts';
import { seal } from '#functions/record/seal.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { AthenaQueries } from '#stores/athena/queries.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { createArchiveReaches } from '#stores/postgres/archive-reach.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { S3Questions } from '#stores/s3/questions.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { ArchiveMaker } from '#test/support/archive-maker.ts';
import { database, makeTables, workGroup } from '#test/support/archive-tables.ts';
import { callerA, httpRequest, tenantA, tenantB } from '#test/support/events.ts';
import { eventAt, idAt } from '#test/support/lines.ts';
import { type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { readerPorts } from '#test/support/reading.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-queries-'));
const callerB: Caller = { ...callerA, tenant: tenantB, keyId: 'bbbbbbbbbbbbbbbbbbbb' };
const now = new Date('2026-05-01T12:00:00.000Z');
let cloud: Cloud;
let db: TestDatabase;
let s3: S3Client;
let maker: ArchiveMaker;
let ports: QueriesPorts & ReturnType<typeof readerPorts> & { readonly objects: S3ArchiveObjects };
let asked = 0;

beforeAll(async () => {
  [cloud, db] = await Promise.all([startCloud({ folder, glacierRestoreMs: 0 }), testDatabase('queries')]);
  const common = { region: 'eu-west-1', endpoint: cloud.url, credentials: { accessKeyId: 't', secretAccessKey: 't' } };
  s3 = new S3Client({ ...common, forcePathStyle: true });
  for (const Bucket of ['segments', 'archive', 'control']) await s3.send(new CreateBucketCommand({ Bucket }));
  await makeTables(cloud.url, { archive: 'archive', results: 'control' });
  const objects = new S3ArchiveObjects(s3, 'archive');
  maker = new ArchiveMaker(db, new S3Segments(s3, 'segments'), objects);
  ports = {
    ...readerPorts(),
    queries: new AthenaQueries(new AthenaClient(common), s3, { workGroup, database }),
    reaches: createArchiveReaches(db.login('trailkeep_app'), db.contextKey),
    objects,
    questions: new S3Questions(s3, 'control'),
    ids: { uuidv7: (at) => idAt(at.getTime(), ++asked) },
    cursorKey: randomBytes(32),
    hmac: (key, data) => new Uint8Array(createHmac('sha256', key).update(data).digest()),
  };
});
afterAll(async () => {
  await Promise.all([cloud.close(), db.drop()]);
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  ports.recorder.recorded.length = 0;
});

const call = (overrides: Partial<HttpRequest> & { json?: unknown }) =>
  queries(ports, httpRequest({ now, ...overrides }));

interface View {
  readonly id: string;
  readonly state: string;
  readonly scanned_bytes: number;
  readonly cost_usd: number;
  readonly coverage: {
    readonly complete: boolean;
    readonly commit: string;
    readonly archived?: object[];
    readonly pending?: object;
  };
}
interface Page {
  readonly events: (Event & { redacted?: object })[];
  readonly next_cursor: string | null;
  readonly complete: boolean;
  readonly limited: boolean;
  readonly coverage: View['coverage'];
}

const about = (id: string, caller = callerA, rest: Partial<HttpRequest> = {}) =>
  call({ method: 'GET', path: `/v1/queries/${id}`, params: { queryId: id }, caller, ...rest });

async function ask(json: object, caller = callerA): Promise<View> {
  const { status, body } = await call({ json, caller });
  expect(status).toBe(202);
  let view = body as View;
  while (view.state === 'queued' || view.state === 'running') {
    await new Promise((done) => setTimeout(done, 5));
    view = (await about(view.id, caller)).body as View;
  }
  return view;
}

async function page(id: string, query = '', caller = callerA): Promise<Page> {
  const { body } = await about(id, caller, { path: `/v1/queries/${id}/results`, query: new URLSearchParams(query) });
  return JSON.parse(String(body)) as Page;
}

async function pages(id: string, limit: number): Promise<Event[]> {
  const events: Event[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const one: Page = await page(id, `limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`);
    expect(one.events.length).toBeLessThanOrEqual(limit);
    events.push(...one.events);
    cursor = one.next_cursor;
  }
  return events;
}

const refused = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Problem)) throw error;
  return { code: error.fault.code, detail: error.fault.detail };
};

/** As writers store them: what is personal is sealed. */
async function commit(tier: 'critical' | 'bulk', events: readonly Event[]): Promise<void> {
  const sealing = { ...ports, control: { tenant: async () => undefined }, random: randomBytes, cipher: nodeCipher };
  const lines = await seal(
    sealing,
    events.map((event) => ({ event, line: JSON.stringify(event) })),
  );
  await maker.commit(
    tier,
    lines.map(({ line }) => JSON.parse(line) as Event),
  );
}

describe('over files of days and months of both tiers', () => {
  const dayMs = 86_400_000;
  const march = Date.parse('2026-03-01T12:00:00.000Z');
  const made = Array.from({ length: 400 }, (_, n) => {
    const time = march + (n % 40) * dayMs + n * 1000;
    const iso = new Date(time).toISOString();
    return eventAt(n, {
      id: idAt(time, n),
      occurred_at: iso,
      received_at: iso,
      actor: { type: 'user', id: `user-${n % 7}`, name: 'Ada', email: `u${n % 7}@example.com` },
      ...(n % 10 === 0 ? { category: 'critical', action: 'iam.role.create' } : {}),
      ...(n % 9 === 0 ? { project: 'shop', environment: 'prod' } : {}),
    });
  });
  const newestFirst = (events: readonly Event[]) =>
    events.toSorted((a, b) => comparePositions(positionOf(a), positionOf(b))).map(({ id }) => id);
  const ids = (events: readonly Event[]) => events.map(({ id }) => id);

  beforeAll(async () => {
    await commit(
      'critical',
      made.filter(({ category }) => category === 'critical'),
    );
    await commit(
      'bulk',
      made.filter(({ category }) => category !== 'critical'),
    );
    await commit('bulk', [eventAt(1, { id: idAt(march, 9999), tenant: tenantB })]);
    const files = await maker.compact(tenantA);
    await maker.compact(tenantB);
    const small = files.filter(({ category, day }) => category === 'api_calls' && day.startsWith('2026-03'));
    await maker.merge(tenantA, small);
  });

  test('finds every event once, newest first, page by page, and opens it for who may see', async () => {
    const view = await ask({});
    expect(view).toMatchObject({ state: 'succeeded', coverage: { complete: true } });
    expect(view.scanned_bytes).toBeGreaterThan(1000);
    expect(view.cost_usd).toBe(0.00005);
    const events = await pages(view.id, 33);
    // Files that merging replaced are still there for an hour, and their events come twice.
    expect(ids(events)).toEqual(newestFirst(made));
    expect(events[0]!.actor).toMatchObject({ name: 'Ada', email: expect.stringContaining('@example.com') });
    expect(JSON.stringify(events)).not.toMatch(/sealed|"salt"/);
  });

  test('finds people by the tokens that stand for them', async () => {
    const view = await ask({ actor: 'user-3', from: '2026-03-10T00:00:00Z', to: '2026-04-02T00:00:00Z' });
    const wanted = made.filter(
      ({ actor, occurred_at }) => actor.id === 'user-3' && occurred_at >= '2026-03-10' && occurred_at < '2026-04-02',
    );
    expect(wanted.length).toBeGreaterThan(10);
    expect(ids((await page(view.id)).events)).toEqual(newestFirst(wanted));
    const byMail = await ask({ actor_email: 'U3@Example.com' });
    expect(ids((await page(byMail.id)).events)).toEqual(newestFirst(made.filter((one) => one.actor.id === 'user-3')));
  });

  test('looks for words and addresses in what it opened', async () => {
    const view = await ask({ text: 'u5@EXAMPLE', limit: 1000 });
    expect(ids(await pages(view.id, 10))).toEqual(newestFirst(made.filter((one) => one.actor.id === 'user-5')));
    // The limit is of events, not of rows that were looked through for them.
    const few = await ask({ text: 'u5@EXAMPLE', limit: 3 });
    expect(await page(few.id)).toMatchObject({
      events: { length: 3 },
      limited: true,
      complete: false,
      next_cursor: null,
    });
    expect(await pages(few.id, 1)).toHaveLength(3);
    const all = await ask({ text: 'u5@EXAMPLE', limit: 57 });
    expect(await page(all.id)).toMatchObject({ events: { length: 57 }, limited: false, complete: true });
    const byIp = await ask({ ip: '203.0.113.7' });
    const wanted = made.filter((one) => one.context?.ip === '203.0.113.7');
    expect(wanted.length).toBeGreaterThan(0);
    expect(ids((await page(byIp.id)).events)).toEqual(newestFirst(wanted));
  });

  test('scans the partitions of the question and no others', async () => {
    const all = await ask({ limit: 10 });
    const day = await ask({ from: '2026-04-05T00:00:00Z', to: '2026-04-06T00:00:00Z', category: 'critical' });
    expect(day.scanned_bytes * 5).toBeLessThan(all.scanned_bytes);
    expect((await page(day.id)).events.every(({ category }) => category === 'critical')).toBe(true);
  });

  test('says that its own limit ended it', async () => {
    const view = await ask({ limit: 5 });
    expect(await page(view.id)).toMatchObject({ complete: false, limited: true, next_cursor: null });
    expect((await page(view.id, 'limit=2')).limited).toBe(false);
    const exact = await ask({ action: 'iam.role.create', limit: 40, to: '2026-04-15T00:00:00Z' });
    const found = await page(exact.id);
    expect(found.events).toHaveLength(40);
    expect(found).toMatchObject({ complete: true, limited: false });
  });

  test('answers the same question from the results of the first, until the archive has more', async () => {
    const question = { action: 'iam.role.create', limit: 500 };
    const first = await ask(question);
    expect(first.scanned_bytes).toBeGreaterThan(0);
    const again = await ask(question);
    expect(again).toMatchObject({ state: 'succeeded', scanned_bytes: 0, cost_usd: 0 });
    expect(ids((await page(again.id)).events)).toEqual(ids((await page(first.id)).events));
    // In a partition that is asked already: nothing else of the statement changes.
    const time = march + 39 * dayMs + 6 * 3_600_000;
    const iso = new Date(time).toISOString();
    const late = eventAt(0, { id: idAt(time, 8), action: 'iam.role.create', occurred_at: iso, received_at: iso });
    made.push(late);
    await commit('bulk', [late]);
    await maker.compact(tenantA);
    const after = await ask(question);
    expect(after.scanned_bytes).toBeGreaterThan(0);
    expect((await page(after.id)).events[0]!.id).toBe(late.id);
  });

  test('answers from nothing when the archive has nothing for it', async () => {
    const view = await ask({ from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z' });
    expect(view).toMatchObject({ state: 'succeeded', scanned_bytes: 0, cost_usd: 0, coverage: { complete: true } });
    expect(await page(view.id)).toMatchObject({ events: [], next_cursor: null, complete: true });
  });

  test('keeps a confined key inside its bounds, when it asks and when it reads what others asked', async () => {
    const confined: Caller = { ...callerA, project: 'shop', environment: 'prod' };
    const wanted = newestFirst(made.filter(({ project }) => project === 'shop'));
    const own = await ask({}, confined);
    expect(ids((await page(own.id, '', confined)).events)).toEqual(wanted);
    const others = await ask({});
    expect(ids((await page(others.id, '', confined)).events)).toEqual(wanted);
    const none = await ask({ project: 'other' }, confined);
    expect(none.scanned_bytes).toBe(0);
  });

  test('records who asked for what, and who read which page', async () => {
    const view = await ask({ actor: 'user-1', limit: 10 });
    await page(view.id, 'limit=3');
    const looks = ports.recorder.recorded.map(({ event }) => event);
    expect(looks[0]).toMatchObject({
      action: 'audit_log.search',
      targets: [{ type: 'person', id: 'user-1' }],
      metadata: { query: view.id, filter: { actor: 1 }, limit: 10, events: 0 },
    });
    expect(looks[1]).toMatchObject({ action: 'audit_log.search', metadata: { query: view.id, events: 3 } });
  });

  test('nobody reads unseen: without the record there is no answer', async () => {
    const view = await ask({ limit: 3 });
    ports.recorder.down = true;
    await expect(page(view.id)).rejects.toThrow();
    await expect(call({ json: {} })).rejects.toThrow();
    ports.recorder.down = false;
  });

  test('keeps no word and no name in clear of what was asked', async () => {
    const { id } = await ask({ text: 'a secret word', ip: '203.0.113.9' });
    const { Body } = await s3.send(
      new GetObjectCommand({ Bucket: 'control', Key: `athena/questions/${tenantA}/${id}` }),
    );
    expect(await Body!.transformToString()).not.toMatch(/secret|203\.0/);
  });

  describe('another tenant', () => {
    test('finds a foreign query exactly like none', async () => {
      const view = await ask({});
      const missing = idAt(now.getTime(), 77_777);
      for (const id of [view.id, missing, 'x', '../x', view.id.toUpperCase()]) {
        expect(await refused(about(id, callerB))).toEqual({
          code: 'not_found',
          detail: 'There is no query with this id.',
        });
        expect((await refused(page(id, '', callerB))).code).toBe('not_found');
        expect((await refused(about(id, callerB, { method: 'DELETE' }))).code).toBe('not_found');
      }
      expect((await about(view.id)).status).toBe(200);
    });

    test('sees its own events alone', async () => {
      const view = await ask({}, callerB);
      expect(ids((await page(view.id, '', callerB)).events)).toEqual([idAt(march, 9999)]);
    });

    test('cannot follow a cursor of another query', async () => {
      const [first, second] = [await ask({ limit: 20 }), await ask({ limit: 30 })];
      const { next_cursor } = await page(first.id, 'limit=3');
      expect((await refused(page(second.id, `cursor=${next_cursor}`))).code).toBe('cursor_invalid');
    });
  });

  describe('what is out of reach is said', () => {
    test('commits that are not in the archive yet', async () => {
      const time = Date.parse('2026-04-20T00:00:00.000Z');
      const iso = new Date(time).toISOString();
      await commit('bulk', [eventAt(5, { id: idAt(time, 5), occurred_at: iso, received_at: iso })]);
      const view = await ask({});
      expect(view.coverage).toEqual({
        complete: false,
        commit: String((await maker.ledger.progress(tenantA)).compactedSeq),
        pending: { events: 1, from: iso },
      });
      expect(await page(view.id, 'limit=1000')).toMatchObject({
        complete: false,
        coverage: { pending: { events: 1 } },
      });
      expect((await ask({ to: '2026-04-19T00:00:00Z' })).coverage.complete).toBe(true);
      await maker.compact(tenantA);
      expect((await ask({})).coverage.complete).toBe(true);
    });

    test('days in Deep Archive, until they are restored', async () => {
      const [file] = await maker.files.files(tenantA, { from: march, to: march + 1000 }, undefined, 1);
      const key = file!.key;
      await db.ownerSql`update archive.file set ladder = 'warm-30-cold-180', written_at = '2025-01-01' where key = ${key}`;
      const range = { from: `${file!.day}T00:00:00Z`, to: `${file!.day}T23:59:59Z` };
      const before = await ask(range);
      expect(before.coverage.complete).toBe(true);
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'archive', Key: key }));
      const body = await Body!.transformToByteArray();
      await s3.send(new PutObjectCommand({ Bucket: 'archive', Key: key, Body: body, StorageClass: 'DEEP_ARCHIVE' }));
      // Results are not used again where something may have gone to Glacier, or come back.
      const view = await ask(range);
      expect(view.coverage).toMatchObject({
        complete: false,
        archived: [{ day: file!.day, category: file!.category, events: file!.events, bytes: file!.bytes }],
      });
      expect((await page(view.id)).events.length).toBe((await page(before.id)).events.length - file!.events);
      await ports.objects.restore(key, 1, 'standard');
      const restored = await ask(range);
      expect(restored.coverage.complete).toBe(true);
      expect(ids((await page(restored.id)).events)).toEqual(ids((await page(before.id)).events));
      await s3.send(new PutObjectCommand({ Bucket: 'archive', Key: key, Body: body }));
    });
  });
});

describe('what is refused', () => {
  const bodies: [string, object][] = [
    ['a limit that is too large', { limit: 100_001 }],
    ['a limit that is no number', { limit: '5' }],
    ['a filter that there is none of', { actors: ['x'] }],
    ['a cursor', { cursor: 'x' }],
    ['a value longer than Athena takes', { project: 'x'.repeat(1023) }],
    ['a value that is too long in quotes', { project: "'".repeat(600) }],
  ];
  for (const [what, json] of bodies) {
    test(what, async () => {
      expect((await refused(call({ json }))).code).toBe('filter_invalid');
    });
  }

  test('results with filters of their own', async () => {
    const view = await ask({ limit: 1 });
    for (const query of ['actor=x', 'limit=0', 'limit=1001', 'limit=1&limit=2', 'cursor=zzz']) {
      expect((await refused(page(view.id, query))).code).toMatch(/^(filter|cursor)_invalid$/);
    }
  });

  test('results of what is too large, was cancelled or failed', async () => {
    await makeTables(cloud.url, { archive: 'archive', results: 'control' }, 10);
    const large = await ask({ limit: 77 });
    await makeTables(cloud.url, { archive: 'archive', results: 'control' });
    expect(large.state).toBe('too_large');
    expect(await refused(page(large.id))).toEqual({
      code: 'query_unfinished',
      detail: 'The query would have scanned more than this stage allows. Narrow its times or categories.',
    });
  });

  test('nothing is left to cancel when it has ended', async () => {
    const view = await ask({ limit: 78 });
    expect((await about(view.id, callerA, { method: 'DELETE' })).status).toBe(204);
    expect((await about(view.id)).body).toMatchObject({ state: 'succeeded' });
  });

  test('results that have expired are gone like their query', async () => {
    const view = await ask({ limit: 79 });
    await s3.send(new DeleteObjectCommand({ Bucket: 'control', Key: `athena/questions/${tenantA}/${view.id}` }));
    expect((await refused(about(view.id))).code).toBe('not_found');
  });
});

test('a query costs 5 US$ for 10^12 bytes, 10 MB at least, and nothing when it failed', () => {
  expect(costUsd({ state: 'succeeded', scannedBytes: 1 })).toBe(0.00005);
  expect(costUsd({ state: 'succeeded', scannedBytes: 1e12 })).toBe(5);
  expect(costUsd({ state: 'cancelled', scannedBytes: 20e6 })).toBe(0.0001);
  expect(costUsd({ state: 'failed', scannedBytes: 1e12 })).toBe(0);
  expect(costUsd({ state: 'succeeded', scannedBytes: 0 })).toBe(0);
});
