/**
 * Bulk events: the catalogue's parts by their newest time, their blocks by the same, read in growing rounds.
 */
import type { Event } from '#core/event/event.ts';
import type { Filter } from '#core/query/filter.ts';
import { beforeTime, end, start } from '#core/query/merge.ts';
import type { BlockReader, Catalogue, Position } from '#core/query/ports.ts';
import { blockTest, timeRange } from '#core/query/prune.ts';
import { Missing } from '#core/record/ports.ts';
import type { Block, SegmentPart } from '#core/record/segment.ts';

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
  readonly part: SegmentPart;
  readonly block: Block;
}

/** A part's row with 10 blocks of filters is about 60 KB. */
const partsPerPage = 64;
/** A page of 50 events mostly lies in one or two blocks; sparse filters double the round up to the maximum. */
const blocksPerRoundMin = 2;
const blocksPerRoundMax = 128;
/** S3 reads at once: more would only wait for this function's one core to inflate. */
const readsAtOnce = 6;

export class BlockSource {
  frontier: Position = start;
  bytes = 0;
  parts = 0;
  blocksRead = 0;
  readonly missing = new Set<string>();
  readonly #catalogue: Catalogue;
  readonly #reader: BlockReader;
  readonly #question: Question;
  readonly #offer: Offer;
  readonly #wanted: (block: Block) => boolean;
  /** By maxTime, oldest first, so that the newest is taken from the end. */
  #unread: Unread[] = [];
  /** Where the catalogue goes on; every part that is not loaded is at most as new. */
  #before: { readonly maxTime: number; readonly seq: bigint } | undefined;
  #partsExhausted = false;
  #round = blocksPerRoundMin;

  constructor(catalogue: Catalogue, reader: BlockReader, question: Question, offer: Offer) {
    this.#catalogue = catalogue;
    this.#reader = reader;
    this.#question = question;
    this.#offer = offer;
    this.#wanted = blockTest(question.filter, question.after);
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
    const { tenant, filter, after } = this.#question;
    const range = timeRange(filter, after);
    if (range.from > range.to) {
      this.#partsExhausted = true;
      return;
    }
    const page = await this.#catalogue.parts(tenant, range, this.#before, partsPerPage);
    const last = page.at(-1);
    if (last) this.#before = { maxTime: last.maxTime, seq: last.seq };
    if (page.length < partsPerPage) this.#partsExhausted = true;
    for (const part of page) {
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

  async #readPart(part: SegmentPart, chosen: readonly Unread[]): Promise<void> {
    const blocks = chosen.map(({ block }) => block).sort((a, b) => a.offset - b.offset);
    let texts: readonly string[];
    try {
      texts = await this.#reader.read(part, blocks);
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      this.missing.add(part.key);
      return;
    }
    this.blocksRead += blocks.length;
    for (const { bytes } of blocks) this.bytes += bytes;
    for (const text of texts) await this.#offer(eventsOf(text));
  }

  #moveFrontier(): void {
    const newest = Math.max(
      this.#unread.at(-1)?.block.maxTime ?? Number.NEGATIVE_INFINITY,
      this.#partsExhausted ? Number.NEGATIVE_INFINITY : (this.#before?.maxTime ?? Number.POSITIVE_INFINITY),
    );
    this.frontier = newest === Number.NEGATIVE_INFINITY ? end : beforeTime(newest);
  }
}

/** The events of a block's text. Stored lines are canonical JSON that accept has checked. */
export function eventsOf(text: string): Event[] {
  const events: Event[] = [];
  let from = 0;
  for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
    events.push(JSON.parse(text.slice(from, to)) as Event);
    from = to + 1;
  }
  return events;
}
