/** Schedules that nobody repeats wait an outage out; the others leave it to their next run. */
import { describe, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { context } from '#test/support/events.ts';

const verb = (outages: number, seen: unknown[] = []) => {
  let tries = 0;
  return async (_: object, { input }: { readonly input: unknown }) => {
    seen.push(input);
    if (tries++ < outages) throw new Unavailable('postgres');
    return { tries };
  };
};
const remaining = (ms: number) => ({ ...context, getRemainingTimeInMillis: () => ms }) as typeof context;

describe('a patient schedule', () => {
  test('tries again with the same input until the place is back', async () => {
    const seen: unknown[] = [];
    const handler = onSchedule(verb(1, seen), {}, { patient: true });
    expect(await handler({ job: 'one' }, remaining(300_000))).toEqual({ tries: 2 });
    expect(seen).toEqual([{ job: 'one' }, { job: 'one' }]);
  });
  test('gives up when its time is over, so that Lambda tries again', async () => {
    await expect(onSchedule(verb(9), {}, { patient: true })({}, remaining(15_000))).rejects.toThrow(Unavailable);
  });
  test('does not try again what is no outage', async () => {
    const broken = () => Promise.reject(new TypeError('a bug'));
    await expect(onSchedule(broken, {}, { patient: true })({}, remaining(300_000))).rejects.toThrow('a bug');
  });
});

test('any other throws at once', async () => {
  await expect(onSchedule(verb(1), {})({}, remaining(300_000))).rejects.toThrow(Unavailable);
});
