/** When a job runs, in words of people; EventBridge Scheduler's expressions are made from them. */
import * as z from 'zod';
import { parseSchedule, skippedRuns } from './schedule-expression.ts';

export const weekdays = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'] as const;
export type Weekday = (typeof weekdays)[number];

/** `time` is HH:MM on the wall clock of the job's time zone. */
export type Timing =
  /** Every day, or on some days of the week. */
  | { readonly every: 'day'; readonly time: string; readonly weekdays?: readonly Weekday[] | undefined }
  | { readonly every: 'week'; readonly time: string; readonly weekday: Weekday }
  /** A month without the day is left out, as EventBridge has it; `last` is in every month. */
  | { readonly every: 'month'; readonly time: string; readonly day: number | 'last' }
  /** `at` is a local date and time, YYYY-MM-DDTHH:MM. */
  | { readonly once: string }
  /** Six fields of EventBridge: minute, hour, day of month, month, day of week, year. */
  | { readonly cron: string };

/** The name of a job's schedule. EventBridge takes 64 characters and two UUIDs have more; the job's is unique alone. */
export const scheduleName = (job: string): string => `job-${job}`;

/** What EventBridge calls it. */
export function expressionOf(timing: Timing): string {
  if ('cron' in timing) return `cron(${timing.cron})`;
  if ('once' in timing) return `at(${timing.once}:00)`;
  const [hour, minute] = timing.time.split(':').map(Number) as [number, number];
  switch (timing.every) {
    case 'day':
      return timing.weekdays
        ? `cron(${minute} ${hour} ? * ${timing.weekdays.join(',')} *)`
        : `cron(${minute} ${hour} * * ? *)`;
    case 'week':
      return `cron(${minute} ${hour} ? * ${timing.weekday} *)`;
    case 'month':
      return `cron(${minute} ${hour} ${timing.day === 'last' ? 'L' : timing.day} * ? *)`;
  }
}

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time is HH:MM, from 00:00 to 23:59');
const localMoment = z.string().regex(/^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d$/, 'a moment is YYYY-MM-DDTHH:MM');
const day = z.union([z.int().min(1).max(31), z.literal('last')], { error: 'a day is 1 to 31, or last' });

/** A timing as requests bring it; `timingFault` says what no shape can. */
export const timingSchema = z.union(
  [
    z.strictObject({
      every: z.literal('day'),
      time,
      weekdays: z
        .array(z.enum(weekdays))
        .min(1)
        .max(7)
        .refine((days) => new Set(days).size === days.length, 'a day stands there twice')
        .optional(),
    }),
    z.strictObject({ every: z.literal('week'), time, weekday: z.enum(weekdays) }),
    z.strictObject({ every: z.literal('month'), time, day }),
    z.strictObject({ once: localMoment }),
    z.strictObject({ cron: z.string().max(200) }),
  ],
  { error: 'a timing is every day, week or month at a time, once at a moment, or a cron expression' },
);

/** As EventBridge wants names: spelled as the tz database does. Offsets are no time zones: they have no summer. */
const zoneName = /^(?:UTC|[A-Z][\w+-]*(?:\/[A-Z][\w+-]*){1,2})$/;

export function isTimeZone(name: string): boolean {
  if (!zoneName.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Runs of one job are this far apart at least: what is wanted oftener is not a job. */
export const apartMsMin = 300_000;
/** How many runs ahead are looked at for that. */
const lookedAt = 60;

/** Why a job cannot have this timing, as a sentence; undefined when it can. `timeZone` is one. */
export function timingFault(timing: Timing, timeZone: string, now: Date): string | undefined {
  let runs: readonly Date[];
  try {
    runs = nextRuns(timing, timeZone, now, lookedAt);
  } catch (error) {
    return (error as RangeError).message;
  }
  if (runs.length === 0) {
    return 'once' in timing ? 'that moment is over, or the clock leaves it out' : 'it would never run';
  }
  const close = runs.some((run, index) => index > 0 && run.getTime() - runs[index - 1]!.getTime() < apartMsMin);
  return close ? `runs must be ${apartMsMin / 60_000} minutes apart or more` : undefined;
}

/** The runs after a moment, so many at most. Throws RangeError on a cron expression that EventBridge would refuse. */
export function nextRuns(timing: Timing, timeZone: string, after: Date, count: number): readonly Date[] {
  const next = parseSchedule(expressionOf(timing), timeZone);
  const runs: Date[] = [];
  for (let at = next(after.getTime()); at !== undefined && runs.length < count; at = next(at)) runs.push(new Date(at));
  return runs;
}

/** Runs of the next 370 days that the clock leaves out when it is put forward: local times as `2027-03-28T02:30`. */
export const runsLeftOut = (timing: Timing, timeZone: string, now: Date): readonly string[] =>
  skippedRuns(expressionOf(timing), timeZone, now.getTime(), now.getTime() + 370 * 86_400_000);
