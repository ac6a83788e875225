import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseSchedule } from '#core/jobs/schedule-expression.ts';
import { type Schedule, Scheduler, type SchedulerOptions } from '#local/scheduler.ts';

const start = Date.parse('2026-11-21T00:00:00Z');
const minute = 60_000;

beforeEach(() => vi.useFakeTimers({ now: start, toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => vi.useRealTimers());

const schedule = (more: Partial<Schedule> = {}): Schedule => ({
  name: 'every five minutes',
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
