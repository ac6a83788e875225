/** Canonical JSON (RFC 8785): the bytes that hashes and stored lines are made of. There is no second definition. */
import { type Json, jsonDepthMax } from './event.ts';

/** A stored event nests its metadata below what came in; one level of slack. */
const depthMax = jsonDepthMax + 1;

/** Canonical text of a JSON-safe value. Throws RangeError for what the scanner refuses: depth above 33, non-finite numbers. */
export function canonical(value: Json): string {
  const ordered = inOrder(value);
  return ordered === undefined ? write(value, 0) : JSON.stringify(ordered);
}

/**
 * An equal value with its keys in canonical order, so that JSON.stringify writes the canonical text in half the time.
 * Undefined when no object can hold that order, and for what has no canonical form.
 */
export function inOrder<Value>(value: Value): Value | undefined {
  return order(value as Json, 0) as Value | undefined;
}

function order(value: Json, depth: number): Json | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (value === null || typeof value !== 'object') return value;
  if (depth >= depthMax) return undefined;
  if (Array.isArray(value)) return orderArray(value as readonly Json[], depth + 1);
  const object = value as { readonly [key: string]: Json };
  const copy: { [key: string]: Json } = {};
  for (const name of sorted(Object.keys(object))) {
    const member = object[name];
    if (member === undefined) continue;
    // Objects keep integers in front, wherever they were put; and __proto__ is no place for a member.
    const first = name.charCodeAt(0);
    if ((first >= 48 && first <= 57) || name === '__proto__') return undefined;
    const ordered = order(member, depth + 1);
    if (ordered === undefined) return undefined;
    copy[name] = ordered;
  }
  return copy;
}

function orderArray(items: readonly Json[], depth: number): readonly Json[] | undefined {
  const copy: Json[] = [];
  for (const item of items) {
    const ordered = order(item, depth);
    if (ordered === undefined) return undefined;
    copy.push(ordered);
  }
  return copy;
}

function write(value: Json, depth: number): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError('canonical JSON has no NaN and no Infinity');
    return String(value);
  }
  if (value === null || typeof value !== 'object') return String(value);
  if (depth >= depthMax) throw new RangeError(`canonical JSON nests at most ${depthMax} deep`);
  if (Array.isArray(value)) return writeArray(value as readonly Json[], depth + 1);
  const object = value as { readonly [key: string]: Json };
  let text = '{';
  for (const name of sorted(Object.keys(object))) {
    const member = object[name];
    if (member === undefined) continue;
    text += (text.length === 1 ? '' : ',') + written(name) + write(member, depth + 1);
  }
  return `${text}}`;
}

/** Names come again with every event: what they look like in text, with the colon. Bounded, for names are callers' words. */
const names = new Map<string, string>();
const namesMax = 4096;

function written(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const text = `${quote(name)}:`;
  if (names.size < namesMax && name.length <= shortText) names.set(name, text);
  return text;
}

function writeArray(items: readonly Json[], depth: number): string {
  let text = '[';
  for (let index = 0; index < items.length; index++) {
    if (index > 0) text += ',';
    text += write(items[index]!, depth);
  }
  return `${text}]`;
}

/** Above this many, the built-in sort is faster than moving names one by one. */
const fewNames = 16;

/** In UTF-16 code unit order, as RFC 8785 §3.2.3 asks and `<` gives. Most lists are short, or in order already. */
function sorted(names: string[]): string[] {
  for (let index = 1; index < names.length; index++) {
    const name = names[index]!;
    if (names[index - 1]! <= name) continue;
    if (names.length > fewNames) return names.sort();
    let to = index;
    for (; to > 0 && names[to - 1]! > name; to--) names[to] = names[to - 1]!;
    names[to] = name;
  }
  return names;
}

/** Up to here a loop over char codes beats a regular expression's start. */
const shortText = 48;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A string as JSON.stringify writes it, which is asked only when there is something to escape. */
function quote(text: string): string {
  if (text.length > shortText) return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 34 || code === 92 || code < 32 || (code >= 0xd800 && code <= 0xdfff)) return JSON.stringify(text);
  }
  return `"${text}"`;
}
