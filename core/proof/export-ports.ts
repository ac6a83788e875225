/** The places that exports for auditors lean on. Each comment is the promise its driver keeps. */
import type { ProblemCode } from '../event/problem.ts';

/** What is exported: the leaves of a period of commit times (`to` exclusive), or some events. */
export type ExportAsked = { readonly from: string; readonly to: string } | { readonly ids: readonly string[] };

export interface ExportResult {
  /** Names its objects; every try has its own. */
  readonly run: string;
  /** The zip is cut into so many parts. */
  readonly parts: number;
  readonly bytes: number;
  /** Hex, of the whole zip. */
  readonly sha256: string;
  /** Size of the checkpoint in it. */
  readonly size: number;
  readonly events: number;
}

export interface AuditorExport {
  readonly tenant: string;
  readonly id: string;
  readonly asked: ExportAsked;
  /** `principalName` of who asked, the only one it is handed to. */
  readonly askedBy: string;
  readonly askedAt: Date;
  /** Kinds of events that the asker might see when asking, as `category data_class`. */
  readonly sees: readonly string[];
  /** Leaves that the tenant had when it was asked for: a checkpoint must cover them. */
  readonly leaves: number;
  readonly state: 'asked' | 'ready' | 'failed';
  readonly endedAt?: Date;
  readonly result?: ExportResult;
  readonly problem?: ProblemCode;
}

/** Exports in Postgres. Every method is one transaction and rejects with `Unavailable` when the database is down. */
export interface Exports {
  /** Durable on return. */
  open(asked: Omit<AuditorExport, 'state' | 'endedAt' | 'result' | 'problem'>): Promise<void>;
  /** A foreign id looks like a missing one. */
  get(tenant: string, id: string): Promise<AuditorExport | undefined>;
  /** Ends an export that is `asked`; false when it ended before, and then nothing changed. */
  end(
    tenant: string,
    id: string,
    end: { readonly result: ExportResult } | { readonly problem: ProblemCode },
  ): Promise<boolean>;
}

/** Zips in parts. Rejects with `Unavailable`. */
export interface ExportParts {
  /** Durable on return. `part` counts from 1. */
  put(tenant: string, id: string, run: string, part: number, bytes: Uint8Array): Promise<void>;
  /** Undefined when there is none, or its seven days are over. */
  get(tenant: string, id: string, run: string, part: number): Promise<Uint8Array | undefined>;
}

/** One part: Lambda answers 6 MB, as base64, with headers. */
export const exportPartBytes = 4_000_000;
/** Days that an export can be fetched; its bucket's lifecycle ends it. */
export const exportDays = 7;
