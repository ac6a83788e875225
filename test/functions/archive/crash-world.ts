/**
 * One tenant's archive in a world where anything may stop anywhere: the real modules of compaction, merging and cleaning up
 * over a database, a bucket and a clock that a seed decides.
 *
 * Each call of a worker is a step. Of the calls that wait the seed picks one, lets it fail before or after its effect,
 * kills its worker, or lets hours pass; so two workers interleave in every way. What must always hold is looked at
 * after each transaction and each removal.
 */
import { createHash } from 'node:crypto';
import {
  type ArchiveLedger,
  type CataloguedFile,
  type CompactablePart,
  commitMsMax,
  type DoomedFile,
} from '#core/archive/compact-ports.ts';
import type { ArchiveChunk, ArchiveFile } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { PlannedBlock } from '#core/archive/plan.ts';
import type { Event, EventInput } from '#core/event/event.ts';
import type { LogTenants } from '#core/proof/ports.ts';
import { filterOfEvents } from '#core/record/membership.ts';
import { Missing, type Segments, Unavailable } from '#core/record/ports.ts';
import type { CompactQueuePorts } from '#functions/archive/compact.queue.ts';
import { indexOf, type NewFile, type WrittenBlock } from '#stores/s3/archive-index.ts';
import type { Random } from '../../sim/random.ts';
import { tenantA as tenant } from '../../support/events.ts';
import { idAt } from '../../support/lines.ts';

export const hour = 3600_000;
export const day = 24 * hour;
export const feedDays = 35;

/** What may be taken away, to see whether anybody would notice. */
export type Protection = 'verify' | 'swap' | 'doomed' | 'doomed-time' | 'all-replaced' | 'told';

export interface Worker {
  readonly name: string;
  dead: boolean;
}
interface Waiting {
  readonly worker: Worker;
  readonly name: string;
  readonly effect: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}
/** Chances of each fault, per step. */
export interface Faults {
  readonly before: number;
  readonly after: number;
  readonly kill: number;
  /** A worker stands still for more than a day when it has written its files, and goes on. */
  readonly asleep: number;
  /** What is stored is not what was sent. */
  readonly corrupt: number;
}
export const noFaults: Faults = { before: 0, after: 0, kill: 0, asleep: 0, corrupt: 0 };

interface Stored {
  texts: readonly string[];
  /** What the writer sent, by offset. */
  readonly meant: readonly string[];
  readonly offsets: readonly number[];
}

const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();

export class World {
  now: number;
  faults: Faults = noFaults;
  steps = 0;
  /** Kills whoever makes this step, before (`.0`) or after (`.5`) its effect. */
  killAt: number | undefined;
  readonly violations: string[] = [];
  readonly removed: ReadonlySet<Protection>;
  readonly random: Random;
  // The database.
  parts: (CompactablePart & { readonly committedAt: number })[] = [];
  compactedSeq = 0n;
  releasedSeq = 0n;
  readonly files = new Map<string, CataloguedFile>();
  readonly doomed = new Map<string, DoomedFile & { readonly after: number }>();
  readonly segmentRows = new Map<string, { readonly key: string; readonly committedAt: number }>();
  // The buckets.
  readonly objects = new Map<string, Stored>();
  readonly sidecars = new Set<string>();
  readonly segments = new Map<string, Stored>();
  // What was ever committed, and told.
  readonly copies = new Map<string, { readonly leaf: number; readonly line: string }[]>();
  readonly told = new Set<number>();
  #leaves = 0;
  #ids = 0;
  #waiting: Waiting[] = [];

  constructor(random: Random, start: number, removed: readonly Protection[] = []) {
    this.random = random;
    this.now = start;
    this.removed = new Set(removed);
  }

