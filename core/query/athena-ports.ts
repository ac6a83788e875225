/** The places that a question to the whole archive leans on. Each comment is the promise its driver keeps. */
import type { Category } from '#core/event/event.ts';
import type { AthenaStatement, Partitions } from './athena-sql.ts';

/** What an execution has come to. `too_large`: it would have scanned more than the workgroup allows. */
export interface QueryRun {
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'too_large';
  readonly scannedBytes: number;
  /** Where the results lie, once it has succeeded. */
  readonly results: string;
  /** Why it failed, in the engine's words: for traces, not for callers. */
  readonly reason?: string;
}

/** A row of results: the stored line, and where the next one begins. */
export interface ResultLine {
  readonly line: string;
  readonly end: number;
}

/** Athena. Every method rejects with `Unavailable` when it cannot be reached or is too busy. */
export interface ArchiveQueries {
  /**
   * Starts a statement; the same `id` (a UUID) again starts nothing and resolves with the same execution. `reuse`: the
   * results of the very same statement may be used again for an hour.
   */
  start(id: string, statement: AthenaStatement, reuse: boolean): Promise<string>;
  /** Undefined when Athena has forgotten it (45 days). */
  run(execution: string): Promise<QueryRun | undefined>;
  /** Stops it; what has ended stays as it ended. */
  stop(execution: string): Promise<void>;
  /**
   * Rows from a byte of the results on, whole ones, about `bytes` of them and at least one; `from` 0 is the first row.
   * None: the results end there. Rejects with `Missing` when they have expired.
   */
  lines(results: string, from: number, bytes: number): Promise<readonly ResultLine[]>;
}

/** Questions that were asked, as text that is sealed already; they expire with their results, after a week. */
export interface Questions {
  /** Durable on return. */
  put(tenant: string, id: string, sealed: string): Promise<void>;
  /** Undefined when there is none, or none any more; another tenant's is none. */
  get(tenant: string, id: string): Promise<string | undefined>;
}

/** An archive file that has become old enough for Deep Archive. */
export interface ColdFile {
  readonly key: string;
  readonly events: number;
  readonly bytes: number;
}

/** How far the archive goes for a question. */
export interface ArchiveReach {
  /** First and last partitions that have files for it; undefined where there are none. */
  readonly days: Partitions | undefined;
  readonly months: Partitions | undefined;
  /** Of all files in reach. */
  readonly bytes: number;
  /** Files that may have to be restored before they are read, newest first. */
  readonly cold: readonly ColdFile[];
  /** The last commit whose events are in the archive: what the tenant's feed calls seq. */
  readonly compactedSeq: bigint;
  /** Goes up with every file that is added: what one version found, it finds again, but for what is restored or purged. */
  readonly version: bigint;
  /** Committed events that are not in the archive yet and may belong to the answer. */
  readonly pending: { readonly events: number; readonly from: number } | undefined;
}

/** The catalogue, as a question to the archive needs it. Rejects with `Unavailable` when Postgres is down. */
export interface ArchiveReaches {
  /**
   * What is pending is read before the files are: an event that moves meanwhile counts as both, never as neither.
   * `to` is not included.
   */
  of(
    tenant: string,
    range: { readonly from: number; readonly to: number },
    categories: readonly Category[] | undefined,
    now: Date,
  ): Promise<ArchiveReach>;
}

/** What the results of one execution cost at Athena's list price: 5 US$ for 10^12 bytes, 10 MB at least. */
export function costUsd({ state, scannedBytes }: Pick<QueryRun, 'state' | 'scannedBytes'>): number {
  if (state === 'failed' || scannedBytes === 0) return 0;
  const billed = Math.max(Math.ceil(scannedBytes / 1e6) * 1e6, 10e6);
  return Number(((billed * 5) / 1e12).toFixed(6));
}
