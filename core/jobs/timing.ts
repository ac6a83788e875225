/** When a job runs, in words of people; EventBridge Scheduler's expressions are made from them. */

export const weekdays = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'] as const;
export type Weekday = (typeof weekdays)[number];

/** `time` is HH:MM on the wall clock of the job's time zone. */
export type Timing =
  /** Every day, or on some days of the week. */
  | { readonly every: 'day'; readonly time: string; readonly weekdays?: readonly Weekday[] }
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
