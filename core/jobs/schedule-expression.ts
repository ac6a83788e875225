/**
 * EventBridge Scheduler's expressions: `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)`, `at(2026-11-21T09:00:00)`.
 *
 * In a time zone with daylight saving, as EventBridge has it: a local time that the clock skips does not run
 * that day; one that comes twice runs once; a rate counts real time. Which of the two times runs it does not say; here
 * it is the first. What its documentation does not describe is refused, so that nothing runs here and not there.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */

/** The first run strictly after a moment, in ms since 1970; undefined when there is none any more. */
export type NextRun = (afterMs: number) => number | undefined;

const unitMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * Reads an expression. A rate counts from `startMs`.
 * @throws RangeError on an expression that EventBridge would refuse
 */
export function parseSchedule(expression: string, timeZone = 'UTC', startMs = 0): NextRun {
  const [, kind, body] = /^(rate|cron|at)\((.*)\)$/.exec(expression.trim()) ?? [];
  if (kind === 'rate') return rate(body!, startMs);
  if (kind === 'at') return at(body!, timeZone);
  if (kind === 'cron') return cron(body!, timeZone);
  throw new RangeError(`${expression} is not a schedule expression`);
}

function rate(body: string, startMs: number): NextRun {
  const [, count, unit] = /^(\d+) (minute|hour|day)s?$/.exec(body.trim()) ?? [];
  const periodMs = Number(count) * (unitMs[unit ?? ''] ?? 0);
  if (!periodMs) throw new RangeError(`rate(${body}) is not a rate`);
  return (afterMs) => startMs + (Math.floor((afterMs - startMs) / periodMs) + 1) * periodMs;
}

function at(body: string, timeZone: string): NextRun {
  const [, ...parts] = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/.exec(body.trim()) ?? [];
  if (parts.length === 0) throw new RangeError(`at(${body}) is not a moment`);
  const [year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const moment = instantOf(Date.UTC(year, month - 1, day, hour, minute), timeZone);
  if (moment === undefined) return () => undefined;
  return (afterMs) => (moment + second * 1000 > afterMs ? moment + second * 1000 : undefined);
}

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const yearMin = 1970;
const yearMax = 2199;

/** A cron expression as it is looked at: the days it runs on, and its times of day. */
interface Cron {
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly onDay: OnDay;
}

function readCron(body: string): Cron {
  const fields = body.trim().split(/\s+/);
  if (fields.length !== 6) throw new RangeError(`cron(${body}) needs six fields`);
  const [minute, hour, dayOfMonth, month, dayOfWeek, year] = fields as [string, string, string, string, string, string];
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new RangeError(`cron(${body}): exactly one of day-of-month and day-of-week must be ?`);
  }
  const minutes = numbers(minute, 0, 59);
  const hours = numbers(hour, 0, 23);
  const months = new Set(numbers(month, 1, 12, monthNames));
  const years = new Set(numbers(year, yearMin, yearMax));
  const byDay = dayOfMonth === '?' ? daysOfWeek(dayOfWeek) : daysOfMonth(dayOfMonth);
  const onDay: OnDay = (day) => years.has(day.getUTCFullYear()) && months.has(day.getUTCMonth() + 1) && byDay(day);
  return { hours, minutes, onDay };
}

// Local dates are counted as if they were UTC: midnight of a date is a multiple of 24 h.
const dateOf = (ms: number, timeZone: string): number => Math.floor(localOf(ms, timeZone) / unitMs.day!) * unitMs.day!;

function cron(body: string, timeZone: string): NextRun {
  const { hours, minutes, onDay } = readCron(body);
  return (afterMs) => {
    let date = dateOf(afterMs, timeZone);
    for (; new Date(date).getUTCFullYear() <= yearMax; date += unitMs.day!) {
      if (!onDay(new Date(date))) continue;
      const run = firstOn(date, hours, minutes, timeZone, afterMs);
      if (run !== undefined) return run;
    }
    return undefined;
  };
}

/**
 * Runs of a cron expression that will not be, because the clock is put forward over them: local times as
 * `2027-03-28T02:30`, in order. Times that come more often than hourly are told by the first that falls out of a day.
 * @throws RangeError as `parseSchedule`
 */
export function skippedRuns(expression: string, timeZone: string, fromMs: number, untilMs: number): string[] {
  const [, body] = /^cron\((.*)\)$/.exec(expression.trim()) ?? [];
  if (body === undefined || timeZone === 'UTC') return [];
  const { hours, minutes, onDay } = readCron(body);
  const skipped: string[] = [];
  for (let date = dateOf(fromMs, timeZone); date <= dateOf(untilMs, timeZone); date += unitMs.day!) {
    const offset = (ms: number) => localOf(ms, timeZone) - ms;
    if (offset(date - unitMs.day!) === offset(date + 2 * unitMs.day!) || !onDay(new Date(date))) continue;
    const times = hours.flatMap((hour) =>
      minutes.map((minute) => date + hour * unitMs.hour! + minute * unitMs.minute!),
    );
    const lost = times.find((time) => instantOf(time, timeZone) === undefined);
    if (lost !== undefined) skipped.push(new Date(lost).toISOString().slice(0, 16));
  }
  return skipped;
}

