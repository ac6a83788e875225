/**
 * The Merkle tree of RFC 6962, section 2.1: hashes, and checks of inclusion and consistency proofs.
 *
 * Indexes and sizes are numbers up to 2^53 − 1, so they are halved, never shifted: shifts work on 32 bits. Proofs come
 * from strangers: whatever is wrong with one, the answer is `false` or `undefined` and never an exception.
 */
import { isCount, sameBytes } from './bytes.ts';
import type { ProofCrypto } from './crypto.ts';

/** What hashing takes. */
export type Hasher = Pick<ProofCrypto, 'sha256'>;

export const hashBytes = 32;
/** A path in a tree of at most 2^53 − 1 leaves has no more steps. */
export const proofHashesMax = 53;

// Hashing is synchronous and keeps nothing of its input, so one buffer serves every node and every short leaf.
const shortLeaf = new Uint8Array(1 + 255);
const node = new Uint8Array(1 + 2 * hashBytes);
node[0] = 1;

/** SHA-256(0x00 ‖ entry). */
export function leafHash(c: Hasher, entry: Uint8Array): Uint8Array {
  const data =
    entry.length < shortLeaf.length ? shortLeaf.subarray(0, 1 + entry.length) : new Uint8Array(1 + entry.length);
  data.set(entry, 1);
  return c.sha256(data);
}

/** SHA-256(0x01 ‖ left ‖ right); both have 32 bytes. */
export function nodeHash(c: Hasher, left: Uint8Array, right: Uint8Array): Uint8Array {
  node.set(left, 1);
  node.set(right, 1 + hashBytes);
  return c.sha256(node);
}

/** The root of a tree without leaves: SHA-256 of nothing. */
export const emptyRoot = (c: Hasher): Uint8Array => c.sha256(new Uint8Array(0));

const isHash = (bytes: Uint8Array): boolean => bytes.length === hashBytes;
const half = (n: number): number => Math.floor(n / 2);
const isOdd = (n: number): boolean => n % 2 === 1;

export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  /** Leaf hash, not the entry. */
  readonly leaf: Uint8Array;
  /** From the leaf's sibling up to the root's child. */
  readonly proof: readonly Uint8Array[];
}

/** The root that a proof leads to (RFC 9162, section 2.1.3.2); undefined when it has not the form of one. */
export function rootFromInclusion(c: Hasher, { index, size, leaf, proof }: InclusionProof): Uint8Array | undefined {
  if (!isCount(index) || !isCount(size) || index >= size || !isHash(leaf)) return undefined;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const other of proof) {
    if (last === 0 || !isHash(other)) return undefined;
    if (isOdd(at) || at === last) {
      hash = nodeHash(c, other, hash);
      // Without a right sibling the node rises unchanged to where it is a right child.
      while (!isOdd(at)) {
        at = half(at);
        last = half(last);
      }
    } else {
      hash = nodeHash(c, hash, other);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 ? hash : undefined;
}

/** Whether the leaf is at this index of the tree with this size and root. */
export function verifyInclusion(c: Hasher, proof: InclusionProof & { readonly root: Uint8Array }): boolean {
  const root = rootFromInclusion(c, proof);
  return root !== undefined && sameBytes(root, proof.root);
}

export interface ConsistencyProof {
  readonly size1: number;
  readonly size2: number;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Whether the first tree is the beginning of the second (RFC 9162, section 2.1.4.2). The empty tree begins every tree:
 * it takes its own root as `root1` and an empty proof.
 */
export function verifyConsistency(c: Hasher, { size1, size2, root1, root2, proof }: ConsistencyProof): boolean {
  return verifySubtreeConsistency(c, { start: 0, end: size1, size: size2, subtreeRoot: root1, root: root2, proof });
}

/** Whether [start, end) can be a subtree: it starts at a multiple of the least power of two that it fits into. */
function isSubtree(start: number, end: number): boolean {
  if (!isCount(start) || !isCount(end) || start >= end) return false;
  let width = 1;
  while (width < end - start) width *= 2;
  return start % width === 0;
}

/** A proof within the subtree [start, end) (draft-ietf-plants-merkle-tree-certs, section 4.3). `index` counts from the log's start. */
export interface SubtreeInclusionProof {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly leaf: Uint8Array;
  readonly proof: readonly Uint8Array[];
  /** Hash of the subtree. */
  readonly root: Uint8Array;
}

/** Whether the leaf is in the subtree. */
export function verifySubtreeInclusion(
  c: Hasher,
  { index, start, end, leaf, proof, root }: SubtreeInclusionProof,
): boolean {
  if (!isSubtree(start, end) || !isCount(index) || index < start) return false;
  return verifyInclusion(c, { index: index - start, size: end - start, leaf, proof, root });
}

/** Subtree [start, end) of the tree with `size` leaves (draft-ietf-plants-merkle-tree-certs, section 4.4). */
export interface SubtreeConsistencyProof {
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly subtreeRoot: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether the subtree with this hash is part of the tree with this root. The empty one is part of every tree. */
export function verifySubtreeConsistency(
  c: Hasher,
  { start, end, size, subtreeRoot, root, proof }: SubtreeConsistencyProof,
): boolean {
  if (!isCount(start) || !isCount(end) || !isCount(size) || end > size) return false;
  // Of nothing, and of everything, nothing has to be hashed.
  if (start === end) {
    const empty = emptyRoot(c);
    return proof.length === 0 && sameBytes(subtreeRoot, empty) && (size > 0 || sameBytes(root, empty));
  }
  if (start === 0 && end === size) return proof.length === 0 && sameBytes(subtreeRoot, root);
  if (!isSubtree(start, end) || !isHash(subtreeRoot) || !proof.every(isHash)) return false;
  let first = start;
  let second = end - 1;
  let last = size - 1;
  const rise = () => {
    first = half(first);
    second = half(second);
    last = half(last);
  };
  // Up to the highest node that ends where the subtree ends; it is the subtree itself or comes first in the proof.
  const ends = second === last;
  while (first !== second && (ends || isOdd(second))) rise();
  const given = first === second ? 0 : 1;
  const seed = given === 0 ? subtreeRoot : proof[0];
  if (seed === undefined) return false;
  let hash1 = seed;
  let hash2 = seed;
  for (let i = given; i < proof.length; i++) {
    const other = proof[i]!;
    if (last === 0) return false;
    if (isOdd(second) || second === last) {
      if (first < second) hash1 = nodeHash(c, other, hash1);
      hash2 = nodeHash(c, other, hash2);
      while (!isOdd(second)) rise();
    } else {
      hash2 = nodeHash(c, hash2, other);
    }
    rise();
  }
  return last === 0 && sameBytes(hash1, subtreeRoot) && sameBytes(hash2, root);
}
