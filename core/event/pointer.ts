/** JSON pointers (RFC 6901): how problems, tags and envelopes name a place in an event. */
import type { Json } from './event.ts';

/** One part of a pointer, §3. */
export const escapeToken = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

export interface Place {
  /** Pointer of what holds the value. */
  readonly parent: string;
  /** Its name there. */
  readonly name: string;
}

/** A pointer's parts, unescaped; of the pointer to the whole, none. */
export const partsOf = (pointer: string): readonly string[] => readOf(pointer).parts;

/** Where a pointer leads; it must not be the pointer to the whole. */
export const placeOf = (pointer: string): Place => readOf(pointer);

/** The value at a pointer, or undefined. */
export function valueAt(root: Json, pointer: string): Json | undefined {
  let value: Json | undefined = root;
  for (const part of partsOf(pointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as { readonly [key: string]: Json })[part];
  }
  return value;
}

interface Read extends Place {
  readonly parts: readonly string[];
}

/** Nearly all events have the same few pointers, so each is read once. */
const known = new Map<string, Read>();
/** Bounds on memory: tenants name the keys of their metadata. */
const knownMax = 10_000;
const knownCharsMax = 256;

function readOf(pointer: string): Read {
  let read = known.get(pointer);
  if (!read) {
    const parts = pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    read = { parts, parent: pointer.slice(0, Math.max(0, pointer.lastIndexOf('/'))), name: parts.at(-1) ?? '' };
    if (known.size >= knownMax) known.clear();
    if (pointer.length <= knownCharsMax) known.set(pointer, read);
  }
  return read;
}
