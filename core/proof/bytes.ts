/** Bytes as notes, proofs and entries write them: base64 of one spelling only, and decimals of one spelling only. */

const standard = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const url = `${standard.slice(0, 62)}-_`;
const codesOf = (alphabet: string): Uint8Array => Uint8Array.from(alphabet, (letter) => letter.charCodeAt(0));
/** Character codes of the base64url alphabet, by value. */
export const urlCodes: Uint8Array = codesOf(url);

/** Value of each byte as a letter, 64 for one that is not in the alphabet. */
function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(256).fill(64);
  for (let value = 0; value < 64; value++) values[alphabet.charCodeAt(value)] = value;
  return values;
}
const standardValues = valuesOf(standard);
/** Value of each byte as a letter of base64url, 64 for one that is not in the alphabet. */
export const urlValues: Uint8Array = valuesOf(url);

/** RFC 4648 section 4: the standard alphabet, padded. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  const whole = bytes.length - (bytes.length % 3);
  for (let i = 0; i < whole; i += 3) {
    const bits = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text += standard[bits >> 18]! + standard[(bits >> 12) & 63]! + standard[(bits >> 6) & 63]! + standard[bits & 63]!;
  }
  if (bytes.length - whole === 1) {
    const bits = bytes[whole]! << 4;
    text += `${standard[bits >> 6]}${standard[bits & 63]}==`;
  } else if (bytes.length - whole === 2) {
    const bits = (bytes[whole]! << 10) | (bytes[whole + 1]! << 2);
    text += `${standard[bits >> 12]}${standard[(bits >> 6) & 63]}${standard[bits & 63]}=`;
  }
  return text;
}

/** The bytes of padded standard base64, and undefined for whatever `toBase64` would not have written. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const letters = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < letters; i++) {
    const value = standardValues[text.charCodeAt(i)] ?? 64;
    if (value === 64) return undefined;
    bits = ((bits & 63) << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >> held) & 255;
    }
  }
  // Spare bits of the last letter are zero, or two texts would stand for the same bytes.
  return (bits & ((1 << held) - 1)) === 0 ? bytes : undefined;
}

const decimalPattern = /^(?:0|[1-9][0-9]{0,15})$/;

/** A decimal from 0 to 2^53 − 1 without leading zeroes, and undefined for any other text. */
export function fromDecimal(text: string): number | undefined {
  if (!decimalPattern.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Whether a number can be the size of a tree or an index in it. */
export const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** Whether two arrays hold the same bytes. Nothing compared here is secret, so it may stop early. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
