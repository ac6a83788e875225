/** The archive's catalogue on a real PostgreSQL, as compaction's own login. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CataloguedFile, CompactablePart } from '#core/archive/compact-ports.ts';
import { archiveKey } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { Event, Tier } from '#core/event/event.ts';
import { createArchiveFiles, createArchiveLedger } from '#stores/postgres/archive.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { indexOf, type NewFile } from '#stores/s3/archive-index.ts';
import { type TestDatabase, testDatabase } from '../../support/postgres.ts';
import { archiveLines, blocksOf, newFile } from '../contract/archive-objects.ts';
import { batchOf, made, march, tenantA, tenantB } from './made.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase('archive');
});
afterAll(() => db.drop());

const ledger = () => createArchiveLedger(db.login('trailkeep_archiver'), db.contextKey);
const files = () => createArchiveFiles(db.login('trailkeep_app'), db.contextKey);
const hour = 3600_000;
const now = new Date('2026-05-01T00:00:00Z');
const later = new Date(now.getTime() + 26 * hour);

beforeEach(async () => {
  await db.ownerSql`truncate archive.file, archive.chunk, archive.progress, archive.doomed, record.segment,
    record.segment_part, record.tenant_counter, proof.outbox`;
});

/** Commits events of a tenant each in its own segment. */
async function commit(tier: Tier, ...overrides: Partial<Event>[]): Promise<void> {
  const app = createLedger(db.login('trailkeep_app'), db.contextKey);
  for (const one of overrides) await app.commit(...batchOf([made(one)], tier));
}

/** A file as it was written. */
async function written(changes: Partial<NewFile> = {}, events = 20): Promise<CataloguedFile> {
  const file = newFile(changes);
  const blocks = (await blocksOf(archiveLines(events))).map(({ text: _, digests: __, ...block }) => block);
  const offsets = blocks.map((_, n) => ({ offset: 10 + 1000 * n, bytes: 1000 }));
  const sum = new LinesSum();
  sum.add(new Uint8Array(32).fill(7));
  return indexOf(file, blocks, {
    bytes: 10 + 1000 * blocks.length,
    rawBytes: 9999,
    sha256: 'ab'.repeat(32),
    sum,
    offsets,
  });
}
const nameOf = ({ file: { id, key } }: CataloguedFile) => ({ id, key });

/** Two parts of tenant A, and a file that is doomed. */
async function ready() {
  await commit('bulk', {}, {});
  const parts = await ledger().parts(tenantA, 0n, 10);
  const file = await written();
  await ledger().doom(tenantA, [nameOf(file)], later);
  return { parts, file };
}

describe('parts', () => {
  test('come in the order of commits, of both tiers, with the leaf of their first event', async () => {
    await commit('bulk', {}, {});
    await commit('critical', {});
    await commit('bulk', { tenant: tenantB });
    const parts = await ledger().parts(tenantA, 0n, 10);
    expect(parts.map(({ seq, tier, firstLeaf, events }) => [seq, tier, firstLeaf, events])).toEqual([
      [1n, 'bulk', 0, 1],
      [2n, 'bulk', 1, 1],
      [3n, 'critical', 2, 1],
    ]);
    expect((await ledger().parts(tenantA, 1n, 1)).map(({ seq }) => seq)).toEqual([2n]);
    expect(await ledger().progress(tenantA)).toEqual({ compactedSeq: 0n, releasedSeq: 0n });
  });
});

