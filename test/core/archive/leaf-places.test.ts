import { describe, expect, test } from 'vitest';
import { decodeLeafPlaces, encodeLeafPlaces, type LeafPlaces } from '#core/archive/leaf-places.ts';

const again = (blocks: LeafPlaces) => decodeLeafPlaces(encodeLeafPlaces(blocks));

describe('places of leaves', () => {
  test.each<[string, LeafPlaces]>([
    ['no block', []],
    ['an empty block', [[]]],
    ['leaf 0', [[0]]],
    [
      'a run',
      [
        [7, 8, 9],
        [10, 11],
      ],
    ],
    [
      'jumps both ways',
      [
        [5, 900, 4, 901, 3],
        [2 ** 40, 2],
      ],
    ],
    ['events without leaves', [[undefined, undefined, 4, undefined, 5], [undefined]]],
  ])('%s comes back', (_, blocks) => {
    expect(again(blocks)).toEqual(blocks);
  });

  test('a run of one writer costs a few bytes, interleaved writers two or three each', () => {
    const run = Array.from({ length: 170 }, (_, n) => 123_456_789 + n);
    expect(encodeLeafPlaces([run]).length).toBeLessThan(14);
    const two = Array.from({ length: 170 }, (_, n) => (n % 2 ? 5000 + n : 9000 + n));
    expect(encodeLeafPlaces([two]).length).toBeLessThan(3 * 170 + 8);
  });

  test('every cut and every added byte is a RangeError', () => {
    const bytes = encodeLeafPlaces([
      [5, 900, undefined, 901],
      [3, 4, 5],
    ]);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeLeafPlaces(bytes.subarray(0, length))).toThrow(RangeError);
    }
    expect(() => decodeLeafPlaces(Uint8Array.of(...bytes, 0))).toThrow(RangeError);
  });

  test('no garbage decodes to something else than numbers, or takes long', () => {
    let state = 42;
    for (let round = 0; round < 3000; round++) {
      const bytes = Uint8Array.from({ length: round % 40 }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return state >>> 24;
      });
      if (bytes.length > 0) bytes[0] = 1;
      try {
        for (const leaves of decodeLeafPlaces(bytes)) {
          for (const leaf of leaves) expect(leaf === undefined || (Number.isSafeInteger(leaf) && leaf >= 0)).toBe(true);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
    // A million blocks, or a billion events, in a few bytes.
    expect(() => decodeLeafPlaces(Uint8Array.of(1, 255, 255, 255, 127))).toThrow(RangeError);
    expect(() => decodeLeafPlaces(Uint8Array.of(1, 1, 255, 255, 255, 255, 7, 255, 255, 255, 255, 7))).toThrow(
      RangeError,
    );
  });
});
