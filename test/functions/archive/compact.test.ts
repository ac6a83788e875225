/** Compaction over a real PostgreSQL and the local S3: what was committed to segments lies in files, each event once. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Archived } from '#core/archive/ports.ts';
import type { Event, EventInput, Tier } from '#core/event/event.ts';
import { purgeAction } from '#core/proof/purge.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { type CompactQueuePorts, compact, compactTenant } from '#functions/archive/compact.queue.ts';
import { compactStep, stepLimits } from '#functions/archive/compact-step.ts';
import { compactDue } from '#functions/archive/compact-sweep.schedule.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { createArchiveFiles, createArchiveLedger } from '#stores/postgres/archive.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { objectsByKey, SegmentBlocks } from '#stores/s3/block-reader.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { tenantA, tenantB } from '../../support/events.ts';
import { eventAt, idAt, lineOf, someTime } from '../../support/lines.ts';
import { MemoryControl, MemoryOutlet } from '../../support/memory.ts';
import { type TestDatabase, testDatabase } from '../../support/postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-compact-'));
const hour = 3600_000;
const day = 24 * hour;
let cloud: Cloud;
let db: TestDatabase;
let s3: S3Client;
let archiver: Sql;
let app: Sql;
let segments: S3Segments;
let objects: S3ArchiveObjects;
let now: Date;
let ids = 0;
let told: { readonly tenant: string; readonly event: EventInput }[];
let queue: MemoryOutlet;

beforeAll(async () => {
  [cloud, db] = await Promise.all([startCloud({ folder }), testDatabase('compact')]);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  s3 = new S3Client({ ...clientSettings, endpoint: cloud.url, region: 'eu-west-1', credentials });
  const CreateBucketConfiguration = { LocationConstraint: 'eu-west-1' } as const;
  for (const Bucket of ['segments', 'archive'])
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
  segments = new S3Segments(s3, 'segments');
  archiver = db.login('trailkeep_archiver');
  app = db.login('trailkeep_app');
  objects = new S3ArchiveObjects(s3, 'archive');
});
afterAll(async () => {
  await Promise.all([cloud.close(), db.drop()]);
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await db.ownerSql`truncate archive.file, archive.chunk, archive.progress, archive.doomed, record.segment,
    record.segment_part, record.tenant_counter, proof.outbox, record.event`;
  now = new Date(someTime + 2 * hour);
  told = [];
  queue = new MemoryOutlet();
});

const newId = () => idAt(now.getTime(), ++ids);
const ledger = () => createArchiveLedger(archiver, db.contextKey);
const writer = () => createLedger(app, db.contextKey);
function ports(): CompactQueuePorts {
  return {
    ledger: createArchiveLedger(archiver, db.contextKey),
    files: createArchiveFiles(archiver, db.contextKey),
    objects,
    blocks: new SegmentBlocks(objectsByKey(segments, objects)),
    control: new MemoryControl(),
    recorder: {
      record: async (tenant, events) => {
        for (const event of events) told.push({ tenant, event });
      },
    },
    compactQueue: queue,
    feedDays: 35,
    digest: (text) => createHash('sha256').update(text).digest(),
    newId,
    clock: () => now,
  };
}

/** Commits a segment of events, as a writer does. */
async function commit(events: readonly Event[], tier: Tier = 'bulk') {
  const plan = planSegment(events.map(lineOf), { id: newId(), tier, now });
  const segment = await segments.write(plan);
  const lines = plan.blocks.flatMap((block) => block.lines);
  await writer().commit(segment, lines, leavesOf(lines));
  return segment;
}
const run = (tenant = tenantA) => compactTenant(ports(), tenant, new Date(now.getTime() + hour));
const filesOf = (tenant = tenantA) => ports().files.files(tenant, {}, undefined, 100);
async function linesOf(tenant = tenantA): Promise<string[]> {
  const texts: string[] = [];
  for (const { key, bytes } of await filesOf(tenant)) {
    texts.push(gunzipSync(await objects.read(key, 0, bytes)).toString());
  }
  return texts.join('').split('\n').slice(0, -1);
}
const textOf = (event: Event) => lineOf(event).line;
const events = (from: number, to: number, changes: (n: number) => Partial<Event> = () => ({})) =>
  Array.from({ length: to - from }, (_, n) => eventAt(from + n, changes(from + n)));

