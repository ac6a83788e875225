/** The places that the log lives in. Each comment is the promise its driver keeps. */
import type { Tier } from '../event/event.ts';
import type { EventLine } from '../record/envelope.ts';
import type { Segment } from '../record/segment.ts';
import type { Entry, Leaf } from './entry.ts';

/**
 * `initializing`: has no checkpoint yet. `active`: is sealed. `frozen`: signs nothing until somebody has looked and
 * recovered it. `retired`: took its last leaf.
 */
export const logStates = ['initializing', 'active', 'frozen', 'retired'] as const;
export type LogState = (typeof logStates)[number];

/** Why a log was frozen. */
export const freezeReasons = [
  /** S3 has a checkpoint, archived or about to be signed, that Postgres does not know: the database was rolled back. */
  'rollback',
  /** S3 holds other bytes where ours belong, or lacks a tile that was written. */
  'tile_differs',
  /** Another root was signed for this size. */
  'checkpoint_differs',
  /** What Postgres has for the integrated tree does not hash to its root. */
  'edge_differs',
  /** An operator asked. */
  'operator',
  /** A recovery is under way. */
  'recovery',
] as const;
export type FreezeReason = (typeof freezeReasons)[number];

/** A tenant's log as Postgres has it. Sizes and indexes count leaves; they stay far below 2^53. */
export interface LogRecord {
  readonly tenant: string;
  /** 26 characters of base32, random: the tenant's name is in no URL. */
  readonly slug: string;
  /** First line of every checkpoint, and the name of the key: `<host>/t/<slug>`. */
  readonly origin: string;
  readonly state: LogState;
  /** Counts recoveries. */
  readonly epoch: number;
  /** Of the whole database: recoveries renew it, here and on S3, so that workers from before do nothing more. */
  readonly incarnation: string;
  /** Of the database: 0, which is not told, is the main one. Each has an incarnation of its own, and S3 one for each. */
  readonly shard?: number;
  /** Leaves whose order is fixed: the index the next one gets. */
  readonly leaves: number;
  /** Leaves that are in the tree; `root` is its root and `edge` its right edge (integrate.ts encodes it). */
  readonly size: number;
  readonly root: Uint8Array;
  readonly edge: Uint8Array;
  /** published ≤ archived ≤ size ≤ leaves */
  readonly archivedSize: number;
  readonly publishedSize: number;
  readonly frozenAt?: Date;
  readonly frozenReason?: FreezeReason;
  readonly createdAt: Date;
}

/** What a run read, which must still hold when it writes. */
export interface Expected {
  readonly size: number;
  readonly root: Uint8Array;
  readonly epoch: number;
  readonly incarnation: string;
}

/** Leaves of one part (one tenant's share of a segment), in the order that the commit fixed. */
export interface OutboxPart {
  readonly seq: bigint;
  readonly firstLeaf: number;
  /** `t` of all its leaves. */
  readonly time: number;
  readonly leaves: readonly Leaf[];
}

/** What waits to be sealed. */
export interface Pending {
  readonly tenant: string;
  readonly leaves: number;
  /** Commit time of the oldest leaf that no published checkpoint covers, by the tier of its event. */
  readonly oldestCritical?: Date;
  readonly oldestBulk?: Date;
}

