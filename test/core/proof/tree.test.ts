/** Growing and proving against the naive implementation, and what proofs have to be refused for. */
import { expect, test } from 'vitest';
import { decodeEdge, encodeEdge, integrate, rootOfEdge } from '#core/proof/integrate.ts';
import { proveConsistency, proveInclusion, readEdge, treeRoot } from '#core/proof/prove.ts';
import { parseTilePath, pathsOf } from '#core/proof/tiles.ts';
import { emptyRoot, leafHash, rootFromInclusion, verifyConsistency, verifyInclusion } from '#core/proof/tree.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { MemoryLog, madeEntries, madeLeaves, randomFrom } from './made.ts';
import { naiveLeaf, naivePath, naiveSubproof, rememberedRoots } from './naive.ts';

const sizes = 600;
const leaves = madeLeaves(70_000);
const rootOf = rememberedRoots(leaves);

test('leaf hashes are those of the definition', () => {
  for (const entry of [new Uint8Array(0), ...madeEntries(300)]) expect(leafHash(c, entry)).toEqual(naiveLeaf(entry));
  expect(emptyRoot(c)).toEqual(rootOf(0, 0));
});

test('a tree that grows in batches has the root, the edge and the files of one that grew at once', () => {
  const random = randomFrom(1);
  for (let round = 0; round < 40; round++) {
    const log = new MemoryLog();
    const size = random(sizes + 1);
    while (log.size < size) {
      log.grow(leaves.slice(log.size, Math.min(size, log.size + random(round % 2 === 0 ? 20 : 400))));
      expect(log.root).toEqual(rootOf(0, log.size));
      expect(decodeEdge(encodeEdge(log.edge), log.size)).toEqual(log.edge);
    }
    const once = integrate(c, { size: 0, edge: [] }, leaves.slice(0, size));
    expect(once.edge).toEqual(log.edge);
    expect(once.root).toEqual(log.root);
    for (const { path, bytes } of once.tiles) expect(log.files.get(path), path).toEqual(bytes);
  }
});

test('every size from 0 to 600: root, inclusion of some leaves, consistency with some sizes', async () => {
  const random = randomFrom(2);
  for (let size = 0; size <= sizes; size++) {
    const log = new MemoryLog();
    log.grow(leaves.slice(0, size));
    const root = rootOf(0, size);
    expect(log.root).toEqual(root);
    expect(await treeRoot(c, log.read, size)).toEqual(root);
    const indexes = new Set([0, size - 1, random(size), random(size)]);
    for (const index of size === 0 ? [] : indexes) {
      const proof = await proveInclusion(c, log.read, index, size);
      expect(proof).toEqual(naivePath(rootOf, index, 0, size));
      expect(verifyInclusion(c, { index, size, leaf: leaves[index]!, proof, root })).toBe(true);
    }
    for (const size1 of new Set([0, size, Math.floor(size / 2), random(size + 1), random(size + 1)])) {
      const proof = await proveConsistency(c, log.read, size1, size);
      if (size1 > 0) expect(proof).toEqual(naiveSubproof(rootOf, size1, 0, size, true));
      const claim = { size1, size2: size, root1: rootOf(0, size1), root2: root, proof };
      expect(verifyConsistency(c, claim)).toBe(true);
      if (size1 > 0 && size1 < size) {
        expect(verifyConsistency(c, { ...claim, root1: rootOf(0, size1 - 1) })).toBe(false);
        expect(verifyConsistency(c, { ...claim, root2: rootOf(0, size1) })).toBe(false);
      }
    }
  }
});

test('every leaf and every earlier size of trees around the width of a tile', async () => {
  for (const size of [1, 2, 3, 255, 256, 257, 511, 513]) {
    const log = new MemoryLog();
    log.grow(leaves.slice(0, size));
    for (let at = 0; at < size; at++) {
      const inclusion = await proveInclusion(c, log.read, at, size);
      expect(rootFromInclusion(c, { index: at, size, leaf: leaves[at]!, proof: inclusion })).toEqual(log.root);
      const proof = await proveConsistency(c, log.read, at + 1, size);
      const claim = { size1: at + 1, size2: size, root1: rootOf(0, at + 1), root2: log.root, proof };
      expect(verifyConsistency(c, claim)).toBe(true);
    }
  }
});

