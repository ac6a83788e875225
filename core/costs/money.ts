/**
 * Amounts of money as the text that Postgres writes for a numeric: exact, and never a floating-point number. Amounts of
 * different currencies are never added; callers keep them apart.
 */
import { addDecimals, type Decimal, formatDecimal, parseDecimal, roundDecimal, shareOut } from './decimal.ts';

/** An exact decimal: `12.50`, `-0.000123`. */
export type Amount = string;

const nothing: Decimal = { units: 0n, scale: 0 };

/** What a text of ours says. A text that is no number is a fault of ours: RangeError. */
function read(text: Amount): Decimal {
  const value = parseDecimal(text);
  if (!value) throw new RangeError(`not an amount: ${text}`);
  return value;
}

/** The sum, with as many digits as the longest has; `0` of none. */
export const sumOf = (amounts: readonly Amount[]): Amount =>
  formatDecimal(amounts.reduce((sum, one) => addDecimals(sum, read(one)), nothing));
export const minus = (a: Amount, b: Amount): Amount => sumOf([a, negate(b)]);
export function negate(amount: Amount): Amount {
  const { units, scale } = read(amount);
  return formatDecimal({ units: -units, scale });
}
export const isZero = (amount: Amount): boolean => read(amount).units === 0n;
export const isNegative = (amount: Amount): boolean => read(amount).units < 0n;
/** The same number without zeros at its end: two equal amounts are one text. */
export function plain(amount: Amount): Amount {
  const text = formatDecimal(read(amount));
  const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return short === '-0' ? '0' : short;
}

/** As people read it: with the digits that the currency is booked with. */
export function booked(amount: Amount, currency: string): Amount {
  const scale = minorDigits(currency);
  return formatDecimal({ units: at(roundDecimal(read(amount), scale), scale), scale });
}

/** Shares by weights, to the last digit; all weights 0 or below: equal shares. The shares add up to the amount. */
export function share(amount: Amount, weights: readonly Amount[], digits: number): Amount[] {
  const at = weights.map(read).map((one) => (one.units < 0n ? nothing : one));
  const even = weights.map(() => ({ units: 1n, scale: 0 }));
  const shares = shareOut(read(amount), at, digits) ?? shareOut(read(amount), even, digits) ?? [];
  return shares.map(formatDecimal);
}

/**
 * Each amount rounded to `digits`, so that they add up to the rounded sum (largest remainder): what is booked line by
 * line is what is booked in total. An amount moves by less than one unit of its last digit.
 */
export function roundTogether(amounts: readonly Amount[], digits: number): Amount[] {
  const floors = amounts.map((one) => floor(read(one), digits));
  const wanted = at(roundDecimal(read(sumOf(amounts)), digits), digits);
  let left = wanted - floors.reduce((sum, { units }) => sum + units, 0n);
  const order = floors
    .map(({ rest }, index) => ({ rest, index }))
    .sort((a, b) => compareRests(b.rest, a.rest) || a.index - b.index);
  const units = floors.map((one) => one.units);
  for (const { index } of order) {
    if (left <= 0n) break;
    units[index]! += 1n;
    left -= 1n;
  }
  return units.map((one) => formatDecimal({ units: one, scale: digits }));
}

const at = ({ units, scale }: Decimal, digits: number): bigint => units * 10n ** BigInt(digits - scale);
function floor(value: Decimal, digits: number): { readonly units: bigint; readonly rest: Decimal } {
  if (value.scale <= digits) return { units: at(value, digits), rest: nothing };
  const cut = 10n ** BigInt(value.scale - digits);
  const rest = ((value.units % cut) + cut) % cut;
  return { units: (value.units - rest) / cut, rest: { units: rest, scale: value.scale } };
}
function compareRests(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const difference = at(a, scale) - at(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** `part` of `whole` in per cent, with two digits; undefined where there is nothing to be a part of. */
export function percentOf(part: Amount, whole: Amount): Amount | undefined {
  const [a, b] = [read(part), read(whole)];
  const scale = Math.max(a.scale, b.scale);
  const below = at(b, scale);
  if (below === 0n) return undefined;
  const above = at(a, scale) * 1_000_000n * (below < 0n ? -1n : 1n);
  return formatDecimal(roundDecimal({ units: above / (below < 0n ? -below : below), scale: 4 }, 2));
}

/** Digits after the point that a currency is booked with (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD. */
export const minorDigits = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
