import { describe, expect, test } from 'vitest';
import type { Block, SegmentPart } from '#core/record/segment.ts';
import { runsOf, SegmentBlocks } from '#stores/s3/block-reader.ts';
import { compress } from '#stores/s3/seekable-gzip.ts';

async function segmentOf(texts: readonly string[]) {
  const { bytes, offsets } = await compress(texts);
  const reads: [number, number][] = [];
  const reader = new SegmentBlocks({
    read: async (_key, offset, length) => {
      reads.push([offset, length]);
      return bytes.subarray(offset, offset + length);
    },
  });
  return { reader, reads, blocks: offsets as readonly Block[], part: { key: 'k' } as SegmentPart };
}

describe('blocks of a segment', () => {
  test('that lie side by side are one read, each text in its place', async () => {
    const texts = Array.from({ length: 6 }, (_, n) => `{"n":${n},"é":"${'x'.repeat(n * 100)}"}\n`);
    const { reader, reads, blocks, part } = await segmentOf(texts);
    expect(await reader.read(part, [blocks[1]!, blocks[2]!, blocks[4]!])).toEqual([texts[1], texts[2], texts[4]]);
    const end = blocks[4]!.offset + blocks[4]!.bytes;
    expect(reads).toEqual([[blocks[1]!.offset, end - blocks[1]!.offset]]);
    expect(await reader.read(part, [])).toEqual([]);
  });

  test('that lie far apart, or are too long together, are read apart', () => {
    const kib = 1024;
    expect(
      runsOf([
        { offset: 10, bytes: 5 },
        { offset: 15, bytes: 5 },
      ]),
    ).toEqual([{ first: 0, last: 1 }]);
    expect(
      runsOf([
        { offset: 0, bytes: 5 },
        { offset: 6 + 64 * kib, bytes: 5 },
      ]),
    ).toHaveLength(2);
    const long = Array.from({ length: 9 }, (_, n) => ({ offset: n * 1000 * kib, bytes: 1000 * kib }));
    expect(runsOf(long).map(({ first, last }) => last - first + 1)).toEqual([4, 4, 1]);
  });
});
