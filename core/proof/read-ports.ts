/** The places that proofs are answered from. */
import type { ArchiveChunk } from '../archive/file.ts';
import type { SegmentPart } from '../record/segment.ts';
import type { LogState } from './ports.ts';

/** A part of the catalogue with its place in the log. */
export interface LeafPart extends SegmentPart {
  /** Index of its first leaf; its events follow in the order they have in the segment. Undefined: from before there were logs. */
  readonly firstLeaf: number | undefined;
  readonly committedAt: Date;
}

/** A chunk of an archive file, which knows the leaf of each of its events. */
export interface LeafChunk extends ArchiveChunk {
  /** When its file was written: all its events were committed before. */
  readonly committedAt: Date;
}

/** A tenant's log as its readers are told of it. */
export interface LogStatus {
  readonly slug: string;
  readonly origin: string;
  readonly state: LogState;
  readonly frozenReason?: string;
  /** published ≤ archived ≤ integrated ≤ leaves */
  readonly publishedSize: number;
  readonly archivedSize: number;
  readonly integratedSize: number;
  readonly createdAt: Date;
}

/** How far a tenant's leaves are; known before it has a log. */
export interface LeafStatus {
  /** Leaves whose order is fixed. */
  readonly leaves: number;
  /** Commit time of the oldest leaf that is in no published checkpoint, by the tier of its event. */
  readonly oldestCritical?: Date;
  readonly oldestBulk?: Date;
  /** Undefined before the first leaf was sealed. */
  readonly log?: LogStatus;
}

/** What Postgres knows of a tenant's leaves, for readers. Every method rejects with `Unavailable` when it is down. */
export interface LeafCatalogue {
  status(tenant: string): Promise<LeafStatus>;
  /** Name of the tenant's log in paths; undefined before the first leaf was sealed. It never changes, so it is asked for once. */
  slug(tenant: string): Promise<string | undefined>;
  /**
   * Chunks of archive files, and parts that are not compacted, of both tiers, that may hold this id: critical ones first,
   * so that the first one that holds it has the event that readers see.
   */
  partsWithId(tenant: string, id: string): Promise<readonly (LeafPart | LeafChunk)[]>;
  /** Parts that end behind this leaf, in the order of their leaves; those that were released are not there any more. */
  partsFrom(tenant: string, leaf: number, limit: number): Promise<readonly LeafPart[]>;
  /** Chunks that may hold leaves from ≤ i < to, by file and number, after one of them; fewer than `limit` are the last. */
  chunksOf(
    tenant: string,
    leaves: { readonly from: number; readonly to: number },
    after: { readonly file: string; readonly number: number } | undefined,
    limit: number,
  ): Promise<readonly LeafChunk[]>;
  /**
   * Sizes of signed checkpoints up to `size`, ascending: the largest that ends at or before `first`, the smallest that
   * covers `last`, and some between.
   */
  signedSizes(
    tenant: string,
    range: { readonly first: number; readonly last: number; readonly size: number },
  ): Promise<readonly number[]>;
}
