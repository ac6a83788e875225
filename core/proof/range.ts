/**
 * A run of neighbouring leaves in one proof: their hashes, and what stands beside them on the way to the root.
 *
 * It is what the inclusion proofs of the first and the last leaf have in common with everything between them: from the
 * first one come the hashes to the left, from the last one those to the right. Since each leaf between is given, none
 * can be left out. See docs/reference/auditor-bundle.md.
 */
import { isCount } from './bytes.ts';
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

/** From the inclusion proofs of the first and the last leaf (index `last - 1`) to what stands beside the run. */
export function besideRange(
  { first, last, size }: { readonly first: number; readonly last: number; readonly size: number },
  proofs: { readonly first: readonly Uint8Array[]; readonly last: readonly Uint8Array[] },
): { readonly left: readonly Uint8Array[]; readonly right: readonly Uint8Array[] } {
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
