import { describe, expect, test, vi } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { Breaker } from '#functions/runtime/breaker.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { context, sqsEvent } from '#test/support/events.ts';

describe('a batch', () => {
  test('is seen as messages with the queue that AWS names', async () => {
    let seen: readonly QueueMessage[] = [];
    const handler = onQueue(async (_ports, messages) => {
      seen = messages;
      return ['m1'];
    }, {});
    const answer = await handler(sqsEvent(['a', 'b'], { queue: 'bulk', receiveCount: 3 }), context);
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm1' }] });
    expect(seen[0]).toEqual({ messageId: 'm0', body: 'a', queue: 'bulk', receiveCount: 3, sentAt: 1772366400000 });
  });

  test('fails whole when a place is down, and the breaker spares the place', async () => {
    vi.useFakeTimers({ now: 0 });
    let tries = 0;
    let down = true;
    const handler = onQueue(async () => {
      tries++;
      if (down) throw new Unavailable('postgres');
      return [];
    }, {});
    const run = () => handler(sqsEvent(['a']), context);
    await expect(run()).rejects.toThrow('postgres is unavailable');
    await expect(run()).rejects.toThrow('postgres is unavailable');
    expect(tries).toBe(1);
    vi.setSystemTime(1_001);
    down = false;
    expect(await run()).toEqual({ batchItemFailures: [] });
    expect(tries).toBe(2);
    vi.useRealTimers();
  });
});

describe('the breaker', () => {
  test('pauses longer after each trip, up to 15 s, and closes on success', () => {
    const breaker = new Breaker();
    const openAt = (now: number) => {
      try {
        breaker.check(now);
        return false;
      } catch {
        return true;
      }
    };
    let now = 0;
    for (const pause of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
      breaker.tripped(new Unavailable('s3'), now);
      expect(openAt(now + pause - 1)).toBe(true);
      expect(openAt(now + pause)).toBe(false);
      now += pause;
    }
    breaker.closed();
    breaker.tripped(new Unavailable('s3'), now);
    expect(openAt(now + 1_000)).toBe(false);
  });
});
