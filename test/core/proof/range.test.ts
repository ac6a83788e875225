/** A run of leaves proves that it is the run, for every run of every small tree. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { besideRange, rangeRoot } from '#core/proof/range.ts';
import { leafHash, nodeHash } from '#core/proof/tree.ts';

const c = { sha256: (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest()) };
const leafOf = (n: number) => leafHash(c, new TextEncoder().encode(`leaf ${n}`));
const leaves = Array.from({ length: 70 }, (_, n) => leafOf(n));

/** RFC 6962, section 2.1, word for word. */
const split = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1);
function mth(d: readonly Uint8Array[]): Uint8Array {
  return d.length === 1 ? d[0]! : nodeHash(c, mth(d.slice(0, split(d.length))), mth(d.slice(split(d.length))));
}
function path(m: number, d: readonly Uint8Array[]): Uint8Array[] {
  if (d.length === 1) return [];
  const k = split(d.length);
  return m < k ? [...path(m, d.slice(0, k)), mth(d.slice(k))] : [...path(m - k, d.slice(k)), mth(d.slice(0, k))];
}
function proofOf(first: number, last: number, size: number) {
  const d = leaves.slice(0, size);
  const beside = besideRange({ first, last, size }, { first: path(first, d), last: path(last - 1, d) });
  return { first, size, leaves: d.slice(first, last), ...beside };
}

describe('every run', () => {
  test('leads to the root of its tree', () => {
    let runs = 0;
    for (let size = 1; size <= 34; size++) {
      const root = mth(leaves.slice(0, size));
      for (let first = 0; first < size; first++) {
        for (let last = first + 1; last <= size; last++, runs++) {
          expect(rangeRoot(c, proofOf(first, last, size)), `${first}..${last} of ${size}`).toEqual(root);
        }
      }
    }
    expect(runs).toBe(7140);
  });

  test('of one leaf has the hashes of an inclusion proof', () => {
    const { left, right } = proofOf(6, 7, 13);
    expect(left.length + right.length).toBe(path(6, leaves.slice(0, 13)).length);
  });
});

describe('what is changed leads elsewhere, or nowhere', () => {
  const size = 61;
  const root = mth(leaves.slice(0, size));
  const good = proofOf(13, 40, size);
  const bad = (change: Partial<typeof good>) => rangeRoot(c, { ...good, ...change });

  test('a leaf left out, repeated, swapped or changed', () => {
    for (let at = 0; at < good.leaves.length; at++) {
      const left = good.leaves.filter((_, index) => index !== at);
      expect(bad({ leaves: left })).not.toEqual(root);
      expect(bad({ leaves: [...left, good.leaves[at]!] }), String(at)).not.toEqual(
        at === good.leaves.length - 1 ? undefined : root,
      );
      expect(bad({ leaves: good.leaves.with(at, leafOf(1000)) })).not.toEqual(root);
    }
  });

  test('a run that is shifted, or of another size', () => {
    for (const first of [0, 12, 14, 33, 34, 61, -1, 0.5, Number.NaN]) expect(bad({ first })).not.toEqual(root);
    for (const other of [39, 40, 41, 48, 65, 2 ** 53, -1]) {
      expect(bad({ size: other }), String(other)).not.toEqual(root);
    }
  });

  test('sizes that pair alike cannot be told apart: the size is the signed one, never the proof’s own', () => {
    expect(bad({ size: 64 })).toEqual(root);
  });

  test('a hash too many, too few or of another length', () => {
    expect(bad({ left: [...good.left, leafOf(1)] })).toBeUndefined();
    expect(bad({ right: [...good.right, leafOf(1)] })).toBeUndefined();
    expect(bad({ left: good.left.slice(1) })).toBeUndefined();
    expect(bad({ right: good.right.slice(0, -1) })).toBeUndefined();
    expect(bad({ right: good.right.map((hash) => hash.slice(1)) })).toBeUndefined();
    expect(bad({ leaves: [] })).toBeUndefined();
  });
});
