import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBlocks, encodeBlocks } from '#core/record/block-codec.ts';
import type { Block } from '#core/record/segment.ts';

const tenant = '01890000-0000-7000-8000-00000000000a';
const blocks = fc
  .array(
    fc.record({
      gap: fc.nat(),
      bytes: fc.nat(),
      events: fc.nat(10_000),
      minTime: fc.integer({ min: -6e13, max: 2.5e14 }),
      span: fc.nat(),
      filter: fc.uint8Array({ maxLength: 64 }),
    }),
    { maxLength: 8 },
  )
  .map((heads) => {
    let end = 0;
    return heads.map(({ gap, span, ...head }): Block => {
      const offset = end + gap;
      end = offset + head.bytes;
      return { tenant, offset, ...head, maxTime: head.minTime + span };
    });
  });

describe('the block index', () => {
  test('comes back as it went in', () => {
    fc.assert(
      fc.property(blocks, (some) => {
        expect(decodeBlocks(encodeBlocks(some), tenant)).toEqual(some);
      }),
    );
  });

  test('a typical block costs at most 20 bytes beside its filter', () => {
    const block = { tenant, offset: 9e8, bytes: 22_000, events: 170, minTime: 1.77e12, maxTime: 1.77e12 + 2e4 };
    expect(encodeBlocks([{ ...block, filter: new Uint8Array() }]).length).toBeLessThanOrEqual(22);
  });

  test('bytes that are cut off or made longer are refused', () => {
    fc.assert(
      fc.property(blocks, (some) => {
        const bytes = encodeBlocks(some);
        expect(() => decodeBlocks(Uint8Array.from([...bytes, 0]), tenant)).toThrow(RangeError);
        if (some.length > 0) expect(() => decodeBlocks(bytes.subarray(0, -1), tenant)).toThrow(RangeError);
      }),
    );
  });

  test('an unknown version is refused', () => {
    expect(() => decodeBlocks(Uint8Array.of(2, 0), tenant)).toThrow(RangeError);
  });
});
