import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildFilter, filterOfEvents, keyOf, keysOf, mayContain } from '#core/record/membership.ts';
import { eventAt } from '#test/support/lines.ts';

describe('a filter', () => {
  test('never denies a key it was built from, whatever the keys', () => {
    const keys = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 60 }), { maxLength: 300 });
    fc.assert(
      fc.property(keys, (some) => {
        const filter = buildFilter(some);
        return some.every((key) => mayContain(filter, key));
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  test('never denies any of 50 000 keys of the shapes that events have', () => {
    const keys = Array.from({ length: 50_000 }, (_, n) => (n % 2 ? `id:${eventAt(n).id}` : `actor:user-${n}`));
    const filter = buildFilter(keys);
    expect(keys.filter((key) => !mayContain(filter, key))).toEqual([]);
  });

  test('answers maybe to fewer than one strange key in a thousand, also for keys that differ in one digit', () => {
    const asked = 200_000;
    for (const size of [10, 170, 2000]) {
      const filter = buildFilter(Array.from({ length: size }, (_, n) => `target:doc-${n}`));
      let maybe = 0;
      for (let n = size; n < size + asked; n++) if (mayContain(filter, `target:doc-${n}`)) maybe++;
      // 16 bits a key and 11 probes give 0.046 % in theory.
      expect(maybe / asked).toBeLessThan(0.001);
    }
  });

  test('without keys it holds nothing', () => {
    expect(mayContain(buildFilter([]), '')).toBe(false);
    expect(mayContain(buildFilter([]), 'id:x')).toBe(false);
  });

  test('of an unknown version or a torn one answers maybe, which costs a read and loses nothing', () => {
    const filter = buildFilter(['a']);
    const newer = Uint8Array.from(filter);
    newer[0] = 2;
    expect(mayContain(newer, 'b')).toBe(true);
    expect(mayContain(filter.subarray(0, 7), 'b')).toBe(true);
    expect(mayContain(new Uint8Array(0), 'b')).toBe(true);
  });

  test('is read where it lies inside a larger buffer', () => {
    const filter = buildFilter(['a', 'b']);
    const page = new Uint8Array(filter.length + 13);
    page.set(filter, 13);
    expect(mayContain(page.subarray(13), 'b')).toBe(true);
    expect(mayContain(page.subarray(13), 'c')).toBe(false);
  });

  test('takes two bytes a key and six for the header', () => {
    expect(buildFilter(Array.from({ length: 100 }, (_, n) => String(n)))).toHaveLength(206);
  });
});

test('an event is found under its id, actor, action, targets, ip, operation and external id', () => {
  const event = eventAt(1, {
    targets: [
      { type: 'a', id: 't1' },
      { type: 'b', id: 't2' },
    ],
    operation_id: 'o',
    external_id: 'e',
  });
  expect(keysOf(event)).toEqual([
    keyOf('id', event.id),
    keyOf('actor', 'user-1'),
    keyOf('action', 'document.read'),
    keyOf('target', 't1'),
    keyOf('target', 't2'),
    keyOf('ip', '203.0.113.1'),
    keyOf('op', 'o'),
    keyOf('ext', 'e'),
  ]);
});

test('the filter of events is the filter of their distinct keys, byte for byte', () => {
  const twice = { type: 'document', id: 'doc-1' };
  const events = Array.from({ length: 300 }, (_, n) =>
    eventAt(n, n % 2 ? { operation_id: `op-${n % 7}`, external_id: `ext-${n}`, targets: [twice, twice] } : {}),
  );
  expect(filterOfEvents(events)).toEqual(buildFilter([...new Set(events.flatMap(keysOf))]));
});
