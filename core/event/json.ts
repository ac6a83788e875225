/**
 * JSON that survives RFC 8785: what is stored has one canonical form, the one the producer meant.
 *
 * A scanner over char codes judges the text before anything is built. Bad syntax ends the scan; the other
 * faults are noted and the scan goes on, so that broken syntax is always named first.
 */
import { type Json, jsonDepthMax, jsonKeysMax } from './event.ts';
import { buildJson } from './json-build.ts';
import { type Fault, ok, type Result } from './problem.ts';

export interface JsonLimits {
  readonly depthMax?: number;
  readonly keysMax?: number;
}

/** Fields of one scan. Scans are synchronous and never nest. */
let source = '';
let at = 0;
let depthMax = jsonDepthMax;
let keysMax = jsonKeysMax;
let keys = 0;
let noted: Fault | undefined;
let fatal: Fault | undefined;
let escaped = false;
let escapedKeys = false;

/** Keys that need an escape in any JSON text. Readers on V8 13.6 may confuse them (json-build.ts), so none is stored. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const unsafeKey = /["\\\u0000-\u001f]/;

/** Up to here a linear search beats a Set. */
const linearKeysMax = 16;

/** What makes this text unsafe to keep, or undefined. The text is one JSON value, well-formed UTF-16. */
export function scanJson(text: string, limits: JsonLimits = {}): Fault | undefined {
  begin(text, limits);
  skipSpace();
  if (scanValue(0)) {
    skipSpace();
    if (at < source.length) syntax('There is something after the JSON value');
  }
  source = '';
  return fatal ?? noted;
}

function begin(text: string, limits: JsonLimits): void {
  source = text;
  at = 0;
  depthMax = limits.depthMax ?? jsonDepthMax;
  keysMax = limits.keysMax ?? jsonKeysMax;
  keys = 0;
  escapedKeys = false;
  noted = undefined;
  fatal = undefined;
}

/** The value of a JSON-safe text, or why it is not safe. */
export function parseJson(text: string, limits?: JsonLimits): Result<Json> {
  const fault = scanJson(text, limits);
  return fault ? { ok: false, fault } : ok(escapedKeys ? buildJson(text) : (JSON.parse(text) as Json));
}

/** The same for an item, which is not scanned twice. */
export function parseItem({ text, scan }: JsonItem): Result<Json> {
  if (!scan) return parseJson(text);
  if (scan.fault) return { ok: false, fault: scan.fault };
  return ok(scan.escapedKeys ? buildJson(text) : (JSON.parse(text) as Json));
}

/** One item of a body in its own words; when the body was an array, with what the scan has found in it. */
export interface JsonItem {
  readonly text: string;
  readonly scan?: { readonly fault: Fault | undefined; readonly escapedKeys: boolean };
}

/**
 * The elements of a JSON array, each judged alone as scanJson would. One pass, because every event of every batch
 * goes this way. Broken syntax anywhere is `json_invalid`; inside what is nested too deeply only brackets are read.
 */
export function splitArray(text: string): Result<JsonItem[]> {
  begin(text, {});
  const elements: JsonItem[] = [];
  skipSpace();
  if (source.charCodeAt(at) !== 91) syntax('An array is expected');
  else {
    at++;
    skipSpace();
    if (source.charCodeAt(at) === 93) at++;
    else while (splitElement(elements));
    skipSpace();
    if (at < source.length) syntax('There is something after the array');
  }
  source = '';
  return fatal ? { ok: false, fault: fatal } : ok(elements);
}

/** Reads an element and what follows it; false after the last one and when the syntax is broken. */
function splitElement(elements: JsonItem[]): boolean {
  const start = at;
  keys = 0;
  escapedKeys = false;
  noted = undefined;
  if (!scanValue(0)) return false;
  elements.push({ text: source.slice(start, at), scan: { fault: noted, escapedKeys } });
  skipSpace();
  const code = source.charCodeAt(at);
  if (code !== 44 && code !== 93) return syntax('A comma or ] is expected');
  at++;
  if (code === 93) return false;
  skipSpace();
  return true;
}

function syntax(detail: string): false {
  fatal ??= { code: 'json_invalid', detail: `${detail} (character ${at + 1}).` };
  return false;
}

function note(code: Fault['code'], detail: string): void {
  noted ??= { code, detail };
}

function skipSpace(): void {
  for (;;) {
    const code = source.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
    at++;
  }
}

function scanValue(depth: number): boolean {
  const code = source.charCodeAt(at);
  if (code === 34) return scanString();
  if (code === 123 || code === 91) {
    if (depth >= depthMax) {
      note('json_too_deep', `Objects and arrays may be nested ${depthMax} deep.`);
      return skipNested();
    }
    return code === 123 ? scanObject(depth + 1) : scanArray(depth + 1);
  }
  if (code === 45 || (code >= 48 && code <= 57)) return scanNumber();
  for (const word of code === 116 ? ['true'] : code === 102 ? ['false'] : code === 110 ? ['null'] : []) {
    if (!source.startsWith(word, at)) break;
    at += word.length;
    return true;
  }
  return syntax(at >= source.length ? 'The JSON ends too early' : 'A JSON value is expected');
}