describe('compaction', () => {
  test('every line is in a file of its tenant, category and day, to the byte, and in the order of time', async () => {
    const mixed = events(0, 900, (n) => ({ tenant: n % 3 ? tenantA : tenantB }));
    for (const part of [0, 1, 2]) await commit(mixed.filter((_, n) => Math.floor(n / 10) % 3 === part));
    await commit(events(900, 1000, () => ({ occurred_at: new Date(someTime - day).toISOString() })));
    expect(await run()).toBe(true);
    const files = await filesOf();
    expect(files.map(({ day, category, tier }) => `${day} ${category} ${tier}`).toSorted()).toEqual([
      '2026-02-28 api_calls bulk',
      '2026-02-28 user_activity bulk',
      '2026-03-01 api_calls bulk',
      '2026-03-01 user_activity bulk',
    ]);
    const own = [...mixed.filter(({ tenant }) => tenant === tenantA)];
    for (const { key, bytes, events: count } of files.filter(({ day }) => day === '2026-03-01')) {
      const text = gunzipSync(await objects.read(key, 0, bytes)).toString();
      const wanted = own.filter(({ category }) => key.includes(category)).map((event) => `${textOf(event)}\n`);
      expect(text).toBe(wanted.join(''));
      expect(count).toBe(wanted.length);
    }
    expect(await linesOf(tenantB)).toEqual([]);
    await run(tenantB);
    expect(await linesOf(tenantB)).toHaveLength(300);
    expect(told).toEqual([]);
  });

  test('the leaf of each event is kept, and those of critical and bulk events lie apart', async () => {
    await commit(events(0, 5));
    await commit(events(5, 8), 'critical');
    await run();
    const places = new Map<number, string>();
    for (const { id, tier, key, minLeaf, maxLeaf } of await filesOf()) {
      for (const chunk of await ports().files.chunks(tenantA, id)) {
        const [text] = await ports().blocks.read(chunk, chunk.blocks);
        const lines = text!.trimEnd().split('\n');
        for (const [at, leaf] of chunk.leaves[0]!.entries()) places.set(leaf!, `${tier} ${lines[at]}`);
        expect([minLeaf, maxLeaf]).toEqual([
          Math.min(...(chunk.leaves[0] as number[])),
          Math.max(...(chunk.leaves[0] as number[])),
        ]);
      }
      expect(key).toContain(`/${tier}-`);
    }
    // Segments have their lines by category: of five, 0, 2 and 4 are calls and come first.
    const bulk = [0, 2, 4, 1, 3].map((n) => `bulk ${textOf(eventAt(n))}`);
    const critical = [6, 5, 7].map((n) => `critical ${textOf(eventAt(n))}`);
    expect([...places.entries()].toSorted(([a], [b]) => a - b).map(([, line]) => line)).toEqual([...bulk, ...critical]);
  });

  test('copies end here, in one step and across steps, and the log is told of their leaves', async () => {
    await commit(events(0, 10));
    await commit(events(5, 12));
    await run();
    expect((await linesOf()).toSorted()).toEqual(events(0, 12).map(textOf).toSorted());
    await commit(events(11, 20));
    await commit(events(0, 3));
    await run();
    expect((await linesOf()).toSorted()).toEqual(events(0, 20).map(textOf).toSorted());
    expect(told.map(({ event }) => [event.action, event.metadata?.policy])).toEqual([
      [purgeAction, 'duplicate'],
      [purgeAction, 'duplicate'],
    ]);
    const leaves = told.flatMap(({ event }) => event.metadata?.leaves as [number, number][]);
    expect(leaves.reduce((sum, [from, to]) => sum + to - from, 0)).toBe(5 + 1 + 3);
    // What stayed has the smaller leaf.
    const left = (await filesOf()).map(({ minLeaf, maxLeaf }) => [minLeaf!, maxLeaf!]);
    expect(Math.max(...left.map(([, max]) => max!))).toBeLessThan(26);
  });

  test('a copy of what has left for Deep Archive stays, and nobody waits for a restore', async () => {
    await commit(events(0, 10));
    await run();
    await commit(events(5, 12));
    const real = ports();
    const frozen: CompactQueuePorts = {
      ...real,
      blocks: {
        read: async (part, blocks) => {
          if (isOld(part.key)) throw new Archived(part.key);
          return real.blocks.read(part, blocks);
        },
      },
    };
    const old = new Set((await filesOf()).map(({ key }) => key));
    const isOld = (key: string) => old.has(key);
    expect(await compactTenant(frozen, tenantA, new Date(now.getTime() + hour))).toBe(true);
    expect(await linesOf()).toHaveLength(17);
    expect(told).toEqual([]);
  });

  test('a segment that nothing new is in moves the tenant on without a file', async () => {
    await commit(events(0, 10));
    await run();
    const before = await filesOf();
    await commit(events(0, 10));
    await run();
    expect(await filesOf()).toEqual(before);
    expect((await ledger().progress(tenantA)).compactedSeq).toBe(2n);
  });

  test('goes on in steps, each within its limits', async () => {
    for (let n = 0; n < 6; n++) await commit(events(10 * n, 10 * n + 10));
    const outcomes: string[] = [];
    for (let n = 0; n < 4; n++) {
      outcomes.push((await compactStep(ports(), tenantA, () => 'standard', { ...stepLimits, events: 25 })).outcome);
    }
    expect(outcomes).toEqual(['more', 'more', 'done', 'nothing']);
    expect(await linesOf()).toHaveLength(60);
  });

  test('of two at once one wins, and what the other wrote is gone', async () => {
    await commit(events(0, 50));
    // Each knows what is to be done before either has done it.
    let looked = 0;
    const { promise: bothLooked, resolve } = Promise.withResolvers<void>();
    const own = ports();
    const meeting = {
      ...own.ledger,
      parts: async (...asked: Parameters<typeof own.ledger.parts>) => {
        const parts = await own.ledger.parts(...asked);
        if (++looked === 2) resolve();
        await bothLooked;
        return parts;
      },
    };
    const step = () => compactStep({ ...own, ledger: meeting }, tenantA, () => 'standard');
    const both = await Promise.all([step(), step()]);
    expect(both.map(({ outcome }) => outcome).toSorted()).toEqual(['done', 'raced']);
    expect(await linesOf()).toHaveLength(50);
    const known = new Set((await filesOf()).map(({ key }) => key));
    const stored = await Array.fromAsync(objects.list(`audit-logs/dt=2026-03-01/tenant=${tenantA}/`));
    expect(stored.filter((key) => known.has(key))).toHaveLength(known.size);
    expect(await ledger().doomed(tenantA, new Date('2040-01-01'), 10)).toEqual([]);
  });
});