/** Logs in Postgres. Every method is one transaction; every one rejects with `Unavailable` when the database is down. */
export interface LogLedger {
  find(tenant: string): Promise<LogRecord | undefined>;
  /** Makes the tenant's log in state `initializing`; when there is one already, that one is the answer. */
  create(tenant: string, log: { readonly slug: string; readonly origin: string }): Promise<LogRecord>;
  /**
   * Parts from leaf `from` on, in order and without gaps, whole, at least one (if there is one) and about `leavesMax`
   * leaves. None when no part begins with `from`: it is sealed already, or was not committed.
   */
  outbox(tenant: string, from: number, leavesMax: number): Promise<readonly OutboxPart[]>;
  /**
   * Compare and swap: the tree grows to `next`, if the log is what was expected and not frozen or retired.
   * False: somebody else was first, and nothing changed.
   */
  advance(
    tenant: string,
    expected: Expected,
    next: { readonly size: number; readonly root: Uint8Array; readonly edge: Uint8Array },
  ): Promise<boolean>;
  /**
   * The checkpoint that may be signed for a size: the first caller's root stays for ever, with the epoch it was claimed
   * in. Undefined when the log is not as expected any more, or frozen; then nothing may be signed.
   */
  claimCheckpoint(
    tenant: string,
    expected: Expected,
  ): Promise<{ readonly root: Uint8Array; readonly epoch: number; readonly note?: string } | undefined>;
  /** The root that a size was claimed with; undefined when it never was. */
  claimedRoot(tenant: string, size: number): Promise<Uint8Array | undefined>;
  /** Keeps the signed note of a claimed checkpoint; a note that is there stays. */
  keepNote(tenant: string, size: number, note: string): Promise<void>;
  /** S3 has the checkpoint of this size under lock: outbox rows below it go. Sizes never shrink. False as for `advance`. */
  archived(tenant: string, size: number, fence: Pick<Expected, 'epoch' | 'incarnation'>): Promise<boolean>;
  /** Auditors can see the checkpoint of this size; the first one makes an initializing log active. False as for `advance`. */
  published(tenant: string, size: number, fence: Pick<Expected, 'epoch' | 'incarnation'>): Promise<boolean>;
  /** Freezes the log if it is in this epoch and not frozen or retired; true when this call did it. */
  freeze(tenant: string, reason: FreezeReason, epoch: number): Promise<boolean>;
  /** Ends a log for good. Only when all its leaves are published. */
  retire(tenant: string): Promise<boolean>;
  /** Tenants among these that have leaves which no published checkpoint covers, and logs that are not frozen. */
  pending(tenants: readonly string[]): Promise<readonly Pending[]>;
  /** The logs that these tenants have, with their states. */
  states(tenants: readonly string[]): Promise<readonly Pick<LogRecord, 'tenant' | 'state' | 'slug'>[]>;
}

/** Whose logs a sweep goes through. */
export interface LogTenants {
  /** Tenants by id, after `after`; fewer than `limit` are the last. */
  page(after: string | undefined, limit: number): Promise<readonly string[]>;
}

/** What is done to logs by hand, or by recovery. Its driver logs in with rights that no sealer has. */
export interface LogRecovery {
  /** Gives the whole database that has the tenant a new incarnation. */
  renewIncarnation(incarnation: string, tenant: string): Promise<void>;
  /**
   * The log, and its parts that have leaves at `from` or later, in order, with their leaves where the outbox still has
   * them. A part that is not in the outbox was sealed before.
   */
  partsFrom(tenant: string, from: number): Promise<readonly KnownPart[]>;
  /**
   * Takes a frozen log for a recovery. False when it is not frozen in `epoch`, and when another recovery took it less
   * than `lastsMs` ago and has not ended. So no two work on one log, as long as none lives longer.
   */
  begin(tenant: string, epoch: number, lastsMs: number): Promise<boolean>;
  /** Lets go of a log whose recovery failed; another may begin at once. */
  end(tenant: string, epoch: number): Promise<void>;
  /**
   * Rolls the log forward to, or towards, what S3 has archived, in one transaction under the lock of the tenant's
   * counter. With the last plan the log becomes active with the next epoch. Nothing changes unless the answer is `done`.
   */
  rebuild(tenant: string, epoch: number, plan: RebuildPlan): Promise<Rebuilt>;
  /**
   * Makes a frozen log, with which nothing is wrong, active again with the next epoch. `bound`: the checkpoint that S3
   * binds it to, which counts as claimed from now on. False when it is not frozen in `epoch`.
   */
  unfreeze(
    tenant: string,
    epoch: number,
    bound?: { readonly size: number; readonly root: Uint8Array },
  ): Promise<boolean>;
}

/** `parts_changed`: events were committed since the plan was made, which must be made again. */
export type Rebuilt = 'done' | 'not_frozen' | 'parts_changed';

/** A part as the database has it. */
export interface KnownPart {
  readonly seq: bigint;
  readonly tier: Tier;
  readonly firstLeaf: number;
  readonly events: number;
  readonly segment: string;
  /** Key of the segment. */
  readonly key: string;
  readonly outbox?: { readonly time: number; readonly leaves: readonly Leaf[] };
}

/** A part that the log has and the database lacks, found among the segments on S3. */
export interface FoundPart {
  readonly segment: Segment;
  /** The tenant's lines in the segment, in its order. */
  readonly lines: readonly EventLine[];
  readonly entries: readonly Entry[];
  readonly firstLeaf: number;
}

