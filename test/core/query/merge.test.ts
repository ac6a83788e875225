/** The guarantee: a page is the newest of what was offered, each event once, however it was offered. */
import { expect, test } from 'vitest';
import { end, Merge, positionOf } from '#core/query/merge.ts';
import { eventOf } from '#test/functions/query/world.ts';

test('two events of one id at different times are two, on one page and on two', () => {
  const [older, newer] = [eventOf(1, 10), eventOf(1, 20)];
  const whole = new Merge(undefined, 10);
  for (const event of [older, newer, older, newer]) whole.offer(event);
  whole.release(end);
  expect(whole.page).toEqual([newer, older]);

  const first = new Merge(undefined, 1);
  for (const event of [older, newer]) first.offer(event);
  first.release(end);
  const second = new Merge(first.last, 1);
  for (const event of [older, newer]) second.offer(event);
  second.release(end);
  expect([...first.page, ...second.page]).toEqual(whole.page);
});

test('the same event from two places is one, also after a restart', () => {
  const merge = new Merge(undefined, 2);
  merge.offer(eventOf(1, 30));
  merge.offer(eventOf(1, 30));
  merge.release(positionOf(eventOf(1, 30)));
  for (const event of [eventOf(1, 30), eventOf(2, 20), eventOf(2, 20), eventOf(3, 10)]) merge.offer(event);
  merge.release(end);
  expect(merge.page).toEqual([eventOf(1, 30), eventOf(2, 20)]);
  expect(merge.more).toBe(true);
});

test('what was pushed out of a full page may be offered again', () => {
  const merge = new Merge(undefined, 1);
  for (const event of [eventOf(1, 10), eventOf(2, 20), eventOf(3, 30), eventOf(1, 10), eventOf(3, 30)])
    merge.offer(event);
  merge.release(end);
  expect(merge.page).toEqual([eventOf(3, 30)]);
  expect(merge.more).toBe(true);
});
