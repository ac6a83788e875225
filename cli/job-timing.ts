/** When a job runs, as flags say it. */
import { type Timing, type Weekday, weekdays } from '#core/jobs/timing.ts';
import { type Flags, text } from './command.ts';
import { UsageError } from './fail.ts';

export const timingOptions = {
  daily: { type: 'string' },
  weekdays: { type: 'string' },
  weekly: { type: 'string' },
  monthly: { type: 'string' },
  once: { type: 'string' },
  cron: { type: 'string' },
  zone: { type: 'string' },
} as const;

export const timingFlags: readonly (readonly [string, string])[] = [
  ['--daily HH:MM', 'every day; with --weekdays MON,FRI only on these'],
  ['--weekly DAY@HH:MM', 'as SUN@02:30'],
  ['--monthly DAY@HH:MM', 'as 1@06:00 or last@23:00'],
  ['--once YYYY-MM-DDTHH:MM', 'one time'],
  ['--cron "M H D MON DOW Y"', "EventBridge's six fields"],
  ['--zone NAME', 'whose wall clock that is, as Europe/Berlin; UTC when left out'],
];

const kinds = ['daily', 'weekly', 'monthly', 'once', 'cron'] as const;

/** The timing that the flags say; exactly one of them must. */
export function timingOf(flags: Flags): Timing {
  const given = kinds.filter((kind) => text(flags, kind) !== undefined);
  if (given.length !== 1) throw new UsageError('When? Say one of --daily, --weekly, --monthly, --once and --cron.');
  const [kind] = given as [(typeof kinds)[number]];
  const value = text(flags, kind)!;
  const days = text(flags, 'weekdays');
  if (days !== undefined && kind !== 'daily') throw new UsageError('--weekdays goes with --daily.');
  switch (kind) {
    case 'daily':
      return { every: 'day', time: value, ...(days === undefined ? {} : { weekdays: days.split(',').map(weekdayOf) }) };
    case 'weekly': {
      const [day, time] = split(kind, value);
      return { every: 'week', time, weekday: weekdayOf(day) };
    }
    case 'monthly': {
      const [day, time] = split(kind, value);
      if (day !== 'last' && !/^\d{1,2}$/.test(day))
        throw new UsageError('--monthly is a day (1 to 31, or last) @HH:MM.');
      return { every: 'month', time, day: day === 'last' ? day : Number(day) };
    }
    case 'once':
      return { once: value };
    case 'cron':
      return { cron: value };
  }
}

function split(kind: string, value: string): [string, string] {
  const [, day, time] = /^([^@]+)@(\d\d:\d\d)$/.exec(value) ?? [];
  if (day === undefined || time === undefined) throw new UsageError(`--${kind} is DAY@HH:MM, not ${value}.`);
  return [day, time];
}

function weekdayOf(given: string): Weekday {
  const found = weekdays.find((one) => one === given.trim().toUpperCase().slice(0, 3));
  if (!found) throw new UsageError(`${JSON.stringify(given)} is none of ${weekdays.join(', ')}.`);
  return found;
}
