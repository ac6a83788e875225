/**
 * EventBridge Scheduler: runs schedules while the platform is up, those of the template and those made by its API.
 *
 * A run missed while it was stopped is not made up for, except that of a schedule that has no other. A target that does
 * not take the event is tried again by the schedule's retry policy, then the event goes to its dead-letter queue.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NextRun, parseSchedule } from '#core/jobs/schedule-expression.ts';
import type { MadeSchedule } from './cloud/scheduler.ts';
import { type Loaded, TemplateError } from './template.ts';

export interface Schedule {
  /** Unique. */
  readonly name: string;
  readonly arn: string;
  readonly next: NextRun;
  /** What was due after that, and once only, is still due. */
  readonly onceSinceMs?: number;
  readonly targetArn: string;
  readonly input: string;
  readonly retries: number;
  readonly ageSecondsMax: number;
  readonly deadLetterArn: string | undefined;
  /** Called when the event of the last run was handed over or buried. */
  readonly onCompleted?: () => void;
}

export interface SchedulerOptions {
  /** Hands the event to its target; a rejection means the target did not take it. */
  readonly deliver: (targetArn: string, input: string) => Promise<void> | void;
  readonly bury: (queueArn: string, body: string, reason: string) => Promise<void>;
  readonly now?: () => number;
  readonly retryMs?: (attempt: number) => number;
}

interface Target {
  readonly Arn: string;
  readonly Input?: string;
  readonly RetryPolicy?: { readonly MaximumRetryAttempts?: number; readonly MaximumEventAgeInSeconds?: number };
  readonly DeadLetterConfig?: { readonly Arn?: string };
}

/** The enabled schedules of a template. A rate counts from `startMs`. */
export function readSchedules(loaded: Loaded, startMs: number): Schedule[] {
  return loaded
    .of('AWS::Scheduler::Schedule')
    .filter(({ properties }) => properties.State !== 'DISABLED')
    .map(({ id, attributes, properties }) => {
      const target = properties.Target as Target;
      const { MaximumRetryAttempts, MaximumEventAgeInSeconds } = target.RetryPolicy ?? {};
      const zone = String(properties.ScheduleExpressionTimezone ?? 'UTC');
      try {
        return {
          name: attributes.ref,
          arn: String(attributes.Arn),
          next: parseSchedule(String(properties.ScheduleExpression), zone, startMs),
          targetArn: target.Arn,
          input: target.Input ?? '{}',
          retries: Number(MaximumRetryAttempts ?? 185),
          ageSecondsMax: Number(MaximumEventAgeInSeconds ?? 86_400),
          deadLetterArn: target.DeadLetterConfig?.Arn,
        };
      } catch (error) {
        throw new TemplateError(`${id}: ${(error as Error).message}`);
      }
    });
}

/** A schedule that was made by the API; undefined when it is disabled. */
export function scheduleOf(name: string, made: MadeSchedule, onCompleted: () => void): Schedule | undefined {
  if (made.State === 'DISABLED') return undefined;
  const { RetryPolicy, DeadLetterConfig } = made.Target;
  const { StartDate, EndDate = Number.POSITIVE_INFINITY } = made;
  const startMs = (StartDate ?? made.CreationDate) * 1000;
  const parsed = parseSchedule(made.ScheduleExpression, made.ScheduleExpressionTimezone, startMs);
  return {
    name,
    arn: made.Arn,
    next: (afterMs) => {
      // A run on the start itself is one.
      const next = parsed(StartDate === undefined ? afterMs : Math.max(afterMs, startMs - 1));
      return next !== undefined && next <= EndDate * 1000 ? next : undefined;
    },
    ...(made.ScheduleExpression.startsWith('at(') ? { onceSinceMs: made.LastModificationDate * 1000 } : {}),
    targetArn: made.Target.Arn,
    input: made.Target.Input ?? '{}',
    retries: RetryPolicy?.MaximumRetryAttempts ?? 185,
    ageSecondsMax: RetryPolicy?.MaximumEventAgeInSeconds ?? 86_400,
    deadLetterArn: DeadLetterConfig?.Arn,
    onCompleted,
  };
}

/** Timers of Node end at 2^31 ms; a far run is reached in steps. */
const timerMsMax = 86_400_000;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #now: () => number;
  readonly #schedules = new Map<string, Schedule>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(schedules: readonly Schedule[], options: SchedulerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    for (const schedule of schedules) this.put(schedule);
  }

  /** Runs a schedule from now on, instead of the one of this name. */
  put(schedule: Schedule): void {
    this.drop(schedule.name);
    this.#schedules.set(schedule.name, schedule);
    this.#arm(schedule, schedule.next(schedule.onceSinceMs ?? this.#now()));
  }

  /** Runs it no longer; a run that has begun goes on. */
  drop(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    this.#schedules.delete(name);
  }

  get busy(): boolean {
    return this.#running.size > 0;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#running);
  }

  #arm(schedule: Schedule, dueMs: number | undefined): void {
    if (dueMs === undefined || this.#stopping.signal.aborted) return;
    const waitMs = Math.max(0, dueMs - this.#now());
    const timer = setTimeout(() => this.#due(schedule, dueMs), Math.min(waitMs, timerMsMax)).unref();
    this.#timers.set(schedule.name, timer);
  }

  #due(schedule: Schedule, dueMs: number): void {
    const now = this.#now();
    if (now < dueMs) {
      this.#arm(schedule, dueMs);
      return;
    }
    // From now, not from the due time: a machine that slept does not run the same schedule ten times at once.
    const nextMs = schedule.next(now);
    const run = this.#deliver(schedule, dueMs, now)
      .then(() => {
        if (nextMs === undefined && this.#schedules.get(schedule.name) === schedule) schedule.onCompleted?.();
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
    this.#arm(schedule, nextMs);
  }

  async #deliver(schedule: Schedule, dueMs: number, sinceMs: number): Promise<void> {
    const { targetArn, retries, ageSecondsMax, deadLetterArn } = schedule;
    const pause = this.#options.retryMs ?? ((attempt: number) => Math.min(1_000 * 2 ** attempt, 60_000));
    for (let attempt = 0; ; attempt++) {
      const input = filledIn(schedule, dueMs, attempt + 1);
      try {
        await this.#options.deliver(targetArn, input);
        return;
      } catch (error) {
        const old = this.#now() - sinceMs > ageSecondsMax * 1000;
        if (attempt >= retries || old || this.#stopping.signal.aborted) {
          if (deadLetterArn) await this.#options.bury(deadLetterArn, input, String(error)).catch(() => {});
          return;
        }
        await sleep(pause(attempt), undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }
}

/** https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html */
const filledIn = ({ input, arn }: Schedule, dueMs: number, attempt: number): string =>
  input
    .replaceAll('<aws.scheduler.schedule-arn>', arn)
    .replaceAll('<aws.scheduler.scheduled-time>', new Date(dueMs).toISOString().replace(/\.\d+Z$/, 'Z'))
    .replaceAll('<aws.scheduler.execution-id>', randomBytes(8).toString('hex'))
    .replaceAll('<aws.scheduler.attempt-number>', String(attempt));
