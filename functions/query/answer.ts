/**
 * One question over all that is stored: Aurora's critical events and the blocks in S3, merged newest first.
 *
 * What can go wrong: too much to read (the page ends early, says so, and its cursor goes on from the last
 * proven position), a file that is gone, in Glacier or damaged (named in the answer), the same event in two places (one
 * is kept), critical events that leave Aurora while the question is under way (the list of parts begins again).
 */
import type { Event } from '#core/event/event.ts';
import type { Gaps } from '#core/query/gaps.ts';
import { matcher } from '#core/query/matches.ts';
import { comparePositions, end, first, Merge, positionOf, start } from '#core/query/merge.ts';
import type { BlockReader, Catalogue, CriticalEvents, Position } from '#core/query/ports.ts';
import { timeRange } from '#core/query/prune.ts';
import { BlockSource, type Offer, type Question } from './block-source.ts';

export interface AnswerPorts {
  readonly critical: CriticalEvents;
  readonly catalogue: Catalogue;
  readonly blocks: BlockReader;
  /** Ms since 1970, now. */
  readonly clock: () => number;
}

/** What one request may cost. */
export interface Budget {
  /** Bytes read from S3 and Aurora. */
  readonly bytesMax: number;
  /** Ms since 1970 when reading stops. */
  readonly until: number;
}

export interface Answer {
  readonly events: readonly Event[];
  /** Where the next page goes on; undefined when there is nothing more. */
  readonly next: Position | undefined;
  /** False when the budget ended before the page was full, or something could not be read. */
  readonly complete: boolean;
  readonly scannedBytes: number;
  /** When the budget ended: about how many bytes lie ahead of the next page, as far as the question reaches. */
  readonly toScanBytes?: number;
  readonly sources: { readonly critical: { rows: number }; readonly bulk: { parts: number; blocks: number } };
  readonly gaps: Gaps;
}

/** Fewer round trips for sparse filters, and a page of large rows still fits the memory. */
const rowsPerPageMin = 100;
const rowsPerPageMax = 1000;

export async function answer(ports: AnswerPorts, question: Question, budget: Budget): Promise<Answer> {
  const { after, limit, sees, exactly } = question;
  const isMatch = matcher(question.filter);
  const merge = new Merge(after, limit);
  const offer = async (events: readonly Event[]) => {
    const matching = events.filter((event) => isMatch(event) && (!sees || sees(event)));
    for (const event of exactly && matching.length > 0 ? await exactly(matching) : matching) merge.offer(event);
  };
  const critical = new CriticalSource(ports.critical, question, offer);
  const bulk = new BlockSource(ports.catalogue, ports.blocks, question, offer);
  const scannedBytes = () => critical.bytes + bulk.bytes;

  let outOfBudget = false;
  let proven = after ?? start;
  await Promise.all([critical.advance(), bulk.advance(budget.bytesMax)]);
  for (;;) {
    if (critical.hotFloor > bulk.hotFloor) {
      // Rows were dropped after the list of parts was made, so neither of the two has their events.
      bulk.restart(proven);
      await bulk.advance(budget.bytesMax - scannedBytes());
      continue;
    }
    proven = first(critical.frontier, bulk.frontier);
    merge.release(proven);
    if (merge.full || proven === end) break;
    // A page always gets somewhere: else a caller would go round in circles with one cursor.
    const progressed = comparePositions(proven, after ?? start) > 0;
    outOfBudget = progressed && (scannedBytes() >= budget.bytesMax || ports.clock() >= budget.until);
    if (outOfBudget) break;
    // The source that holds the merge up goes on; the other has read ahead of it already.
    if (comparePositions(critical.frontier, bulk.frontier) <= 0) await critical.advance();
    else await bulk.advance(budget.bytesMax - scannedBytes());
  }
  const done = proven === end && !merge.more;
  const next = merge.full ? merge.last : proven;
  const range = timeRange(question.filter, next);
  const toScanBytes = outOfBudget ? await ports.catalogue.bytesWithin(question.tenant, range) : undefined;
  return {
    events: merge.page,
    next: done ? undefined : next,
    complete: !outOfBudget && bulk.gaps.none,
    scannedBytes: scannedBytes(),
    ...(toScanBytes === undefined ? {} : { toScanBytes }),
    sources: { critical: { rows: critical.rows }, bulk: { parts: bulk.parts, blocks: bulk.blocksRead } },
    gaps: bulk.gaps,
  };
}

/** Critical events, page by page. */
class CriticalSource {
  frontier: Position = start;
  bytes = 0;
  rows = 0;
  /** As of the newest page: rows with smaller ids may have been dropped before it was read. */
  hotFloor = '';
  readonly #critical: CriticalEvents;
  readonly #question: Question;
  readonly #offer: Offer;
  #after: Position | undefined;
  #limit: number;

  constructor(critical: CriticalEvents, question: Question, offer: Offer) {
    this.#critical = critical;
    this.#question = question;
    this.#offer = offer;
    this.#after = question.after;
    this.#limit = Math.min(rowsPerPageMax, Math.max(rowsPerPageMin, question.limit + 1));
  }

  async advance(): Promise<void> {
    if (this.frontier === end) return;
    const { tenant, filter } = this.#question;
    const page = await this.#critical.page(tenant, filter, this.#after, this.#limit);
    this.#limit = rowsPerPageMax;
    this.hotFloor = page.hotFloor;
    this.bytes += page.bytes;
    this.rows += page.events.length;
    await this.#offer(page.events);
    const last = page.events.at(-1);
    if (!page.exhausted && !last) throw new Error('a page of critical events was empty and not the last');
    this.#after = last && positionOf(last);
    this.frontier = page.exhausted ? end : this.#after!;
  }
}
