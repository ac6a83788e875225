/** What a loss of the database leaves to do for a tenant; see docs/operating/recovery.md. */

/** Where the events of a log are: `leaves` is the sum of the next four. */
export interface RebuiltView {
  readonly leaves: number;
  readonly in_files: number;
  readonly in_parts: number;
  readonly purged: number;
  readonly missing_leaves: number;
  readonly missing: readonly { readonly from: number; readonly to: number }[];
  readonly files: Readonly<Record<'found' | 'added' | 'superseded' | 'unfinished' | 'purged' | 'twice', number>>;
  readonly broken: readonly { readonly key: string; readonly reason: string }[];
  readonly totals: readonly { readonly category: string; readonly files: number; readonly events: number }[];
  readonly compacted_seq: string;
}

export interface ReplayBody {
  /** RFC 3339, by the time in the ids; left out: all that is to be in Postgres. */
  readonly from?: string;
  readonly to?: string;
  /** Where the step before ended. */
  readonly after?: string;
}

export interface LinesSumView {
  readonly events: number;
  readonly sum: string;
}

/** One step of a replay. */
export interface ReplayView {
  readonly state: 'working' | 'done';
  readonly after: string | null;
  readonly hot_floor: string;
  readonly parts: number;
  readonly events: number;
  readonly added: number;
  readonly same: boolean;
  readonly archived: LinesSumView;
  readonly restored: LinesSumView;
  readonly unread: readonly { readonly key: string; readonly reason: string }[];
}
