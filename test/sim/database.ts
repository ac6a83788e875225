/** Postgres in the simulation: its rows, which a restore can set back to how they were. Every row is replaced, none is changed. */
import type { Tier } from '#core/event/event.ts';
import type { Leaf } from '#core/proof/entry.ts';
import type { LogRecord } from '#core/proof/ports.ts';
import type { Segment, SegmentPart } from '#core/record/segment.ts';

/** `record.segment` */
export interface SegmentRow {
  readonly segment: Pick<Segment, 'id' | 'key' | 'tier'>;
  readonly tenants: readonly string[];
  readonly partial: boolean;
  readonly committedAt: number;
  readonly announced: boolean;
}

/** `record.event` */
export interface EventRow {
  readonly tenant: string;
  readonly id: string;
  readonly body: string;
}

/** `record.tenant_counter` */
export interface CounterRow {
  readonly seq: bigint;
  readonly leaves: number;
  readonly lastTime: number;
}

/** `record.segment_part` */
export type PartRow = SegmentPart & { readonly firstLeaf: number };

/** `proof.outbox` */
export interface OutboxRow {
  readonly seq: bigint;
  readonly firstLeaf: number;
  readonly tier: Tier;
  readonly time: number;
  readonly leaves: readonly Leaf[];
  readonly committedAt: number;
}

/** `proof.log` without what is joined to it. */
export type LogRow = Omit<LogRecord, 'leaves' | 'incarnation'>;

/** `proof.checkpoint` */
export interface CheckpointRow {
  readonly root: Uint8Array;
  readonly epoch: number;
  readonly note?: string;
}

interface Tables {
  /** By `tenant/id`. */
  readonly events: Map<string, EventRow>;
  /** By digest: the time of its commit in ms, and the key of its segment. */
  readonly messages: Map<string, { readonly at: number; readonly key: string }>;
  /** By segment id. */
  readonly segments: Map<string, SegmentRow>;
  readonly counters: Map<string, CounterRow>;
  /** By tenant, in no order. */
  readonly parts: Map<string, readonly PartRow[]>;
  readonly outbox: Map<string, readonly OutboxRow[]>;
  readonly logs: Map<string, LogRow>;
  /** By tenant: since when a recovery has worked on its log, ms. */
  readonly recovering: Map<string, number>;
  /** By `tenant/size`. */
  readonly checkpoints: Map<string, CheckpointRow>;
}

/** Everything the database had at a time. */
export interface Snapshot {
  readonly tables: Tables;
  readonly incarnation: string;
  readonly takenAt: number;
}

/** What ever happened, whatever a restore made of it. */
export interface History {
  /** Texts of checkpoints whose signed notes were kept. */
  readonly notes: Set<string>;
  /** Checkpoints that could be signed, as `origin`, size and root in hex. */
  readonly claims: Set<string>;
  freezes: number;
  recoveries: number;
}

/** The name of a checkpoint in the history. */
export const claimName = (origin: string, size: number, root: Uint8Array): string =>
  `${origin} ${size} ${Buffer.from(root).toString('hex')}`;

export class Database {
  readonly history: History = { notes: new Set(), claims: new Set(), freezes: 0, recoveries: 0 };
  tables: Tables = {
    events: new Map(),
    messages: new Map(),
    segments: new Map(),
    counters: new Map(),
    parts: new Map(),
    outbox: new Map(),
    logs: new Map(),
    recovering: new Map(),
    checkpoints: new Map(),
  };
  incarnation: string;
  /** ms that the server's clock is off; a failover changes it. */
  skewMs = 0;
  readonly #clock: () => number;

  constructor(incarnation: string, clock: () => number) {
    this.incarnation = incarnation;
    this.#clock = clock;
  }

  /** The server's time, whole ms since 1970. */
  get now(): number {
    return Math.floor(this.#clock() + this.skewMs);
  }

  snapshot(): Snapshot {
    return { tables: copyOf(this.tables), incarnation: this.incarnation, takenAt: this.#clock() };
  }

  /** Point-in-time restore: whatever was committed since is gone. */
  restore(to: Snapshot): void {
    this.tables = copyOf(to.tables);
    this.incarnation = to.incarnation;
  }

  partsOf(tenant: string): readonly PartRow[] {
    return this.tables.parts.get(tenant) ?? [];
  }

  outboxOf(tenant: string): readonly OutboxRow[] {
    return this.tables.outbox.get(tenant) ?? [];
  }

  leavesOf(tenant: string): number {
    return this.tables.counters.get(tenant)?.leaves ?? 0;
  }
}

function copyOf(tables: Tables): Tables {
  return {
    events: new Map(tables.events),
    messages: new Map(tables.messages),
    segments: new Map(tables.segments),
    counters: new Map(tables.counters),
    parts: new Map(tables.parts),
    outbox: new Map(tables.outbox),
    logs: new Map(tables.logs),
    recovering: new Map(tables.recovering),
    checkpoints: new Map(tables.checkpoints),
  };
}