describe('the flip', () => {
  test('puts files and chunks into the catalogue, as they were written, and moves the tenant on', async () => {
    const { parts, file } = await ready();
    expect(await ledger().flip(tenantA, { from: 0n, parts, files: [file], now })).toBe(true);
    expect(await files().files(tenantA, {}, undefined, 10)).toEqual([file.file]);
    expect(await files().chunks(tenantA, file.file.id)).toEqual(file.chunks);
    const { tier, category } = file.file;
    const where = { tier, category, from: file.file.minTime, to: file.file.maxTime };
    expect(await ledger().chunkBounds(tenantA, where)).toMatchObject([{ file: file.file.id, number: 0 }]);
    expect(await ledger().chunkBounds(tenantA, { ...where, from: file.file.maxTime + 1 })).toEqual([]);
    expect(await ledger().chunkBounds(tenantA, { ...where, tier: 'critical' })).toEqual([]);
    expect(await ledger().chunk(tenantA, file.file.id, 0)).toEqual(file.chunks[0]);
    expect(await ledger().chunk(tenantA, file.file.id, 1)).toBeUndefined();
    expect((await ledger().progress(tenantA)).compactedSeq).toBe(2n);
    expect(await ledger().doomed(tenantA, new Date('2030-01-01'), 10)).toEqual([]);
    expect(await ledger().parts(tenantA, 2n, 10)).toEqual([]);
  });

  test('of two compactors one wins, and the other changes nothing', async () => {
    const { parts, file } = await ready();
    const other = await written();
    await ledger().doom(tenantA, [nameOf(other)], later);
    const flips = [file, other].map((one) => ledger().flip(tenantA, { from: 0n, parts, files: [one], now }));
    expect((await Promise.all(flips)).toSorted()).toEqual([false, true]);
    expect(await files().files(tenantA, {}, undefined, 10)).toHaveLength(1);
    expect(await db.ownerSql`select from archive.doomed`).toHaveLength(1);
  });

  test.each<[string, (parts: CompactablePart[]) => CompactablePart[]]>([
    ['a part is missing', (parts) => parts.slice(1)],
    ['a part has more events', ([first, ...rest]) => [{ ...first!, events: 5 }, ...rest]],
    ['a part has another leaf', ([first, ...rest]) => [{ ...first!, firstLeaf: 9 }, ...rest]],
  ])('is refused when %s', async (_, change) => {
    const { parts, file } = await ready();
    expect(await ledger().flip(tenantA, { from: 0n, parts: change([...parts]), files: [file], now })).toBe(false);
    expect(await files().files(tenantA, {}, undefined, 10)).toEqual([]);
    expect((await ledger().progress(tenantA)).compactedSeq).toBe(0n);
  });

  test('is refused when the file was never doomed, or its time is over', async () => {
    const { parts, file } = await ready();
    const never = await written();
    expect(await ledger().flip(tenantA, { from: 0n, parts, files: [file, never], now })).toBe(false);
    expect(await ledger().flip(tenantA, { from: 0n, parts, files: [file], now: later })).toBe(false);
    expect(await ledger().flip(tenantA, { from: 1n, parts: parts.slice(1), files: [file], now })).toBe(false);
    expect((await ledger().doomed(tenantA, later, 10)).map(({ id }) => id)).toEqual([file.file.id]);
  });

  test('parts without an event that is new move the tenant on without a file', async () => {
    const { parts } = await ready();
    expect(await ledger().flip(tenantA, { from: 0n, parts, files: [], now })).toBe(true);
    expect((await ledger().progress(tenantA)).compactedSeq).toBe(2n);
  });

  test('a file of several chunks comes back whole', async () => {
    const { parts } = await ready();
    const large = await written({}, 20_000);
    await ledger().doom(tenantA, [nameOf(large)], later);
    expect(await ledger().flip(tenantA, { from: 0n, parts, files: [large], now })).toBe(true);
    expect(await files().chunks(tenantA, large.file.id)).toEqual(large.chunks);
  });
});

