import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from '#core/event/canonical.ts';
import type { Json } from '#core/event/event.ts';
import { scanJson } from '#core/event/json.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

const data = dataFolder('vectors-json');
if (!data) noticeSkip('vectors-json');
const folder = join(data ?? '', 'rfc8785-jcs');

/** Keys that trip writers: integer-like ones, which objects reorder, other planes, escapes, nothing at all. */
const key = fc.oneof(
  fc.constantFrom('', '1', '9', '10', '01', '-1', 'é', 'e\u0301', '\u20ac', '\ud83d\ude00', '\ufb33', '\r', '"', '\\'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const odd = fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }).map((value) => value as Json);
const json: fc.Arbitrary<Json> = fc.oneof(
  odd,
  fc.dictionary(key, odd, { noNullPrototype: true }) as fc.Arbitrary<Json>,
  fc.array(fc.dictionary(key, fc.double({ noNaN: true, noDefaultInfinity: true }), { noNullPrototype: true })),
);

describe.skipIf(!existsSync(folder))('RFC 8785, as its author publishes it', () => {
  for (const name of existsSync(folder) ? readdirSync(join(folder, 'input')) : []) {
    test(name, () => {
      const input = JSON.parse(readFileSync(join(folder, 'input', name), 'utf8')) as Json;
      const expected = readFileSync(join(folder, 'output', name), 'utf8');
      const bytes = readFileSync(join(folder, 'outhex', name.replace('.json', '.txt')), 'utf8').replace(/\s/g, '');
      expect(canonical(input)).toBe(expected);
      expect(Buffer.from(canonical(input)).toString('hex')).toBe(bytes);
    });
  }

  test('numbers, by the bits of the double', () => {
    const lines = readFileSync(join(folder, 'es6-number-samples.txt'), 'utf8').trim().split('\n');
    const view = new DataView(new ArrayBuffer(8));
    for (const line of lines) {
      const [bits = '', expected] = line.split(',');
      view.setBigUint64(0, BigInt(`0x${bits}`));
      expect(canonical(view.getFloat64(0))).toBe(expected);
    }
    console.log(`canonical: ${lines.length} number samples agree`);
  });
});

describe('one form for each value', () => {
  test('agrees with the npm package canonicalize', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonical(value)).toBe(canonicalize(value));
      }),
      { numRuns: 2000 },
    );
  });

  test('reads back as the value, and is its own canonical form', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonical(value);
        // Keys that need an escape are never stored (json-build.ts says why), and an engine may confuse them.
        fc.pre(scanJson(text, { keysMax: 100_000 }) === undefined);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonical(JSON.parse(text) as Json)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  test('the order in which keys came leaves no trace', () => {
    const entries = fc.uniqueArray(fc.tuple(key, fc.integer()), { selector: ([name]) => name, maxLength: 40 });
    fc.assert(
      fc.property(entries, (pairs) => {
        expect(canonical(Object.fromEntries(pairs))).toBe(canonical(Object.fromEntries(pairs.toReversed())));
      }),
    );
  });

  test('a member that is undefined is not there', () => {
    expect(canonical({ b: undefined, a: 1 } as unknown as Json)).toBe('{"a":1}');
    expect(canonical({ b: undefined, 1: 1 } as unknown as Json)).toBe('{"1":1}');
  });

  test('a member named __proto__ is a member', () => {
    expect(canonical(JSON.parse('{"b":{"__proto__":{"a":1}},"a":1}') as Json)).toBe(
      '{"a":1,"b":{"__proto__":{"a":1}}}',
    );
  });

  test('numbers have one form beside keys that look like numbers, and elsewhere', () => {
    expect(canonical({ 10: -0, 9: 1e21, a: [0.1, 1e-7] })).toBe('{"10":0,"9":1e+21,"a":[0.1,1e-7]}');
    expect(canonical({ b: -0, a: [1e21, 0.1, 1e-7] })).toBe('{"a":[1e+21,0.1,1e-7],"b":0}');
  });

  test('the value itself is left as it was', () => {
    const value = { b: [{ d: 1, c: 2 }], a: 3 };
    canonical(value);
    expect(JSON.stringify(value)).toBe('{"b":[{"d":1,"c":2}],"a":3}');
  });
});

describe('what has no canonical form', () => {
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    test(String(number), () => {
      expect(() => canonical([number])).toThrow(RangeError);
      expect(() => canonical({ 1: 1, a: number })).toThrow(RangeError);
    });
  }

  test('nesting of 34 and of 100,000', () => {
    const nested = (depth: number) => {
      let value: Json = 1;
      for (let level = 0; level < depth; level++) value = [value];
      return value;
    };
    expect(canonical(nested(33))).toBe(`${'['.repeat(33)}1${']'.repeat(33)}`);
    expect(() => canonical(nested(34))).toThrow(RangeError);
    expect(() => canonical(nested(100_000))).toThrow(RangeError);
  });
});
