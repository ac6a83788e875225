/**
 * Growing a tree: from its right edge and new leaf hashes to the next root, the tiles that are new, and the next edge.
 *
 * The edge is all that a tree needs to grow: at every level the hashes of the last, partial tile, at most 255 each.
 */

import { encodeBundle, entriesPath, partialWidth, tilePath, tileWidth } from './tiles.ts';
import { emptyRoot, type Hasher, hashBytes, nodeHash } from './tree.ts';

/** Hashes of the partial tile of each level, from the leaves up; empty where the level's last tile is full. */
export type Edge = readonly (readonly Uint8Array[])[];

/** A file of the log. */
export interface LogFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface Tree {
  readonly size: number;
  readonly edge: Edge;
}

/** Levels of the tree of this size that have a tile. */
const levelsOf = (size: number): number => {
  let levels = 0;
  while (tileWidth ** levels <= size) levels++;
  return levels;
};

/** Whether an edge has the widths that a tree of this size has. */
const fits = (edge: Edge, size: number): boolean =>
  Array.from({ length: Math.max(levelsOf(size), edge.length) }, (_, level) => level).every(
    (level) => (edge[level]?.length ?? 0) === partialWidth(level, size),
  );

const joined = (hashes: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(hashes.length * hashBytes);
  for (let i = 0; i < hashes.length; i++) bytes.set(hashes[i]!, i * hashBytes);
  return bytes;
};

/** The edge as bytes: its hashes one after the other, from the leaves up. The size tells where each level ends. */
export const encodeEdge = (edge: Edge): Uint8Array => joined(edge.flat());

/** The edge of a tree of this size. Throws Error when the bytes are not as many as it has. */
export function decodeEdge(bytes: Uint8Array, size: number): Edge {
  let at = 0;
  const edge: Uint8Array[][] = [];
  for (let level = 0; level < levelsOf(size); level++) {
    const end = at + partialWidth(level, size) * hashBytes;
    const hashes: Uint8Array[] = [];
    for (; at < end; at += hashBytes) hashes.push(bytes.slice(at, at + hashBytes));
    edge.push(hashes);
  }
  if (at !== bytes.length) throw new Error(`an edge of ${bytes.length} bytes for a tree of size ${size}`);
  return edge;
}

/** The hash over `count` (a power of two) hashes of one level, from position `from` on. */
export function perfectHash(c: Hasher, hashes: readonly Uint8Array[], from: number, count: number): Uint8Array {
  let level = hashes.slice(from, from + count);
  while (level.length > 1) {
    const next: Uint8Array[] = new Array(level.length / 2);
    for (let i = 0; i < next.length; i++) next[i] = nodeHash(c, level[2 * i]!, level[2 * i + 1]!);
    level = next;
  }
  return level[0]!;
}

/** The root of the tree of this size. Throws Error when the edge is not one of such a tree. */
export function rootOfEdge(c: Hasher, edge: Edge, size: number): Uint8Array {
  if (!fits(edge, size)) throw new Error(`not the edge of a tree of size ${size}`);
  let root: Uint8Array | undefined;
  for (const hashes of edge) {
    // From the right: the ones of the width are the perfect trees under this level's partial tile, the smallest last.
    let end = hashes.length;
    for (let count = 1; end > 0; count *= 2) {
      if ((end & count) === 0) continue;
      end -= count;
      const hash = perfectHash(c, hashes, end, count);
      root = root === undefined ? hash : nodeHash(c, hash, root);
    }
  }
  return root ?? emptyRoot(c);
}

export interface Integrated extends Tree {
  readonly root: Uint8Array;
  /** Full tiles and the last, partial ones, of every level that changed. No entry bundles: see `bundles`. */
  readonly tiles: readonly LogFile[];
}

/**
 * Adds leaves to a tree. The same arguments give the same tiles, so a run that broke off can be run again.
 * Throws Error when the edge is not one of a tree of this size.
 */
export function integrate(c: Hasher, { size, edge }: Tree, leafHashes: readonly Uint8Array[]): Integrated {
  if (!fits(edge, size)) throw new Error(`not the edge of a tree of size ${size}`);
  const next = size + leafHashes.length;
  if (!Number.isSafeInteger(next)) throw new RangeError(`no tree of size ${next}`);
  const tiles: LogFile[] = [];
  const nextEdge: Uint8Array[][] = [];
  let added = leafHashes;
  for (let level = 0; level < levelsOf(next); level++) {
    const before = edge[level] ?? [];
    if (added.length === 0) {
      nextEdge.push([...before]);
      continue;
    }
    const hashes = [...before, ...added];
    const full = Math.floor(hashes.length / tileWidth);
    // Number of the tile that the level's partial tile is, before anything was added.
    const first = Math.floor(size / tileWidth ** (level + 1));
    const above: Uint8Array[] = [];
    for (let i = 0; i < full; i++) {
      const tile = hashes.slice(i * tileWidth, (i + 1) * tileWidth);
      tiles.push({ path: tilePath(level, first + i), bytes: joined(tile) });
      above.push(perfectHash(c, tile, 0, tileWidth));
    }
    const rest = hashes.slice(full * tileWidth);
    if (rest.length > 0) tiles.push({ path: tilePath(level, first + full, rest.length), bytes: joined(rest) });
    nextEdge.push(rest);
    added = above;
  }
  return { size: next, root: rootOfEdge(c, nextEdge, next), edge: nextEdge, tiles };
}

/**
 * The entry bundles that change when entries are added. `partial`: entries of the last bundle, `size` mod 256 of them.
 * Throws Error when there are more or fewer.
 */
export function bundles(
  { size, partial }: { readonly size: number; readonly partial: readonly Uint8Array[] },
  entries: readonly Uint8Array[],
): LogFile[] {
  if (partial.length !== size % tileWidth) {
    throw new Error(`${partial.length} entries in the last bundle of a tree of size ${size}`);
  }
  if (entries.length === 0) return [];
  const all = [...partial, ...entries];
  const first = Math.floor(size / tileWidth);
  const files: LogFile[] = [];
  for (let at = 0; at < all.length; at += tileWidth) {
    const some = all.slice(at, at + tileWidth);
    files.push({ path: entriesPath(first + at / tileWidth, some.length), bytes: encodeBundle(some) });
  }
  return files;
}
