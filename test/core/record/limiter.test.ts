import { describe, expect, test } from 'vitest';
import { Limiter } from '#core/record/limiter.ts';

describe('a key with 10 events a second', () => {
  test('may burst 100, then waits', () => {
    const limiter = new Limiter();
    expect(limiter.take('k', 100, 10, 0)).toBe(0);
    expect(limiter.take('k', 1, 10, 0)).toBe(1);
    expect(limiter.take('k', 1, 10, 100)).toBe(0);
  });

  test('may send a batch larger than its burst and pays for it afterwards', () => {
    const limiter = new Limiter();
    expect(limiter.take('k', 1_000, 10, 0)).toBe(0);
    expect(limiter.take('k', 1, 10, 0)).toBe(91);
    expect(limiter.take('k', 1, 10, 90_100)).toBe(0);
  });

  test('sends its rate in the long run and no more', () => {
    const limiter = new Limiter();
    let sent = 0;
    for (let ms = 0; ms < 100_000; ms += 10) if (limiter.take('k', 5, 10, ms) === 0) sent += 5;
    expect(sent).toBeGreaterThanOrEqual(1_000 - 5);
    expect(sent).toBeLessThanOrEqual(1_100 + 5);
  });

  test('is not slowed by another key, nor by a clock that jumps back', () => {
    const limiter = new Limiter();
    limiter.take('other', 1_000, 10, 50_000);
    expect(limiter.take('k', 10, 10, 50_000)).toBe(0);
    expect(limiter.take('k', 10, 10, 0)).toBe(0);
  });
});