describe('what cannot be compacted', () => {
  test('a segment that is gone fails its tenant alone, and nothing is changed', async () => {
    const lost = await commit([eventAt(1)]);
    await commit([eventAt(2, { tenant: tenantB })]);
    await segments.remove(lost.key);
    const messages = [tenantA, tenantB].map((tenant, n) => message(tenant, n));
    expect(await compact(ports(), messages)).toEqual(['m0']);
    expect(await filesOf()).toEqual([]);
    expect((await ledger().progress(tenantA)).compactedSeq).toBe(0n);
    expect(await linesOf(tenantB)).toHaveLength(1);
  });

  test('a file that reads back other than it was written never reaches the catalogue', async () => {
    await commit(events(0, 10));
    const real = ports();
    const swapping: CompactQueuePorts = {
      ...real,
      blocks: {
        read: async (part, blocks) => {
          const texts = await real.blocks.read(part, blocks);
          return part.key.startsWith('audit-logs') ? texts.map((text) => text.replace('Ada 1"', 'Ada 7"')) : texts;
        },
      },
    };
    await expect(compactTenant(swapping, tenantA, new Date(now.getTime() + hour))).rejects.toThrow(
      'not written as it was meant',
    );
    expect(await filesOf()).toEqual([]);
    expect(await ledger().doomed(tenantA, new Date(now.getTime() + 27 * hour), 10)).not.toEqual([]);
  });
});

