/** Runs of jobs: the words that verbs, stores and readers share. */
import type { JsonObject } from '../event/event.ts';
import type { Run } from './ports.ts';

/** What a job can do. Each kind has a queue of its own and one verb that works it off. */
export const jobKinds = [
  'etl',
  'refresh',
  'forecast',
  'compare',
  'report',
  'export',
  'retention',
  'verify',
  'custom-webhook',
] as const;
export type JobKind = (typeof jobKinds)[number];

/** `queued` until its first part begins; `refused` when it came while another run of its job was under way. */
export const runStates = ['queued', 'running', 'succeeded', 'failed', 'refused'] as const;
export type RunState = (typeof runStates)[number];

/** The part that every run begins with: it does the work, or makes the parts that do. */
export const firstPart = 'plan';

/** Rows in, rows stored, rows put aside. */
export interface RowCounts {
  readonly read: number;
  readonly written: number;
  readonly rejected: number;
}
export const noRows: RowCounts = { read: 0, written: 0, rejected: 0 };

/** What is sent to a kind's queue. It holds nothing secret. */
export interface PartMessage {
  readonly v: 1;
  readonly tenant: string;
  readonly run: string;
  readonly part: string;
  /** From where the part had asked outside. */
  readonly answer?: JsonObject;
  /** The `lease` of the task that asked: an answer to an earlier question is dropped. */
  readonly asked?: number;
}

/** What goes outside with a question, and comes back with the answer: `{ ...questionOf(task), answer }`. */
export const questionOf = ({ tenant, run, part, lease }: Task): PartMessage => ({
  v: 1,
  tenant,
  run,
  part,
  asked: lease,
});

/** A part of a run, as the verb of its kind gets it. Lease and attempts are counted; nobody else works on it. */
export interface Task {
  readonly tenant: string;
  readonly run: string;
  readonly job: string;
  readonly jobName: string;
  /** Who made the job: what comes of it is theirs. */
  readonly createdBy: string;
  readonly kind: JobKind;
  readonly part: string;
  /** 1 the first time; again after each call that said `more`. */
  readonly attempt: number;
  /** Counts how often the part was taken: of two who work on it only the later is heard. */
  readonly lease: number;
  /** The run, when this is how it began and the trail does not know. */
  readonly began?: Run;
  readonly scheduledFor: Date;
  /** The job's settings as they were when the run began. */
  readonly config: JsonObject;
  /** Where an earlier call stopped. */
  readonly position?: JsonObject;
  readonly answer?: JsonObject;
  /** The verb stops before that and says `more`. */
  readonly until: Date;
}

/** How a call ended that did not fail. Counts add up over calls and parts. */
export type Outcome =
  /** The part is over. `parts` are to be done as well; those that are there already stay as they are. */
  | {
      readonly is: 'done';
      readonly rows?: RowCounts;
      readonly parts?: readonly string[];
      /** Laid over the run's result, key by key. */
      readonly result?: JsonObject;
    }
  /** Time is over before the part is: it is called again with this position, at once or at a time. */
  | { readonly is: 'more'; readonly position: JsonObject; readonly rows?: RowCounts; readonly at?: Date }
  /** Something outside was asked, which sends the part with its answer; when none comes until then, the part is tried again. */
  | { readonly is: 'away'; readonly until: Date; readonly position?: JsonObject };

/**
 * Why a part cannot be done: a stable code and a sentence that a person of the tenant may read. `again`: it may go better
 * later, after the job's back-off; otherwise the part has failed. Everything else that a verb throws is tried again, and
 * told of as `internal_error`.
 */
export class RunFault extends Error {
  override readonly name: string = 'RunFault';
  readonly code: string;
  readonly again: boolean;
  /** The source names a time before which it does not want to be asked. */
  readonly notBefore: Date | undefined;
  constructor(code: string, sentence: string, options: { readonly again?: boolean; readonly notBefore?: Date } = {}) {
    super(sentence);
    this.code = code;
    this.again = options.again ?? false;
    this.notBefore = options.notBefore;
  }
}
