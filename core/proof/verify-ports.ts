/** What verifying on a schedule leans on. */
import type { PartMessage } from '../jobs/run.ts';
import type { LeafCatalogue, LeafChunk, LeafPart } from './read-ports.ts';
import type { Judgement } from './verdict.ts';
import type { StoredRow, StoredSegment } from './verify-stored.ts';

/**
 * `rows`: record.event beside the log. `segments`: the log itself, the segments beside it, and that every leaf can be found
 * somewhere. `archive`: archive files beside the log. Each goes through a tenant's whole trail in shares, and begins anew
 * when its period is over.
 */
export const rounds = ['rows', 'segments', 'archive'] as const;
export type RoundName = (typeof rounds)[number];

export interface Round {
  readonly tenant: string;
  readonly round: RoundName;
  /** Up to where this round has looked: an id, a number of leaves, or a file by day and id. Undefined: it is over. */
  readonly position?: string;
  readonly startedAt: Date;
  /** When the last round ended; undefined before the first one has. */
  readonly endedAt?: Date;
  /** Rows, leaves or archived events that this round has looked at. */
  readonly checked: number;
}

/** What a run of a job asks the verifier: to go on with a round, or begin it. */
export interface VerifyQuestion extends PartMessage {
  readonly round: RoundName;
  /** When the round began, RFC 3339. */
  readonly startedAt: string;
  /** Where the share before ended; left out: the round begins. */
  readonly share?: string;
  /** What the round has looked at before. */
  readonly checked: number;
}
/** How far it came. No position: the round is over. */
export type VerifyAnswer = {
  readonly round: RoundName;
  readonly position?: string;
  /** With this answer. */
  readonly checked: number;
  readonly findings: number;
};

/** A critical part, as far as rows are looked for with it. */
export interface RowPart {
  /** Undefined: committed before there were logs. */
  readonly firstLeaf: number | undefined;
  readonly events: number;
  readonly minId: string;
  readonly maxId: string;
}

/** Postgres as the verifier sees it, who writes rounds and findings and nothing else. Rejects with `Unavailable` when it is down. */
export interface Verification {
  /** The tenant's log; undefined when it has none or nothing of it is published. */
  log(
    tenant: string,
  ): Promise<
    | { readonly slug: string; readonly origin: string; readonly publishedSize: number; readonly archivedSize: number }
    | undefined
  >;
  /** Rows with ids above `after`, by id; fewer than `limit` are the last. */
  rows(tenant: string, after: string, limit: number): Promise<readonly StoredRow[]>;
  /** Critical parts that may hold ids above `after` and up to `upTo`. */
  partsOfIds(tenant: string, after: string, upTo: string): Promise<readonly RowPart[]>;
  /** Parts that end behind this leaf, in the order of their leaves. */
  partsFrom(tenant: string, leaf: number, limit: number): Promise<readonly LeafPart[]>;
  /** Parts with seq up to this are in archive files. Ask it after the parts: it only grows. */
  compactedSeq(tenant: string): Promise<bigint>;
  /** Runs of leaves within from ≤ i < to that archive files have, in any order, half-open. */
  archivedLeaves(tenant: string, from: number, to: number): Promise<readonly (readonly [from: number, to: number])[]>;
  /** Ids of events in Postgres that may tell of a purge (core/proof/purge.ts). */
  purgeIds(tenant: string): Promise<readonly string[]>;
  /** Chunks of archived critical events of category `critical`, where purges are told, by file and number. */
  criticalChunks(
    tenant: string,
    after: { readonly file: string; readonly number: number } | undefined,
    limit: number,
  ): Promise<readonly LeafChunk[]>;
  /** As `LeafCatalogue.partsWithId`. */
  partsWithId: LeafCatalogue['partsWithId'];
  /** What the catalogue knows of these segments' objects. */
  segments(tenant: string, ids: readonly string[]): Promise<readonly StoredSegment[]>;
  /** Signed checkpoints with sizes above `from` and up to `to`, with the roots that were signed. */
  signed(
    tenant: string,
    from: number,
    to: number,
  ): Promise<readonly { readonly size: number; readonly root: Uint8Array }[]>;
  /** The smallest id that can have a row: older months have left the hot window. */
  oldestId(tenant: string): Promise<string>;
  rounds(tenants: readonly string[]): Promise<readonly Round[]>;
  keepRound(round: Round): Promise<void>;
  /**
   * Keeps findings. Those that were not known are told with `tell` before they are kept, so that none is known and
   * untold; when `tell` rejects, nothing is kept. Resolves with how many were not known.
   */
  found(
    tenant: string,
    round: RoundName,
    findings: readonly Judgement[],
    now: Date,
    tell: (fresh: readonly Judgement[]) => Promise<void>,
  ): Promise<number>;
}
