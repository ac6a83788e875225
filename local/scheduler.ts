/**
 * EventBridge Scheduler: runs the template's schedules while the platform is up.
 *
 * A run missed while it was stopped is not made up for. A target that does not take the event is tried again
 * by the schedule's retry policy, then the event goes to the schedule's dead-letter queue.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type NextRun, parseSchedule } from '#core/jobs/schedule-expression.ts';
import { type Loaded, TemplateError } from './template.ts';

export interface Schedule {
  readonly name: string;
  readonly next: NextRun;
  readonly targetArn: string;
  readonly input: string;
  readonly retries: number;
  readonly ageSecondsMax: number;
  readonly deadLetterArn: string | undefined;
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

/** Timers of Node end at 2^31 ms; a far run is reached in steps. */
const timerMsMax = 86_400_000;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #now: () => number;
  readonly #timers = new Map<Schedule, NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(schedules: readonly Schedule[], options: SchedulerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    for (const schedule of schedules) this.#arm(schedule, schedule.next(this.#now()));
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
    this.#timers.set(schedule, timer);
  }

  #due(schedule: Schedule, dueMs: number): void {
    const now = this.#now();
    if (now < dueMs) {
      this.#arm(schedule, dueMs);
      return;
    }
    const run = this.#deliver(schedule, now).finally(() => this.#running.delete(run));
    this.#running.add(run);
    // From now, not from the due time: a machine that slept does not run the same schedule ten times at once.
    this.#arm(schedule, schedule.next(now));
  }

  async #deliver(
    { targetArn, input, retries, ageSecondsMax, deadLetterArn }: Schedule,
    sinceMs: number,
  ): Promise<void> {
    const pause = this.#options.retryMs ?? ((attempt: number) => Math.min(1_000 * 2 ** attempt, 60_000));
    for (let attempt = 0; ; attempt++) {
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
