/** Canonical JSON (RFC 8785): the bytes that hashes and stored lines are made of. There is no second definition. */
import { type Json, jsonDepthMax } from './event.ts';

/** What JSON.stringify would escape; every other string is written as it is. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;
/** A stored event nests its metadata below what came in; one level of slack. */
const depthMax = jsonDepthMax + 1;

const quote = (text: string): string => (needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`);

/** Canonical text of a JSON-safe value. Throws RangeError for what the scanner refuses: depth above 33, non-finite numbers. */
export function canonical(value: Json): string {
  return write(value, 0);
}

function write(value: Json, depth: number): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError('canonical JSON has no NaN and no Infinity');
    return String(value);
  }
  if (value === null || typeof value !== 'object') return String(value);
  if (depth >= depthMax) throw new RangeError(`canonical JSON nests at most ${depthMax} deep`);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map((item) => write(item, depth + 1)).join(',')}]`;
  const object = value as { readonly [key: string]: Json };
  const names = Object.keys(object);
  if (!isSorted(names)) names.sort();
  let text = '{';
  for (const name of names) {
    const member = object[name];
    if (member === undefined) continue;
    text += `${text.length > 1 ? ',' : ''}${quote(name)}:${write(member, depth + 1)}`;
  }
  return `${text}}`;
}

/** UTF-16 code unit order, as RFC 8785 §3.2.3 asks and `<` gives. */
function isSorted(names: readonly string[]): boolean {
  for (let index = 1; index < names.length; index++) if (names[index - 1]! > names[index]!) return false;
  return true;
}
