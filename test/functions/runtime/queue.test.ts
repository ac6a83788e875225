import { describe, expect, test } from 'vitest';
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

  test('waits a short outage out, and nobody has to deliver it again', async () => {
    let tries = 0;
    const handler = onQueue(async () => {
      if (++tries < 3) throw new Unavailable('postgres');
      return [];
    }, {});
    expect(await handler(sqsEvent(['a']), context)).toEqual({ batchItemFailures: [] });
    expect(tries).toBe(3);
  });

  test('fails whole when the outage lasts longer than the run', async () => {
    let tries = 0;
    const handler = onQueue(async () => {
      tries++;
      throw new Unavailable('postgres');
    }, {});
    const lastMoment = { ...context, getRemainingTimeInMillis: () => 8_400 };
    await expect(handler(sqsEvent(['a']), lastMoment)).rejects.toThrow('postgres is unavailable');
    await expect(handler(sqsEvent(['a']), lastMoment)).rejects.toThrow('postgres is unavailable');
    expect(tries, 'the breaker spares a place that was just down').toBe(1);
  });

  test('fails at once for what no waiting mends', async () => {
    let tries = 0;
    const handler = onQueue(async () => {
      tries++;
      throw new TypeError('a bug');
    }, {});
    await expect(handler(sqsEvent(['a']), context)).rejects.toThrow('a bug');
    expect(tries).toBe(1);
  });
});

test('the breaker pauses longer after each trip, up to 15 s, and closes on success', () => {
  const breaker = new Breaker();
  let now = 0;
  for (const pause of [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
    breaker.tripped(new Unavailable('s3'), now);
    expect(breaker.pauseMs(now)).toBe(pause);
    expect(breaker.pauseMs(now + pause)).toBe(0);
    now += pause;
  }
  breaker.closed();
  expect(breaker.pauseMs(now)).toBe(0);
  breaker.tripped(new Unavailable('s3'), now);
  expect(breaker.pauseMs(now)).toBe(500);
});
