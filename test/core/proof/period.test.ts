/** Periods are found by time, and what goes along with them is enough for every proof. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodeEntry } from '#core/proof/entry.ts';
import { bundles, integrate } from '#core/proof/integrate.ts';
import { proveInclusion, readEntries, treeRoot } from '#core/proof/prove.ts';
import { bundlePaths, findPeriod, leafAt, pathsToRoot, proveRange, rangeRoot } from '#core/proof/range.ts';
import { leafHash, verifyInclusion } from '#core/proof/tree.ts';

const c = { sha256: (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest()) };
const begin = Date.parse('2026-01-01T00:00:00Z');

/** A log whose leaves come in bursts of one time, as commits make them. */
function logOf(size: number) {
  const times = Array.from({ length: size }, (_, n) => begin + Math.floor(n / 7) * 10);
  const entries = times.map((time, n) =>
    encodeEntry({
      id: `01890000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
      kind: 'e',
      commitment: c.sha256(Uint8Array.of(n & 255, n >> 8)),
      time,
    }),
  );
  const grown = integrate(
    c,
    { size: 0, edge: [] },
    entries.map((entry) => leafHash(c, entry)),
  );
  const files = [...grown.tiles, ...bundles({ size: 0, partial: [] }, entries)];
  return { size, times, entries, root: grown.root, files: new Map(files.map(({ path, bytes }) => [path, bytes])) };
}

const sizes = [1, 6, 7, 255, 256, 257, 512, 700, 65_536, 66_000];
const logs = sizes.map(logOf);

test('the first leaf of a time is found at every time, and few bundles are read', async () => {
  for (const { size, times, files } of logs) {
    let reads = 0;
    const read = async (path: string) => {
      reads++;
      return files.get(path);
    };
    for (const time of [
      0,
      begin - 1,
      begin,
      begin + 5,
      times[size >> 1]!,
      times[size >> 1]! + 1,
      times.at(-1)!,
      9e12,
    ]) {
      reads = 0;
      const naive = times.findIndex((one) => one >= time);
      expect(await leafAt(read, time, size), `${time} of ${size}`).toBe(naive < 0 ? size : naive);
      expect(reads).toBeLessThanOrEqual(Math.ceil(Math.log2(size / 256 + 1)) + 1);
    }
  }
});

test('the tiles of a run and of the right edge are enough for every proof of it, and no other is among them', async () => {
  for (const { size, times, files, entries, root } of logs) {
    for (const [from, to] of [
      [begin, begin + 1],
      [times[size >> 1]!, times[size >> 1]! + 30],
      [times[Math.max(0, size - 300)]!, times.at(-1)! + 1],
      [begin + 5, begin + 5],
    ] as const) {
      const all = async (path: string) => files.get(path);
      const { start, end, first, last } = await findPeriod(all, from, to, size);
      expect(times.slice(start, end)).toEqual(times.filter((time) => time >= from && time < to));
      const some = new Set([...pathsToRoot(first, last, size), ...bundlePaths(first, last, size)]);
      const used = new Set<string>();
      const read = async (path: string) => {
        used.add(path);
        return some.has(path) ? files.get(path) : undefined;
      };
      expect(await treeRoot(c, read, size)).toEqual(root);
      const leaves = (await readEntries(read, first, last, size)).map((entry) => leafHash(c, entry));
      expect(rangeRoot(c, { first, size, leaves, ...(await proveRange(c, read, { first, last, size })) })).toEqual(
        root,
      );
      for (let index = first; index < last; index += 1 + ((last - first) >> 4)) {
        const proof = await proveInclusion(c, read, index, size);
        expect(verifyInclusion(c, { index, size, leaf: leafHash(c, entries[index]!), proof, root })).toBe(true);
      }
      for (const path of some) expect(files.has(path), path).toBe(true);
      expect([...some].filter((path) => path.startsWith('tile/entries/')).every((path) => used.has(path))).toBe(true);
    }
  }
});
