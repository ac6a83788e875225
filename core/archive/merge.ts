/**
 * Merges sorted runs of lines into one, each event once: of segments into archive files, and of small files into larger.
 *
 * What is held is one batch of each run and the ids of what went by, so memory follows the number of runs and the
 * events of one step, which the caller bounds, and not what there is in all.
 */
import type { Category, Event } from '../event/event.ts';

/** A line on its way into an archive file. */
export interface ArchiveLine {
  /** To the byte as it is stored, without the newline. */
  readonly text: string;
  readonly event: Event;
  /** `occurred_at`, ms since 1970. */
  readonly time: number;
  /** Undefined when it was committed before there were logs. */
  readonly leaf: number | undefined;
  /** SHA-256 of the text's UTF-8 bytes. */
  readonly digest: Uint8Array;
}

/** Lines, some at a time: awaiting each would cost more than merging it. */
export type LineBatches = AsyncIterable<readonly ArchiveLine[]> | Iterable<readonly ArchiveLine[]>;

/** Lines of one archive file. They must be taken to the end before the next group is asked for. */
export interface LineGroup {
  readonly category: Category;
  /** UTC day of `occurred_at`: `2026-03-01`. */
  readonly day: string;
  readonly batches: AsyncIterable<readonly ArchiveLine[]>;
}

const batchLines = 256;
/** Runs that are asked for their first batch at once. */
const opensAtOnce = 16;

/** The order of lines: by category, time, id, and of one event's copies the one with the smallest leaf first. */
export function compareLines(a: ArchiveLine, b: ArchiveLine): number {
  if (a.event.category !== b.event.category) return a.event.category < b.event.category ? -1 : 1;
  if (a.time !== b.time) return a.time - b.time;
  if (a.event.id !== b.event.id) return a.event.id < b.event.id ? -1 : 1;
  return (a.leaf ?? -1) - (b.leaf ?? -1);
}

/**
 * Merges runs, each of them in the order of `compareLines`, and tells `dropped` of every line that repeats an event.
 *
 * Of an event's copies the one that was committed first stays, whatever the others say. Producers choose ids: who may write
 * could otherwise send a copy with an earlier time, or of a category that sorts before, and have what was there first
 * dropped. Where such a copy comes out before the first one, both stay. Runs out of order lose nothing; what comes out is
 * then out of order too.
 */
export async function* mergeRuns(
  runs: readonly LineBatches[],
  dropped: (line: ArchiveLine) => void,
): AsyncGenerator<readonly ArchiveLine[]> {
  const heap = new Heap();
  const cursors = runs.map(cursorOf);
  for (let at = 0; at < cursors.length; at += opensAtOnce) {
    const some = cursors.slice(at, at + opensAtOnce);
    const opened = await Promise.all(some.map(advance));
    for (const [index, isOpen] of opened.entries()) if (isOpen) heap.push(some[index]!);
  }
  /** By id: the smallest leaf that came out. */
  const kept = new Map<string, number>();
  let batch: ArchiveLine[] = [];
  for (let first = heap.first; first; first = heap.first) {
    const line = first.lines[first.at]!;
    const before = kept.get(line.event.id);
    const leaf = line.leaf ?? -1;
    if (before !== undefined && before <= leaf) dropped(line);
    else {
      kept.set(line.event.id, leaf);
      batch.push(line);
      if (batch.length === batchLines) {
        yield batch;
        batch = [];
      }
    }
    first.at++;
    if (first.at < first.lines.length || (await advance(first))) heap.sink();
    else heap.shift();
  }
  if (batch.length > 0) yield batch;
}

/** Parts a merged run into groups: one for each category and day that follow each other. */
export async function* groupLines(batches: LineBatches): AsyncGenerator<LineGroup> {
  const cursor = cursorOf(batches);
  let isOpen = await advance(cursor);
  while (isOpen) {
    const { category } = cursor.lines[cursor.at]!.event;
    const day = dayOf(cursor.lines[cursor.at]!.time);
    yield { category, day, batches: take((line) => line.event.category === category && dayOf(line.time) === day) };
  }

  async function* take(belongs: (line: ArchiveLine) => boolean): AsyncGenerator<readonly ArchiveLine[]> {
    while (isOpen) {
      const from = cursor.at;
      while (cursor.at < cursor.lines.length && belongs(cursor.lines[cursor.at]!)) cursor.at++;
      const some = cursor.lines.slice(from, cursor.at);
      const ends = cursor.at < cursor.lines.length;
      if (some.length > 0) yield some;
      if (ends) return;
      isOpen = await advance(cursor);
    }
  }
}

/** The UTC day of a time: `2026-03-01`. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Leaves as half-open runs, in order: what an event about dropped lines tells. */
export function leafRuns(leaves: readonly number[]): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (const leaf of leaves.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && leaf <= last[1]) last[1] = Math.max(last[1], leaf + 1);
    else runs.push([leaf, leaf + 1]);
  }
  return runs;
}

interface Cursor {
  readonly next: () => Promise<IteratorResult<readonly ArchiveLine[]>> | IteratorResult<readonly ArchiveLine[]>;
  lines: readonly ArchiveLine[];
  at: number;
}

function cursorOf(batches: LineBatches): Cursor {
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  return { next: () => iterator.next(), lines: [], at: 0 };
}

/** Goes on to the next batch that has a line; false at the end. */
async function advance(cursor: Cursor): Promise<boolean> {
  for (;;) {
    const { done, value } = await cursor.next();
    if (done) return false;
    cursor.lines = value;
    cursor.at = 0;
    if (value.length > 0) return true;
  }
}

/** A binary heap of runs by their current line. */
class Heap {
  readonly #runs: Cursor[] = [];

  get first(): Cursor | undefined {
    return this.#runs[0];
  }

  push(run: Cursor): void {
    let at = this.#runs.push(run) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes the first out. */
  shift(): void {
    const last = this.#runs.pop()!;
    if (this.#runs.length === 0) return;
    this.#runs[0] = last;
    this.sink();
  }

  /** Finds the place of the first, whose line has changed. */
  sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < this.#runs.length && this.#before(left, least)) least = left;
      if (right < this.#runs.length && this.#before(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#runs[a]!, this.#runs[b]!];
    return compareLines(one.lines[one.at]!, other.lines[other.at]!) < 0;
  }

  #swap(a: number, b: number): void {
    const run = this.#runs[a]!;
    this.#runs[a] = this.#runs[b]!;
    this.#runs[b] = run;
  }
}
