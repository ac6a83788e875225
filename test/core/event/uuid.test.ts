import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isUuid, isUuidv7, uuidCeil, uuidFloor, uuidTime, uuidv7 } from '#core/event/uuid.ts';

const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });

test('the example of RFC 9562, appendix A.6', () => {
  const random = Uint8Array.of(0xcc, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f);
  expect(uuidv7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

test('an id is a UUIDv7, holds its time, and lies between floor and ceiling', () => {
  fc.assert(
    fc.property(time, bytes, (ms, random) => {
      const id = uuidv7(ms, random);
      expect(isUuid(id) && isUuidv7(id) && isUuidv7(id.toUpperCase())).toBe(true);
      expect(uuidTime(id)).toBe(ms);
      expect(uuidTime(id.toUpperCase())).toBe(ms);
      expect(uuidFloor(ms) <= id && id <= uuidCeil(ms)).toBe(true);
    }),
  );
});

test('ids sort as their times do', () => {
  fc.assert(
    fc.property(time, time, bytes, bytes, (a, b, one, other) => {
      if (a !== b) expect(uuidv7(a, one) < uuidv7(b, other)).toBe(a < b);
      if (a < b) expect(uuidCeil(a) < uuidFloor(b)).toBe(true);
    }),
  );
});

test('all 74 random bits tell', () => {
  const id = (bit: number) => {
    const random = new Uint8Array(10);
    random[bit >> 3] = 1 << (bit & 7);
    return uuidv7(0, random);
  };
  // Four bits go to the version and two to the variant.
  expect(new Set(Array.from({ length: 80 }, (_, bit) => id(bit))).size).toBe(74 + 1);
});

test('times outside 48 bits are clamped', () => {
  expect(uuidFloor(-1)).toBe('00000000-0000-7000-8000-000000000000');
  expect(uuidCeil(2 ** 60)).toBe('ffffffff-ffff-7fff-bfff-ffffffffffff');
});

for (const text of [
  '',
  '017f22e2-79b0-4cc3-98c4-dc0c0c07398f',
  '017f22e2-79b0-7cc3-18c4-dc0c0c07398f',
  '017f22e279b07cc398c4dc0c0c07398f',
  ' 017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
  '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
]) {
  test(`${JSON.stringify(text)} is no UUIDv7`, () => expect(isUuidv7(text)).toBe(false));
}
