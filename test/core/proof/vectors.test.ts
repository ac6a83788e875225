/** The vectors of transparency-dev/merkle: 231 proofs and the reference tree of RFC 6962. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { integrate } from '#core/proof/integrate.ts';
import {
  emptyRoot,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from '#core/proof/tree.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

const folder = dataFolder('vectors-merkle');
if (folder === undefined) noticeSkip('vectors-merkle');

type Case = Readonly<Record<'root' | 'leafHash' | 'root1' | 'root2' | 'desc', string>> &
  Readonly<Record<'leafIdx' | 'treeSize' | 'size1' | 'size2' | 'start' | 'end' | 'size', number>> & {
    readonly proof: readonly string[] | null;
    readonly wantErr: boolean;
  };

const casesOf = (name: string): Case[] =>
  readFileSync(join(folder!, `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case);
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64 ?? '', 'base64'));
const hashes = (proof: readonly string[] | null) => (proof ?? []).map(bytes);

const checks: Record<string, readonly [cases: number, (one: Case) => boolean]> = {
  inclusion: [
    42,
    (v) =>
      verifyInclusion(c, {
        index: v.leafIdx,
        size: v.treeSize,
        leaf: bytes(v.leafHash),
        proof: hashes(v.proof),
        root: bytes(v.root),
      }),
  ],
  consistency: [
    43,
    (v) =>
      verifyConsistency(c, {
        size1: v.size1,
        size2: v.size2,
        root1: bytes(v.root1),
        root2: bytes(v.root2),
        proof: hashes(v.proof),
      }),
  ],
  subtreeinclusion: [
    93,
    (v) =>
      verifySubtreeInclusion(c, {
        index: v.leafIdx,
        start: v.start,
        end: v.end,
        leaf: bytes(v.leafHash),
        proof: hashes(v.proof),
        root: bytes(v.root),
      }),
  ],
  subtreeconsistency: [
    53,
    (v) =>
      verifySubtreeConsistency(c, {
        start: v.start,
        end: v.end,
        size: v.size,
        subtreeRoot: bytes(v.root1),
        root: bytes(v.root2),
        proof: hashes(v.proof),
      }),
  ],
};

for (const [name, [count, check]] of Object.entries(checks)) {
  test.runIf(folder !== undefined)(`${name}: ${count} proofs`, () => {
    const cases = casesOf(name);
    expect(cases).toHaveLength(count);
    const wrong = cases.filter((one) => check(one) === one.wantErr).map(({ desc, wantErr }) => ({ desc, wantErr }));
    expect(wrong).toEqual([]);
  });
}

test.runIf(folder !== undefined)('the reference tree of eight leaves', () => {
  const tree = JSON.parse(readFileSync(join(folder!, 'rfc6962_reference_tree.json'), 'utf8')) as {
    leaf_inputs_hex: string[];
    node_hashes_hex: string[][];
    root_hashes_hex_for_sizes_0_to_8: string[];
  };
  const hex = (some: Uint8Array) => Buffer.from(some).toString('hex');
  const leaves = tree.leaf_inputs_hex.map((input) => leafHash(c, Buffer.from(input, 'hex')));
  let level = leaves;
  for (const expected of tree.node_hashes_hex) {
    expect(level.map(hex)).toEqual(expected);
    level = Array.from({ length: level.length / 2 }, (_, i) => nodeHash(c, level[2 * i]!, level[2 * i + 1]!));
  }
  const roots = leaves.map((_, i) => hex(integrate(c, { size: 0, edge: [] }, leaves.slice(0, i + 1)).root));
  // The list gives roots of sizes 1 to 8 and ends with the empty one.
  expect([...roots, hex(emptyRoot(c))]).toEqual(tree.root_hashes_hex_for_sizes_0_to_8);
});