/** Passes what is nested too deeply by its brackets alone: without recursion, so that no text overflows the stack. */
function skipNested(): boolean {
  for (let open = 0; at < source.length; ) {
    const code = source.charCodeAt(at);
    if (code === 34) {
      if (!scanString()) return false;
      continue;
    }
    at++;
    if (code === 91 || code === 123) open++;
    else if ((code === 93 || code === 125) && --open === 0) return true;
  }
  return syntax('The JSON ends too early');
}

function scanArray(depth: number): boolean {
  at++;
  skipSpace();
  if (source.charCodeAt(at) === 93) {
    at++;
    return true;
  }
  for (;;) {
    if (!scanValue(depth)) return false;
    skipSpace();
    const code = source.charCodeAt(at);
    if (code !== 44 && code !== 93) return syntax('A comma or ] is expected');
    at++;
    if (code === 93) return true;
    skipSpace();
  }
}

function scanObject(depth: number): boolean {
  at++;
  skipSpace();
  if (source.charCodeAt(at) === 125) {
    at++;
    return true;
  }
  const seen: string[] = [];
  let many: Set<string> | undefined;
  for (;;) {
    if (source.charCodeAt(at) !== 34) return syntax('A key in double quotes is expected');
    const start = at;
    if (!scanString()) return false;
    const keyEscaped = escaped;
    escapedKeys ||= keyEscaped;
    const key = keyEscaped ? (JSON.parse(source.slice(start, at)) as string) : source.slice(start + 1, at - 1);
    if (noted === undefined) {
      if (many ? many.has(key) : seen.includes(key)) {
        note('json_duplicate_key', `The key ${JSON.stringify(key.slice(0, 80))} is there twice in one object.`);
      }
      if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
        note('json_key_forbidden', `The key ${key} is not allowed.`);
      }
      if (keyEscaped && unsafeKey.test(key)) {
        note('json_key_forbidden', 'A key must not hold a control character, a quotation mark or a backslash.');
      }
      if (++keys > keysMax) note('json_too_many_keys', `There are more than ${keysMax} keys.`);
      if (many) many.add(key);
      else if (seen.push(key) > linearKeysMax) many = new Set(seen);
    }
    skipSpace();
    if (source.charCodeAt(at) !== 58) return syntax('A colon is expected');
    at++;
    skipSpace();
    if (!scanValue(depth)) return false;
    skipSpace();
    const code = source.charCodeAt(at);
    if (code !== 44 && code !== 125) return syntax('A comma or } is expected');
    at++;
    if (code === 125) return true;
    skipSpace();
  }
}

/** Leaves `at` after the closing quote and says in `escaped` whether the string has a backslash. */
function scanString(): boolean {
  const text = source;
  let index = at + 1;
  let high = false;
  escaped = false;
  for (;;) {
    let code = text.charCodeAt(index);
    if (code === 34) break;
    if (code !== 92 && code >= 32 && code < 0xd800 && !high) {
      index++;
      continue;
    }
    if (!(code >= 32)) {
      at = index;
      return syntax(index >= text.length ? 'A string is not closed' : 'A control character must be escaped');
    }
    if (code === 92) {
      escaped = true;
      code = text.charCodeAt(index + 1);
      if (code === 117) {
        const digits = text.slice(index + 2, index + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
          at = index;
          return syntax('Four hex digits must follow \\u');
        }
        code = Number.parseInt(digits, 16);
        index += 6;
        if (code === 0) note('json_string_unsafe', 'A string holds the character U+0000.');
      } else if (code <= 127 && '"\\/bfnrt'.includes(String.fromCharCode(code))) {
        code = 32;
        index += 2;
      } else {
        at = index;
        return syntax('An escape is not known');
      }
    } else index++;
    const low = code >= 0xdc00 && code <= 0xdfff;
    if (low !== high) noteSurrogate();
    high = code >= 0xd800 && code <= 0xdbff;
  }
  if (high) noteSurrogate();
  at = index + 1;
  return true;
}

function noteSurrogate(): void {
  note('json_string_unsafe', 'A string holds half of a surrogate pair.');
}

const numberShape = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

function scanNumber(): boolean {
  const start = at;
  numberShape.lastIndex = at;
  if (!numberShape.test(source)) return syntax('A number is not complete');
  at = numberShape.lastIndex;
  const code = source.charCodeAt(at);
  if ((code >= 48 && code <= 57) || code === 46) return syntax('A number has a wrong form');
  const literal = source.slice(start, at);
  if (!numberIsSafe(literal)) {
    note('json_number_unsafe', `The number ${literal.slice(0, 40)} would change its value; send it as a string.`);
  }
  return true;
}

/**
 * Whether a literal names the very decimal that JS prints for its double: `1.0`, `1e2` and `0.1` do,
 * 9007199254740993 and 1e400 do not. `-0` is safe: it equals 0, and RFC 8785 writes 0.
 */
function numberIsSafe(literal: string): boolean {
  if (literal.length <= 15 && !/[eE]/.test(literal)) return true;
  const value = Number(literal);
  return Number.isFinite(value) && decimal(literal) === decimal(String(value));
}

/** `digits` without zeros at either end, and the power of ten of the last digit. */
function decimal(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.slice(sign.length).split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end--;
  if (end === 0) return '0';
  return `${sign}${digits.slice(0, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}

/** Bytes of the UTF-8 form of a well-formed string. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) continue;
    bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