/** What recovery found out, ready to be written. See recover-plan.ts. */
export interface RebuildPlan {
  /** The tree so far: of the newest checkpoint that binds us in the last plan, a smaller one before. */
  readonly size: number;
  readonly root: Uint8Array;
  readonly edge: Uint8Array;
  /** Nothing follows: `size` is what binds us, and the log can be active. */
  readonly last: boolean;
  /** Size of the newest archived checkpoint; smaller than that of the last plan when a worker died before it archived. */
  readonly archived: number;
  /** Note of the checkpoint of `size`, in the last plan, when that one is archived. */
  readonly note?: string;
  /** `t` of the last leaf of the last plan's tree, or 0: leaves behind it are not older. */
  readonly time: number;
  /** Parts that end at or below this leaf agree with the log and stay as they are. */
  readonly agreed: number;
  /** In the order of their leaves, all between `agreed` and `size`. Rows of their events replace those of the same ids. */
  readonly found: readonly FoundPart[];
  /** Parts above `agreed` that hold no event of the log: they move behind it, in their order. */
  readonly moved: readonly bigint[];
  /** Parts above `agreed` that hold events of `found`: they go. */
  readonly dropped: readonly bigint[];
  /** What only dropped parts had, in segments that were written for it: new parts behind those that moved. */
  readonly rewritten: readonly {
    readonly segment: Segment;
    readonly lines: readonly EventLine[];
    readonly leaves: readonly Leaf[];
  }[];
}

/** What a conditional write met. `different`: other bytes are there, and nothing was written. */
export type Put = 'stored' | 'same' | 'different';

/**
 * The evidence bucket: logs in the layout of C2SP tlog-tiles. Paths are relative to a log: `checkpoint`,
 * `tile/0/x001/067`, `tile/entries/000.p/17`, `keys.txt`. Rejects with `Unavailable` when S3 is down; a write that
 * rejected may have happened.
 */
export interface LogStore {
  /** Writes once (If-None-Match), and compares when something is there. */
  put(slug: string, path: string, bytes: Uint8Array): Promise<Put>;
  /** Undefined when there is nothing. */
  get(slug: string, path: string): Promise<Uint8Array | undefined>;
  /** Archives a signed checkpoint under Object Lock, once: `checkpoint-archive/<size, 20 digits>`. */
  archive(slug: string, size: number, note: string): Promise<Put>;
  /** The archived checkpoint of the largest size, and undefined when there is none. `from` is a size known to be archived. */
  newestArchived(slug: string, from: number): Promise<{ readonly size: number; readonly note: string } | undefined>;
  /**
   * The text of the newest checkpoint that may have been signed, with its entity tag. Whatever becomes of the database
   * and of the worker, this is what we are bound to: each is written before its signature is asked for.
   */
  bound(slug: string): Promise<{ readonly text: string; readonly etag: string } | undefined>;
  /** Replaces it if it still has this entity tag (undefined: if there is none). False when it has not. */
  bind(slug: string, text: string, etag: string | undefined): Promise<boolean>;
  /** The published checkpoint with its entity tag. */
  checkpoint(slug: string): Promise<{ readonly note: string; readonly etag: string } | undefined>;
  /** Replaces the published checkpoint if it still has this entity tag (undefined: if there is none). False when it has not. */
  publish(slug: string, note: string, etag: string | undefined): Promise<boolean>;
  /** Paths of tiles and entry bundles below a prefix such as `tile/` or `tile/0/x001/067.p/`. */
  list(slug: string, prefix: string): AsyncIterable<string>;
  /** Removes tiles; the bucket keeps their versions. Only below the published size when full ones replace them, and in recovery. */
  remove(slug: string, paths: readonly string[]): Promise<void>;
  /** Replaces a text that changes rarely: `keys.txt`, `policy.txt`. */
  putText(slug: string, path: string, text: string): Promise<void>;
  /** The incarnation that workers must share with the database of a shard. Undefined before the first was written. */
  incarnation(shard?: number): Promise<string | undefined>;
  setIncarnation(incarnation: string, shard?: number): Promise<void>;
}

/** Logs whose published checkpoint witnesses are to see. */
export interface Anchors {
  /**
   * Asks for cosignatures on what is published of a log, now or later. Durable on return; asking twice does no harm.
   * Call it after publishing, and go on when it rejects with `Unavailable`: a sweep over the evidence bucket finds what
   * no witness has seen.
   */
  ask(slug: string): Promise<void>;
}
