/**
 * Proofs from tiles. A proof is a list of ranges of leaves, a range is a few perfect subtrees, and each of those is
 * inside one tile; so the tiles to read are known before the first is read, at most two for each level of 256: one
 * above the leaf and one on the right edge.
 *
 * Tiles are not checked here but for their length: whoever gets a proof verifies it against a root.
 */
import { isCount, sameBytes } from './bytes.ts';
import { type Edge, perfectHash, rootOfEdge } from './integrate.ts';
import { decodeBundle, entriesPath, partialWidth, tilePath, tileWidth, widthIn } from './tiles.ts';
import { type Hasher, hashBytes, nodeHash } from './tree.ts';

/** Reads a file of the log; undefined when there is none at this path. */
export type TileReader = (path: string) => Promise<Uint8Array | undefined>;

/** A tile or bundle that a tree of this size has is not there. */
export class MissingTile extends Error {
  readonly path: string;
  constructor(path: string) {
    super(`${path} is missing`);
    this.name = 'MissingTile';
    this.path = path;
  }
}

/** A tile or bundle is there and is none: it has another length, or its entries do not fill it. */
export class BadTile extends Error {
  readonly path: string;
  constructor(path: string, why: string) {
    super(`${path} ${why}`);
    this.name = 'BadTile';
    this.path = path;
  }
}

/** Bundles read at once by `readEntries`: about 1 MB. */
const bundlesAtOnce = 32;
const heightOfTile = 8;

/** Leaves [from, to). */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** The perfect subtree of 2^height leaves that starts at leaf n × 2^height. */
interface Node {
  readonly height: number;
  readonly n: number;
}

/** The largest power of two below n > 1. */
function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Ranges whose hashes are the inclusion proof, from the leaf up (RFC 6962, section 2.1.1). */
function inclusionRanges(index: number, size: number): Range[] {
  const ranges: Range[] = [];
  for (let from = 0, to = size; to - from > 1; ) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  return ranges.reverse();
}

