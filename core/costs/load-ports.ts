/** Sources, prices and loads in Postgres. Every method is one transaction and rejects with `Unavailable` when it is down. */
import type { RowCounts } from '../jobs/run.ts';
import type { Price } from './charge.ts';
import type { Chunk } from './rows.ts';
import type { Source } from './source.ts';

export interface StoredPrice extends Price {
  readonly setBy: string;
  readonly setAt: Date;
}

/** How far a stream of a source was read. */
export interface Watermark {
  readonly stream: string;
  readonly position: string;
  readonly movedAt: Date;
}

export interface QuarantinedRow {
  /** Greater for later ones. */
  readonly id: string;
  readonly run: string;
  readonly stream: string;
  readonly slice: string;
  readonly place: string;
  readonly code: string;
  readonly reason: string;
  readonly row: string;
  readonly seenAt: Date;
  readonly resolvedAt?: Date;
}

/** A slice that counts. */
export interface LoadedSlice {
  readonly load: number;
  readonly run: string;
  readonly stream: string;
  readonly slice: string;
  readonly fromDay: string;
  readonly toDay: string;
  readonly rows: RowCounts;
  readonly loadedAt: Date;
}

export interface Sources {
  /** Durable on return. A name that another source has rejects with `Problem` `conflict`. */
  create(source: Source): Promise<void>;
  /** A foreign id looks like a missing one, and so does a removed source's. */
  get(tenant: string, id: string): Promise<Source | undefined>;
  list(tenant: string, after: string | undefined, limit: number): Promise<readonly Source[]>;
  /** The changed source, or undefined when there is none. */
  change(tenant: string, id: string, settings: Source['settings'], at: Date): Promise<Source | undefined>;
  /** What was loaded from it stays. False when there is none. */
  remove(tenant: string, id: string, at: Date): Promise<boolean>;
  watermarks(tenant: string, source: string): Promise<readonly Watermark[]>;
  /** Slices that count, newest first. */
  loads(tenant: string, source: string, before: number | undefined, limit: number): Promise<readonly LoadedSlice[]>;
  /** Rows that were put aside, newest first; those of slices that were loaded anew meanwhile only when `all`. */
  quarantine(
    tenant: string,
    source: string,
    page: { readonly before: string | undefined; readonly limit: number; readonly all: boolean },
  ): Promise<readonly QuarantinedRow[]>;
}

export interface Prices {
  list(tenant: string): Promise<readonly StoredPrice[]>;
  /** A package has one price from a day on: another one rejects with `Problem` `conflict`, the same does nothing. */
  set(tenant: string, price: StoredPrice): Promise<void>;
}

/** What is loaded whole or not at all, and takes the place of what the slice was before. */
export interface Slice {
  readonly tenant: string;
  readonly source: Source;
  readonly run: string;
  readonly stream: string;
  readonly slice: string;
  /** Over the content, hexadecimal. */
  readonly sha256: string;
  readonly watermark?: { readonly stream: string; readonly position: string };
  /** Whether the same content by another name is told as a duplicate; otherwise it is nothing new. */
  readonly isFile: boolean;
  /** Today: changes of what is known of applications count from it on. */
  readonly day: string;
  readonly at: Date;
}

export type Loaded =
  | { readonly is: 'loaded'; readonly load: number; readonly replaced: number | undefined; readonly rows: RowCounts }
  /** The same content is there. */
  | { readonly is: 'unchanged'; readonly load: number }
  /** A file of another name has this content: it is not loaded twice. */
  | { readonly is: 'duplicate'; readonly of: string }
  /** More than half of the rows were put aside: what the slice was stays. */
  | { readonly is: 'refused'; readonly rows: RowCounts };

/** As trailkeep_loader. Loads of one tenant wait for each other. */
export interface Loads {
  /** Days of a stream that a load is there of. */
  days(tenant: string, source: string, stream: string): Promise<ReadonlySet<string>>;
  /** vCPUs of a controller's applications that were not estimated, by `<key> <day>`. */
  exactVcpus(tenant: string, controller: string, from: string, to: string): Promise<ReadonlyMap<string, string>>;
  /** One transaction: rows, dimensions, mapping, quarantine, watermark. A chunk that throws leaves nothing. */
  load(slice: Slice, chunks: AsyncIterable<Chunk>): Promise<Loaded>;
}
