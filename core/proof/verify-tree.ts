/**
 * The tiles of a signed tree, each believed for the hash that its parent has of it.
 *
 * The root follows from the right edge. From there down every tile must hash to its place in the tile above, and every
 * entry to its place in the lowest one. So whatever was changed is named exactly, and what lies beside it still counts.
 */
import { sameBytes } from './bytes.ts';
import { decodeEntry, type Entry } from './entry.ts';
import { type Edge, perfectHash, rootOfEdge } from './integrate.ts';
import type { TileReader } from './prove.ts';
import { decodeBundle, entriesPath, parseTilePath, partialWidth, tilePath, tileWidth, widthIn } from './tiles.ts';
import { type Hasher, hashBytes, leafHash } from './tree.ts';
import { type Judgement, judge } from './verdict.ts';
import type { TrustedCheckpoint } from './verify-checkpoint.ts';

export interface CheckedBundle {
  /** Index of the first entry. */
  readonly first: number;
  /** The entries that the tree commits to; undefined where the bundle has something else. */
  readonly entries: readonly (Entry | undefined)[];
}

/** A tree of which every hash is believed for a reason. What is wrong with files is told to `found`, once for each. */
export interface CheckedTree {
  readonly size: number;
  /** Hashes of a tile, 32 bytes each, at the width that it has in this tree; undefined when none can be believed. */
  tile(level: number, n: number): Promise<Uint8Array | undefined>;
  /** The entries of a bundle. */
  bundle(n: number): Promise<CheckedBundle>;
  /** Tiles by path, cut to the width asked for: for roots and proofs of smaller trees. */
  readonly read: TileReader;
}

type Found = (judgement: Judgement) => void;

/** Opens the tree of a checkpoint; undefined when nothing hashes to its root, which is told to `found`. */
export async function openTree(
  c: Hasher,
  read: TileReader,
  { size, root }: Pick<TrustedCheckpoint, 'size' | 'root'>,
  found: Found,
): Promise<CheckedTree | undefined> {
  const edge = await openEdge(c, read, { size, root }, found);
  if (!edge) return undefined;
  // A level is walked from left to right: one tile of each is enough.
  const known = new Map<number, { readonly n: number; readonly bytes: Promise<Uint8Array | undefined> }>();

  const tile = (level: number, n: number): Promise<Uint8Array | undefined> => {
    const last = known.get(level);
    if (last?.n === n) return last.bytes;
    const bytes = open(level, n);
    known.set(level, { n, bytes });
    return bytes;
  };

  async function open(level: number, n: number): Promise<Uint8Array | undefined> {
    const width = widthIn(level, n, size);
    if (width === 0) return undefined;
    if (width < tileWidth) return joined(edge![level]!);
    const above = await tile(level + 1, Math.floor(n / tileWidth));
    if (!above) return undefined;
    const at = (n % tileWidth) * hashBytes;
    const expected = above.subarray(at, at + hashBytes);
    const path = tilePath(level, n);
    const stored = await read(path);
    if (stored?.length === tileWidth * hashBytes && sameBytes(hashOf(c, stored), expected)) return stored;
    found(
      stored
        ? judge('tile_differs', `${path} does not hash to what the tree has in its place.`, { path })
        : judge('tile_gone', `${path} is gone.`, { path }),
    );
    const below = await derive(c, read, level, n, tileWidth);
    return below && sameBytes(hashOf(c, below), expected) ? below : undefined;
  }

  async function bundle(n: number): Promise<CheckedBundle> {
    const width = widthIn(0, n, size);
    const first = n * tileWidth;
    const none = { first, entries: new Array<undefined>(width).fill(undefined) };
    const path = entriesPath(n, width);
    const [hashes, raw] = await Promise.all([tile(0, n), readWide(read, (w) => entriesPath(n, w), width)]);
    if (!raw) {
      found(
        judge('entry_gone', `${path} is gone, and with it the entries from leaf ${first} on.`, { path, index: first }),
      );
      return none;
    }
    const texts = split(raw.bytes);
    if (!texts || texts.length !== raw.width) {
      found(judge('entry_invalid', `${path} is no bundle of ${width} entries.`, { path, index: first }));
      return none;
    }
    // Without a tile to believe there is nothing to compare with, and that was told.
    if (!hashes) return none;
    const entries = texts.slice(0, width).map((text, i) => {
      const index = first + i;
      const expected = hashes.subarray(i * hashBytes, (i + 1) * hashBytes);
      if (!sameBytes(leafHash(c, text), expected)) {
        found(judge('entry_differs', `Entry ${index} in ${path} is not the one in the tree.`, { path, index }));
        return undefined;
      }
      const entry = decodeEntry(text);
      if (!entry) found(judge('entry_invalid', `Entry ${index} is not written as entries are.`, { path, index }));
      return entry;
    });
    return { first, entries };
  }

  return {
    size,
    tile,
    bundle,
    async read(path) {
      const place = parseTilePath(path);
      if (!place || place.level === 'entries') return read(path);
      const bytes = await tile(place.level, place.n);
      return bytes && bytes.length >= place.width * hashBytes ? bytes.subarray(0, place.width * hashBytes) : undefined;
    },
  };
}

