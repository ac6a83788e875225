import type { Tier } from '#core/event/event.ts';
import type { EventLine } from './envelope.ts';

/**
 * A segment: one seekable gzip JSONL object with the events of one batch, written once.
 *
 * Lines are sorted by tenant, category, time and id. The object is one ordinary
 * single-member gzip stream with a full flush at each block end, so `zcat` reads it whole
 * and we inflate any block alone. A block never mixes tenants.
 */
export interface Block {
  readonly tenant: string;
  /** Bytes from the start of the object to the block's raw deflate data. */
  readonly offset: number;
  /** Compressed bytes of the block. */
  readonly bytes: number;
  readonly events: number;
  /** Smallest and largest `occurred_at`, ms since 1970. */
  readonly minTime: number;
  readonly maxTime: number;
  /** Membership filter over the block's keys (see membership.ts). */
  readonly filter: Uint8Array;
}

/** About 128 KiB of JSON: 1 ms to inflate, 2 % over whole-file gzip (peers.md §4.4). */
export const blockRawBytesMax = 128 * 1024;

/** Blocks of one tenant in one object, a segment or an archive file, and what is known of them. */
export interface Part {
  readonly tenant: string;
  readonly tier: Tier;
  /** Of the object. */
  readonly key: string;
  readonly events: number;
  readonly minTime: number;
  readonly maxTime: number;
  /** Smallest and largest event id: a point look-up opens few parts. */
  readonly minId: string;
  readonly maxId: string;
  readonly blocks: readonly Block[];
}

/** What one tenant has in one segment: the catalogue's row and the pollers' unit of progress. */
export interface SegmentPart extends Part {
  readonly segment: string;
  /** Per tenant 1, 2, 3, … in commit order, without gaps. Assigned inside the commit. */
  readonly seq: bigint;
  /**
   * Hex SHA-256 of the bodies of the queue messages that the events came by: a message is committed once. Known to
   * writers and in the sidecar; parts that are read from the catalogue do not have it.
   */
  readonly messages?: readonly string[];
}

/** What a batch becomes before it is compressed: blocks of lines in the segment's order (pure, see planSegment). */
export interface SegmentPlan {
  readonly id: string;
  readonly key: string;
  readonly tier: Tier;
  /** By tenant: hex SHA-256 of the bodies of the queue messages. */
  readonly messages: ReadonlyMap<string, readonly string[]>;
  readonly blocks: readonly {
    readonly tenant: string;
    readonly lines: readonly EventLine[];
    /** JSON lines, each ended by a newline. */
    readonly text: string;
    readonly events: number;
    readonly minTime: number;
    readonly maxTime: number;
    readonly minId: string;
    readonly maxId: string;
    readonly filter: Uint8Array;
  }[];
}

/** A segment as it was written: the bytes, their digest and the index. */
export interface Segment {
  /** UUIDv7, made anew for each try: a retried batch writes a new segment and the old one is garbage. */
  readonly id: string;
  /** `segments/v1/dt=YYYY-MM-DD/hh=HH/<id>.jsonl.gz` */
  readonly key: string;
  readonly tier: Tier;
  readonly bytes: number;
  /** Hex, over the stored object. */
  readonly sha256: string;
  readonly parts: readonly Omit<SegmentPart, 'seq'>[];
}
