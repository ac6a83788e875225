import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  booked,
  isZero,
  minorDigits,
  minus,
  negate,
  percentOf,
  plain,
  roundTogether,
  share,
  sumOf,
} from '#core/costs/money.ts';

const amount = fc
  .tuple(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.integer({ min: 0, max: 11 }))
  .map(([units, scale]) => {
    const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
    const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    return units < 0n ? `-${text}` : text;
  });

describe('amounts', () => {
  test('are added exactly where floating-point numbers are not', () => {
    expect(sumOf(['0.1', '0.2'])).toBe('0.3');
    expect(sumOf(['9007199254740993', '0.00000000001'])).toBe('9007199254740993.00000000001');
    expect(sumOf([])).toBe('0');
    expect(minus('1.00', '1.005')).toBe('-0.005');
    expect(() => sumOf(['NaN'])).toThrow(RangeError);
    fc.assert(fc.property(amount, amount, (a, b) => isZero(minus(minus(sumOf([a, b]), a), b))));
    fc.assert(fc.property(amount, (a) => isZero(sumOf([a, negate(a)]))));
  });

  test('are one text when they are one number', () => {
    expect(['1.50', '1.5', '10', '0.000', '-0.0', '-3.10'].map(plain)).toEqual(['1.5', '1.5', '10', '0', '0', '-3.1']);
  });
});

describe('shares', () => {
  test('add up to what is shared, whatever the weights', () => {
    const weights = fc.array(amount, { minLength: 1, maxLength: 20 });
    fc.assert(fc.property(amount, weights, (whole, by) => isZero(minus(sumOf(share(whole, by, 2)), whole))));
  });
  test('go by weight, equally where there is none, and to nobody below zero', () => {
    expect(share('100', ['1', '1', '1'], 2)).toEqual(['33.34', '33.33', '33.33']);
    expect(share('-100', ['1', '2'], 2)).toEqual(['-33.33', '-66.67']);
    expect(share('10', ['0', '0'], 2)).toEqual(['5.00', '5.00']);
    expect(share('10', ['-5', '1'], 2)).toEqual(['0.00', '10.00']);
  });
});

describe('rounding together', () => {
  test('keeps the rounded sum, and moves nothing by a whole unit', () => {
    expect(roundTogether(['0.333', '0.333', '0.334'], 2)).toEqual(['0.33', '0.33', '0.34']);
    expect(roundTogether(['-0.005', '0.004'], 2)).toEqual(['0.00', '0.00']);
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 20 }), fc.constantFrom(0, 2, 3), (all, digits) => {
        const rounded = roundTogether(all, digits);
        const [whole] = roundTogether([sumOf(all)], digits);
        expect(isZero(minus(sumOf(rounded), whole!))).toBe(true);
        for (const [index, one] of rounded.entries()) {
          const moved = Math.abs(Number(minus(one, all[index]!)));
          expect(moved).toBeLessThanOrEqual(10 ** -digits);
        }
      }),
    );
  });
  test('is to what a currency is booked with', () => {
    expect(['EUR', 'JPY', 'KWD'].map(minorDigits)).toEqual([2, 0, 3]);
  });
});

test('a part is so many per cent, of nothing none', () => {
  expect(percentOf('1', '3')).toBe('33.33');
  expect(percentOf('2', '3')).toBe('66.67');
  expect(percentOf('-1', '-4')).toBe('25.00');
  expect(percentOf('1', '0')).toBeUndefined();
});

test('people read an amount with the digits that its currency is booked with', () => {
  expect(booked('18831.2579588603', 'EUR')).toBe('18831.26');
  expect(booked('-20', 'EUR')).toBe('-20.00');
  expect(booked('1999.6', 'JPY')).toBe('2000');
});
