import { expect, test } from 'vitest';
import { parseSchedule, skippedRuns } from '#core/jobs/schedule-expression.ts';

/** Expression, time zone, after, and the runs that follow (UTC). */
const table: readonly (readonly [string, string, string, ...string[]])[] = [
  ['rate(5 minutes)', 'UTC', '2026-01-01T00:01:00Z', '2026-01-01T00:05:00Z', '2026-01-01T00:10:00Z'],
  ['rate(1 day)', 'Europe/Berlin', '2026-03-28T00:00:00Z', '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z'],
  ['at(2026-07-01T09:00:30)', 'Europe/Berlin', '2026-01-01T00:00:00Z', '2026-07-01T07:00:30Z'],
  ['at(2025-07-01T09:00:00)', 'UTC', '2026-01-01T00:00:00Z'],
  ['cron(0 9 ? * MON-FRI *)', 'UTC', '2026-11-20T09:00:00Z', '2026-11-23T09:00:00Z', '2026-11-24T09:00:00Z'],
  ['cron(0/15 * * * ? *)', 'UTC', '2026-11-20T23:46:00Z', '2026-11-21T00:00:00Z', '2026-11-21T00:15:00Z'],
  ['cron(10,40 8-9 * * ? *)', 'UTC', '2026-11-20T08:40:00Z', '2026-11-20T09:10:00Z', '2026-11-20T09:40:00Z'],
  ['cron(0 0 L * ? *)', 'UTC', '2028-02-01T00:00:00Z', '2028-02-29T00:00:00Z', '2028-03-31T00:00:00Z'],
  ['cron(0 0 31 * ? *)', 'UTC', '2026-03-31T00:00:00Z', '2026-05-31T00:00:00Z', '2026-07-31T00:00:00Z'],
  ['cron(0 0 29 2 ? *)', 'UTC', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z'],
  ['cron(0 8 1W * ? *)', 'UTC', '2026-07-15T00:00:00Z', '2026-08-03T08:00:00Z', '2026-09-01T08:00:00Z'],
  ['cron(0 8 LW * ? *)', 'UTC', '2026-01-15T00:00:00Z', '2026-01-30T08:00:00Z', '2026-02-27T08:00:00Z'],
  ['cron(0 8 ? * TUE#2 *)', 'UTC', '2026-11-11T00:00:00Z', '2026-12-08T08:00:00Z', '2027-01-12T08:00:00Z'],
  ['cron(0 8 ? * 6L *)', 'UTC', '2026-11-01T00:00:00Z', '2026-11-27T08:00:00Z', '2026-12-25T08:00:00Z'],
  ['cron(0 0 ? JAN SUN 2027-2028)', 'UTC', '2027-01-31T00:00:00Z', '2028-01-02T00:00:00Z'],
  ['cron(0 0 1 1 ? 2020)', 'UTC', '2026-01-01T00:00:00Z'],
  ['cron(0 12 ? * FRI,SAT,SUN,MON *)', 'UTC', '2026-11-19T13:00:00Z', '2026-11-20T12:00:00Z', '2026-11-21T12:00:00Z'],
  // Berlin's clock skips 02:00–03:00 on 29 March 2026: no run that day.
  ['cron(30 2 * * ? *)', 'Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-30T00:30:00Z', '2026-03-31T00:30:00Z'],
  // …and shows 02:00–03:00 twice on 25 October 2026: the first one runs.
  ['cron(30 2 * * ? *)', 'Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
  // An hourly job skips the hour that is not there, and does not run the doubled hour twice.
  ['cron(0 * * * ? *)', 'Europe/Berlin', '2026-03-29T00:00:00Z', '2026-03-29T01:00:00Z', '2026-03-29T02:00:00Z'],
  ['cron(0 * * * ? *)', 'Europe/Berlin', '2026-10-25T00:00:00Z', '2026-10-25T02:00:00Z', '2026-10-25T03:00:00Z'],
  ['cron(0 9 * * ? *)', 'America/New_York', '2026-03-07T20:00:00Z', '2026-03-08T13:00:00Z', '2026-03-09T13:00:00Z'],
  ['cron(0 0 * * ? *)', 'Asia/Kathmandu', '2026-01-01T00:00:00Z', '2026-01-01T18:15:00Z', '2026-01-02T18:15:00Z'],
  ['cron(0 0 1 * ? *)', 'Pacific/Kiritimati', '2026-01-15T00:00:00Z', '2026-01-31T10:00:00Z', '2026-02-28T10:00:00Z'],
  // Cairo's clock is put forward at midnight: 00:15 is not there on 24 April 2026, and comes twice on none.
  ['cron(15 0 * * ? *)', 'Africa/Cairo', '2026-04-22T22:30:00Z', '2026-04-24T21:15:00Z', '2026-04-25T21:15:00Z'],
  // The date line: Apia had no 30 December 2011 at all.
  ['cron(0 12 * * ? *)', 'Pacific/Apia', '2011-12-28T23:00:00Z', '2011-12-29T22:00:00Z', '2011-12-30T22:00:00Z'],
  // "Last day" is the last of the local month, on both sides of the change.
  ['cron(30 23 L * ? *)', 'America/New_York', '2026-03-01T00:00:00Z', '2026-03-01T04:30:00Z', '2026-04-01T03:30:00Z'],
  // Weekly on the day of the change, before and after the hole.
  ['cron(59 1 ? * SUN *)', 'Europe/Berlin', '2026-03-23T00:00:00Z', '2026-03-29T00:59:00Z', '2026-04-04T23:59:00Z'],
  ['cron(0 3 ? * SUN *)', 'Europe/Berlin', '2026-03-23T00:00:00Z', '2026-03-29T01:00:00Z', '2026-04-05T01:00:00Z'],
  // Every quarter of an hour: an hour of runs falls out in spring, and none is added in autumn.
  ['cron(0/15 * * * ? *)', 'Europe/Berlin', '2026-03-29T00:30:00Z', '2026-03-29T00:45:00Z', '2026-03-29T01:00:00Z'],
  ['cron(0/15 * * * ? *)', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25T00:45:00Z', '2026-10-25T02:00:00Z'],
  // A moment that comes twice is the first; one that does not come never is.
  ['at(2026-10-25T02:30:00)', 'Europe/Berlin', '2026-01-01T00:00:00Z', '2026-10-25T00:30:00Z'],
  ['at(2026-03-29T02:30:00)', 'Europe/Berlin', '2026-01-01T00:00:00Z'],
  // No daylight saving at all, and the southern hemisphere's.
  ['cron(30 2 * * ? *)', 'Asia/Tokyo', '2026-03-28T12:00:00Z', '2026-03-28T17:30:00Z', '2026-03-29T17:30:00Z'],
  ['cron(30 2 * * ? *)', 'Australia/Sydney', '2026-10-02T12:00:00Z', '2026-10-02T16:30:00Z', '2026-10-04T15:30:00Z'],
  // Lord Howe's clock moves by half an hour: 02:15 is skipped on 4 October 2026.
  ['cron(15 2 * * ? *)', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', '2026-10-04T15:15:00Z'],
];

test.each(table)('%s in %s after %s', (expression, zone, after, ...runs) => {
  const next = parseSchedule(expression, zone);
  let at = Date.parse(after);
  for (const run of runs) {
    const found = next(at);
    expect(found && new Date(found).toISOString()).toBe(new Date(run).toISOString());
    at = found!;
  }
  if (runs.length === 0 || expression.startsWith('at(')) expect(next(at)).toBeUndefined();
});

test.each([
  'every day',
  'rate(0 minutes)',
  'rate(5 seconds)',
  'rate(minutes)',
  'cron(0 9 * * *)',
  'cron(0 9 * * * *)',
  'cron(0 9 ? * ? *)',
  'cron(60 9 * * ? *)',
  'cron(0 9 ? * FUN *)',
  'cron(0/0 9 * * ? *)',
  // Nobody says what EventBridge makes of these.
  'cron(0 9 ? * FRI-MON *)',
  'cron(0 22-2 * * ? *)',
  'cron(0 9 ? * 2/2 *)',
  'at(tomorrow)',
])('%s is refused', (expression) => {
  expect(() => parseSchedule(expression)).toThrow(RangeError);
});

test.each([
  ['cron(30 2 * * ? *)', 'Europe/Berlin', ['2027-03-28T02:30']],
  ['cron(0 2 ? * SUN *)', 'America/New_York', ['2027-03-14T02:00']],
  // The hour falls out of every rhythm that is finer.
  ['cron(0/15 * * * ? *)', 'Europe/Berlin', ['2027-03-28T02:00']],
  ['cron(0 2 ? * MON *)', 'Europe/Berlin', []],
  ['cron(0 3 * * ? *)', 'Europe/Berlin', []],
  ['cron(30 2 * * ? *)', 'UTC', []],
  ['cron(30 2 * * ? *)', 'Asia/Tokyo', []],
  ['cron(15 0 * * ? *)', 'Africa/Cairo', ['2027-04-30T00:15']],
  ['rate(1 day)', 'Europe/Berlin', []],
])('%s in %s is left out at %j within a year', (expression, zone, skipped) => {
  const from = Date.parse('2026-11-21T12:00:00Z');
  expect(skippedRuns(expression, zone, from, from + 365 * 86_400_000)).toEqual(skipped);
});

test('next runs and skipped runs are one account: every day has a run or is named', () => {
  const from = Date.parse('2026-01-01T12:00:00Z');
  const until = Date.parse('2028-01-01T12:00:00Z');
  for (const zone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo', 'America/Santiago']) {
    for (const time of ['15 0', '30 1', '15 2', '45 2', '0 3']) {
      const expression = `cron(${time} * * ? *)`;
      const next = parseSchedule(expression, zone);
      let runs = 0;
      for (let at = next(from); at !== undefined && at <= until; at = next(at)) runs++;
      expect(runs + skippedRuns(expression, zone, from, until).length, `${expression} in ${zone}`).toBe(730);
    }
  }
});
