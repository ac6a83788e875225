/** What ageing leans on in Postgres. Every method rejects with `Unavailable` when the database is down. */
import type { ArchiveChunk } from './file.ts';

/** A month of record.event: ids with `from` ≤ id < `past`. */
export interface HotMonth {
  /** `2026-03-01` */
  readonly month: string;
  readonly from: string;
  readonly past: string;
  /** It was dropped before: what is in it came late, and the archive has more of this month than it does. */
  readonly isLate: boolean;
}

export interface HotRow {
  readonly id: string;
  /** The event's line, without its newline. */
  readonly line: string;
}

/** A tenant's month that was found whole in the archive. */
export interface AgedMonth {
  readonly events: number;
  /** Hex: see LinesSum. */
  readonly linesSum: string;
  readonly verifiedAt: Date;
}

/** The rows of one cluster. */
export interface HotRows {
  /** Those of these tenants whose rows are on this cluster. */
  own(tenants: readonly string[]): Promise<readonly string[]>;
  /** Months that ended before `until`, oldest first. */
  months(until: Date): Promise<readonly HotMonth[]>;
  count(tenant: string, month: HotMonth): Promise<number>;
  /** Rows of a month by id, after an id; fewer than `limit` are the last. */
  rows(tenant: string, month: HotMonth, after: string | undefined, limit: number): Promise<readonly HotRow[]>;
  /** Archived chunks of critical events that may hold ids of [from, upTo], by (file, number); fewer than `limit` are the last. */
  chunks(
    tenant: string,
    ids: { readonly from: string; readonly upTo: string },
    after: Pick<ArchiveChunk, 'file' | 'number'> | undefined,
    limit: number,
  ): Promise<readonly ArchiveChunk[]>;
  aged(tenant: string, month: HotMonth): Promise<AgedMonth | undefined>;
  keepAged(tenant: string, month: HotMonth, aged: AgedMonth): Promise<void>;
  /**
   * Drops the month, and moves the floor above it, when its rows are as many as was verified, tenant by tenant. `changed`:
   * other rows are there. `busy`: somebody was reading all the time, try again later. Else the number of rows.
   */
  drop(
    month: HotMonth,
    verified: readonly { readonly tenant: string; readonly events: number }[],
    now: Date,
  ): Promise<number | 'changed' | 'busy'>;
  /** Months that were dropped and may have left tokens. */
  dropped(): Promise<readonly HotMonth[]>;
  /** Deletes a tenant's tokens of events of the month that have no row; resolves with how many. */
  forgetTokens(tenant: string, month: HotMonth): Promise<number>;
  /** Every tenant's tokens of the month are gone. */
  tokensGone(month: HotMonth, now: Date): Promise<void>;
}
