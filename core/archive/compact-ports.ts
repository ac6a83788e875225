/** What compaction leans on in Postgres. Every method rejects with `Unavailable` when the database is down. */
import type { Category, Tier } from '../event/event.ts';
import type { SegmentPart } from '../record/segment.ts';
import type { ArchiveChunk, ArchiveFile } from './file.ts';

/** A file as it was written, for the catalogue. */
export interface CataloguedFile {
  readonly file: ArchiveFile;
  readonly chunks: readonly ArchiveChunk[];
}

/** A tenant's part of a segment, with the leaf of its first event; undefined when it was committed before there were logs. */
export interface CompactablePart extends SegmentPart {
  readonly firstLeaf: number | undefined;
}

/** How far a tenant is. */
export interface Progress {
  /** Parts up to here are in archive files. */
  readonly compactedSeq: bigint;
  /** Parts up to here are gone. */
  readonly releasedSeq: bigint;
}

/**
 * From when a caller says what time it is until its transaction ends, at most: no function lives longer than a quarter of
 * this. A file whose time is over by then is not taken in, for its object may be deleted at the same moment.
 */
export const commitMsMax = 3600_000;

/** What is to be done for a tenant. */
export interface Waiting {
  readonly tenant: string;
  /** Events of parts that are not compacted. */
  readonly events: number;
  /** Commit of the oldest such part. */
  readonly oldest?: Date;
  /** There are files to be merged perhaps, objects whose time is over, or parts that nobody needs any longer. */
  readonly upkeep: boolean;
}

/** A name in archive.doomed. */
export interface DoomedFile {
  readonly id: string;
  readonly key: string;
}

/** The catalogue of archive files as its writer has it. */
export interface ArchiveLedger {
  /** Of these tenants those for which there is something to be done. Parts committed before `pollersBefore` may go. */
  waiting(
    tenants: readonly string[],
    at: { readonly now: Date; readonly pollersBefore: Date },
  ): Promise<readonly Waiting[]>;
  progress(tenant: string): Promise<Progress>;
  /**
   * Parts of both tiers with seq > after, in that order. Fewer than `limit` are the last. None while the tenant's log is
   * frozen: a recovery may give the newest ones other numbers and leaves.
   */
  parts(tenant: string, after: bigint, limit: number): Promise<readonly CompactablePart[]>;
  /** Names files that are about to be written: what is not in the catalogue when `after` is over is deleted. Durable on return. */
  doom(tenant: string, files: readonly DoomedFile[], after: Date): Promise<void>;
  /**
   * ONE transaction: the files are in the catalogue, the parts are compacted, the files are doomed no longer. False, and
   * nothing is changed, when somebody else compacted meanwhile, when the parts are not what they were, when the log is
   * frozen, or when a
   * file's time is over `commitMsMax` after `now`.
   */
  flip(
    tenant: string,
    change: {
      readonly from: bigint;
      readonly parts: readonly CompactablePart[];
      readonly files: readonly CataloguedFile[];
      readonly now: Date;
    },
  ): Promise<boolean>;
  /** Chunks of a tier and a category that reach into [from, to], ms since 1970, by their smallest time. */
  chunkBounds(
    tenant: string,
    where: { readonly tier: Tier; readonly category: Category; readonly from: number; readonly to: number },
  ): Promise<readonly Pick<ArchiveChunk, 'file' | 'number' | 'minTime' | 'maxTime'>[]>;
  /** Undefined when its file is not in the catalogue any longer. */
  chunk(tenant: string, file: string, number: number): Promise<ArchiveChunk | undefined>;
  /** Files of fewer than `bytes` bytes, by (tier, category, span, day, id). */
  smallFiles(tenant: string, bytes: number, limit: number): Promise<readonly ArchiveFile[]>;
  /**
   * ONE transaction: a merged file takes the place of others, which are doomed from then on. False, and nothing is
   * changed, when one of the others is gone or when the file's time is over `commitMsMax` after `now`.
   */
  replace(
    tenant: string,
    change: {
      readonly files: readonly CataloguedFile[];
      readonly replaced: readonly DoomedFile[];
      readonly now: Date;
      /** When the others' objects are deleted: readers that found them before are done by then. */
      readonly after: Date;
    },
  ): Promise<boolean>;
  /** Names whose time is over and that are not in the catalogue. They can never get into it. */
  doomed(tenant: string, now: Date, limit: number): Promise<readonly DoomedFile[]>;
  /** Forgets names whose objects are deleted. */
  forget(tenant: string, files: readonly DoomedFile[]): Promise<void>;
  /**
   * Deletes the oldest parts, `limit` at most: those that are compacted, committed before `before`, and sealed into the
   * log. Resolves with how many.
   */
  release(tenant: string, before: Date, limit: number): Promise<number>;
  /**
   * Segments made before `before`, by id after `after`, and whether any tenant still has a part in them. Fewer than
   * `limit` are the last.
   */
  oldSegments(
    before: Date,
    after: string | undefined,
    limit: number,
  ): Promise<readonly { readonly id: string; readonly key: string; readonly isFree: boolean }[]>;
  /** Forgets a segment whose object is deleted. */
  forgetSegment(id: string): Promise<void>;
}
