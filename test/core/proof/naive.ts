/** RFC 6962, section 2.1, word for word: recursive, slow, and written from the definitions alone. */
import { createHash } from 'node:crypto';

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** A Merkle tree hash over leaf hashes. */
export type Mth = (leaves: readonly Uint8Array[]) => Uint8Array;

const splitOf = (n: number): number => 2 ** Math.floor(Math.log2(n - 1));

export const naiveLeaf = (entry: Uint8Array): Uint8Array => sha256(Uint8Array.of(0), entry);

/** MTH(D[n]). */
export const naiveRoot: Mth = (leaves) => {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const k = splitOf(leaves.length);
  return sha256(Uint8Array.of(1), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
};

/** A root that is computed once for each range of one list of leaves. */
export function rememberedRoots(leaves: readonly Uint8Array[]): (from: number, to: number) => Uint8Array {
  const known = new Map<string, Uint8Array>();
  const root = (from: number, to: number): Uint8Array => {
    const key = `${from} ${to}`;
    let hash = known.get(key);
    if (hash === undefined) {
      const k = to - from < 2 ? 0 : splitOf(to - from);
      hash =
        k === 0
          ? naiveRoot(leaves.slice(from, to))
          : sha256(Uint8Array.of(1), root(from, from + k), root(from + k, to));
      known.set(key, hash);
    }
    return hash;
  };
  return root;
}

type Roots = ReturnType<typeof rememberedRoots>;

/** PATH(m, D[from:to]). */
export function naivePath(root: Roots, m: number, from: number, to: number): Uint8Array[] {
  if (to - from === 1) return [];
  const k = splitOf(to - from);
  return m < k
    ? [...naivePath(root, m, from, from + k), root(from + k, to)]
    : [...naivePath(root, m - k, from + k, to), root(from, from + k)];
}

/** SUBPROOF(m, D[from:to], whole). */
export function naiveSubproof(root: Roots, m: number, from: number, to: number, whole: boolean): Uint8Array[] {
  if (m === to - from) return whole ? [] : [root(from, to)];
  const k = splitOf(to - from);
  return m <= k
    ? [...naiveSubproof(root, m, from, from + k, whole), root(from + k, to)]
    : [...naiveSubproof(root, m - k, from + k, to, false), root(from, from + k)];
}
