/**
 * The value of a JSON text, with the keys that the text has.
 *
 * JSON.parse of V8 13.6 (Node 24) compares a key that is written with an escape to the key it expects there, in
 * source form: after any `{"a":0,"\\\\":0}` in the process it reads `{"a":0,"\\n":0}` as `{"a":0,"\\\\":0}`, so one
 * caller's text would change another's evidence. Texts with an escape in a key are therefore built here.
 */
import type { Json } from './event.ts';

let source = '';
let at = 0;

/** The value of a text that the scanner has let through: valid, of bounded depth, no `__proto__`. */
export function buildJson(text: string): Json {
  source = text;
  at = 0;
  const value = build();
  source = '';
  return value;
}

const token = /\s*(?:"[^"\\]*(?:\\.[^"\\]*)*"|[^\s"[\]{},:]+|[[\]{},:])/y;

/** The next string, number, word or mark. */
function next(): string {
  token.lastIndex = at;
  const found = token.exec(source)?.[0] ?? '';
  at += found.length;
  return found.trim();
}

function build(first = next()): Json {
  if (first === '[') {
    const items: Json[] = [];
    for (let mark = next(); mark !== ']'; mark = next()) items.push(build(mark === ',' ? next() : mark));
    return items;
  }
  if (first !== '{') return JSON.parse(first) as Json;
  const object: { [key: string]: Json } = {};
  for (let mark = next(); mark !== '}'; mark = next()) {
    const key = JSON.parse(mark === ',' ? next() : mark) as string;
    next();
    object[key] = build();
  }
  return object;
}