describe('upkeep', () => {
  test('small files of a day become one when it is over, and their objects go an hour later', async () => {
    for (let n = 0; n < 3; n++) {
      await commit(events(10 * n, 10 * n + 10));
      await run();
    }
    const small = await filesOf();
    expect(small).toHaveLength(6);
    now = new Date(someTime + 3 * day);
    await run();
    const merged = await filesOf();
    expect(merged.map(({ events }) => events)).toEqual([15, 15]);
    expect((await linesOf()).toSorted()).toEqual(events(0, 30).map(textOf).toSorted());
    expect(merged.flatMap(({ minLeaf, maxLeaf }) => [minLeaf, maxLeaf])).toContain(29);
    expect(await objects.state(small[0]!.key)).toBeDefined();
    now = new Date(now.getTime() + hour);
    await run();
    for (const { key } of small) expect(await objects.state(key)).toBeUndefined();
    for (const { key } of merged) expect(await objects.state(key)).toBeDefined();
  });

  test('days that are too small for Glacier become a month when that is over', async () => {
    for (let n = 0; n < 4; n++) {
      await commit(events(10 * n, 10 * n + 10, () => ({ occurred_at: new Date(someTime + n * day).toISOString() })));
    }
    await run();
    expect(await filesOf()).toHaveLength(8);
    now = new Date('2026-04-03T00:00:00.000Z');
    await run();
    const months = await filesOf();
    expect(months.map(({ span, day, events }) => [span, day, events])).toEqual([
      ['month', '2026-03-01', 20],
      ['month', '2026-03-01', 20],
    ]);
    expect(months.every(({ key }) => key.startsWith('audit-logs-monthly/month=2026-03/'))).toBe(true);
    expect(await linesOf()).toHaveLength(40);
  });

  test('what a crash left is deleted a day later', async () => {
    await commit(events(0, 10));
    const real = ports();
    const dying = { ...real, ledger: { ...real.ledger, flip: async () => Promise.reject(new Error('killed')) } };
    await expect(compactTenant(dying, tenantA, now)).rejects.toThrow('killed');
    const stored = () => Array.fromAsync(objects.list(`audit-logs/dt=2026-03-01/tenant=${tenantA}/`));
    const before = (await stored()).length;
    now = new Date(now.getTime() + 27 * hour);
    await run();
    expect((await stored()).length).toBe(before);
    expect(await ledger().doomed(tenantA, new Date('2040-01-01'), 10)).toEqual([]);
    expect(await linesOf()).toHaveLength(10);
  });

  test('parts and segments go once no poller may need them', async () => {
    const shared = await commit(events(0, 10, (n) => ({ tenant: n % 2 ? tenantA : tenantB })));
    await db.ownerSql`truncate proof.outbox`;
    await writer().announced([shared.id]);
    now = new Date(Date.now() + 36 * day);
    const due = async () =>
      compactDue(
        { ...ports(), tenants: { page: async () => [tenantA, tenantB] }, segments, compactAfterMs: hour },
        { now },
      );
    await run(tenantA);
    expect((await due()).segments).toBe(0);
    expect((await ledger().progress(tenantA)).releasedSeq).toBe(1n);
    expect(await segments.load(shared.key)).toBeDefined();
    await run(tenantB);
    expect((await due()).segments).toBe(1);
    expect(await segments.load(shared.key)).toBeUndefined();
    expect(await linesOf(tenantA)).toHaveLength(5);
    expect(await db.ownerSql`select from record.segment`).toHaveLength(0);
  });
});

describe('what is due', () => {
  const due = (compactAfterMs: number) =>
    compactDue({ ...ports(), tenants: { page: async () => [tenantA, tenantB] }, segments, compactAfterMs }, { now });

  test('a tenant whose oldest event has waited long enough gets a message of its own', async () => {
    await commit(events(0, 10));
    now = new Date(Date.now() + 60_000);
    expect(await due(hour)).toMatchObject({ due: 0, waiting: 10 });
    expect(queue.messages).toEqual([]);
    expect(await due(1)).toMatchObject({ due: 1 });
    expect(queue.messages).toEqual([{ body: JSON.stringify({ tenant: tenantA }), group: tenantA }]);
    await compact(ports(), [message(tenantA, 0)]);
    expect(await due(1)).toMatchObject({ due: 0, waiting: 0 });
  });

  test('when time runs out the message is sent again', async () => {
    for (let n = 0; n < 3; n++) await commit(events(10 * n, 10 * n + 10));
    const late = { ...ports(), clock: () => (now = new Date(now.getTime() + 400_000)) };
    expect(await compact(late, [message(tenantA, 0)])).toEqual([]);
    expect(queue.messages).toHaveLength(1);
  });
});

const message = (tenant: string, n: number) => ({
  messageId: `m${n}`,
  body: JSON.stringify({ tenant }),
  queue: 'compact',
  receiveCount: 1,
  sentAt: now.getTime(),
});
