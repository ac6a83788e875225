import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '#core/event/event.ts';
import { escapeToken, partsOf, placeOf, valueAt } from '#core/event/pointer.ts';

describe('the examples of RFC 6901 §5', () => {
  const document: Json = { foo: ['bar', 'baz'], '': 0, 'a/b': 1, 'c%d': 2, 'g|h': 4, ' ': 7, 'm~n': 8 };
  test.each([
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/g|h', 4],
    ['/ ', 7],
    ['/m~0n', 8],
  ] as const)('%j', (pointer, value) => expect(valueAt(document, pointer)).toEqual(value));
});

test.each(['/foo/2', '/bar', '/foo/0/x', '/foo/toString', '/a/b'])('%s leads nowhere', (pointer) =>
  expect(valueAt({ foo: ['bar'], a: 1 }, pointer)).toBeUndefined(),
);

test('what was escaped is read again, the first time and the second', () => {
  const names = fc.array(fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'a', '') }), { minLength: 1 });
  fc.assert(
    fc.property(names, (parts) => {
      const pointer = parts.map((part) => `/${escapeToken(part)}`).join('');
      for (let time = 0; time < 2; time++) {
        expect(partsOf(pointer)).toEqual(parts);
        expect(placeOf(pointer).name).toBe(parts.at(-1));
        expect(partsOf(placeOf(pointer).parent)).toEqual(parts.slice(0, -1));
      }
    }),
  );
});