describe('a merge', () => {
  async function twoFiles() {
    const { parts, file } = await ready();
    const second = await written({ day: '2026-03-02' });
    await ledger().doom(tenantA, [nameOf(second)], later);
    await ledger().flip(tenantA, { from: 0n, parts, files: [file, second], now });
    const merged = await written({ span: 'month', day: '2026-03-01' }, 40);
    await ledger().doom(tenantA, [nameOf(merged)], later);
    return { old: [nameOf(file), nameOf(second)], merged };
  }
  const after = new Date(now.getTime() + hour);

  test('takes the place of others, whose objects go when readers are done', async () => {
    const { old, merged } = await twoFiles();
    expect(await ledger().replace(tenantA, { files: [merged], replaced: old, now, after })).toBe(true);
    expect(await files().files(tenantA, {}, undefined, 10)).toEqual([merged.file]);
    expect(await ledger().doomed(tenantA, now, 10)).toEqual([]);
    const doomed = await ledger().doomed(tenantA, after, 10);
    expect(doomed.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(old);
    await ledger().forget(tenantA, doomed);
    expect(await ledger().doomed(tenantA, after, 10)).toEqual([]);
  });

  test('gives up when one of them is gone, and of two merges one wins', async () => {
    const { old, merged } = await twoFiles();
    const other = await written({ span: 'month', day: '2026-03-01' }, 40);
    await ledger().doom(tenantA, [nameOf(other)], later);
    const merges = [merged, other].map((one) => ledger().replace(tenantA, { files: [one], replaced: old, now, after }));
    expect((await Promise.all(merges)).toSorted()).toEqual([false, true]);
    expect(await files().files(tenantA, {}, undefined, 10)).toHaveLength(1);
  });

  test('small files are found, and large ones are not', async () => {
    const { old } = await twoFiles();
    expect((await ledger().smallFiles(tenantA, 1_000_000, 10)).map(({ id, key }) => ({ id, key }))).toEqual(old);
    expect(await ledger().smallFiles(tenantA, 500, 10)).toEqual([]);
  });
});

describe('listing files', () => {
  test('goes by day and id, page by page, and by time', async () => {
    const { parts } = await ready();
    const all = await Promise.all(
      ['2026-03-02', '2026-03-01', '2026-03-02', '2026-04-01'].map((day) => written({ day })),
    );
    await ledger().doom(tenantA, all.map(nameOf), later);
    await ledger().flip(tenantA, { from: 0n, parts, files: all, now });
    const [b, a, c, d] = all.map(({ file }) => file);
    expect(await files().files(tenantA, {}, undefined, 2)).toEqual([a, b]);
    expect(await files().files(tenantA, {}, b, 2)).toEqual([c, d]);
    expect(await files().files(tenantA, { maxTimeBefore: a!.maxTime }, undefined, 9)).toEqual([]);
    expect(await files().files(tenantA, { from: a!.maxTime, to: a!.maxTime }, undefined, 9)).toHaveLength(4);
    expect(await files().files(tenantA, { from: a!.maxTime + 1 }, undefined, 9)).toEqual([]);
  });
});

describe('release', () => {
  const before = new Date(Date.now() + hour);
  const drain = () => db.ownerSql`truncate proof.outbox`;

  test('only what is compacted, sealed and older than pollers may be goes, and the number tells it', async () => {
    const { parts, file } = await ready();
    await commit('bulk', {});
    expect(await ledger().release(tenantA, before, 100)).toBe(0);
    await ledger().flip(tenantA, { from: 0n, parts, files: [file], now });
    expect(await ledger().release(tenantA, before, 100)).toBe(0);
    await drain();
    expect(await ledger().release(tenantA, new Date(Date.now() - hour), 100)).toBe(0);
    expect(await ledger().release(tenantA, before, 1)).toBe(1);
    expect((await ledger().progress(tenantA)).releasedSeq).toBe(1n);
    expect(await ledger().release(tenantA, before, 100)).toBe(1);
    expect(await ledger().release(tenantA, before, 100)).toBe(0);
    expect(await ledger().progress(tenantA)).toEqual({ compactedSeq: 2n, releasedSeq: 2n });
    expect((await ledger().parts(tenantA, 0n, 10)).map(({ seq }) => seq)).toEqual([3n]);
  });

  test('a segment is free when no tenant has a part of it, was announced, and is old', async () => {
    const app = createLedger(db.login('trailkeep_app'), db.contextKey);
    const [segment, lines, leaves] = batchOf([made(), made({ tenant: tenantB })], 'bulk');
    await app.commit(segment, lines, leaves);
    await drain();
    const old = () => ledger().oldSegments(before, undefined, 10);
    expect(await old()).toEqual([{ id: segment.id, key: segment.key, isFree: false }]);
    for (const tenant of [tenantA, tenantB]) {
      await ledger().flip(tenant, { from: 0n, parts: await ledger().parts(tenant, 0n, 9), files: [], now });
      expect((await old())[0]!.isFree).toBe(false);
      expect(await ledger().release(tenant, before, 10)).toBe(1);
    }
    expect((await old())[0]!.isFree).toBe(false);
    await app.announced([segment.id]);
    expect((await old())[0]!.isFree).toBe(true);
    expect(await ledger().oldSegments(new Date(march), undefined, 10)).toEqual([]);
    expect(await ledger().oldSegments(before, segment.id, 10)).toEqual([]);
    await ledger().forgetSegment(segment.id);
    expect(await old()).toEqual([]);
  });
});

describe('what is due', () => {
  const at = { now, pollersBefore: new Date(Date.now() + hour) };
  const due = async () =>
    (await ledger().waiting([tenantA, tenantB], at)).map(({ tenant, events, upkeep }) => [tenant, events, upkeep]);

  test('events that are not compacted, the oldest of them, and nothing of others', async () => {
    expect(await due()).toEqual([]);
    await commit('bulk', {}, {});
    const [one] = await ledger().waiting([tenantA, tenantB], at);
    expect(one).toMatchObject({ tenant: tenantA, events: 2, upkeep: false });
    expect(Math.abs(one!.oldest!.getTime() - Date.now())).toBeLessThan(hour);
  });

  test('upkeep: objects whose time is over, parts that may go, files to be merged', async () => {
    const { parts, file } = await ready();
    expect(await ledger().waiting([tenantA], { ...at, now: later })).toMatchObject([{ upkeep: true }]);
    const second = await written();
    await ledger().doom(tenantA, [nameOf(second)], later);
    await ledger().flip(tenantA, { from: 0n, parts, files: [file], now });
    expect(await due()).toEqual([[tenantA, 0, true]]);
    await db.ownerSql`truncate record.segment_part`;
    expect(await due()).toEqual([]);
    await withTenants(db.ownerSql, db.contextKey, [tenantA], new Date(), async (tx) => {
      await tx`update archive.file set bytes = 200000`;
    });
    await commit('bulk', {});
    const next = await ledger().parts(tenantA, 2n, 9);
    await ledger().flip(tenantA, { from: 2n, parts: next, files: [second], now });
    await db.ownerSql`truncate record.segment_part`;
    expect(await due()).toEqual([[tenantA, 0, true]]);
  });
});

describe('isolation', () => {
  test("another tenant's context sees and changes nothing", async () => {
    const { parts, file } = await ready();
    await ledger().flip(tenantA, { from: 0n, parts, files: [file], now });
    expect(await files().files(tenantB, {}, undefined, 10)).toEqual([]);
    expect(await files().chunks(tenantB, file.file.id)).toEqual([]);
    expect(await ledger().parts(tenantB, 0n, 10)).toEqual([]);
    const replaced = [nameOf(file)];
    const other = await written({ tenant: tenantB });
    await ledger().doom(tenantB, [nameOf(other)], later);
    expect(await ledger().replace(tenantB, { files: [other], replaced, now, after: later })).toBe(false);
    // The row's own tenant counts, whatever the context says.
    const foreign = await written({ tenant: tenantA });
    await ledger().doom(tenantB, [nameOf(foreign)], later);
    await expect(ledger().flip(tenantB, { from: 0n, parts, files: [foreign], now })).resolves.toBe(false);
    expect(archiveKey(file.file)).toBe(file.file.key);
    expect(await files().files(tenantA, {}, undefined, 10)).toEqual([file.file]);
  });

  test('the archiver reads no event and changes none', async () => {
    const sql = db.login('trailkeep_archiver');
    for (const query of [
      'select from record.event',
      'delete from record.event',
      'insert into record.segment_part default values',
    ]) {
      await expect(sql.unsafe(query)).rejects.toMatchObject({ code: '42501' });
    }
    await expect(sql`update record.segment_part set seq = 1`).rejects.toMatchObject({ code: '42501' });
    await expect(sql`update archive.file set events = 1`).rejects.toMatchObject({ code: '42501' });
  });
});