/** Ranges whose hashes are the consistency proof (RFC 6962, section 2.1.2). */
function consistencyRanges(size1: number, size2: number): Range[] {
  const ranges: Range[] = [];
  let from = 0;
  let to = size2;
  while (size1 !== to) {
    const middle = from + splitOf(to - from);
    if (size1 <= middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  // The first tree itself is known to whoever verifies; any other subtree that ends with it is not.
  if (from > 0) ranges.push({ from, to });
  return ranges.reverse();
}

/** The perfect subtrees of a range that starts where a subtree can, from left to right. */
function nodesOf({ from, to }: Range): Node[] {
  const nodes: Node[] = [];
  let width = 1;
  let height = 0;
  while (width * 2 <= to - from) {
    width *= 2;
    height++;
  }
  for (let at = from; at < to; at += width) {
    for (; width > to - at; height--) width /= 2;
    nodes.push({ height, n: at / width });
  }
  return nodes;
}

/** The bytes at a path, or the beginning of the full tile when the partial one went because the full one exists. */
async function readPart(
  read: TileReader,
  pathOf: (width: number) => string,
  width: number,
): Promise<{ readonly path: string; readonly bytes: Uint8Array; readonly whole: boolean }> {
  const path = pathOf(width);
  const bytes = await read(path);
  if (bytes !== undefined) return { path, bytes, whole: width === tileWidth };
  if (width === tileWidth) throw new MissingTile(path);
  const full = await read(pathOf(tileWidth));
  if (full === undefined) throw new MissingTile(path);
  return { path: pathOf(tileWidth), bytes: full, whole: true };
}

/** The bytes of tile `n` of a level as a tree of this size has it, or the full tile that begins with them. */
async function readTile(read: TileReader, level: number, n: number, width: number): Promise<Uint8Array> {
  const { path, bytes, whole } = await readPart(read, (some) => tilePath(level, n, some), width);
  if (bytes.length !== (whole ? tileWidth : width) * hashBytes) throw new BadTile(path, `has ${bytes.length} bytes`);
  return bytes;
}

/** `count` hashes of a tile, from position `from` on. */
const hashesIn = (tile: Uint8Array, from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => tile.slice((from + i) * hashBytes, (from + i + 1) * hashBytes));

/** Hashes of ranges of a tree of this size. All tiles are read at once. */
async function hashesOf(c: Hasher, read: TileReader, size: number, ranges: readonly Range[]): Promise<Uint8Array[]> {
  const parts = ranges.map((range) =>
    nodesOf(range).map(({ height, n }) => {
      const level = Math.floor(height / heightOfTile);
      const count = 2 ** (height % heightOfTile);
      const tile = Math.floor((n * count) / tileWidth);
      return { level, tile, key: `${level} ${tile}`, from: n * count - tile * tileWidth, count };
    }),
  );
  const tiles = new Map<string, Promise<Uint8Array>>();
  for (const { key, level, tile } of parts.flat()) {
    if (!tiles.has(key)) tiles.set(key, readTile(read, level, tile, widthIn(level, tile, size)));
  }
  await Promise.all(tiles.values());
  const hashes: Uint8Array[] = [];
  for (const nodes of parts) {
    let hash: Uint8Array | undefined;
    for (const { key, from, count } of nodes.toReversed()) {
      const one = perfectHash(c, hashesIn(await tiles.get(key)!, from, count), 0, count);
      hash = hash === undefined ? one : nodeHash(c, one, hash);
    }
    hashes.push(hash!);
  }
  return hashes;
}

/**
 * The inclusion proof of a leaf in the tree of this size. Throws RangeError when the leaf is not in it; rejects with
 * MissingTile, with BadTile, or with what the reader rejects with.
 */
export async function proveInclusion(c: Hasher, read: TileReader, index: number, size: number): Promise<Uint8Array[]> {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError(`no leaf ${index} of ${size}`);
  return hashesOf(c, read, size, inclusionRanges(index, size));
}

/** The proof that the tree of `size1` begins the tree of `size2`; empty for the empty tree and for equal sizes. Throws as above. */
export async function proveConsistency(
  c: Hasher,
  read: TileReader,
  size1: number,
  size2: number,
): Promise<Uint8Array[]> {
  if (!isCount(size1) || !isCount(size2) || size1 > size2) throw new RangeError(`no proof from ${size1} to ${size2}`);
  return size1 === 0 ? [] : hashesOf(c, read, size2, consistencyRanges(size1, size2));
}

async function edgeOf(read: TileReader, size: number): Promise<Edge> {
  if (!isCount(size)) throw new RangeError(`no tree of size ${size}`);
  const levels: Promise<Uint8Array[]>[] = [];
  const partial = async (level: number): Promise<Uint8Array[]> => {
    const width = partialWidth(level, size);
    if (width === 0) return [];
    return hashesIn(await readTile(read, level, Math.floor(size / tileWidth ** (level + 1)), width), 0, width);
  };
  for (let level = 0; tileWidth ** level <= size; level++) levels.push(partial(level));
  return Promise.all(levels);
}

/**
 * The right edge of the tree of this size, from which it can grow. Give the root that was signed, or compare it with
 * `rootOfEdge`: rejects with an Error when the edge does not hash to it, and as above.
 */
export async function readEdge(c: Hasher, read: TileReader, size: number, root?: Uint8Array): Promise<Edge> {
  const edge = await edgeOf(read, size);
  if (root !== undefined && !sameBytes(rootOfEdge(c, edge, size), root)) {
    throw new Error(`the tiles of size ${size} have another root`);
  }
  return edge;
}

/** The root that the tiles of the right edge lead to. Throws as above. */
export async function treeRoot(c: Hasher, read: TileReader, size: number): Promise<Uint8Array> {
  return rootOfEdge(c, await edgeOf(read, size), size);
}

/** Entries [from, to) of a tree of this size. Throws RangeError when it does not have them, and as above. */
export async function readEntries(read: TileReader, from: number, to: number, size: number): Promise<Uint8Array[]> {
  if (!isCount(from) || !isCount(size) || !(from <= to && to <= size)) {
    throw new RangeError(`no entries from ${from} to ${to} of ${size}`);
  }
  const bundle = async (n: number): Promise<Uint8Array[]> => {
    const width = widthIn(0, n, size);
    const { path, bytes, whole } = await readPart(read, (some) => entriesPath(n, some), width);
    let entries: Uint8Array[];
    try {
      entries = decodeBundle(bytes);
    } catch (error) {
      throw new BadTile(path, error instanceof Error ? error.message : 'is no bundle');
    }
    if (entries.length !== (whole ? tileWidth : width)) throw new BadTile(path, `holds ${entries.length} entries`);
    return entries.slice(Math.max(0, from - n * tileWidth), Math.min(width, to - n * tileWidth));
  };
  const entries: Uint8Array[] = [];
  const last = Math.ceil(to / tileWidth);
  for (let n = Math.floor(from / tileWidth); n < last && from < to; n += bundlesAtOnce) {
    const some = Array.from({ length: Math.min(bundlesAtOnce, last - n) }, (_, i) => bundle(n + i));
    for (const part of await Promise.all(some)) for (const entry of part) entries.push(entry);
  }
  return entries;
}
