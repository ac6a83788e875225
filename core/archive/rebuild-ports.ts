/** What a rebuild and a replay lean on in Postgres. Every method rejects with `Unavailable` when the database is down. */

import type { Tier } from '../event/event.ts';
import type { EventLine } from '../record/envelope.ts';
import type { Block, Part } from '../record/segment.ts';
import type { CataloguedFile, DoomedFile } from './compact-ports.ts';

/** A tenant as the database knows it. */
export interface RebuildState {
  /** Leaves that its log has given out; undefined when the database knows nothing of its log. */
  readonly leaves: number | undefined;
  readonly compactedSeq: bigint;
}

/** A tenant's part of a segment. */
export interface RebuildPart extends Part {
  readonly seq: bigint;
  /** Undefined: committed before there were logs. */
  readonly firstLeaf: number | undefined;
}

/** A file of the catalogue. */
export interface KnownFile {
  readonly id: string;
  readonly key: string;
  readonly tier: Tier;
  /** By event: its leaf. */
  readonly leaves: readonly (number | undefined)[];
  /** Of a critical file; none of a bulk one: they are most of the catalogue, and nothing is looked for in them. */
  readonly blocks: readonly Block[];
}

/** The catalogue of archive files as a rebuild has it. */
export interface RebuildLedger {
  state(tenant: string): Promise<RebuildState>;
  /** Parts of both tiers with seq > after, in that order. Fewer than `limit` are the last. */
  parts(tenant: string, after: bigint, limit: number): Promise<readonly RebuildPart[]>;
  /** Files of the catalogue, newest id first, below an id. Fewer than `limit` are the last. */
  files(tenant: string, below: string | undefined, limit: number): Promise<readonly KnownFile[]>;
  /** Ids of files that are being written, or that others have replaced. */
  doomed(tenant: string): Promise<ReadonlySet<string>>;
  /**
   * ONE transaction: files that are not there are put into the catalogue, others leave it, and names are doomed. False,
   * and nothing is changed, when a compaction came between: `from` is no longer the tenant's compactedSeq. With
   * `compacted` that is what it is from then on.
   */
  apply(
    tenant: string,
    change: {
      readonly from: bigint;
      readonly add?: readonly CataloguedFile[];
      readonly remove?: readonly DoomedFile[];
      readonly doom?: readonly DoomedFile[];
      /** When the objects of what is doomed are deleted. */
      readonly after: Date;
      readonly compacted?: bigint;
    },
  ): Promise<boolean>;
  /** Files and events of the catalogue by category. */
  totals(
    tenant: string,
  ): Promise<readonly { readonly category: string; readonly files: number; readonly events: number }[]>;
}

/** Where a replay goes on: at a chunk of a file, or at a part. */
export type ReplayPosition = { readonly file: string; readonly number: number } | { readonly seq: bigint };

/** Critical events, from where they are archived to where they are found at once. */
export interface ReplayLedger {
  /** The smallest id that is to be in Postgres, see archive.hot_floor; undefined when nothing was ever committed for the tenant. */
  hotFloor(tenant: string): Promise<string | undefined>;
  /**
   * Critical chunks of files, and then parts that are not compacted, which may hold ids of [from, to): after a position, in
   * one order. Fewer than `limit` are the last.
   */
  sources(
    tenant: string,
    range: { readonly from: string; readonly to: string },
    after: ReplayPosition | undefined,
    limit: number,
  ): Promise<readonly { readonly part: Part; readonly position: ReplayPosition }[]>;
  /**
   * ONE transaction: rows of these events, where there are none. Resolves with how many were added and with the stored
   * lines of all of them, in no order.
   */
  restore(
    tenant: string,
    lines: readonly EventLine[],
  ): Promise<{ readonly added: number; readonly stored: readonly string[] }>;
}
