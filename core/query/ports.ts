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
   * row can exist.
   */
  page(
    tenant: string,
    filter: Filter,
    after: Position | undefined,
    limit: number,
  ): Promise<{ readonly events: readonly Event[]; readonly bytes: number; readonly exhausted: boolean }>;
  /** One event by id, or undefined; a foreign id looks exactly like a missing one. */
  get(tenant: string, id: string): Promise<Event | undefined>;
}

/** The catalogue of segments, by tenant. */
export interface Catalogue {
  /**
   * Bulk-tier parts whose times overlap [from, to], ordered by maxTime descending, then seq descending.
   * `before` continues after the last part of the page before.
   */
  parts(
    tenant: string,
    range: { readonly from: number; readonly to: number },
    before: { readonly maxTime: number; readonly seq: bigint } | undefined,
    limit: number,
  ): Promise<readonly SegmentPart[]>;
  /** Parts of the bulk tier that may hold this id. */
  partsWithId(tenant: string, id: string): Promise<readonly SegmentPart[]>;
  /** Parts of both tiers with seq > after, ascending: the pollers' order. */
  partsAfter(tenant: string, after: bigint, limit: number): Promise<readonly SegmentPart[]>;
}

/** Reads blocks of segments. */
export interface BlockReader {
  /**
   * The text of some blocks of one part, one for each block in the order given: JSON lines, each ended by a
   * newline. Blocks must come by ascending offset; neighbours are fetched with one range read. Rejects with
   * `Missing` when the segment is gone. Safe to call concurrently.
   */
  read(part: Pick<Part, 'key'>, blocks: readonly Block[]): Promise<readonly string[]>;
}
