/** The places that jobs lean on. Each comment is the promise its driver keeps. */
import type { Job, JobChange } from './job.ts';
import type { JobKind, Outcome, PartMessage, RowCounts, RunState, Task } from './run.ts';

/** A run as readers see it. Times are ISO 8601 in UTC. */
export interface Run {
  readonly tenant: string;
  readonly id: string;
  readonly job: string;
  readonly jobName: string;
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
  /** Durable on return. A name that another job has, or a job too many, rejects with `Problem` `conflict`. */
  create(job: Job): Promise<void>;
  /** A foreign id looks like a missing one, and so does a deleted job's. */
  get(tenant: string, id: string): Promise<Job | undefined>;
  list(tenant: string, after: string | undefined, limit: number): Promise<readonly Job[]>;
  /** The changed job, or undefined when there is none. */
  change(tenant: string, id: string, change: JobChange, at: Date): Promise<Job | undefined>;
  /** Newest first, those with smaller ids than `before`. */
  history(tenant: string, id: string, before: string | undefined, limit: number): Promise<readonly Run[]>;
  /**
   * Notes that the schedule says what `job` says. Resolves with the job as it stands now; when that was changed meanwhile,
   * nothing is noted, for the schedule may say what stood there before.
   */
  scheduled(job: Job, at: Date): Promise<Job | undefined>;
  /**
   * Jobs of these tenants, deleted ones too, that were changed since their schedule was put, or last put before `before`.
   * By id, those after `after`.
   */
  unscheduled(
    tenants: readonly string[],
    before: Date,
    after: string | undefined,
    limit: number,
  ): Promise<readonly Job[]>;
}

/** What a transaction on runs made due, which the caller sends and tells the trail of. */
export interface Due {
  readonly send: readonly { readonly kind: JobKind; readonly message: PartMessage; readonly delaySeconds: number }[];
  readonly began: readonly Run[];
  /** Runs that ended with this, refused ones among them. */
  readonly ended: readonly Run[];
}
export const nothingDue: Due = { send: [], began: [], ended: [] };

/** The queue of each kind. */
export interface JobQueues {
  /** Every message is durable on return. Rejects with `Unavailable`, and then any part of them may have been sent. */
  send(messages: Due['send']): Promise<void>;
}

/** What became of a start: undefined when the schedule was delivered before, or the job is gone or (by its schedule) disabled. */
export type Started = { readonly run: Run; readonly due: Due } | undefined;

/**
 * Runs and their parts. Every method is one transaction and rejects with `Unavailable` when the database is down. What it
 * says is to be sent may be lost by a crash: `due` finds it again.
 */
export interface Runs {
  /** Makes a run of a job and its first part, if its overlap lets it. Repeating a start by the schedule does nothing. */
  start(start: {
    readonly tenant: string;
    readonly id: string;
    readonly job: string;
    readonly cause: 'schedule' | 'manual';
    readonly askedBy: string;
    readonly scheduledFor: Date;
    readonly at: Date;
  }): Promise<Started>;
  /** A foreign or malformed id looks like a missing one. */
  get(tenant: string, run: string): Promise<Run | undefined>;
  /**
   * Takes a part. Undefined when it is over, or someone else has it, or it is not yet its time: the message is then
   * dropped. Who holds it by the same `holder` gets it again. A part that waits for an answer is taken only with one, or
   * after its time; an answer that comes while its question is still being noted is kept for it.
   */
  take(
    message: PartMessage,
    by: { readonly at: Date; readonly leaseUntil: Date; readonly holder: string; readonly trace: string },
  ): Promise<Omit<Task, 'until'> | undefined>;
  /** Ends a call. What a task says that lost its lease is dropped: resolves with nothing due. */
  settle(task: Task, outcome: Outcome, at: Date): Promise<Due>;
  /** Ends a call that failed: the part is tried again after the job's back-off, or has failed and its run ends so. */
  fault(
    task: Task,
    fault: { readonly code: string; readonly message: string; readonly again: boolean; readonly notBefore?: Date },
    at: Date,
  ): Promise<Due>;
  /**
   * Up to `limit` parts of these tenants that count as lost, and runs that wait for one that is over. A part that was
   * lost with its last try has failed.
   */
  due(tenants: readonly string[], at: Date, limit: number): Promise<Due>;
  /** Runs that began or ended before `before` and of which the trail was not told. */
  unsaid(tenants: readonly string[], before: Date, limit: number): Promise<readonly Run[]>;
  /** Notes that the trail knows how a run began, or ended. */
  said(run: Run, what: 'began' | 'ended', at: Date): Promise<void>;
}

/** One schedule for each enabled job (core/jobs/timing.ts `scheduleName`). Its target gets tenant, job and due time. */
export interface Schedules {
  /**
   * Makes the job's schedule, or what is there into it; a job that is disabled or deleted, or ran its only time, has none.
   * Safe to repeat. Rejects with `Problem` `request_invalid` when the scheduler does not take the timing.
   */
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

/** What runs of kind `report` wrote. Rejects with `Unavailable`. */
export interface Reports {
  /** Durable on return; writing again takes the place of what was there. JSON in canonical form. */
  put(tenant: string, run: string, bytes: Uint8Array): Promise<void>;
}

/** One call of a tenant's webhook. What its server says in words is a stranger's, and is not looked at. */
export type WebhookAnswer =
  | { readonly status: number; readonly retryAfter?: string }
  /** Never called: its address leads where nobody may be sent. */
  | { readonly refused: string }
  | { readonly unreachable: true };
export type CallWebhook = (
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
) => Promise<WebhookAnswer>;
