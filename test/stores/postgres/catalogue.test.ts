/** The catalogue over both kinds of parts, on a real PostgreSQL and real objects, while the archive moves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import type { Catalogue, CriticalEvents, PartPosition, Position } from '#core/query/ports.ts';
import type { Part } from '#core/record/segment.ts';
import { answer } from '#functions/query/answer.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { ArchiveMaker } from '../../support/archive-maker.ts';
import { type TestDatabase, testDatabase } from '../../support/postgres.ts';
import { march, tenantA, tenantB, uuid7 } from './made.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-catalogue-'));
const dayMs = 86_400_000;
const everything = { from: 0, to: 8e15 };
let cloud: Cloud;
let db: TestDatabase;
let maker: ArchiveMaker;
let catalogue: Catalogue;
let critical: CriticalEvents;

beforeAll(async () => {
  [cloud, db] = await Promise.all([startCloud({ folder }), testDatabase('catalogue')]);
  const s3 = new S3Client({
    ...{ region: 'eu-west-1', endpoint: cloud.url, forcePathStyle: true },
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  for (const Bucket of ['segments', 'archive']) await s3.send(new CreateBucketCommand({ Bucket }));
  maker = new ArchiveMaker(db, new S3Segments(s3, 'segments'), new S3ArchiveObjects(s3, 'archive'));
  const app = db.login('trailkeep_app');
  catalogue = createCatalogue(app, db.contextKey);
  critical = createCriticalEvents(app, db.contextKey);
});
afterAll(async () => {
  await Promise.all([cloud.close(), db.drop()]);
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await db.ownerSql`truncate record.event, record.segment, record.segment_part, record.tenant_counter, proof.outbox,
    archive.file, archive.chunk, archive.progress, archive.doomed`;
  await db.ownerSql`update archive.hot_floor set floor = '00000000-0000-0000-0000-000000000000'`;
});

/** An event of some second of March; its id is of the same time. */
function eventOf(second: number, fields: Partial<Event> = {}): Event {
  const time = march + second * 1000;
  const iso = new Date(time).toISOString();
  return {
    ...{ id: uuid7(time), tenant: tenantA, occurred_at: iso, received_at: iso, action: 'doc.read', schema_version: 1 },
    ...{ category: 'user_activity', crud: 'r', severity: 'info', outcome: { result: 'success' } },
    ...{ actor: { type: 'user', id: `u${second % 5}` }, data_class: 'none', producer: { key: 'k' } },
    ...fields,
  } as Event;
}

/** Every part by pages of `limit`. */
async function listed(limit: number, range = everything, tenant = tenantA): Promise<Part[]> {
  const all: Part[] = [];
  let before: PartPosition | undefined;
  do {
    const page = await catalogue.parts(tenant, range, before, limit);
    expect(page.parts.length).toBeLessThanOrEqual(limit);
    all.push(...page.parts);
    before = page.next;
  } while (before);
  return all;
}

const nameOf = (part: Part) => `${part.key} ${'number' in part ? part.number : ''}`;

