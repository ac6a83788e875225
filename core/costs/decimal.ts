/** Decimal numbers as whole numbers and a scale: money and units are added, multiplied and shared out without rounding. */

export interface Decimal {
  readonly units: bigint;
  /** Digits after the point. */
  readonly scale: number;
}

const written = /^([+-]?)(\d{1,38})(?:\.(\d{0,38}))?(?:[eE]([+-]?\d{1,2}))?$/;

/** Reads `-1.50`, `7`, `0E-11`. Undefined for anything else, and for more than 76 digits. */
export function parseDecimal(text: string): Decimal | undefined {
  const [, sign, whole, fraction = '', exponent = '0'] = written.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const units = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  const scale = fraction.length - Number(exponent);
  return scale < 0 ? { units: units * 10n ** BigInt(-scale), scale: 0 } : { units, scale };
}

/** As Postgres writes a numeric: all its digits, no exponent. */
export function formatDecimal({ units, scale }: Decimal): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const sign = units < 0n ? '-' : '';
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const at = ({ units, scale }: Decimal, wanted: number): bigint => units * 10n ** BigInt(wanted - scale);

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: at(a, scale) + at(b, scale), scale };
}

export const multiplyDecimals = (a: Decimal, b: Decimal): Decimal => ({
  units: a.units * b.units,
  scale: a.scale + b.scale,
});

/** Rounds half away from zero to at most `scale` digits. */
export function roundDecimal(value: Decimal, scale: number): Decimal {
  if (value.scale <= scale) return value;
  const cut = 10n ** BigInt(value.scale - scale);
  const half = value.units < 0n ? -cut / 2n : cut / 2n;
  return { units: (value.units + half) / cut, scale };
}

/** A JSON number in its shortest decimal words. */
export const decimalOf = (value: number): Decimal | undefined => parseDecimal(String(value));

/**
 * Shares an amount out by weights (each ≥ 0) with the largest-remainder rule, to `scale` digits or the amount's own when
 * it has more: the shares add up to the amount exactly. Equal remainders go to who comes first. All weights 0: undefined.
 */
export function shareOut(amount: Decimal, weights: readonly Decimal[], scale: number): Decimal[] | undefined {
  const weightScale = weights.reduce((most, one) => Math.max(most, one.scale), 0);
  const parts = weights.map((one) => at(one, weightScale));
  const whole = parts.reduce((sum, one) => sum + one, 0n);
  if (whole <= 0n) return undefined;
  const digits = Math.max(scale, amount.scale);
  const units = at(amount, digits);
  const size = units < 0n ? -units : units;
  const shares = parts.map((part, index) => ({ index, share: (size * part) / whole, rest: (size * part) % whole }));
  let left = size - shares.reduce((sum, { share }) => sum + share, 0n);
  for (const one of shares.toSorted((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest < b.rest ? 1 : -1))) {
    if (left === 0n) break;
    one.share += 1n;
    left -= 1n;
  }
  return shares.map(({ share }) => ({ units: units < 0n ? -share : share, scale: digits }));
}
