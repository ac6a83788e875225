/** The places that answers come from. */
import type { Event } from '#core/event/event.ts';
import type { Block, Part, SegmentPart } from '#core/record/segment.ts';
import type { Filter } from './filter.ts';

/** A position in the order of answers: newest first, by (occurred_at, id), both descending. */
export interface Position {
  /** ms since 1970 */
  readonly time: number;
  readonly id: string;
}

/** A position in the feed: parts up to `seq` are read, and `offset` events of the part after it. */
export interface FeedPosition {
  readonly seq: bigint;
  readonly offset: number;
}

/** Critical events in Postgres. Every call runs under the tenant's row-level security. */
export interface CriticalEvents {
  /**
   * Up to `limit` events that may match, newest first, strictly after `after` in that order. The driver
   * applies what its indexes can (time, action, actor, category, outcome, severity) and may return events
   * that do not match the rest; the caller applies `matches` to all. `exhausted` is true when no further
   * row can exist. `hotFloor` is that of `PartPage`, read after the events.
   */
  page(
    tenant: string,
    filter: Filter,
    after: Position | undefined,
    limit: number,
  ): Promise<{
    readonly events: readonly Event[];
    readonly bytes: number;
    readonly exhausted: boolean;
    readonly hotFloor: string;
  }>;
  /** One event by id, or undefined; a foreign id looks exactly like a missing one. */
  get(tenant: string, id: string): Promise<Event | undefined>;
}

/** Where a page of parts ended. Only its driver reads `place`. */
export interface PartPosition {
  readonly maxTime: number;
  readonly place: string;
}

/** Parts as they were at one moment. */
export interface PartPage {
  readonly parts: readonly Part[];
  /** Where the next page goes on; undefined when this one was the last. */
  readonly next: PartPosition | undefined;
  /**
   * Names the archive as it was. Compaction and merges move events to parts elsewhere in the order, so pages are pages of
   * one list only while this stays the same; else the list must be begun again.
   */
  readonly version: string;
  /** Critical events with smaller ids are found in parts, and maybe in Postgres too; those from here on in Postgres. */
  readonly hotFloor: string;
}

/** What pollers get of the catalogue. */
export interface FeedPage {
  readonly parts: readonly SegmentPart[];
  /** Parts up to here are gone from the feed; read after the parts. */
  readonly releasedSeq: bigint;
}

/** The catalogue of segments and archive files, by tenant. Each page is read in one snapshot. */
export interface Catalogue {
  /**
   * Parts whose times overlap [from, to], by maxTime descending, in a total order: of the bulk tier all, of the critical
   * tier those that hold ids below the hot floor. What is compacted comes from archive files and not from segments.
   * `before` continues after a page that had the same version.
   */
  parts(
    tenant: string,
    range: { readonly from: number; readonly to: number },
    before: PartPosition | undefined,
    limit: number,
  ): Promise<PartPage>;
  /** Parts that may hold this id: of the bulk tier all, of the critical tier archived ones. */
  partsWithId(tenant: string, id: string): Promise<readonly Part[]>;
  /** Segments' parts of both tiers with seq > after, ascending: the pollers' order. */
  partsAfter(tenant: string, after: bigint, limit: number): Promise<FeedPage>;
  /** When the oldest part was committed that the feed still has; undefined when it has none. */
  feedSince(tenant: string): Promise<Date | undefined>;
  /** About how many bytes of parts overlap [from, to], whatever is asked for in them. */
  bytesWithin(tenant: string, range: { readonly from: number; readonly to: number }): Promise<number>;
}

/** Bytes of an object are not the block that was written. */
export class Damaged extends Error {
  override readonly name = 'Damaged';
  readonly key: string;
  constructor(key: string, message: string, cause?: unknown) {
    super(`${key}: ${message}`, { cause });
    this.key = key;
  }
}

/** Reads blocks of segments and archive files. */
export interface BlockReader {
  /**
   * The text of some blocks of one part, one for each block in the order given: JSON lines, each ended by a
   * newline, as many as the block has events. Blocks must come by ascending offset; neighbours are fetched with one range
   * read. Rejects with `Missing` when the object is gone, with `Archived` (core/archive/ports.ts) when it must be restored
   * first, and with `Damaged` when one of the blocks is not what was written. Safe to call concurrently.
   */
  read(part: Pick<Part, 'key'>, blocks: readonly Block[]): Promise<readonly string[]>;
}