  /** A writer's commit. */
  commit(events: readonly Event[], tier: 'critical' | 'bulk'): void {
    const sorted = events.toSorted((a, b) =>
      a.category !== b.category
        ? a.category < b.category
          ? -1
          : 1
        : a.occurred_at !== b.occurred_at
          ? a.occurred_at < b.occurred_at
            ? -1
            : 1
          : a.id < b.id
            ? -1
            : 1,
    );
    const lines = sorted.map((event) => JSON.stringify(event));
    const firstLeaf = this.#leaves;
    for (const [at, event] of sorted.entries()) {
      const copies = this.copies.get(event.id) ?? [];
      this.copies.set(event.id, [...copies, { leaf: firstLeaf + at, line: lines[at]! }]);
    }
    this.#leaves += lines.length;
    const segment = idAt(this.now, ++this.#ids);
    const key = `segments/v1/${segment}.jsonl.gz`;
    const text = lines.map((line) => `${line}\n`).join('');
    this.segments.set(key, { texts: [text], meant: [text], offsets: [10] });
    this.segmentRows.set(segment, { key, committedAt: this.now });
    const times = sorted.map((event) => Date.parse(event.occurred_at));
    const ids = sorted.map(({ id }) => id).toSorted();
    const bounds = { events: lines.length, minTime: Math.min(...times), maxTime: Math.max(...times) };
    this.parts.push({
      ...bounds,
      tenant,
      tier,
      key,
      segment,
      seq: BigInt(this.parts.length + Number(this.releasedSeq) + 1),
      firstLeaf,
      minId: ids[0]!,
      maxId: ids.at(-1)!,
      blocks: [{ ...bounds, tenant, offset: 10, bytes: text.length, filter: filterOfEvents(sorted) }],
      committedAt: this.now,
    });
  }

  /** Runs workers until all of them have ended or died. */
  async run(
    ...workers: readonly (readonly [name: string, work: (world: World, worker: Worker) => Promise<unknown>])[]
  ) {
    for (const [name, work] of workers) {
      work(this, { name, dead: false }).catch((error: unknown) => {
        if (!this.#isExpected(error)) this.violations.push(`${name} ended with ${String(error)}`);
      });
    }
    for (;;) {
      // Nothing here waits for anything but promises: by then everybody has come to the next call.
      await settle();
      if (this.#waiting.length === 0) return;
      this.#step(this.#waiting.splice(this.random.below(this.#waiting.length), 1)[0]!);
    }
  }

  #isExpected(error: unknown): boolean {
    if (error instanceof Unavailable || error instanceof Missing) return true;
    return /was not written as it was meant|went while lines were held against it/.test(String(error));
  }

  #step({ worker, effect, resolve, reject, name }: Waiting): void {
    // Nobody hears of it any longer.
    if (worker.dead) return;
    const step = this.steps++;
    this.now += this.random.below(2000);
    const { before, after, kill, asleep } = this.faults;
    if (name === 'verify' && this.random.chance(asleep)) this.now += 27 * hour;
    if (this.killAt === step || this.random.chance(kill)) {
      worker.dead = true;
      return;
    }
    if (this.random.chance(before)) {
      reject(new Unavailable(name));
      return;
    }
    let value: unknown;
    try {
      value = effect();
    } catch (error) {
      reject(error as Error);
      return;
    }
    if (this.killAt === step + 0.5 || this.random.chance(kill)) {
      worker.dead = true;
      return;
    }
    if (this.random.chance(after)) reject(new Unavailable(name));
    else resolve(value);
  }

  call<T>(worker: Worker, name: string, effect: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ worker, name, effect, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** What holds at any time: each event once, none lost, and an object for each file. */
  check(where: string): void {
    const held = new Map<string, number>();
    for (const { file } of this.files.values()) {
      const object = this.objects.get(file.key);
      if (!object) {
        this.violations.push(`${where}: ${file.key} is in the catalogue and gone`);
        continue;
      }
      for (const text of object.texts) for (const line of linesOf(text)) held.set(line, (held.get(line) ?? 0) + 1);
    }
    const ids = new Map<string, number>();
    for (const [line, count] of held) {
      const id = idOf(line);
      ids.set(id, (ids.get(id) ?? 0) + count);
      if (!this.copies.get(id)?.some((copy) => copy.line === line))
        this.violations.push(`${where}: a line was never committed`);
    }
    for (const [id, count] of ids) if (count > 1) this.violations.push(`${where}: ${id} is there ${count} times`);
    for (const part of this.parts) {
      if (part.seq > this.compactedSeq) break;
      for (const text of this.segments.get(part.key)?.meant ?? []) {
        for (const line of linesOf(text)) {
          if (!ids.has(idOf(line))) this.violations.push(`${where}: an event is lost`);
        }
      }
    }
  }

  /** What holds when everything has been compacted and cleaned up. */
  checkEnd(): void {
    this.check('at the end');
    const leaves = new Set<number>();
    let count = 0;
    for (const { file, chunks } of this.files.values()) {
      count += file.events;
      for (const chunk of chunks) for (const leaf of chunk.leaves.flat()) leaves.add(leaf!);
      if (!this.sidecars.has(file.key)) this.violations.push(`${file.key} has no sidecar`);
    }
    if (this.parts.some(({ seq }) => seq > this.compactedSeq)) this.violations.push('a part was never compacted');
    if (count !== this.copies.size) this.violations.push(`${count} of ${this.copies.size} events are in files`);
    for (const copies of this.copies.values()) {
      const least = Math.min(...copies.map(({ leaf }) => leaf));
      for (const { leaf } of copies) {
        if (leaves.has(leaf) !== (leaf === least))
          this.violations.push(`leaf ${leaf} of ${least} is not as it should be`);
        if (leaf !== least && !this.told.has(leaf)) this.violations.push(`nobody told of leaf ${leaf}`);
        if (leaf === least && this.told.has(leaf)) this.violations.push(`leaf ${leaf} was told of and is there`);
      }
    }
    const known = new Set([...this.files.values()].map(({ file }) => file.key));
    for (const key of [...this.objects.keys(), ...this.sidecars]) {
      if (!known.has(key)) this.violations.push(`${key} is an orphan`);
    }
    if (this.doomed.size > 0) this.violations.push(`${this.doomed.size} files are doomed for ever`);
    if (this.parts.length > 0 || this.segmentRows.size > 0 || this.segments.size > 0) {
      this.violations.push(`${this.parts.length} parts and ${this.segments.size} segments were never let go`);
    }
  }

  ports(
    worker: Worker,
  ): CompactQueuePorts & { tenants: LogTenants; segments: Pick<Segments, 'remove'>; compactAfterMs: number } {
    const on = <T>(name: string, effect: () => T) => this.call(worker, name, effect);
    const isNew = (key: string) => [...this.doomed.values()].some((one) => one.key === key);
    return {
      ledger: ledgerOf(this, on),
      files: {
        files: async () => [],
        chunks: (_, id) => on('chunks', () => this.files.get(id)?.chunks ?? []),
      },
      objects: {
        write: async (file, blocks) => {
          const planned: PlannedBlock[] = [];
          for await (const block of blocks) planned.push(block);
          const written = writtenOf(file, planned);
          const { key } = written.file;
          await on('put object', () => {
            const texts = planned.map(({ text }) => text);
            const wrong = this.random.chance(this.faults.corrupt);
            const offsets = written.chunks.flatMap((chunk) => chunk.blocks.map(({ offset }) => offset));
            // One line in the place of another: the number is right.
            const stored = wrong ? texts.map((text) => text.replace(/"n":\d+/, '"n":9999')) : texts;
            this.objects.set(key, { texts: stored, meant: texts, offsets });
          });
          await on('put sidecar', () => void this.sidecars.add(key));
          return written;
        },
        remove: async (key) => {
          await on('remove sidecar', () => void this.sidecars.delete(key));
          await on('remove object', () => {
            this.objects.delete(key);
            this.check('after a removal');
          });
        },
      },
      blocks: {
        read: (part, blocks) =>
          on(isNew(part.key) ? 'verify' : 'read', () => {
            const object = this.objects.get(part.key) ?? this.segments.get(part.key);
            if (!object) throw new Missing(part.key);
            const texts = this.removed.has('verify') && isNew(part.key) ? object.meant : object.texts;
            return blocks.map(({ offset }) => texts[object.offsets.indexOf(offset)]!);
          }),
      },
      control: { tenant: () => on('policy', () => undefined) },
      recorder: {
        record: (_, events: readonly EventInput[]) =>
          on('record', () => {
            if (this.removed.has('told')) return;
            for (const { metadata } of events) {
              for (const [from, to] of metadata!.leaves as [number, number][]) {
                for (let leaf = from; leaf < to; leaf++) this.told.add(leaf);
              }
            }
          }),
      },
      compactQueue: { send: () => on('send', () => {}) },
      feedDays,
      digest,
      newId: (now) => idAt(now.getTime(), ++this.#ids),
      clock: () => new Date(this.now),
      tenants: { page: async () => [tenant] },
      segments: {
        remove: (key) =>
          on('remove segment', () => {
            if (this.parts.some((part) => part.key === key)) this.violations.push(`${key} went with a part in it`);
            this.segments.delete(key);
          }),
      },
      compactAfterMs: 0,
    };
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
/** Lines are looked at again after each transaction. */
const idsByLine = new Map<string, string>();
function idOf(line: string): string {
  const known = idsByLine.get(line) ?? (JSON.parse(line) as Event).id;
  idsByLine.set(line, known);
  return known;
}
const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

function writtenOf(file: NewFile, planned: readonly PlannedBlock[]): CataloguedFile {
  const sum = new LinesSum();
  const kept: WrittenBlock[] = [];
  let offset = 10;
  const offsets = planned.map(({ text, digests, ...block }) => {
    for (const one of digests) sum.add(one);
    kept.push(block);
    offset += text.length;
    return { offset: offset - text.length, bytes: text.length };
  });
  return indexOf(file, kept, { bytes: offset, rawBytes: offset, sha256: '00'.repeat(32), sum, offsets });
}

type On = <T>(name: string, effect: () => T) => Promise<T>;

/** The database: each call is a transaction. */
function ledgerOf(world: World, on: On): ArchiveLedger {
  const has = (protection: Protection) => !world.removed.has(protection);
  const namesOf = (files: readonly CataloguedFile[]) => files.map(({ file: { id, key } }) => ({ id, key }));
  /** Files that are still doomed, with time left. */
  const areSaved = (files: readonly DoomedFile[], now: Date) =>
    !has('doomed') ||
    files.every(({ id }) => {
      const row = world.doomed.get(id);
      return has('doomed-time') ? row !== undefined && row.after > now.getTime() + commitMsMax : true;
    });
  const takeOver = (files: readonly CataloguedFile[]) => {
    for (const one of files) {
      world.doomed.delete(one.file.id);
      world.files.set(one.file.id, one);
    }
  };
  const oldest = (): ArchiveFile[] =>
    [...world.files.values()].map(({ file }) => file).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return {
    waiting: async () => [],
    progress: () => on('progress', () => ({ compactedSeq: world.compactedSeq, releasedSeq: world.releasedSeq })),
    parts: (_, after, limit) => on('parts', () => world.parts.filter(({ seq }) => seq > after).slice(0, limit)),
    doom: (_, files, after) =>
      on('doom', () => {
        if (!has('doomed')) return;
        for (const one of files) world.doomed.set(one.id, { ...one, after: after.getTime() });
      }),
    flip: (_, { from, parts, files, now }) =>
      on('flip', () => {
        if (has('swap') && world.compactedSeq !== from) return false;
        if (!areSaved(namesOf(files), now)) return false;
        takeOver(files);
        world.compactedSeq = parts.at(-1)!.seq;
        world.check('after a flip');
        return true;
      }),
    smallFiles: () => on('small files', oldest),
    chunkBounds: (_, { tier, category, from, to }) =>
      on('bounds', () =>
        [...world.files.values()]
          .filter(({ file }) => file.tier === tier && file.category === category)
          .flatMap(({ chunks }) => chunks)
          .filter((chunk) => chunk.maxTime >= from && chunk.minTime <= to)
          .toSorted((a, b) => a.minTime - b.minTime),
      ),
    chunk: (_, file, number) => on('chunk', (): ArchiveChunk | undefined => world.files.get(file)?.chunks[number]),
    replace: (_, { files, replaced, now, after }) =>
      on('replace', () => {
        if (has('all-replaced') && !replaced.every(({ id }) => world.files.has(id))) return false;
        if (!areSaved(namesOf(files), now)) return false;
        for (const one of replaced) {
          world.files.delete(one.id);
          world.doomed.set(one.id, { ...one, after: after.getTime() });
        }
        takeOver(files);
        world.check('after a merge');
        return true;
      }),
    doomed: (_, now, limit) =>
      on('doomed', () =>
        [...world.doomed.values()]
          .filter(({ id, after }) => after <= now.getTime() && !world.files.has(id))
          .slice(0, limit)
          .map(({ id, key }) => ({ id, key })),
      ),
    forget: (_, files) =>
      on('forget', () => {
        for (const { id } of files) world.doomed.delete(id);
      }),
    release: (_, before, limit) =>
      on('release', () => {
        const isDone = (part: World['parts'][number]) =>
          part.seq <= world.compactedSeq && part.committedAt < before.getTime();
        const young = world.parts.findIndex((part) => !isDone(part));
        const gone = world.parts.slice(0, Math.min(limit, young < 0 ? world.parts.length : young));
        world.parts = world.parts.slice(gone.length);
        world.releasedSeq = gone.at(-1)?.seq ?? world.releasedSeq;
        return gone.length;
      }),
    oldSegments: (before, after, limit) =>
      on('old segments', () =>
        [...world.segmentRows]
          .filter(([id, row]) => row.committedAt < before.getTime() && (after === undefined || id > after))
          .slice(0, limit)
          .map(([id, { key }]) => ({ id, key, isFree: !world.parts.some((part) => part.segment === id) })),
      ),
    forgetSegment: (id) =>
      on('forget segment', () => {
        const { key } = world.segmentRows.get(id) ?? { key: '' };
        // A sweep would take it for a writer's that died, and commit it again.
        if (world.segments.has(key)) world.violations.push(`${key} has lost its row and is there`);
        world.segmentRows.delete(id);
      }),
  };
}
