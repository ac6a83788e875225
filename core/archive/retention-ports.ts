/** The places that retention leans on. Each comment is the promise its driver keeps. */
import type { Category } from '../event/event.ts';
import type { ArchiveFile } from './file.ts';
import type { RetentionPolicy } from './retention.ts';

export interface RetentionVersion {
  /** 1, 2, 3, … per tenant. */
  readonly version: number;
  readonly policy: RetentionPolicy;
  readonly proposedBy: string;
  readonly proposedAt: Date;
  readonly approved?: { readonly by: string; readonly at: Date };
}

/** Policies of one tenant. All methods reject with `Unavailable` when the database is down. */
export interface RetentionPolicies {
  /** The newest approved version, and the newest of all when it waits for approval. */
  current(tenant: string): Promise<{ readonly approved?: RetentionVersion; readonly waiting?: RetentionVersion }>;
  /**
   * Stores the version after `newest`, which is the newest of all (0: none). What waited before it can no longer be
   * approved. Rejects with Problem `conflict` when somebody else proposed meanwhile.
   */
  propose(
    tenant: string,
    newest: number,
    proposal: Pick<RetentionVersion, 'policy' | 'proposedBy' | 'proposedAt'>,
  ): Promise<RetentionVersion>;
  /** Undefined when this version is not the newest of all, is approved, or was proposed by the same. */
  approve(tenant: string, version: number, by: string, at: Date): Promise<RetentionVersion | undefined>;
}

/** Before which `maxTime` the files of a category are past their end; a category without one has no end. */
export type Ends = Readonly<Partial<Record<Category, number>>>;

/** Files of one category, as retention counts them. */
export interface Ages {
  readonly category: Category;
  readonly files: number;
  /** `maxTime` of the file that goes first. */
  readonly oldest: number;
  /** Past their end: those that nothing holds, and those that a legal hold keeps. */
  readonly overdue: number;
  readonly held: number;
  /** `maxTime` of the oldest that is past its end and that nothing holds. */
  readonly oldestOverdue?: number;
}

/** What was purged at once. */
export interface PurgeRecord {
  readonly id: string;
  readonly policyVersion: number;
  readonly approvedBy: string;
  readonly files: number;
  readonly events: number;
  readonly bytes: number;
  /** Of the newest event that went, ms since 1970. */
  readonly newest: number;
  /** Half-open runs, as the record of it says. */
  readonly leaves: readonly (readonly [from: number, to: number])[];
  readonly startedAt: Date;
  readonly endedAt: Date;
}

/** What anybody of the tenant may see of retention. */
export interface RetentionLedger {
  /** Files by category; categories without a file are left out. */
  ages(tenant: string, ends: Ends): Promise<readonly Ages[]>;
  /** By id, descending: newest first. */
  purges(tenant: string, before: string | undefined, limit: number): Promise<readonly PurgeRecord[]>;
}

/** A file past its end. */
export type ExpiredFile = Pick<
  ArchiveFile,
  'id' | 'key' | 'tier' | 'category' | 'events' | 'bytes' | 'minTime' | 'maxTime' | 'minId' | 'maxId'
>;
