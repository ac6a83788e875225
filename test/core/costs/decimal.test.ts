/** Decimals lose nothing: what is shared out adds up to what there was. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addDecimals,
  decimalOf,
  formatDecimal,
  multiplyDecimals,
  parseDecimal,
  roundDecimal,
  shareOut,
} from '#core/costs/decimal.ts';

const read = (text: string) => parseDecimal(text)!;

test.each([
  ['0', '0'],
  ['0E-11', '0.00000000000'],
  ['-1.50', '-1.50'],
  ['+7', '7'],
  ['1.2e3', '1200'],
  ['0.00000080000', '0.00000080000'],
  ['12345678901234567890.1234567890', '12345678901234567890.1234567890'],
])('%s is %s', (text, written) => expect(formatDecimal(read(text))).toBe(written));

test.each(['', 'NULL', '1,5', '.5', '0x10', 'Infinity', 'NaN', '1e400', ' 1', '1.2.3', '--1'])(
  '%j is no decimal',
  (text) => expect(parseDecimal(text)).toBeUndefined(),
);

test('it calculates like a person with a pencil', () => {
  expect(formatDecimal(addDecimals(read('0.1'), read('0.20')))).toBe('0.30');
  expect(formatDecimal(multiplyDecimals(read('1.5'), read('-0.25')))).toBe('-0.375');
  expect(formatDecimal(roundDecimal(read('2.345'), 2))).toBe('2.35');
  expect(formatDecimal(roundDecimal(read('-2.345'), 2))).toBe('-2.35');
  expect(decimalOf(1e-7)).toEqual({ units: 1n, scale: 7 });
});

test('the largest remainders get what is left', () => {
  const shares = shareOut(read('100'), [read('1'), read('1'), read('1')], 2)!;
  expect(shares.map(formatDecimal)).toEqual(['33.34', '33.33', '33.33']);
  expect(shareOut(read('100'), [read('0')], 2)).toBeUndefined();
  expect(shareOut(read('100'), [], 2)).toBeUndefined();
});

const decimal = fc.record({ units: fc.bigInt({ min: 0n, max: 10n ** 20n }), scale: fc.integer({ min: 0, max: 9 }) });
test('shares add up exactly, whatever is shared by whatever', () => {
  fc.assert(
    fc.property(
      decimal,
      fc.array(decimal, { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (amount, weights, negative) => {
        const whole = negative ? { ...amount, units: -amount.units } : amount;
        const shares = shareOut(whole, weights, 6);
        if (!shares) return weights.every(({ units }) => units === 0n);
        const sum = shares.reduce(addDecimals);
        const scale = Math.max(sum.scale, whole.scale);
        return sum.units * 10n ** BigInt(scale - sum.scale) === whole.units * 10n ** BigInt(scale - whole.scale);
      },
    ),
  );
});
