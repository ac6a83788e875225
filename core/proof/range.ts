/**
 * A run of neighbouring leaves in one proof: their hashes, and what stands beside them on the way to the root.
 *
 * It is what the inclusion proofs of the first and the last leaf have in common with everything between them: from the
 * first one come the hashes to the left, from the last one those to the right. Since each leaf between is given, none
 * can be left out. See docs/reference/auditor-bundle.md.
 */
import { isCount } from './bytes.ts';
import { decodeEntry } from './entry.ts';
import { BadTile, proveInclusion, readEntries, type TileReader } from './prove.ts';
import { entriesPath, tilePath, tileWidth, widthIn } from './tiles.ts';
import { type Hasher, hashBytes, nodeHash, proofHashesMax } from './tree.ts';

export interface RangeProof {
  /** Index of the first leaf. */
  readonly first: number;
  readonly size: number;
  /** Hashes of the leaves from `first` on, at least one. */
  readonly leaves: readonly Uint8Array[];
  /** Hashes beside the run, from the leaves up. */
  readonly left: readonly Uint8Array[];
  readonly right: readonly Uint8Array[];
}

const isOdd = (n: number): boolean => n % 2 === 1;

/** The root that a run leads to; undefined when the proof has not the form of one. */
export function rangeRoot(c: Hasher, { first, size, leaves, left, right }: RangeProof): Uint8Array | undefined {
  if (!isCount(first) || !isCount(size) || leaves.length === 0 || first + leaves.length > size) return undefined;
  if (left.length > proofHashesMax || right.length > proofHashesMax) return undefined;
  if (![...left, ...right].every(isHash) || !leaves.every(isHash)) return undefined;
  let hashes = leaves;
  let from = first;
  // Position of the level's last node; a node without a right sibling rises unchanged.
  let end = size - 1;
  let lefts = 0;
  let rights = 0;
  while (end > 0) {
    const level: Uint8Array[] = [];
    const before = isOdd(from) ? left[lefts++] : undefined;
    if (isOdd(from) && !before) return undefined;
    const last = from + hashes.length - 1;
    const pairs = !isOdd(last) && last < end;
    const behind = pairs ? right[rights++] : undefined;
    if (pairs && !behind) return undefined;
    let at = 0;
    if (before) level.push(nodeHash(c, before, hashes[at++]!));
    for (; at + 1 < hashes.length; at += 2) level.push(nodeHash(c, hashes[at]!, hashes[at + 1]!));
    if (at < hashes.length) level.push(behind ? nodeHash(c, hashes[at]!, behind) : hashes[at]!);
    hashes = level;
    from = Math.floor(from / 2);
    end = Math.floor(end / 2);
  }
  return lefts === left.length && rights === right.length ? hashes[0] : undefined;
}

const isHash = (bytes: Uint8Array): boolean => bytes.length === hashBytes;

/** What stands beside the leaves `first` ≤ i < `last`, from the tiles. Rejects as `proveInclusion` does. */
export async function proveRange(
  c: Hasher,
  read: TileReader,
  run: { readonly first: number; readonly last: number; readonly size: number },
): Promise<Beside> {
  const [first, last] = await Promise.all([
    proveInclusion(c, read, run.first, run.size),
    proveInclusion(c, read, run.last - 1, run.size),
  ]);
  return besideRange(run, { first, last });
}

export interface Beside {
  readonly left: readonly Uint8Array[];
  readonly right: readonly Uint8Array[];
}

/** From the inclusion proofs of the first and the last leaf (index `last - 1`) to what stands beside the run. */
export function besideRange(
  { first, last, size }: { readonly first: number; readonly last: number; readonly size: number },
  proofs: { readonly first: readonly Uint8Array[]; readonly last: readonly Uint8Array[] },
): Beside {
  return {
    left: sides(first, size, proofs.first).left,
    right: sides(last - 1, size, proofs.last).right,
  };
}

/** Which hashes of an inclusion proof stand to the left of the path, and which to the right. */
function sides(index: number, size: number, proof: readonly Uint8Array[]) {
  const left: Uint8Array[] = [];
  const right: Uint8Array[] = [];
  let at = index;
  let end = size - 1;
  for (let used = 0; end > 0; at = Math.floor(at / 2), end = Math.floor(end / 2)) {
    if (isOdd(at)) left.push(proof[used++]!);
    else if (at < end) right.push(proof[used++]!);
  }
  return { left, right };
}

/**
 * Index of the first leaf whose time is at least `time` (ms), and `size` when there is none: a search over bundles,
 * which reads about as many as their number has bits. Rejects as `readEntries` does.
 */
export async function leafAt(read: TileReader, time: number, size: number): Promise<number> {
  let from = 0;
  let to = Math.ceil(size / tileWidth);
  while (from < to) {
    const n = Math.floor((from + to) / 2);
    const times = await timesOf(read, n, size);
    const at = times.findIndex((one) => one >= time);
    if (at > 0) return n * tileWidth + at;
    if (at === 0) to = n;
    else from = n + 1;
  }
  return Math.min(from * tileWidth, size);
}

async function timesOf(read: TileReader, n: number, size: number): Promise<number[]> {
  const entries = await readEntries(read, n * tileWidth, Math.min((n + 1) * tileWidth, size), size);
  return entries.map((bytes) => {
    const entry = decodeEntry(bytes);
    if (!entry) throw new BadTile(entriesPath(n, widthIn(0, n, size)), 'holds what is no entry');
    return entry.time;
  });
}

/** The leaves of a period, and the run that proves that there are no others in it. */
export interface Period {
  /** Leaves with from ≤ t < to are those with start ≤ i < end. */
  readonly start: number;
  readonly end: number;
  /** first ≤ i < last: those, and the neighbour on each side where there is one. */
  readonly first: number;
  readonly last: number;
}

/** Finds the leaves of a period. `from` and `to` are ms. */
export async function findPeriod(read: TileReader, from: number, to: number, size: number): Promise<Period> {
  const [start, end] = await Promise.all([leafAt(read, from, size), leafAt(read, to, size)]);
  return { start, end, first: Math.max(0, start - 1), last: Math.min(size, end + 1) };
}

/** Bundles of the leaves `first` ≤ i < `last`. */
export function* bundlePaths(first: number, last: number, size: number): Generator<string, void, undefined> {
  for (let n = Math.floor(first / tileWidth); n * tileWidth < last; n++) yield entriesPath(n, widthIn(0, n, size));
}

/** Hash tiles that inclusion proofs of these leaves are made of: those above them, and the right edge. */
export function* pathsToRoot(first: number, last: number, size: number): Generator<string, void, undefined> {
  for (let level = 0; tileWidth ** level <= size; level++) {
    const leaves = tileWidth ** (level + 1);
    const to = Math.floor((last - 1) / leaves);
    for (let n = Math.floor(first / leaves); n <= to && widthIn(level, n, size) > 0; n++) {
      yield tilePath(level, n, widthIn(level, n, size));
    }
    const edge = Math.floor(size / leaves);
    if (edge > to && widthIn(level, edge, size) > 0) yield tilePath(level, edge, widthIn(level, edge, size));
  }
}
