/** A rebuild over what lies on S3: what it believes, what it leaves out, and what it does when others are at work. */
import { beforeEach, expect, test } from 'vitest';
import type { CataloguedFile, DoomedFile } from '#core/archive/compact-ports.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { ArchiveLine } from '#core/archive/merge.ts';
import { cutBlocks } from '#core/archive/plan.ts';
import type { RebuildLedger, RebuildPart } from '#core/archive/rebuild-ports.ts';
import type { Event, Tier } from '#core/event/event.ts';
import { LogBehind, Overtaken, rebuild } from '#functions/archive/rebuild.ts';
import { indexOf } from '#stores/s3/archive-index.ts';
import { newFile } from '#test/stores/contract/archive-objects.ts';
import { tenantA } from '#test/support/events.ts';
import { eventAt } from '#test/support/lines.ts';

/** Files on S3 and rows in the database, both in memory. */
class World implements RebuildLedger {
  readonly onS3 = new Map<
    string,
    CataloguedFile & { readonly texts: readonly string[]; bytes: number; sha256: string }
  >();
  readonly catalogue = new Map<string, CataloguedFile>();
  readonly doomedNames = new Map<string, string>();
  parted: RebuildPart[] = [];
  leaves: number | undefined = 100;
  compactedSeq = 0n;
  /** Called before each change. */
  between = () => {};

  /** A file with these leaves; events may be given. */
  async file(leaves: readonly number[], tier: Tier = 'bulk', event: Partial<Event> = {}): Promise<CataloguedFile> {
    const lines = leaves.map((leaf): ArchiveLine => {
      const own = { ...eventAt(leaf, { tenant: tenantA }), ...event };
      const text = JSON.stringify(own);
      return { text, event: own, time: Date.parse(own.occurred_at), leaf, digest: new Uint8Array(32) };
    });
    const planned = await Array.fromAsync(cutBlocks([lines]));
    const blocks = planned.map(({ text: _, digests: __, ...block }) => block);
    const offsets = blocks.map((_, n) => ({ offset: n, bytes: 1 }));
    const whole = { bytes: 500, rawBytes: 900, sha256: 'ab'.repeat(32), sum: new LinesSum(), offsets };
    const one = indexOf(newFile({ tier }), blocks, whole);
    this.onS3.set(one.file.key, {
      ...one,
      texts: planned.map(({ text }) => text),
      bytes: 500,
      sha256: 'ab'.repeat(32),
    });
    return one;
  }
  catalogued({ file, chunks }: CataloguedFile): void {
    this.catalogue.set(file.id, { file, chunks });
  }

  state = async () => ({ leaves: this.leaves, compactedSeq: this.compactedSeq });
  parts = async (_: string, after: bigint) => this.parted.filter(({ seq }) => seq > after);
  doomed = async () => new Set(this.doomedNames.keys());
  totals = async () => [];
  files = async (_: string, below: string | undefined, limit: number) =>
    [...this.catalogue.values()]
      .filter(({ file: { id } }) => below === undefined || id < below)
      .sort((a, b) => (a.file.id < b.file.id ? 1 : -1))
      .slice(0, limit)
      .map(({ file: { id, key, tier }, chunks }) => ({
        ...{ id, key, tier },
        leaves: chunks.flatMap((chunk) => chunk.leaves.flat()),
        blocks: chunks.flatMap((chunk) => chunk.blocks),
      }));
  apply: RebuildLedger['apply'] = async (_, { from, add = [], remove = [], doom = [], compacted }) => {
    this.between();
    if (from !== this.compactedSeq) return false;
    for (const one of add) this.catalogued(one);
    for (const { id } of remove) this.catalogue.delete(id);
    for (const { id, key } of [...remove, ...doom] as DoomedFile[]) this.doomedNames.set(id, key);
    this.compactedSeq = compacted ?? from;
    return true;
  };

  readonly ports = {
    ledger: this as RebuildLedger,
    clock: () => new Date('2026-05-01T00:00:00Z'),
    objects: {
      list: async function* (this: void) {
        yield* [...world.onS3.keys()].sort();
      },
      index: async (key: string) => world.onS3.get(key),
      state: async (key: string) => {
        const one = world.onS3.get(key);
        return one && { bytes: one.bytes, sha256: one.sha256, storageClass: 'STANDARD' as const };
      },
    },
    blocks: {
      read: async ({ key }: { readonly key: string }, blocks: readonly { readonly offset: number }[]) =>
        blocks.map(({ offset }) => world.onS3.get(key)!.texts[offset]!),
    },
  };
  ids = () => [...this.catalogue.keys()].sort();
}

