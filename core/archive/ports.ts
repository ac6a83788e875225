/** The places that the archive leans on. Each comment is the promise its driver keeps. */

import type { ArchiveChunk, ArchiveFile } from './file.ts';
import type { PlannedBlock } from './plan.ts';

/** An object is in a storage class that must be restored before it can be read. */
export class Archived extends Error {
  override readonly name = 'Archived';
  readonly key: string;
  constructor(key: string, cause?: unknown) {
    super(`${key} is archived and must be restored first`, { cause });
    this.key = key;
  }
}

/** S3's storage classes that our ladders lead through. */
export type StorageClass = 'STANDARD' | 'GLACIER_IR' | 'DEEP_ARCHIVE';

/** What S3 knows of an object. */
export interface StoredState {
  readonly bytes: number;
  /** Hex, over the object, as S3 computed it when it came in. */
  readonly sha256?: string;
  readonly storageClass: StorageClass;
  /** Of an object in DEEP_ARCHIVE that somebody asked for: under way, or readable until `until`. */
  readonly restore?: { readonly ongoing: boolean; readonly until?: Date };
}

/** Archive files on S3, each with its sidecar. Rejects with `Unavailable` when S3 is down. */
export interface ArchiveObjects {
  /**
   * Writes a file and its sidecar and resolves with both; durable on return. Blocks are taken one after the other, and
   * what is held in memory is one file's compressed bytes at most. The key is fresh for each try (If-None-Match).
   */
  write(
    file: Pick<ArchiveFile, 'id' | 'tenant' | 'tier' | 'category' | 'span' | 'day' | 'ladder' | 'writtenAt'>,
    blocks: AsyncIterable<PlannedBlock> | Iterable<PlannedBlock>,
  ): Promise<{ readonly file: ArchiveFile; readonly chunks: readonly ArchiveChunk[] }>;
  /** The compressed bytes [offset, offset + bytes). Rejects with `Missing` when it is gone, `Archived` when it is in Glacier. */
  read(key: string, offset: number, bytes: number): Promise<Uint8Array>;
  /** What the sidecar says; undefined when there is none. Sidecars never tier. */
  index(key: string): Promise<{ readonly file: ArchiveFile; readonly chunks: readonly ArchiveChunk[] } | undefined>;
  /** Sidecars under `index/` + prefix, as the keys of their files. */
  list(prefix: string): AsyncIterable<string>;
  /** Undefined when it is gone. */
  state(key: string): Promise<StoredState | undefined>;
  /** Asks for a temporary copy for `days`; asking again prolongs it. Rejects with `Missing`. */
  restore(key: string, days: number, speed: 'standard' | 'bulk'): Promise<void>;
  /** Removes a file and its sidecar. Removing what is gone succeeds. */
  remove(key: string): Promise<void>;
}

/** The catalogue of archive files. Every method rejects with `Unavailable` when Postgres is down. */
export interface ArchiveFileCatalogue {
  /** Files by (day, id), after a file, fewer than `limit` are the last. All bounds are by their own row. */
  files(
    tenant: string,
    where: { readonly maxTimeBefore?: number; readonly from?: number; readonly to?: number },
    after: { readonly day: string; readonly id: string } | undefined,
    limit: number,
  ): Promise<readonly ArchiveFile[]>;
  /** One file's chunks, in order. */
  chunks(tenant: string, file: string): Promise<readonly ArchiveChunk[]>;
}
