/** Jobs: what a tenant has done by the clock, and what came of it. */
import type { JsonObject } from '#core/event/event.ts';
import type { JobKind, RowCounts, RunState } from '#core/jobs/run.ts';
import type { Timing } from '#core/jobs/timing.ts';
import type { ListOptions } from './answers.ts';
import { query } from './read-events.ts';
import type { Transport } from './transport.ts';

export interface JobBody {
  /** Unique among the jobs of the tenant. */
  readonly name: string;
  readonly kind: JobKind;
  readonly timing: Timing;
  /** IANA name; UTC when absent. */
  readonly time_zone?: string;
  /** What the kind asks for; nothing secret. */
  readonly config?: JsonObject;
  /** What becomes of a run that is due during another: `refuse` when absent. */
  readonly overlap?: 'refuse' | 'queue';
  /** Tries of each part, the first included: 3 when absent. */
  readonly attempts_max?: number;
  /** Before the second try; doubled before each later one. 60 when absent. */
  readonly backoff_seconds?: number;
  readonly enabled?: boolean;
}

export type JobView = Required<JobBody> & {
  readonly id: string;
  /** The timing, as EventBridge Scheduler has it. */
  readonly expression: string;
  /** False: its schedule does not say yet what stands here; it will within minutes. */
  readonly scheduled: boolean;
  /** Null for a job that is disabled or ran its only time. */
  readonly next_run: string | null;
  /** The next five; not in lists. */
  readonly next_runs?: readonly string[];
  /** Runs of the next year that the clock leaves out when it is put forward; local times. */
  readonly left_out: readonly string[];
  readonly created_by: string;
  readonly created_at: string;
  readonly changed_at: string;
};

export interface RunView {
  readonly id: string;
  readonly job: string;
  readonly kind: JobKind;
  readonly state: RunState;
  readonly cause: 'schedule' | 'manual';
  readonly asked_by: string;
  readonly scheduled_for: string;
  readonly queued_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** So far, of a run that is under way. */
  readonly duration_ms: number | null;
  readonly rows: RowCounts;
  readonly parts: { readonly open: number; readonly done: number; readonly failed: number };
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly result: JsonObject | null;
  /** Log group and stream of its first part. */
  readonly trace: string | null;
}

export interface HistoryOptions {
  /** The `next` of the page before. */
  readonly before?: string;
  readonly limit?: number;
}

export interface History {
  readonly runs: readonly RunView[];
  readonly next: string | null;
  readonly next_run: string | null;
}

export function jobs(transport: Transport) {
  const path = (id = '', step = '') => `/v1/jobs${id && `/${encodeURIComponent(id)}`}${step && `/${step}`}`;
  const post = <T>(id: string, step: string) => transport<T>({ method: 'POST', path: path(id, step), body: '{}' });
  return {
    /** Of a webhook with the secret that its receiver verifies with; it is shown this once. */
    create: (body: JobBody) =>
      transport<JobView & { readonly signing_secret?: string }>({
        method: 'POST',
        path: path(),
        body: JSON.stringify(body),
      }),
    get: (id: string) => transport<JobView>({ method: 'GET', path: path(id) }),
    /** Oldest first. */
    list: ({ after, limit }: ListOptions = {}) =>
      transport<{ readonly jobs: readonly JobView[]; readonly next: string | null }>({
        method: 'GET',
        path: path() + query({ after, limit }),
      }),
    /** Its runs, newest first. */
    history: (id: string, { before, limit }: HistoryOptions = {}) =>
      transport<History>({ method: 'GET', path: path(id, 'history') + query({ before, limit }) }),
    enable: (id: string) => post<JobView>(id, 'enable'),
    /** A run that is under way goes on. */
    disable: (id: string) => post<JobView>(id, 'disable'),
    /** Now, whatever its timing says. Rejects with `conflict` when another run is under way and its job refuses that. */
    run: (id: string) => post<RunView>(id, 'run'),
    /** Its history stays. */
    remove: (id: string) => transport<void>({ method: 'DELETE', path: path(id) }),
  };
}