let world: World;
beforeEach(() => {
  world = new World();
});
const run = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
const go = () => rebuild(world.ports, tenantA);
const partOf = (seq: number, firstLeaf: number, events: number): RebuildPart => ({
  ...{
    tenant: tenantA,
    tier: 'bulk',
    key: 'segments/x',
    events,
    minTime: 0,
    maxTime: 0,
    minId: '',
    maxId: '',
    blocks: [],
  },
  ...{ seq: BigInt(seq), firstLeaf },
});

test('files come back, others stay out and are doomed, and every leaf is counted', async () => {
  const [old, , merged] = [await world.file(run(0, 30)), await world.file(run(30, 60)), await world.file(run(0, 60))];
  world.parted = [partOf(7, 60, 40)];
  const done = await go();
  expect(done).toMatchObject({ leaves: 100, inFiles: 60, inParts: 40, purged: 0, missing: { leaves: 0 }, broken: [] });
  expect(done!.files).toEqual({ found: 3, added: 1, superseded: 2, unfinished: 0, purged: 0, twice: 0 });
  expect(world.ids()).toEqual([merged.file.id]);
  expect(world.doomedNames.get(old.file.id)).toBe(old.file.key);
  expect((await go())!.files).toMatchObject({ added: 0, superseded: 0 });
});

test('a file that is not what its sidecar says is named, and what it had is missing', async () => {
  const [cut, changed, gone] = [
    await world.file(run(0, 10)),
    await world.file(run(10, 20)),
    await world.file(run(20, 30)),
  ];
  const good = await world.file(run(30, 100));
  world.onS3.get(cut.file.key)!.bytes = 499;
  world.onS3.get(changed.file.key)!.sha256 = 'cd'.repeat(32);
  world.ports.objects.state = async (key) =>
    key === gone.file.key ? undefined : { ...world.onS3.get(key)!, storageClass: 'STANDARD' };
  const done = (await go())!;
  expect(new Map(done.broken.map(({ key, reason }) => [key, reason]))).toEqual(
    new Map([
      [cut.file.key, 'it has 499 bytes and not 500'],
      [changed.file.key, 'its checksum is another'],
      [gone.file.key, 'it is gone'],
    ]),
  );
  expect(done.missing).toEqual({ leaves: 30, runs: [[0, 30]] });
  expect(world.ids()).toEqual([good.file.id]);
});

test('what the trail tells of as purged is accounted for, and a file that should be gone does not come back', async () => {
  const purge = {
    ...{ action: 'retention.purged', category: 'critical' as const, producer: { key: 'trailkeep' } },
    metadata: { policy: 'policy-1', leaves: [[0, 40]] },
  };
  const late = await world.file(run(10, 40));
  await world.file(run(40, 99));
  await world.file([99], 'critical', purge);
  const done = (await go())!;
  expect(done).toMatchObject({ inFiles: 60, purged: 40, missing: { leaves: 0 }, files: { added: 2, purged: 1 } });
  expect(world.doomedNames.has(late.file.id)).toBe(true);
});

test('a log that does not know of the files comes back first', async () => {
  await world.file(run(0, 50));
  world.leaves = 3;
  await expect(go()).rejects.toThrow(LogBehind);
  world.leaves = undefined;
  expect(await go()).toBeUndefined();
  expect(world.ids()).toEqual([]);
});

test('a compaction that comes between is looked at again', async () => {
  const lost = await world.file(run(0, 50));
  let times = 0;
  world.between = () => {
    if (times++ === 0) world.compactedSeq = 5n;
  };
  expect(await go()).toMatchObject({ files: { added: 1 }, compactedSeq: 5n });
  expect(world.ids()).toEqual([lost.file.id]);
  world.between = () => {
    world.compactedSeq++;
  };
  await expect(go()).rejects.toThrow(Overtaken);
});

test('what the catalogue has twice is there once', async () => {
  const [old, merged] = [await world.file(run(0, 30)), await world.file(run(0, 60))];
  for (const one of [old, merged]) world.catalogued(one);
  expect((await go())!.files).toMatchObject({ twice: 1, added: 0 });
  expect(world.ids()).toEqual([merged.file.id]);
});
