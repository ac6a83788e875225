/**
 * Where C2SP tlog-tiles puts a tree: hash tiles `tile/<level>/<n>[.p/<width>]` and entry bundles
 * `tile/entries/<n>[.p/<width>]`, 256 wide; `<n>` in groups of three digits, all but the last with an `x` before them.
 */
import { fromDecimal, isCount } from './bytes.ts';

export const tileWidth = 256;
/** `encodeBundle` writes the length of an entry in two bytes. */
export const entryBytesMax = 65_535;
const levelMax = 63;

/** A tile or bundle; `width` is 256 for a full one. */
export interface TilePlace {
  readonly level: number | 'entries';
  readonly n: number;
  readonly width: number;
}

function groups(n: number): string {
  let path = String(n % 1000).padStart(3, '0');
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  }
  return path;
}

function pathOf(level: number | 'entries', n: number, width: number): string {
  if (!isCount(n) || !Number.isInteger(width) || width < 1 || width > tileWidth) {
    throw new RangeError(`no tile ${n} of width ${width}`);
  }
  return `tile/${level}/${groups(n)}${width === tileWidth ? '' : `.p/${width}`}`;
}

/** Path of a hash tile; full unless a width from 1 to 255 is given. Throws RangeError. */
export function tilePath(level: number, n: number, width: number = tileWidth): string {
  if (!Number.isInteger(level) || level < 0 || level > levelMax) throw new RangeError(`no level ${level}`);
  return pathOf(level, n, width);
}

/** Path of an entry bundle; full unless a width from 1 to 255 is given. Throws RangeError. */
export const entriesPath = (n: number, width: number = tileWidth): string => pathOf('entries', n, width);

const pathPattern = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** Reads a path; undefined for whatever the functions above would not have written. */
export function parseTilePath(path: string): TilePlace | undefined {
  const [, levelText, digits, widthText] = pathPattern.exec(path) ?? [];
  if (levelText === undefined || digits === undefined) return undefined;
  const level = levelText === 'entries' ? levelText : fromDecimal(levelText);
  const n = Number(digits.replace(/[x/]/g, ''));
  const width = widthText === undefined ? tileWidth : fromDecimal(widthText);
  if (level === undefined || width === undefined || !isCount(n)) return undefined;
  if ((level !== 'entries' && level > levelMax) || width < 1 || width > tileWidth) return undefined;
  return pathOf(level, n, width) === path ? { level, n, width } : undefined;
}

/** Hashes that the last, partial tile of a level has (0 when there is none): floor(size / 256^level) mod 256. */
export const partialWidth = (level: number, size: number): number => Math.floor(size / tileWidth ** level) % tileWidth;

/** Width of tile `n` of a level in a tree of this size; 0 when the tree does not have it. */
export function widthIn(level: number, n: number, size: number): number {
  const hashes = Math.floor(size / tileWidth ** level);
  return Math.max(0, Math.min(tileWidth, hashes - n * tileWidth));
}

/** Every tile and bundle of a tree of this size, one after the other: bundles first, then level by level. */
export function* pathsOf(size: number): Generator<string, void, undefined> {
  if (!isCount(size)) throw new RangeError(`no tree of size ${size}`);
  for (let n = 0; n * tileWidth < size; n++) yield entriesPath(n, widthIn(0, n, size));
  for (let level = 0; tileWidth ** level <= size; level++) {
    for (let n = 0; widthIn(level, n, size) > 0; n++) yield tilePath(level, n, widthIn(level, n, size));
  }
}

/** A bundle: every entry behind its length in two bytes, big-endian. Throws RangeError for one above 65,535 bytes. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length > tileWidth) throw new RangeError(`${entries.length} entries in a bundle`);
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    if (entry.length > entryBytesMax) throw new RangeError(`an entry of ${entry.length} bytes`);
    bytes[at] = entry.length >> 8;
    bytes[at + 1] = entry.length & 255;
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/** The entries of a bundle, as views of it. Throws Error when it is cut off or holds more than 256. */
export function decodeBundle(bytes: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + 2 <= bytes.length ? (bytes[at]! << 8) | bytes[at + 1]! : Number.POSITIVE_INFINITY;
    const end = at + 2 + length;
    if (end > bytes.length) throw new Error(`a bundle is cut off at byte ${at}`);
    if (entries.length === tileWidth) throw new Error(`a bundle holds more than ${tileWidth} entries`);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}
