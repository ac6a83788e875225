/** The places that jobs lean on. Each comment is the promise its driver keeps. */
import type { Job, JobChange } from './job.ts';
import type { JobKind, Outcome, PartMessage, RowCounts, RunState, Task } from './run.ts';

/** A run as readers see it. Times are ISO 8601 in UTC. */
export interface Run {
  readonly id: string;
  readonly job: string;
  readonly kind: JobKind;
  readonly cause: 'schedule' | 'manual';
  readonly askedBy: string;
  readonly state: RunState;
  readonly scheduledFor: Date;
  readonly queuedAt: Date;
  readonly startedAt?: Date;
  readonly endedAt?: Date;
  readonly rows: RowCounts;
  readonly error?: { readonly code: string; readonly message: string };
  readonly result?: Readonly<Record<string, unknown>>;
  readonly trace?: string;
  readonly parts: { readonly open: number; readonly done: number; readonly failed: number };
}

/** Jobs in Postgres. Every method is one transaction and rejects with `Unavailable` when the database is down. */
export interface Jobs {
  /** Durable on return. A name that another job has rejects with `Problem` `conflict`. */
  create(job: Job): Promise<void>;
  /** A foreign id looks like a missing one, and so does a deleted job's. */
  get(tenant: string, id: string): Promise<Job | undefined>;
  list(tenant: string, after: string | undefined, limit: number): Promise<readonly Job[]>;
  /** The changed job, or undefined when there is none. */
  change(tenant: string, id: string, change: JobChange, at: Date): Promise<Job | undefined>;
  /** Newest first, those with smaller ids than `before`. */
  history(tenant: string, id: string, before: string | undefined, limit: number): Promise<readonly Run[]>;
}

/** What became of a start. */
export type Started =
  | { readonly run: Run; readonly send: readonly PartMessage[] }
  /** The schedule was delivered before, or the job is gone or disabled. */
  | undefined;

/** What a transaction on a run made due, which the caller sends and tells the trail of. */
export interface Due {
  readonly send: readonly { readonly kind: JobKind; readonly message: PartMessage; readonly delaySeconds: number }[];
  /** Runs that ended with this. */
  readonly ended: readonly Run[];
}

/**
 * Runs and their parts. Every method is one transaction and rejects with `Unavailable` when the database is down. What it
 * says is to be sent may be lost by a crash: `due` finds it again.
 */
export interface Runs {
  /** Makes a run of a job and its first part, if its overlap lets it. */
  start(start: {
    readonly tenant: string;
    readonly id: string;
    readonly job: string;
    readonly cause: 'schedule' | 'manual';
    readonly askedBy: string;
    readonly scheduledFor: Date;
    readonly at: Date;
  }): Promise<Started>;
  get(tenant: string, run: string): Promise<Run | undefined>;
  /**
   * Takes a part, until `leaseUntil`. Undefined when it is over, or someone else has it, or it is not yet its time:
   * the message is then dropped. A part that waits for an answer is taken only with one, or after its time.
   */
  take(message: PartMessage, at: Date, leaseUntil: Date, trace: string): Promise<Task | undefined>;
  /** Ends a call. An answer of a task that lost its lease is dropped: resolves with nothing due. */
  settle(task: Task, outcome: Outcome, at: Date): Promise<Due>;
  /** Ends a call that failed: the part is tried again after the job's back-off, or has failed and its run ends so. */
  fault(
    task: Task,
    fault: { readonly code: string; readonly message: string; readonly again: boolean; readonly notBefore?: Date },
    at: Date,
  ): Promise<Due>;
  /** Parts of these tenants whose time came and that nobody has, and runs that wait for one that is over. */
  due(tenants: readonly string[], at: Date, limit: number): Promise<Due>;
  /** Runs whose beginning or end the trail was not told of. */
  unsaid(tenants: readonly string[], limit: number): Promise<readonly { readonly tenant: string; readonly run: Run }[]>;
  said(tenant: string, run: string, what: 'started' | 'ended', at: Date): Promise<void>;
}

/** One schedule for each enabled job (core/jobs/timing.ts `scheduleName`). Its target gets tenant, job and due time. */
export interface Schedules {
  /** Makes the job's schedule, or what is there into it; a disabled or deleted job has none. Safe to repeat. */
  put(job: Job): Promise<void>;
}

/**
 * What tenants gave us to sign in with elsewhere, by the id of the source or job that it is for. Every method rejects with
 * `Unavailable` when the place is down. Only functions outside the network read; nobody shows, logs or sends a secret.
 */
export interface TenantSecrets {
  /** Durable on return; takes the place of what was there. At most 4 096 characters. */
  put(tenant: string, id: string, secret: string): Promise<void>;
  get(tenant: string, id: string): Promise<string | undefined>;
  /** Safe to repeat. */
  remove(tenant: string, id: string): Promise<void>;
}