/** The first run of a date after a moment. Runs of one date are in order, except where the clock goes back. */
function firstOn(
  date: number,
  hours: readonly number[],
  minutes: readonly number[],
  timeZone: string,
  afterMs: number,
): number | undefined {
  let first: number | undefined;
  for (const hour of hours) {
    for (const minute of minutes) {
      const moment = instantOf(date + hour * unitMs.hour! + minute * unitMs.minute!, timeZone);
      if (moment !== undefined && moment > afterMs && (first === undefined || moment < first)) first = moment;
    }
    // A clock never goes back by more than two hours, so nothing later can come before.
    if (first !== undefined && hour >= 3 && first < date + (hour - 3) * unitMs.hour!) break;
  }
  return first;
}

/** `*`, `5`, `1-5`, `0/15`, `MON-FRI`, and lists of these. A range over the end, as FRI-MON, is described nowhere. */
function numbers(field: string, min: number, max: number, names: readonly string[] = []): number[] {
  const value = (text: string): number => {
    const named = names.indexOf(text.toUpperCase());
    const number = named >= 0 ? named + 1 : /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max)) throw new RangeError(`${text} is not between ${min} and ${max}`);
    return number;
  };
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const [range, step] = part.split('/') as [string, string?];
    const [low, high] = range.split('-') as [string, string?];
    const every = step === undefined ? 1 : Number(step);
    if (!Number.isInteger(every) || every < 1) throw new RangeError(`${part} has no step`);
    const from = low === '*' ? min : value(low);
    const open = low === '*' || step !== undefined;
    const to = high === undefined ? (open ? max : from) : value(high);
    if (to < from) throw new RangeError(`${part} goes backwards; write it as a list`);
    for (let at = from; at <= to; at += every) found.add(at);
  }
  return [...found].sort((a, b) => a - b);
}

type OnDay = (day: Date) => boolean;

const lastDay = (day: Date) => new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();

function daysOfMonth(field: string): OnDay {
  if (field === 'L') return (day) => day.getUTCDate() === lastDay(day);
  if (field === 'LW') return (day) => day.getUTCDate() === nearestWeekday(day, lastDay(day));
  const [, weekday] = /^(\d{1,2})W$/.exec(field) ?? [];
  if (weekday !== undefined) return (day) => day.getUTCDate() === nearestWeekday(day, Number(weekday));
  const days = new Set(numbers(field, 1, 31));
  return (day) => days.has(day.getUTCDate());
}

/** The weekday nearest to a day, never leaving the month. */
function nearestWeekday(day: Date, wanted: number): number {
  const last = lastDay(day);
  if (wanted > last) return -1;
  const weekday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), wanted)).getUTCDay();
  if (weekday === 6) return wanted === 1 ? 3 : wanted - 1;
  if (weekday === 0) return wanted === last ? wanted - 2 : wanted + 1;
  return wanted;
}

function daysOfWeek(field: string): OnDay {
  const one = (text: string) => numbers(text, 1, 7, dayNames)[0]! - 1;
  const [, nthDay, nth] = /^(\w+)#([1-5])$/.exec(field) ?? [];
  if (nthDay !== undefined) {
    return (day) => day.getUTCDay() === one(nthDay) && Math.ceil(day.getUTCDate() / 7) === Number(nth);
  }
  if (field === 'L') return (day) => day.getUTCDay() === 6;
  const [, lastOf] = /^(\w+)L$/.exec(field) ?? [];
  if (lastOf !== undefined) {
    return (day) => day.getUTCDay() === one(lastOf) && day.getUTCDate() + 7 > lastDay(day);
  }
  if (field.includes('/')) throw new RangeError(`${field}: days of the week take no steps`);
  const days = new Set(numbers(field, 1, 7, dayNames).map((number) => number - 1));
  return (day) => days.has(day.getUTCDay());
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the wall clock of a time zone shows at a moment, written as if it were UTC. Whole minutes and seconds. */
function localOf(ms: number, timeZone: string): number {
  if (timeZone === 'UTC') return ms;
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts.year!, parts.month! - 1, parts.day!, parts.hour!, parts.minute!, parts.second!);
}

/** The first moment at which the wall clock shows a local time; undefined when the clock skips it. */
function instantOf(local: number, timeZone: string): number | undefined {
  if (timeZone === 'UTC') return local;
  // The offset changes at most once within a day, so those of a day before and after are all there are.
  const offsets = [local - unitMs.day!, local + unitMs.day!].map((near) => localOf(near, timeZone) - near);
  const moments = offsets.map((offset) => local - offset).filter((moment) => localOf(moment, timeZone) === local);
  return moments.length > 0 ? Math.min(...moments) : undefined;
}
