/**
 * Lines whose event an earlier compaction has archived: a message that was delivered again after hours.
 *
 * Copies have the same time, so a line is looked for in the chunks of its day that reach over its time, by their filters.
 * Of a tenant whose events come in about the order of time that is a few blocks at the seam of two steps.
 */
import type { ArchiveChunk } from '#core/archive/file.ts';
import type { ArchiveLine, LineBatches } from '#core/archive/merge.ts';
import { Archived } from '#core/archive/ports.ts';
import type { Category, Event, Tier } from '#core/event/event.ts';
import { Damaged } from '#core/query/ports.ts';
import { keyOf, mayContain } from '#core/record/membership.ts';
import type { CompactPorts } from './compact-ports.ts';

const dayMs = 86_400_000;

/** What lines of one group have in common. */
interface Which {
  readonly tenant: string;
  readonly tier: Tier;
  readonly category: Category;
  readonly day: string;
}

/** A chunk whose time has come. What was loaded of it is let go with it. */
interface Open {
  readonly file: string;
  readonly number: number;
  readonly minTime: number;
  readonly maxTime: number;
  chunk?: ArchiveChunk;
  /** The block that was read last: its ids and their leaves. */
  read?: { readonly block: number; readonly leaves: ReadonlyMap<string, number | undefined> };
}

/** Somebody else has compacted the same parts while they were read. */
export class CompactedMeanwhile extends Error {
  override readonly name = 'CompactedMeanwhile';
}

export class ArchivedAlready {
  readonly #ports: Pick<CompactPorts, 'ledger' | 'blocks'>;
  readonly #of: Which;
  /** By smallest time. */
  #bounds: readonly Open[] = [];
  #next = 0;
  #open: Open[] = [];
  #time = Number.NEGATIVE_INFINITY;

  constructor(ports: Pick<CompactPorts, 'ledger' | 'blocks'>, of: Which) {
    this.#ports = ports;
    this.#of = of;
  }

  /** The lines that are new, or undefined when none is; `dropped` takes the others. */
  async without(batches: LineBatches, dropped: (line: ArchiveLine) => void): Promise<LineBatches | undefined> {
    const { tenant, day, ...which } = this.#of;
    const from = Date.parse(day);
    this.#bounds = await this.#ports.ledger.chunkBounds(tenant, { ...which, from, to: from + dayMs - 1 });
    if (this.#bounds.length === 0) return batches;
    const fresh = this.#fresh(batches, dropped);
    const first = await fresh.next();
    if (first.done) return undefined;
    return (async function* () {
      yield first.value;
      yield* fresh;
    })();
  }

  async *#fresh(batches: LineBatches, dropped: (line: ArchiveLine) => void) {
    for await (const batch of batches) {
      const kept: ArchiveLine[] = [];
      for (const line of batch) {
        this.#moveTo(line.time);
        if (this.#open.length > 0 && (await this.#has(line))) dropped(line);
        else kept.push(line);
      }
      if (kept.length > 0) yield kept;
    }
  }

  #moveTo(time: number): void {
    if (time === this.#time) return;
    if (time < this.#time) {
      this.#next = 0;
      this.#open = [];
    }
    this.#time = time;
    while (this.#next < this.#bounds.length && this.#bounds[this.#next]!.minTime <= time) {
      this.#open.push({ ...this.#bounds[this.#next++]! });
    }
    if (this.#open.some(({ maxTime }) => maxTime < time)) {
      this.#open = this.#open.filter(({ maxTime }) => maxTime >= time);
    }
  }

  async #has({ event: { id }, time, leaf }: ArchiveLine): Promise<boolean> {
    for (const open of this.#open) {
      const chunk = await this.#chunkOf(open);
      for (const [at, block] of chunk.blocks.entries()) {
        if (time < block.minTime || time > block.maxTime || !mayContain(block.filter, keyOf('id', id))) continue;
        if (open.read?.block !== at) open.read = { block: at, leaves: await this.#leavesOf(chunk, at) };
        if (!open.read.leaves.has(id)) continue;
        // Not a copy of the line, the line itself: nobody may be told that it went.
        if (leaf !== undefined && open.read.leaves.get(id) === leaf) throw new CompactedMeanwhile();
        return true;
      }
    }
    return false;
  }

  async #chunkOf(open: Open): Promise<ArchiveChunk> {
    if (open.chunk) return open.chunk;
    const chunk = await this.#ports.ledger.chunk(this.#of.tenant, open.file, open.number);
    // The step ends and comes again: a merge has moved what it was to be held against.
    if (!chunk) throw new Error(`archive file ${open.file} went while lines were held against it`);
    open.chunk = chunk;
    return chunk;
  }

  async #leavesOf(chunk: ArchiveChunk, at: number): Promise<ReadonlyMap<string, number | undefined>> {
    const text = await this.#textOf(chunk, at);
    if (text === undefined) return new Map();
    const lines = text.slice(0, -1).split('\n');
    return new Map(lines.map((line, n) => [(JSON.parse(line) as Event).id, chunk.leaves[at]![n]]));
  }
  /** Undefined when it has to be restored, or cannot be read: then the line stays, and nothing waits for days. */
  async #textOf(chunk: ArchiveChunk, at: number): Promise<string | undefined> {
    try {
      const [text] = await this.#ports.blocks.read(chunk, [chunk.blocks[at]!]);
      return text;
    } catch (error) {
      if (error instanceof Archived || error instanceof Damaged) return undefined;
      throw error;
    }
  }
}