describe('the list', () => {
  /** Three segments that are compacted, and three that are not; half of them have equal times. */
  async function both() {
    for (let n = 0; n < 3; n++) await maker.commit('bulk', [eventOf(10), eventOf(20 + n)]);
    const files = await maker.compact(tenantA);
    for (let n = 0; n < 3; n++) await maker.commit('bulk', [eventOf(10), eventOf(n === 2 ? 30 : 22)]);
    return files;
  }

  test('has compacted parts from files only, the rest from segments, each once, newest first, whatever the pages', async () => {
    await both();
    const whole = await listed(100);
    expect(whole.map(({ key }) => key.split('/')[0])).toEqual(['segments', 'segments', 'segments', 'audit-logs']);
    expect(whole.reduce((sum, { events }) => sum + events, 0)).toBe(12);
    for (const limit of [1, 2, 3]) expect((await listed(limit)).map(nameOf)).toEqual(whole.map(nameOf));
    const times = whole.map(({ maxTime }) => maxTime);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  test('pages over ties of both kinds', async () => {
    const day = dayMs / 1000;
    for (let n = 0; n < 4; n++) await maker.commit('bulk', [eventOf(n * day)]);
    await maker.compact(tenantA);
    for (let n = 0; n < 3; n++) await maker.commit('bulk', [eventOf(0)]);
    // All at one time, as far as the catalogue knows.
    await db.ownerSql`update archive.chunk set max_time = ${march}`;
    const whole = await listed(100);
    expect(whole).toHaveLength(7);
    for (const limit of [1, 2, 3, 5]) expect((await listed(limit)).map(nameOf)).toEqual(whole.map(nameOf));
  });

  test('is bounded by times', async () => {
    await both();
    expect(await listed(10, { from: march + 25_000, to: march + 99_000 })).toHaveLength(1);
    expect(await listed(10, { from: 0, to: march + 9_000 })).toEqual([]);
    expect(await listed(10, { from: march + 21_500, to: march + 21_900 })).toHaveLength(4);
  });

  test('says its version and floor without parts too; the version counts what adds files', async () => {
    const page = () => catalogue.parts(tenantA, everything, undefined, 1);
    const zero = '00000000-0000-0000-0000-000000000000';
    expect(await page()).toEqual({ parts: [], next: undefined, version: '0', hotFloor: zero });
    const files = await both();
    expect(await page()).toMatchObject({ version: '1' });
    await maker.merge(tenantA, files);
    expect(await page()).toMatchObject({ version: '2' });
    expect(await catalogue.parts(tenantB, everything, undefined, 1)).toMatchObject({ parts: [], version: '0' });
  });

  test('has critical chunks for ids below the hot floor only, and for an id always', async () => {
    const [old, young] = [eventOf(0, { category: 'critical' }), eventOf(9000, { category: 'critical' })];
    await maker.commit('critical', [old]);
    await maker.compact(tenantA);
    await maker.commit('critical', [young]);
    expect(await listed(10)).toEqual([]);
    expect(await catalogue.partsWithId(tenantA, old.id)).toMatchObject([{ tier: 'critical', minId: old.id }]);
    await db.ownerSql`update archive.hot_floor set floor = ${young.id}`;
    expect(await listed(10)).toMatchObject([{ tier: 'critical', minId: old.id }]);
    expect((await critical.page(tenantA, {}, undefined, 5)).hotFloor).toBe(young.id);
  });

  test('is the tenant’s own', async () => {
    await maker.commit('bulk', [eventOf(1), eventOf(2, { tenant: tenantB })]);
    await maker.compact(tenantB);
    expect((await listed(5, everything, tenantB)).map(({ tenant }) => tenant)).toEqual([tenantB]);
    const [theirs] = await maker.files.files(tenantB, {}, undefined, 5);
    expect(await catalogue.partsWithId(tenantA, theirs!.minId)).toEqual([]);
    expect(await catalogue.bytesWithin(tenantA, everything)).toBe(130);
    expect(await catalogue.bytesWithin(tenantB, everything)).toBe(theirs!.bytes);
  });
});

test('pollers see how far parts were released, and since when the feed goes', async () => {
  for (let n = 0; n < 3; n++) await maker.commit('bulk', [eventOf(n)]);
  await db.ownerSql`delete from proof.outbox`;
  await maker.compact(tenantA, 2);
  expect(await catalogue.partsAfter(tenantA, 0n, 10)).toMatchObject({ releasedSeq: 0n, parts: { length: 3 } });
  expect(await maker.ledger.release(tenantA, new Date(Date.now() + 1000), 10)).toBe(2);
  expect(await catalogue.partsAfter(tenantA, 0n, 10)).toMatchObject({ releasedSeq: 2n, parts: [{ seq: 3n }] });
  const [row] = await db.ownerSql`select committed_at from record.segment_part join record.segment using (segment_id)`;
  expect(await catalogue.feedSince(tenantA)).toEqual(row!.committed_at);
  expect(await catalogue.feedSince(tenantB)).toBeUndefined();
});

describe('when the archive moves between two pages of one answer', () => {
  const seconds = Array.from({ length: 12 }, (_, n) => n);
  const day = dayMs / 1000;

  /** Asks for everything with pages of the catalogue of one part, and moves something before the n-th call of it. */
  async function askedWith(moves: ReadonlyMap<number, () => Promise<unknown>>, limit: number): Promise<string[]> {
    let calls = 0;
    const moving: Catalogue = {
      ...catalogue,
      parts: async (tenant, range, before) => {
        await moves.get(calls++)?.();
        return catalogue.parts(tenant, range, before, 1);
      },
    };
    const ports = { critical, catalogue: moving, blocks: maker.blocks, clock: () => 0 };
    const ids: string[] = [];
    let after: Position | undefined;
    do {
      const page = await answer(ports, { tenant: tenantA, filter: {}, after, limit }, { bytesMax: 1e9, until: 1 });
      expect(page.complete).toBe(true);
      ids.push(...page.events.map(({ id }) => id));
      after = page.next;
    } while (after);
    return ids;
  }
  const newestFirst = (events: readonly Event[]) =>
    events.toSorted((a, b) => (a.occurred_at < b.occurred_at ? 1 : -1)).map(({ id }) => id);

  test.each([0, 1, 3, 5])('a compaction before call %i loses and doubles nothing', async (call) => {
    // Each part is an hour or so; all of them become one file, whose newest time is above every place of the list.
    const events = seconds.map((n) => eventOf(n * 3000));
    for (const event of events) await maker.commit('bulk', [event]);
    const moves = new Map([[call, () => maker.compact(tenantA)]]);
    expect(await askedWith(moves, 50)).toEqual(newestFirst(events));
  });

  test.each([1, 4])('compactions in steps from call %i on', async (call) => {
    const events = seconds.map((n) => eventOf(((n * 7) % 12) * 3000));
    for (const event of events) await maker.commit('bulk', [event]);
    const moves = new Map(Array.from({ length: 6 }, (_, n) => [call + n, () => maker.compact(tenantA, 2)]));
    expect(await askedWith(moves, 5)).toEqual(newestFirst(events));
  });

  test.each([1, 3])('a merge before call %i', async (call) => {
    const events = seconds.map((n) => eventOf(n * day));
    for (const event of events) await maker.commit('bulk', [event]);
    const files = (await maker.compact(tenantA)).toSorted((a, b) => a.minTime - b.minTime);
    const moves = new Map([[call, () => maker.merge(tenantA, [files[0]!, files.at(-1)!])]]);
    expect(await askedWith(moves, 50)).toEqual(newestFirst(events));
  });

  test('and when critical rows are dropped after the list was made', async () => {
    const events = seconds.map((n) => eventOf(n, { category: 'critical' }));
    for (const event of events) await maker.commit('critical', [event]);
    await maker.compact(tenantA);
    let pages = 0;
    const dropping: CriticalEvents = {
      ...critical,
      page: async (tenant, filter, after) => {
        if (pages++ === 1) {
          await db.ownerSql`delete from record.event where id < ${events[6]!.id}`;
          await db.ownerSql`update archive.hot_floor set floor = ${events[6]!.id}`;
        }
        const page = await critical.page(tenant, filter, after, 3);
        return page;
      },
    };
    const ports = { critical: dropping, catalogue, blocks: maker.blocks, clock: () => 0 };
    const question = { tenant: tenantA, filter: {}, after: undefined, limit: 50 };
    const { events: found } = await answer(ports, question, { bytesMax: 1e9, until: 1 });
    expect(found.map(({ id }) => id)).toEqual(newestFirst(events));
  });
});
