/** What changed between two states of a thing, as an audit record may hold it. */
import type { Change, Json } from '#core/event/event.ts';

/** An event may have 200 changes and 512 keys; the rest of it needs room too. */
const changesMax = 200;
const keysMax = 400;
const charsMax = 48 * 1024;
const depthMax = 12;
const hidden = '[hidden]';

export interface Changes {
  readonly changes: readonly Change[];
  /** Changes that were too many or too large for one event. */
  readonly omitted: number;
}

/**
 * The smallest set of changes, by JSON pointer (RFC 6901). Objects are compared key by key; lists of one length
 * element by element, and lists of different lengths as one value. What is new has no `before`, what is gone no `after`.
 *
 * `hide` names pointers whose values stay out: that they changed is recorded, their values are not. A step `*` stands
 * for any one step.
 */
export function diff(before: unknown, after: unknown, hide: readonly string[] = []): Changes {
  const found: Change[] = [];
  const hides = hide.map((pointer) => pointer.split('/'));
  const isHidden = (path: string) => hides.some((steps) => covers(steps, path.split('/')));
  const add = (path: string, from: Json | undefined, to: Json | undefined) => {
    const value = (of: Json) => (isHidden(path) ? hidden : masked(of, path, isHidden));
    found.push({
      path,
      ...(from === undefined ? {} : { before: value(from) }),
      ...(to === undefined ? {} : { after: value(to) }),
    });
  };
  compare(toJson(before), toJson(after), '', add);
  return bounded(found);
}

type Add = (path: string, before: Json | undefined, after: Json | undefined) => void;

function compare(before: Json | undefined, after: Json | undefined, path: string, add: Add): void {
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (const [index, one] of (before as readonly Json[]).entries())
      compare(one, (after as readonly Json[])[index], `${path}/${index}`, add);
    return;
  }
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(own(before, key), own(after, key), `${path}/${escapeStep(key)}`, add);
    }
    return;
  }
  if (JSON.stringify(before) !== JSON.stringify(after)) add(path, before, after);
}

type JsonMap = { readonly [key: string]: Json };
const isObject = (value: Json | undefined): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const own = (of: JsonMap, key: string): Json | undefined => (Object.hasOwn(of, key) ? of[key] : undefined);
const escapeStep = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Whether a hidden pointer is the path or stands above it. */
const covers = (steps: readonly string[], path: readonly string[]): boolean =>
  steps.length <= path.length && steps.every((step, index) => step === '*' || step === path[index]);

/** A whole value that is new or gone may hold hidden parts. */
function masked(value: Json, path: string, isHidden: (path: string) => boolean): Json {
  if (typeof value !== 'object' || value === null) return value;
  const step = (key: string | number, one: Json): Json => {
    const inner = `${path}/${escapeStep(String(key))}`;
    return isHidden(inner) ? hidden : masked(one, inner, isHidden);
  };
  if (Array.isArray(value)) return (value as readonly Json[]).map((one, index) => step(index, one));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, step(key, one)]));
}

function bounded(all: readonly Change[]): Changes {
  const changes: Change[] = [];
  let keys = 0;
  let chars = 0;
  for (const change of all) {
    keys += 3 + keysOf(change.before) + keysOf(change.after);
    chars += JSON.stringify(change).length;
    if (changes.length >= changesMax || keys > keysMax || chars > charsMax || change.path.length > 1024) break;
    changes.push(change);
  }
  return { changes, omitted: all.length - changes.length };
}

function keysOf(value: Json | undefined): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, one: Json) => sum + keysOf(one), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

/**
 * Any value as JSON that the API takes: dates as RFC 3339, big integers as text, characters that cannot be stored
 * replaced, circles and what lies too deep named as such. Undefined and functions are absent. Never throws.
 */
export function toJson(value: unknown, above: readonly unknown[] = []): Json | undefined {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return storable(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return undefined;
  if (above.includes(value)) return '[circular]';
  if (above.length >= depthMax) return '[too deep]';
  try {
    if ('toJSON' in value && typeof value.toJSON === 'function') return toJson(value.toJSON(), [...above, value]);
    if (Array.isArray(value)) return value.map((one) => toJson(one, [...above, value]) ?? null);
    const entries = Object.entries(value).flatMap(([key, one]) => {
      const json = toJson(one, [...above, value]);
      return json === undefined ? [] : [[keyOf(key), json] as const];
    });
    return Object.fromEntries(entries);
  } catch {
    // A getter or toJSON of the caller's that throws.
    return '[unreadable]';
  }
}

const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');
/** Keys that the API refuses because they reach into a program's prototypes. */
const keyOf = (key: string): string =>
  ['__proto__', 'constructor', 'prototype'].includes(key) ? `${key}_` : storable(key).slice(0, 256);
