/**
 * Events in segments and archive files: the catalogue's parts by their newest time, their blocks by the same, read in
 * growing rounds.
 *
 * The catalogue is read in pages, and between two of them a compaction or a merge may move events that were not read
 * yet: away from a part further down, into a part whose newest time lies above the place where the list goes on. Such
 * events would be lost. So each page is one snapshot and names the archive's version; the version counts every
 * transaction that adds files (sql/migrations/0012_archive.sql). Pages of one version are pages of one list. When the
 * version has changed, the list begins again at the frontier: every event that was there when the question began and
 * lies before the frontier was offered already, and every other one is in the new list, whatever part it is in now.
 * What is read twice that way is one event to Merge, which goes by positions. Objects that a flip took out of the catalogue
 * stay for at least an hour, so a block of the old list can be read to the end.
 */
import type { Event } from '#core/event/event.ts';
import type { Filter } from '#core/query/filter.ts';
import { Gaps } from '#core/query/gaps.ts';
import { beforeTime, comparePositions, end, start } from '#core/query/merge.ts';
import type { BlockReader, Catalogue, PartPosition, Position } from '#core/query/ports.ts';
import { blockTest, timeRange } from '#core/query/prune.ts';
import { Unavailable } from '#core/record/ports.ts';
import type { Block, Part } from '#core/record/segment.ts';
import { readBlocks } from './read-blocks.ts';

/** What is asked, and where the answer goes on. */
export interface Question {
  readonly tenant: string;
  readonly filter: Filter;
  readonly after: Position | undefined;
  readonly limit: number;
  /** Which events are there for the reader at all. */
  readonly sees?: (event: Event) => boolean;
  /** What the stored form cannot answer: of events that match otherwise, those that match. */
  readonly exactly?: ((events: readonly Event[]) => Promise<readonly Event[]>) | undefined;
}

/** Takes what a source has read. */
export type Offer = (events: readonly Event[]) => Promise<void>;

interface Unread {
  readonly part: Part;
  readonly block: Block;
}

/** A part's row with 10 blocks of filters is about 60 KB. */
const partsPerPage = 64;
/** A page of 50 events mostly lies in one or two blocks; sparse filters double the round up to the maximum. */
const blocksPerRoundMin = 2;
const blocksPerRoundMax = 128;
/** S3 reads at once: more would only wait for this function's one core to inflate. */
const readsAtOnce = 6;
/** A list that never comes to its second page before the archive changes again is read from replicas that disagree. */
const restartsMax = 20;

export class BlockSource {
  frontier: Position = start;
  bytes = 0;
  parts = 0;
  blocksRead = 0;
  readonly gaps = new Gaps();
  /** As of the list's first page: critical events from here on are not looked for in parts. */
  hotFloor = '';
  readonly #catalogue: Catalogue;
  readonly #reader: BlockReader;
  readonly #question: Question;
  readonly #offer: Offer;
  /** Where the list begins. */
  #after: Position | undefined;
  #wanted: (block: Block) => boolean;
  /** By maxTime, oldest first, so that the newest is taken from the end. */
  #unread: Unread[] = [];
  #version: string | undefined;
  #restarts = 0;
  /** Where the list goes on; every part that is not loaded is at most as new. */
  #before: PartPosition | undefined;
  #partsExhausted = false;
  #round = blocksPerRoundMin;

  constructor(catalogue: Catalogue, reader: BlockReader, question: Question, offer: Offer) {
    this.#catalogue = catalogue;
    this.#reader = reader;
    this.#question = question;
    this.#offer = offer;
    this.#after = question.after;
    this.#wanted = blockTest(question.filter, question.after);
  }

  /** Begins the list again at a position before which every event was offered, by this source or by another. */
  restart(at: Position): void {
    this.#restarts++;
    if (this.#restarts > restartsMax) throw new Unavailable('the catalogue');
    this.frontier = at;
    this.#after = comparePositions(at, this.#question.after ?? start) > 0 ? at : this.#question.after;
    this.#wanted = blockTest(this.#question.filter, this.#after);
    this.#unread = [];
    this.#before = undefined;
    this.#version = undefined;
    this.#partsExhausted = false;
  }

  /** Reads one round of blocks, or one page of the catalogue when no block is known to be the newest. */
  async advance(bytesLeft: number): Promise<void> {
    if (this.frontier === end) return;
    if (this.#partsMayBeNewest()) await this.#loadParts();
    // Nothing that can be read yet is the newest: the frontier alone moved.
    if (!this.#partsMayBeNewest() && this.#unread.length > 0) await this.#readRound(bytesLeft);
    this.#moveFrontier();
  }

  #partsMayBeNewest(): boolean {
    if (this.#partsExhausted) return false;
    const newest = this.#unread.at(-1);
    return !this.#before || !newest || newest.block.maxTime <= this.#before.maxTime;
  }

  async #loadParts(): Promise<void> {
    const { tenant, filter } = this.#question;
    const range = timeRange(filter, this.#after);
    if (range.from > range.to) {
      this.hotFloor = '~';
      this.#partsExhausted = true;
      return;
    }
    const page = await this.#catalogue.parts(tenant, range, this.#before, partsPerPage);
    if (this.#version !== undefined && page.version !== this.#version) {
      this.restart(this.frontier);
      await this.#loadParts();
      return;
    }
    if (this.#version === undefined) this.hotFloor = page.hotFloor;
    this.#version = page.version;
    this.#before = page.next;
    this.#partsExhausted = page.next === undefined;
    for (const part of page.parts) {
      const blocks = part.blocks.filter(this.#wanted);
      if (blocks.length > 0) this.parts++;
      for (const block of blocks) this.#unread.push({ part, block });
    }
    this.#unread.sort((a, b) => a.block.maxTime - b.block.maxTime);
  }

  async #readRound(bytesLeft: number): Promise<void> {
    const round: Unread[] = [];
    let bytes = 0;
    while (round.length < this.#round && this.#unread.length > 0 && (round.length === 0 || bytes < bytesLeft)) {
      const one = this.#unread.pop()!;
      round.push(one);
      bytes += one.block.bytes;
    }
    this.#round = Math.min(this.#round * 2, blocksPerRoundMax);
    const bySegment = Map.groupBy(round, ({ part }) => part);
    const queue = [...bySegment.entries()];
    const lane = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await this.#readPart(next[0], next[1]);
    };
    await Promise.all(Array.from({ length: Math.min(readsAtOnce, queue.length) }, lane));
  }

  async #readPart(part: Part, chosen: readonly Unread[]): Promise<void> {
    const blocks = chosen.map(({ block }) => block).sort((a, b) => a.offset - b.offset);
    for await (const { block, events } of readBlocks(this.#reader, part, blocks, this.gaps)) {
      this.blocksRead++;
      this.bytes += block.bytes;
      await this.#offer(events);
    }
  }

  #moveFrontier(): void {
    const newest = Math.max(
      this.#unread.at(-1)?.block.maxTime ?? Number.NEGATIVE_INFINITY,
      this.#partsExhausted ? Number.NEGATIVE_INFINITY : (this.#before?.maxTime ?? Number.POSITIVE_INFINITY),
    );
    const at = newest === Number.NEGATIVE_INFINITY ? end : beforeTime(newest);
    // After a restart parts are known again that reach above what was read already.
    if (comparePositions(at, this.frontier) > 0) this.frontier = at;
  }
}
