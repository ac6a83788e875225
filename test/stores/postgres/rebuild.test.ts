/** What a rebuild and a replay do to a real PostgreSQL, each as its own login. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CataloguedFile } from '#core/archive/compact-ports.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import { createArchiveLedger } from '#stores/postgres/archive.ts';
import { createRebuildLedger } from '#stores/postgres/archive-rebuild.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogRecovery } from '#stores/postgres/log-recovery.ts';
import { createReplayLedger } from '#stores/postgres/replay.ts';
import { indexOf } from '#stores/s3/archive-index.ts';
import { type TestDatabase, testDatabase } from '../../support/postgres.ts';
import { archiveLines, blocksOf, newFile } from '../contract/archive-objects.ts';
import { batchOf, made, tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase('rebuild');
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.ownerSql`truncate archive.file, archive.chunk, archive.progress, archive.doomed, record.segment,
    record.segment_part, record.tenant_counter, record.event, record.event_token, proof.outbox, proof.log,
    proof.checkpoint`;
});

const rebuilding = () => createRebuildLedger(db.login('trailkeep_archiver'), db.contextKey);
const replaying = () => createReplayLedger(db.login('trailkeep_recovery'), db.contextKey);
const after = new Date('2026-05-02T00:00:00Z');

async function written(tier: 'critical' | 'bulk' = 'bulk', events = 20): Promise<CataloguedFile> {
  const blocks = (await blocksOf(archiveLines(events))).map(({ text: _, digests: __, ...block }) => block);
  const offsets = blocks.map((_, n) => ({ offset: 10 + 1000 * n, bytes: 1000 }));
  const sum = new LinesSum();
  sum.add(new Uint8Array(32).fill(7));
  const whole = { bytes: 5000, rawBytes: 9999, sha256: 'ab'.repeat(32), sum, offsets };
  return indexOf(newFile({ id: uuid7(after.getTime()), tier }), blocks, whole);
}
const nameOf = ({ file: { id, key } }: CataloguedFile) => ({ id, key });
const range = { from: '00000000-0000-7000-8000-000000000000', to: 'ffffffff-ffff-7fff-bfff-ffffffffffff' };

describe('a rebuild', () => {
  test('knows nothing of a tenant without a log', async () => {
    expect(await rebuilding().state(tenantA)).toEqual({ leaves: undefined, compactedSeq: 0n });
  });

  test('adds files that are not there, once, and lists them newest first with their leaves', async () => {
    const [one, two] = [await written(), await written()];
    expect(await rebuilding().apply(tenantA, { from: 0n, add: [one], after })).toBe(true);
    expect(await rebuilding().apply(tenantA, { from: 0n, add: [one, two], after })).toBe(true);
    const files = await rebuilding().files(tenantA, undefined, 10);
    expect(files.map(({ id }) => id)).toEqual([two.file.id, one.file.id]);
    expect(files[0]).toMatchObject({
      tier: 'bulk',
      leaves: two.chunks.flatMap(({ leaves }) => leaves.flat()),
      blocks: [],
    });
    expect(await rebuilding().files(tenantA, two.file.id, 10)).toHaveLength(1);
    expect(await rebuilding().files(tenantB, undefined, 10)).toEqual([]);
    expect(await rebuilding().totals(tenantA)).toEqual([{ category: one.file.category, files: 2, events: 40 }]);
  });

  test('changes nothing when a compaction came between', async () => {
    const app = createLedger(db.login('trailkeep_app'), db.contextKey);
    await app.commit(...batchOf([made()]));
    const [compacted, ours] = [await written(), await written()];
    const archiver = createArchiveLedger(db.login('trailkeep_archiver'), db.contextKey);
    await archiver.doom(tenantA, [nameOf(compacted)], after);
    const parts = await archiver.parts(tenantA, 0n, 10);
    const now = new Date('2026-05-01T00:00:00Z');
    expect(await archiver.flip(tenantA, { from: 0n, parts, files: [compacted], now })).toBe(true);
    expect(await rebuilding().apply(tenantA, { from: 0n, add: [ours], after, compacted: 9n })).toBe(false);
    expect(await rebuilding().state(tenantA)).toEqual({ leaves: 1, compactedSeq: 1n });
    expect(await rebuilding().files(tenantA, undefined, 10)).toHaveLength(1);
  });

  test('lets files go, dooms what is left over, and says how far compaction is', async () => {
    const [one, other] = [await written(), await written()];
    await rebuilding().apply(tenantA, { from: 0n, add: [one], after });
    const change = { from: 0n, remove: [nameOf(one)], doom: [nameOf(other)], after, compacted: 3n };
    expect(await rebuilding().apply(tenantA, change)).toBe(true);
    expect(await rebuilding().files(tenantA, undefined, 10)).toEqual([]);
    expect(await rebuilding().doomed(tenantA)).toEqual(new Set([one.file.id, other.file.id]));
    expect((await rebuilding().state(tenantA)).compactedSeq).toBe(3n);
    expect(await rebuilding().apply(tenantA, { from: 3n, doom: [nameOf(other)], after })).toBe(true);
  });
});

test('nothing is compacted while the log is frozen: a recovery may move what was committed last', async () => {
  const archiver = createArchiveLedger(db.login('trailkeep_archiver'), db.contextKey);
  await createLedger(db.login('trailkeep_app'), db.contextKey).commit(...batchOf([made()]));
  const file = await written();
  await archiver.doom(tenantA, [nameOf(file)], after);
  const parts = await archiver.parts(tenantA, 0n, 10);
  expect(parts).toHaveLength(1);
  await db.ownerSql`insert into proof.log (tenant_id, slug, origin, root, state, frozen_at, frozen_reason)
    values (${tenantA}, ${'a'.repeat(26)}, 'log.example/t/a', sha256(''), 'frozen', now(), 'rollback')`;
  const flip = { from: 0n, parts, files: [file], now: new Date('2026-05-01T00:00:00Z') };
  expect(await archiver.parts(tenantA, 0n, 10)).toEqual([]);
  expect(await archiver.flip(tenantA, flip)).toBe(false);
  await db.ownerSql`update proof.log set state = 'active', frozen_at = null, frozen_reason = null`;
  expect(await archiver.flip(tenantA, flip)).toBe(true);
});

test('what a recovery finds is not numbered as what is compacted and gone', async () => {
  const app = createLedger(db.login('trailkeep_app'), db.contextKey);
  for (let n = 0; n < 3; n++) await app.commit(...batchOf([made()], 'bulk'));
  await rebuilding().apply(tenantA, { from: 0n, after, compacted: 3n });
  await db.ownerSql`delete from record.segment_part`;
  await db.ownerSql`insert into proof.log (tenant_id, slug, origin, root, state, frozen_at, frozen_reason)
    values (${tenantA}, ${'a'.repeat(26)}, 'log.example/t/a', sha256(''), 'frozen', now(), 'rollback')`;
  const [segment, lines] = batchOf([made()], 'bulk');
  const recovery = createLogRecovery(db.login('trailkeep_recovery'), db.contextKey);
  const found = [{ segment, lines, entries: [], firstLeaf: 3 }];
  const nothing = { moved: [], dropped: [], rewritten: [] };
  const tree = {
    size: 4,
    root: new Uint8Array(32),
    edge: new Uint8Array(),
    last: true,
    archived: 4,
    time: 1,
    agreed: 3,
  };
  expect(await recovery.rebuild(tenantA, 0, { ...tree, ...nothing, found })).toBe('done');
  expect((await rebuilding().parts(tenantA, 0n, 10)).map(({ seq }) => seq)).toEqual([4n]);
});

describe('a replay', () => {
  test('restores rows where there are none, and tells what is stored', async () => {
    const [there, lost] = [made(), made()];
    expect(await replaying().hotFloor(tenantA)).toBeUndefined();
    const app = createLedger(db.login('trailkeep_app'), db.contextKey);
    await app.commit(...batchOf([there]));
    expect(await replaying().hotFloor(tenantA)).toBe('00000000-0000-0000-0000-000000000000');
    const restored = await replaying().restore(tenantA, [there, lost]);
    expect(restored.added).toBe(1);
    expect([...restored.stored].sort()).toEqual([there.line, lost.line].sort());
    expect(await replaying().restore(tenantA, [there, lost])).toMatchObject({ added: 0 });
    // Another tenant's row is nobody's here.
    await expect(replaying().restore(tenantB, [made()])).rejects.toThrow();
  });

  test('reads critical chunks of files, and then critical parts that are not compacted', async () => {
    const app = createLedger(db.login('trailkeep_app'), db.contextKey);
    for (const tier of ['critical', 'bulk', 'critical'] as const) await app.commit(...batchOf([made()], tier));
    const file = await written('critical');
    await rebuilding().apply(tenantA, { from: 0n, add: [file, await written('bulk')], after, compacted: 1n });
    const seen: unknown[] = [];
    let last: Parameters<ReturnType<typeof replaying>['sources']>[2];
    for (;;) {
      const sources = await replaying().sources(tenantA, range, last, 1);
      if (sources.length === 0) break;
      last = sources[0]!.position;
      seen.push(last);
    }
    expect(seen).toEqual([...file.chunks.map(({ number }) => ({ file: file.file.id, number })), { seq: 3n }]);
    expect(await replaying().sources(tenantB, range, undefined, 10)).toEqual([]);
    const known = await rebuilding().files(tenantA, undefined, 10);
    const critical = known.find(({ tier }) => tier === 'critical')!;
    expect(critical.blocks).toEqual(file.chunks.flatMap(({ blocks }) => blocks));
  });
});
