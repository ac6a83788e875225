import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseSchedule } from '#core/jobs/schedule-expression.ts';
import type { MadeSchedule } from '#local/cloud/scheduler.ts';
import { type Schedule, Scheduler, type SchedulerOptions, scheduleOf } from '#local/scheduler.ts';

const start = Date.parse('2026-11-21T00:00:00Z');
const minute = 60_000;

beforeEach(() => vi.useFakeTimers({ now: start, toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => vi.useRealTimers());

const schedule = (more: Partial<Schedule> = {}): Schedule => ({
  name: 'every five minutes',
  arn: 'arn:schedule',
  next: parseSchedule('rate(5 minutes)', 'UTC', start),
  targetArn: 'arn:target',
  input: '{}',
  retries: 2,
  ageSecondsMax: 86_400,
  deadLetterArn: 'arn:dead',
  ...more,
});

function run(one: Schedule, deliver: SchedulerOptions['deliver'] = () => {}) {
  const delivered: string[] = [];
  const buried: unknown[][] = [];
  const scheduler = new Scheduler([one], {
    deliver: (arn, input) => {
      delivered.push(`${new Date().toISOString().slice(11, 16)} ${arn} ${input}`);
      return deliver(arn, input);
    },
    bury: async (...letter) => void buried.push(letter),
    retryMs: () => 0,
  });
  return { scheduler, delivered, buried };
}

test('runs when it is due, and not before', async () => {
  const { scheduler, delivered } = run(schedule());
  await vi.advanceTimersByTimeAsync(5 * minute - 1);
  expect(delivered).toEqual([]);
  await vi.advanceTimersByTimeAsync(5 * minute + 1);
  expect(delivered).toEqual(['00:05 arn:target {}', '00:10 arn:target {}']);
  await scheduler.stop();
});

test('reaches a run that is farther away than a timer can count', async () => {
  const { scheduler, delivered } = run(schedule({ next: parseSchedule('at(2027-01-21T12:00:00)') }));
  await vi.advanceTimersByTimeAsync(61 * 1440 * minute);
  expect(delivered).toEqual([]);
  await vi.advanceTimersByTimeAsync(1440 * minute);
  expect(delivered).toEqual(['12:00 arn:target {}']);
  await scheduler.stop();
});

test('does not make up for what a sleeping machine missed', async () => {
  const { scheduler, delivered } = run(schedule());
  vi.setSystemTime(start + 23 * minute);
  await vi.advanceTimersByTimeAsync(5 * minute);
  expect(delivered).toHaveLength(1);
  await scheduler.stop();
});

test('is tried again as often as its retry policy says, then buried', async () => {
  const { scheduler, delivered, buried } = run(schedule(), () => {
    throw new Error('nobody there');
  });
  await vi.advanceTimersByTimeAsync(5 * minute);
  vi.useRealTimers();
  await expect.poll(() => scheduler.busy).toBe(false);
  expect(delivered).toHaveLength(3);
  expect(buried).toEqual([['arn:dead', '{}', 'Error: nobody there']]);
  await scheduler.stop();
});

test('stops for good', async () => {
  const { scheduler, delivered } = run(schedule());
  await scheduler.stop();
  await vi.advanceTimersByTimeAsync(60 * minute);
  expect(delivered).toEqual([]);
});

const made = (ScheduleExpression: string, more: Partial<MadeSchedule> = {}): MadeSchedule => ({
  ...{
    Name: 'job-1',
    GroupName: 'jobs',
    Arn: 'arn:made',
    ScheduleExpression,
    ScheduleExpressionTimezone: 'Europe/Berlin',
  },
  ...{ State: 'ENABLED', ActionAfterCompletion: 'DELETE', FlexibleTimeWindow: { Mode: 'OFF' } },
  ...{ CreationDate: start / 1000, LastModificationDate: start / 1000 },
  Target: { Arn: 'arn:target', RoleArn: 'arn:role', Input: '{"due":"<aws.scheduler.scheduled-time>"}' },
  ...more,
});

test('tells its target when it was due, by which schedule, and how often it was tried', async () => {
  const input = '<aws.scheduler.scheduled-time> <aws.scheduler.schedule-arn> <aws.scheduler.attempt-number>';
  const { scheduler, delivered } = run(schedule({ input, retries: 1 }), () => {
    throw new Error('nobody there');
  });
  await vi.advanceTimersByTimeAsync(5 * minute);
  vi.useRealTimers();
  await expect.poll(() => scheduler.busy).toBe(false);
  expect(delivered.map((one) => one.slice('00:05 '.length))).toEqual([
    'arn:target 2026-11-21T00:05:00Z arn:schedule 1',
    'arn:target 2026-11-21T00:05:00Z arn:schedule 2',
  ]);
  await scheduler.stop();
});

test('runs what is put later, in its time zone, instead of what had the name, until it is dropped', async () => {
  const { scheduler, delivered } = run(schedule({ next: () => undefined }));
  const put = (expression: string) => scheduler.put(scheduleOf('jobs/job-1', made(expression), () => {})!);
  put('cron(0 * * * ? *)');
  put('cron(30 2 * * ? *)');
  await vi.advanceTimersByTimeAsync(2 * 60 * minute);
  expect(delivered).toEqual(['01:30 arn:target {"due":"2026-11-21T01:30:00Z"}']);
  scheduler.drop('jobs/job-1');
  await vi.advanceTimersByTimeAsync(48 * 60 * minute);
  expect(delivered).toHaveLength(1);
  await scheduler.stop();
});

test('runs once what has one run, also when it was stopped at that time, and says that it is complete', async () => {
  const { scheduler, delivered } = run(schedule({ next: () => undefined }));
  const completed: string[] = [];
  const put = (name: string, expression: string) =>
    scheduler.put(scheduleOf(name, made(expression), () => completed.push(name))!);
  put('later', 'at(2026-11-21T01:10:00)');
  vi.setSystemTime(start + 20 * minute);
  put('missed', 'at(2026-11-21T01:15:00)');
  put('daily', 'cron(30 1 * * ? *)');
  await vi.advanceTimersByTimeAsync(20 * minute);
  expect(delivered.map((one) => one.slice(0, 5))).toEqual(['00:20', '00:30', '00:30']);
  expect(completed).toEqual(['missed', 'later']);
  await scheduler.stop();
});

test('keeps to a start and an end, and leaves out what is disabled', async () => {
  const { scheduler, delivered } = run(schedule({ next: () => undefined }));
  const bounds = { StartDate: start / 1000 + 3600, EndDate: start / 1000 + 2 * 3600 };
  scheduler.put(scheduleOf('a', made('cron(0/30 * * * ? *)', bounds), () => {})!);
  await vi.advanceTimersByTimeAsync(5 * 60 * minute);
  expect(delivered.map((one) => one.slice(0, 5))).toEqual(['01:00', '01:30', '02:00']);
  expect(scheduleOf('b', made('cron(0/30 * * * ? *)', { State: 'DISABLED' }), () => {})).toBeUndefined();
  await scheduler.stop();
});
