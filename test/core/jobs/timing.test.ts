import { describe, expect, test } from 'vitest';
import { jobBody } from '#core/jobs/job-body.ts';
import { parseSchedule } from '#core/jobs/schedule-expression.ts';
import { expressionOf, isTimeZone, nextRuns, runsLeftOut, type Timing, timingFault } from '#core/jobs/timing.ts';

const now = new Date('2026-11-21T12:00:00Z');

describe('a timing', () => {
  const table: readonly [Timing, string, ...string[]][] = [
    [{ every: 'day', time: '06:00' }, 'cron(0 6 * * ? *)', '2026-11-22T05:00Z', '2026-11-23T05:00Z'],
    [
      { every: 'day', time: '23:15', weekdays: ['MON', 'FRI'] },
      'cron(15 23 ? * MON,FRI *)',
      '2026-11-23T22:15Z',
      '2026-11-27T22:15Z',
    ],
    [
      { every: 'week', time: '06:30', weekday: 'SUN' },
      'cron(30 6 ? * SUN *)',
      '2026-11-22T05:30Z',
      '2026-11-29T05:30Z',
    ],
    [{ every: 'month', time: '01:05', day: 31 }, 'cron(5 1 31 * ? *)', '2026-12-31T00:05Z', '2027-01-31T00:05Z'],
    [{ every: 'month', time: '01:05', day: 'last' }, 'cron(5 1 L * ? *)', '2026-11-30T00:05Z', '2026-12-31T00:05Z'],
    [{ once: '2026-12-24T18:00' }, 'at(2026-12-24T18:00:00)', '2026-12-24T17:00Z'],
    [{ cron: '0/30 8-9 ? * MON-FRI *' }, 'cron(0/30 8-9 ? * MON-FRI *)', '2026-11-23T07:00Z', '2026-11-23T07:30Z'],
  ];
  test.each(table)('%j is %s', (timing, expression, ...runs) => {
    expect(expressionOf(timing)).toBe(expression);
    expect(() => parseSchedule(expression)).not.toThrow();
    expect(nextRuns(timing, 'Europe/Berlin', now, 2)).toEqual(runs.map((run) => new Date(run)));
    expect(timingFault(timing, 'Europe/Berlin', now)).toBeUndefined();
  });

  test.each<[Timing, string, RegExp]>([
    [{ once: '2026-11-21T12:59' }, 'Europe/Berlin', /over/],
    [{ once: '2027-03-28T02:30' }, 'Europe/Berlin', /leaves it out/],
    [{ cron: '0 0 30 2 ? *' }, 'UTC', /never/],
    [{ cron: '0 0 1 1 ? 2020' }, 'UTC', /never/],
    [{ cron: '* * * * ? *' }, 'UTC', /5 minutes apart/],
    [{ cron: '0,1 3 1 1 ? *' }, 'UTC', /5 minutes apart/],
    [{ cron: '0 9 * * *' }, 'UTC', /six fields/],
    [{ cron: '0 9 * * ? *) rate(1 minute' }, 'UTC', /six fields/],
  ])('%j in %s is refused', (timing, zone, why) => {
    expect(timingFault(timing, zone, now)).toMatch(why);
  });

  test('says which runs the clock leaves out', () => {
    expect(runsLeftOut({ every: 'day', time: '02:30' }, 'Europe/Berlin', now)).toEqual(['2027-03-28T02:30']);
    expect(runsLeftOut({ every: 'day', time: '03:30' }, 'Europe/Berlin', now)).toEqual([]);
    expect(runsLeftOut({ once: '2027-03-28T03:30' }, 'Europe/Berlin', now)).toEqual([]);
  });
});

test.each([
  ['UTC', true],
  ['Europe/Berlin', true],
  ['America/Argentina/Buenos_Aires', true],
  ['Asia/Kolkata', true],
  ['America/Port-au-Prince', true],
  ['europe/berlin', false],
  ['Europe/Nowhere', false],
  ['+02:00', false],
  ['CEST', false],
  ['', false],
])('%s is a time zone: %s', (name, is) => {
  expect(isTimeZone(name)).toBe(is);
});

describe('the body of a job', () => {
  const body = { name: 'nightly', kind: 'etl', timing: { every: 'day', time: '02:00' } };
  test('has defaults for all but name, kind and timing', () => {
    expect(jobBody.parse(body)).toEqual({
      ...body,
      ...{ time_zone: 'UTC', config: {}, overlap: 'refuse', attempts_max: 3, backoff_seconds: 60, enabled: true },
    });
  });

  test.each([
    { ...body, timing: { every: 'day', time: '24:00' } },
    { ...body, timing: { every: 'day', time: '2:00' } },
    { ...body, timing: { every: 'day', time: '02:00', weekdays: [] } },
    { ...body, timing: { every: 'day', time: '02:00', weekdays: ['MON', 'MON'] } },
    { ...body, timing: { every: 'week', time: '02:00', weekday: 'Monday' } },
    { ...body, timing: { every: 'month', time: '02:00', day: 32 } },
    { ...body, timing: { every: 'month', time: '02:00', day: 'first' } },
    { ...body, timing: { once: '2026-12-24 18:00' } },
    { ...body, timing: { once: '2026-12-24T18:00', cron: '0 9 * * ? *' } },
    { ...body, time_zone: '+01:00' },
    { ...body, kind: 'shell' },
    { ...body, config: { text: 'x'.repeat(17_000) } },
    { ...body, attempts_max: 0 },
    { ...body, name: ' ' },
    { ...body, tenant: 'another' },
  ])('%j is refused', (wrong) => {
    expect(jobBody.safeParse(wrong).success).toBe(false);
  });
});
