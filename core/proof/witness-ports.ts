/** The places that a witness lives in, and how one is asked. Each comment is the promise its driver keeps. */
import type { KnownLogs } from './witness-logs.ts';

/** The newest cosigned checkpoint of each log, by the hash of the log's origin (64 hex digits). */
export interface WitnessStore {
  /** The checkpoint with its entity tag; undefined when there is none. Never an older one than a finished `replace` wrote. Rejects with `Unavailable`. */
  latest(hash: string): Promise<{ readonly note: string; readonly etag: string } | undefined>;
  /**
   * Replaces the checkpoint that had this entity tag (undefined: makes the first one), at once or not at all. Durable
   * on return. False: another checkpoint is there. Rejects with `Unavailable`; the write may have happened then.
   */
  replace(hash: string, note: string, etag: string | undefined): Promise<boolean>;
  /** The logs that are known, at most a minute old. Rejects with `Unavailable`. */
  logs(): Promise<KnownLogs>;
}

/** What a witness said. */
export type WitnessAnswer =
  /** Signature lines, not yet verified. */
  | { readonly kind: 'cosigned'; readonly lines: string }
  /** The newest checkpoint that the witness knows has this size. */
  | { readonly kind: 'conflict'; readonly size: number }
  /** It will not cosign this: 400, 403, 404 or 422. */
  | { readonly kind: 'refused'; readonly status: number }
  /** No answer, a late one, or one that is not of the protocol. */
  | { readonly kind: 'unanswered'; readonly why: string };

/** A witness, reached over the network. Nothing that it does makes this reject. */
export interface WitnessClient {
  /** Its verifier key, of type 0x04. */
  readonly vkey: string;
  /** Sends the body of `add-checkpoint`. */
  addCheckpoint(body: string): Promise<WitnessAnswer>;
}

/** Logs that there are. */
export interface LogDirectory {
  /** Slugs of all logs in the evidence bucket. Rejects with `Unavailable`. */
  slugs(): AsyncIterable<string>;
}
