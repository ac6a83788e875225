/** A job: a kind of work that a tenant has done by the clock. */
import type { JsonObject } from '../event/event.ts';
import type { JobKind } from './run.ts';
import type { Timing } from './timing.ts';

export interface Job {
  readonly tenant: string;
  /** UUIDv7. */
  readonly id: string;
  readonly name: string;
  readonly kind: JobKind;
  readonly timing: Timing;
  /** IANA name, as `Europe/Berlin`. */
  readonly timeZone: string;
  /** What the kind asks for; nothing secret. */
  readonly config: JsonObject;
  /** What becomes of a run that is due while another is under way. */
  readonly overlap: 'refuse' | 'queue';
  /** Tries of a part, the first included. */
  readonly attemptsMax: number;
  /** Before the second try; doubled before each later one, an hour at most. */
  readonly backoffSeconds: number;
  readonly enabled: boolean;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly changedAt: Date;
  readonly deletedAt?: Date;
  /** When its schedule was last put. Earlier than `changedAt`, or absent: the schedule lags behind. */
  readonly scheduledAt?: Date;
}

export type JobChange = { readonly enabled: boolean } | { readonly deleted: true };

/** Whether the job's schedule says what stands here. */
export const isScheduled = ({ scheduledAt, changedAt }: Job): boolean =>
  scheduledAt !== undefined && scheduledAt >= changedAt;
