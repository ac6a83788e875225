/** Paths, bundles, and what reading does when files are gone or wrong. */
import { expect, test } from 'vitest';
import { bundles } from '#core/proof/integrate.ts';
import { BadTile, MissingTile, proveConsistency, proveInclusion, readEntries, treeRoot } from '#core/proof/prove.ts';
import { decodeBundle, encodeBundle, entriesPath, parseTilePath, pathsOf, tilePath } from '#core/proof/tiles.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { MemoryLog, madeEntries, madeLeaves, randomFrom } from './made.ts';

test('paths are those of the specification', () => {
  expect(tilePath(0, 1_234_067)).toBe('tile/0/x001/x234/067');
  expect(tilePath(63, 0, 255)).toBe('tile/63/000.p/255');
  expect(entriesPath(999)).toBe('tile/entries/999');
  expect(entriesPath(1000, 1)).toBe('tile/entries/x001/000.p/1');
  expect(tilePath(0, Number.MAX_SAFE_INTEGER)).toBe('tile/0/x009/x007/x199/x254/x740/991');
});

test('every path is read as it was written', () => {
  const random = randomFrom(4);
  for (let round = 0; round < 2000; round++) {
    const level = random(5) === 0 ? 'entries' : random(64);
    const n = random(2) === 0 ? random(2000) : random(2 ** 53);
    const width = 1 + random(256);
    const path = level === 'entries' ? entriesPath(n, width) : tilePath(level, n, width);
    expect(parseTilePath(path)).toEqual({ level, n, width });
  }
});

test.each([
  '',
  'tile/0/0',
  'tile/0/0000',
  'tile/00/000',
  'tile/64/000',
  'tile/-1/000',
  'tile/0/x000/001',
  'tile/0/001/002',
  'tile/0/x001',
  'tile/0/000.p/0',
  'tile/0/000.p/256',
  'tile/0/000.p/07',
  'tile/0/000.p/',
  'tile/0/000.p/1/',
  '/tile/0/000',
  'tile/0/000 ',
  'tile/0/000\n',
  'tile/entry/000',
  'tile/0/x999/x999/x999/x999/x999/x999/999',
])('no path: %j', (path) => expect(parseTilePath(path)).toBeUndefined());

test('no path is written for a tile that cannot be', () => {
  for (const width of [0, 257, -1, 1.5, Number.NaN]) expect(() => tilePath(0, 0, width)).toThrow(RangeError);
  for (const n of [-1, 0.5, 2 ** 53]) expect(() => entriesPath(n)).toThrow(RangeError);
  for (const level of [-1, 64, 0.5]) expect(() => tilePath(level, 0)).toThrow(RangeError);
  expect(() => [...pathsOf(-1)]).toThrow(RangeError);
  expect([...pathsOf(0)]).toEqual([]);
  expect([...pathsOf(256)]).toEqual(['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1']);
});

test('bundles are read as they were written, and garbage is not', () => {
  const entries = [...madeEntries(200), new Uint8Array(0), new Uint8Array(65_535).fill(7)];
  const bytes = encodeBundle(entries);
  expect(bytes.slice(0, 9)).toEqual(Uint8Array.of(0, 7, ...new TextEncoder().encode('entry 0')));
  expect(decodeBundle(bytes)).toEqual(entries);
  for (const cut of [1, 2, 65_536, bytes.length - 1])
    expect(() => decodeBundle(bytes.subarray(0, -cut))).toThrow('cut off');
  expect(() => decodeBundle(new Uint8Array(2 * 257))).toThrow('256');
  expect(() => encodeBundle(madeEntries(257))).toThrow(RangeError);
  expect(() => encodeBundle([new Uint8Array(65_536)])).toThrow(RangeError);
});

test('bundles that grow in batches are those that were written at once', async () => {
  const entries = madeEntries(1700);
  const random = randomFrom(5);
  const files = new Map<string, Uint8Array>();
  for (let size = 0; size < entries.length; ) {
    const next = Math.min(entries.length, size + random(400));
    const partial = entries.slice(size - (size % 256), size);
    for (const { path, bytes } of bundles({ size, partial }, entries.slice(size, next))) files.set(path, bytes);
    size = next;
  }
  const once = bundles({ size: 0, partial: [] }, entries);
  expect(once).toHaveLength(7);
  for (const { path, bytes } of once) expect(files.get(path), path).toEqual(bytes);
  expect(() => bundles({ size: 3, partial: [] }, entries)).toThrow('last bundle');
  const read = async (path: string) => files.get(path);
  for (let round = 0; round < 100; round++) {
    const from = random(1701);
    const to = from + random(1701 - from);
    expect(await readEntries(read, from, to, 1700)).toEqual(entries.slice(from, to));
  }
  expect(await readEntries(read, 0, 1700, 1700)).toEqual(entries);
});

const leaves = madeLeaves(1000);
function grown(size: number): MemoryLog {
  const log = new MemoryLog();
  log.grow(leaves.slice(0, size));
  return log;
}

test('a partial tile that went is found at the beginning of the full one', async () => {
  const log = grown(300);
  const root = log.root;
  log.grow(leaves.slice(300, 600));
  expect(log.files.delete('tile/0/001.p/44')).toBe(true);
  expect(await treeRoot(c, log.read, 300)).toEqual(root);
  const proof = await proveInclusion(c, log.read, 299, 300);
  expect(proof).toEqual(await proveInclusion(c, grown(300).read, 299, 300));
});

test('what is missing is named', async () => {
  const log = grown(600);
  for (const path of ['tile/0/001', 'tile/0/002.p/88', 'tile/1/000.p/2']) {
    const read = async (asked: string) => (asked === path ? undefined : log.files.get(asked));
    await expect(proveInclusion(c, read, 300, 600)).rejects.toEqual(new MissingTile(path));
  }
  await expect(treeRoot(c, async () => undefined, 600)).rejects.toBeInstanceOf(MissingTile);
  await expect(readEntries(async () => undefined, 0, 1, 600)).rejects.toMatchObject({ path: 'tile/entries/000' });
});

test('what has the wrong length is named', async () => {
  const log = grown(600);
  const read = async (path: string) => log.files.get(path)?.subarray(1);
  await expect(proveInclusion(c, read, 300, 600)).rejects.toBeInstanceOf(BadTile);
  await expect(readEntries(async () => Uint8Array.of(0), 0, 1, 600)).rejects.toBeInstanceOf(BadTile);
  await expect(readEntries(async () => Uint8Array.of(0, 0), 0, 1, 600)).rejects.toBeInstanceOf(BadTile);
});

test('a fault of the reader is passed on', async () => {
  const read = async () => Promise.reject(new Error('down'));
  await expect(proveInclusion(c, read, 300, 600)).rejects.toThrow('down');
  await expect(treeRoot(c, read, 600)).rejects.toThrow('down');
});

test('leaves and sizes that are not there are a mistake of the caller', async () => {
  const { read } = grown(3);
  for (const [index, size] of [
    [3, 3],
    [-1, 3],
    [0, 0],
    [0.5, 3],
    [0, 2 ** 53],
  ] as const) {
    await expect(proveInclusion(c, read, index, size)).rejects.toBeInstanceOf(RangeError);
  }
  await expect(proveConsistency(c, read, 4, 3)).rejects.toBeInstanceOf(RangeError);
  await expect(readEntries(read, 2, 1, 3)).rejects.toBeInstanceOf(RangeError);
  await expect(readEntries(read, 0, 4, 3)).rejects.toBeInstanceOf(RangeError);
});