test('the tree of 70,000 leaves has the tiles that the specification counts', async () => {
  const log = new MemoryLog();
  log.grow(leaves);
  expect(log.root).toEqual(rootOf(0, 70_000));
  const tiles = [...pathsOf(70_000)].map((path) => ({ path, ...parseTilePath(path)! }));
  expect(new Set(tiles.map(({ path }) => path)).size).toBe(tiles.length);
  const hashTiles = tiles.filter(({ level }) => level !== 'entries');
  expect(hashTiles.map(({ path }) => path).sort()).toEqual([...log.files.keys()].sort());
  const widths = (level: number) => hashTiles.filter((tile) => tile.level === level).map(({ width }) => width);
  expect(widths(0)).toEqual([...Array(273).fill(256), 112]);
  expect(widths(1)).toEqual([256, 17]);
  expect(widths(2)).toEqual([1]);
  expect(tiles.filter(({ level }) => level === 'entries')).toHaveLength(274);
  const random = randomFrom(3);
  for (let round = 0; round < 50; round++) {
    const index = random(70_000);
    log.asked.length = 0;
    const proof = await proveInclusion(c, log.read, index, 70_000);
    expect(log.asked.length, 'two tiles a level at most').toBeLessThanOrEqual(5);
    expect(proof).toEqual(naivePath(rootOf, index, 0, 70_000));
    const consistency = await proveConsistency(c, log.read, index + 1, 70_000);
    expect(consistency).toEqual(naiveSubproof(rootOf, index + 1, 0, 70_000, true));
  }
  expect(await readEdge(c, log.read, 70_000, log.root)).toEqual(log.edge);
});

test('a tile holds the tree hashes that the specification says', () => {
  const log = new MemoryLog();
  log.grow(leaves);
  for (const [path, bytes] of log.files) {
    const { level, n, width } = parseTilePath(path)!;
    expect(bytes).toHaveLength(width * 32);
    const span = 256 ** (level as number);
    for (const i of [0, width - 1]) {
      const from = (n * 256 + i) * span;
      expect(bytes.slice(i * 32, (i + 1) * 32), path).toEqual(rootOf(from, from + span));
    }
  }
});

test('integrating twice gives the same files, and a wrong edge is refused', () => {
  const { edge } = integrate(c, { size: 0, edge: [] }, leaves.slice(0, 700));
  const more = leaves.slice(700, 1500);
  expect(integrate(c, { size: 700, edge }, more)).toEqual(integrate(c, { size: 700, edge }, more));
  expect(integrate(c, { size: 700, edge }, []).tiles).toEqual([]);
  expect(() => integrate(c, { size: 701, edge }, more)).toThrow('edge');
  expect(() => rootOfEdge(c, [...edge, [leaves[0]!]], 700)).toThrow('edge');
  expect(() => decodeEdge(encodeEdge(edge).subarray(32), 700)).toThrow('edge');
  expect(() => decodeEdge(new Uint8Array(31), 1)).toThrow('edge');
});

test('sizes up to 2^53 − 1 are proved with the same steps', () => {
  const size = Number.MAX_SAFE_INTEGER;
  const leaf = leaves[0]!;
  const proof = leaves.slice(1, 54);
  const claim = { index: 0, size, leaf, proof };
  const root = rootFromInclusion(c, claim)!;
  expect(verifyInclusion(c, { ...claim, root })).toBe(true);
  expect(rootFromInclusion(c, { ...claim, proof: proof.slice(1) })).toBeUndefined();
  expect(rootFromInclusion(c, { ...claim, proof: [...proof, leaf] })).toBeUndefined();
  for (const wrong of [size + 1, 2 ** 54, -1, 0, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(rootFromInclusion(c, { ...claim, size: wrong })).toBeUndefined();
  }
  for (const wrong of [size, size + 1, -1, 0.5, Number.NaN]) {
    expect(rootFromInclusion(c, { ...claim, index: wrong })).toBeUndefined();
  }
  // The last leaf of 2^53 − 1 has a left sibling at every height but the lowest.
  expect(rootFromInclusion(c, { index: size - 1, size, leaf, proof: proof.slice(1) })).toBeDefined();
  expect(rootFromInclusion(c, { index: size - 1, size, leaf, proof })).toBeUndefined();
});

test('the empty tree begins every tree, with its own root and no proof', () => {
  const [root1, root2] = [emptyRoot(c), leaves[0]!];
  const claim = { size1: 0, size2: 5, root1, root2, proof: [] };
  expect(verifyConsistency(c, claim)).toBe(true);
  expect(verifyConsistency(c, { ...claim, size2: 0, root2: root1 })).toBe(true);
  expect(verifyConsistency(c, { ...claim, size2: 0 })).toBe(false);
  expect(verifyConsistency(c, { ...claim, root1: root2 })).toBe(false);
  expect(verifyConsistency(c, { ...claim, proof: [root2] })).toBe(false);
  expect(verifyConsistency(c, { ...claim, size1: 6 })).toBe(false);
});
