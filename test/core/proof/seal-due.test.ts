import { describe, expect, test } from 'vitest';
import { policyBody, settingsOf } from '#core/access/policy.ts';
import { isDue, leavesAtOnce, mergeDelayDefaults, mergeDelaysOf, pendingMs } from '#core/proof/seal-due.ts';

const now = new Date('2026-03-01T12:00:00Z');
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
const pending = { tenant: 't', leaves: 1 };

describe('a tenant is due', () => {
  test.each([
    ['critical, just committed', { oldestCritical: ago(0) }, false],
    ['critical, before half of the delay', { oldestCritical: ago(29.9) }, false],
    ['critical, at half of the delay', { oldestCritical: ago(30) }, true],
    ['bulk, before half of the delay', { oldestBulk: ago(449) }, false],
    ['bulk, at half of the delay', { oldestBulk: ago(450) }, true],
    ['bulk is late although critical is not', { oldestCritical: ago(1), oldestBulk: ago(450) }, true],
    ['so many leaves that nothing is gained by waiting', { oldestBulk: ago(1), leaves: leavesAtOnce }, true],
    ['leaves that are in no outbox: archived and not published', {}, true],
    ['no leaves', { leaves: 0 }, false],
    ['a clock that is behind', { oldestCritical: ago(-5) }, false],
  ])('%s: %#', (_, waiting, due) => {
    expect(isDue({ ...pending, ...waiting }, mergeDelayDefaults, now)).toBe(due);
  });

  test('by what the tenant was promised', () => {
    const delays = mergeDelaysOf({ mergeDelaySeconds: { bulk: 60 } });
    expect(delays).toEqual({ critical: 60, bulk: 60 });
    expect(isDue({ ...pending, oldestBulk: ago(30) }, delays, now)).toBe(true);
    expect(pendingMs({ ...pending, oldestBulk: ago(30), oldestCritical: ago(31) }, now)).toBe(31_000);
  });
});

describe('a tenant may promise', () => {
  const parse = (merge_delay_seconds: unknown) => policyBody.safeParse({ merge_delay_seconds });
  test.each([
    [{ critical: 30, bulk: 60 }, true],
    [{ critical: 900 }, true],
    [{ bulk: 86_400 }, true],
    [{}, true],
    [{ critical: 29 }, false],
    [{ critical: 901 }, false],
    [{ bulk: 59 }, false],
    [{ bulk: 86_401 }, false],
    [{ critical: 60.5 }, false],
    [{ other: 60 }, false],
  ])('%j: %s', (delays, good) => {
    expect(parse(delays).success).toBe(good);
  });

  test('and it is kept with the policy', () => {
    const body = policyBody.parse({ merge_delay_seconds: { bulk: 120 } });
    expect(settingsOf(body, []).mergeDelaySeconds).toEqual({ bulk: 120 });
    expect(mergeDelaysOf(undefined)).toEqual({ critical: 60, bulk: 900 });
  });
});