/** The right edge: as its tiles have it, and where these do not hash to the root, as the level below has it. */
async function openEdge(
  c: Hasher,
  read: TileReader,
  { size, root }: Pick<TrustedCheckpoint, 'size' | 'root'>,
  found: Found,
): Promise<Edge | undefined> {
  const stored: (Uint8Array[] | undefined)[] = [];
  const paths: string[] = [];
  for (let level = 0; tileWidth ** level <= size; level++) {
    const width = partialWidth(level, size);
    const n = Math.floor(size / tileWidth ** (level + 1));
    paths.push(width === 0 ? '' : tilePath(level, n, width));
    const raw = width === 0 ? undefined : await readWide(read, (w) => tilePath(level, n, w), width);
    const hashes = raw && raw.bytes.length === raw.width * hashBytes ? cut(raw.bytes).slice(0, width) : undefined;
    stored.push(width === 0 ? [] : hashes);
  }
  const leads = (edge: readonly (Uint8Array[] | undefined)[]): edge is Uint8Array[][] =>
    edge.every((level) => level !== undefined) && sameBytes(rootOfEdge(c, edge as Uint8Array[][], size), root);
  if (leads(stored)) return stored;
  const derived = await Promise.all(
    stored.map(async (_, level) => {
      const width = partialWidth(level, size);
      if (width === 0) return [];
      const bytes = await derive(c, read, level, Math.floor(size / tileWidth ** (level + 1)), width);
      return bytes && cut(bytes);
    }),
  );
  // One tile was changed, as a rule; so each is replaced alone before all are.
  const tries = stored.map((_, level) => stored.with(level, derived[level]));
  for (const edge of [...tries, derived]) {
    if (!leads(edge)) continue;
    edge.forEach((hashes, level) => {
      const path = paths[level]!;
      const was = stored[level];
      if (was && sameBytes(joined(was), joined(hashes))) return;
      found(
        was
          ? judge('tile_differs', `${path} does not hash to the signed root.`, { path })
          : judge('tile_gone', `${path} is gone or has not its length.`, { path }),
      );
    });
    return edge;
  }
  found(judge('root_differs', `Nothing that is stored hashes to the root signed for ${size} leaves.`, { size }));
  return undefined;
}

/** A tile's hashes from what lies below it: leaf hashes of a bundle, or hashes of tiles. */
async function derive(
  c: Hasher,
  read: TileReader,
  level: number,
  n: number,
  width: number,
): Promise<Uint8Array | undefined> {
  if (level === 0) {
    const raw = await readWide(read, (w) => entriesPath(n, w), width);
    const texts = raw && split(raw.bytes);
    if (!texts || texts.length !== raw.width) return undefined;
    return joined(texts.slice(0, width).map((text) => leafHash(c, text)));
  }
  const below = await Promise.all(
    Array.from({ length: width }, async (_, i) => {
      const bytes = await read(tilePath(level - 1, n * tileWidth + i));
      return bytes?.length === tileWidth * hashBytes ? hashOf(c, bytes) : undefined;
    }),
  );
  return below.every((hash) => hash !== undefined) ? joined(below) : undefined;
}

/** A file at its width, or the full one that has taken the place of partial ones. */
async function readWide(
  read: TileReader,
  path: (width: number) => string,
  width: number,
): Promise<{ readonly bytes: Uint8Array; readonly width: number } | undefined> {
  const exact = await read(path(width));
  if (exact || width === tileWidth) return exact && { bytes: exact, width };
  const full = await read(path(tileWidth));
  return full && { bytes: full, width: tileWidth };
}

function split(bundle: Uint8Array): Uint8Array[] | undefined {
  try {
    return decodeBundle(bundle);
  } catch {
    return undefined;
  }
}

const cut = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.floor(bytes.length / hashBytes) }, (_, i) =>
    bytes.subarray(i * hashBytes, (i + 1) * hashBytes),
  );

const hashOf = (c: Hasher, tile: Uint8Array): Uint8Array => perfectHash(c, cut(tile), 0, tileWidth);

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * hashBytes);
  for (const [i, hash] of hashes.entries()) bytes.set(hash, i * hashBytes);
  return bytes;
}
