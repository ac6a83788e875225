/** What a purge leans on in Postgres. Every method rejects with `Unavailable` when the database is down. */
import type { Ages, Ends, ExpiredFile, PurgeRecord, RetentionVersion } from './retention-ports.ts';

/** Files that go at once. */
export interface PurgeStep {
  readonly files: readonly ExpiredFile[];
  /** Ids of the files' events that may still have rows in record.event; they go with the files. */
  readonly rows: readonly string[];
  readonly record: Omit<PurgeRecord, 'endedAt'>;
  /** Earlier purges that the record tells of again. */
  readonly toldAgain: readonly string[];
}

export interface Purges {
  /** Of these tenants, those with an approved policy, and what it says. */
  approved(tenants: readonly string[]): Promise<ReadonlyMap<string, RetentionVersion>>;
  /**
   * Notes what records of purges in record.event say and nobody noted: copies that ended at compaction, and everything
   * when the notes were lost with a database. Noting again changes nothing.
   */
  noteTold(tenants: readonly string[]): Promise<void>;
  /** Files past their end that nothing holds, by (maxTime, id), after a file; fewer than `limit` are the last. */
  expired(
    tenant: string,
    ends: Ends,
    after: Pick<ExpiredFile, 'id' | 'maxTime'> | undefined,
    limit: number,
  ): Promise<readonly ExpiredFile[]>;
  /** The leaves of a file's events, in no order. */
  leaves(tenant: string, file: string): Promise<readonly number[]>;
  /** Whether record.event has rows among the ids of a file. */
  hasRows(tenant: string, file: ExpiredFile): Promise<boolean>;
  /**
   * Purges whose records were made from `from` to `to`, both included, and that no later record tells of again: their
   * records may go now.
   */
  tellable(tenant: string, from: number, to: number): Promise<readonly Pick<PurgeRecord, 'id' | 'leaves'>[]>;
  /**
   * ONE transaction, in which no hold is placed: rows and files go, objects are doomed until `after`, `tell` is called
   * last, and when it rejects nothing has happened. `held`: a hold came meanwhile. `changed`: a file has gone elsewhere,
   * or another policy was approved. What is told of a transaction that fails at its very end is told again by the next.
   */
  purge(
    tenant: string,
    step: PurgeStep,
    after: Date,
    tell: () => Promise<void>,
  ): Promise<'purged' | 'held' | 'changed'>;
  /** Files by category; see RetentionLedger. */
  ages(tenant: string, ends: Ends): Promise<readonly Ages[]>;
}
