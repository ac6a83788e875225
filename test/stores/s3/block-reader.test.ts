import { describe, expect, test } from 'vitest';
import { archiveKey } from '#core/archive/file.ts';
import { Damaged } from '#core/query/ports.ts';
import { segmentKey } from '#core/record/plan-segment.ts';
import type { Block, SegmentPart } from '#core/record/segment.ts';
import { objectsByKey, runsOf, SegmentBlocks } from '#stores/s3/block-reader.ts';
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
  const blocks = offsets.map((range) => ({ ...range, events: 1 })) as unknown as readonly Block[];
  return { reader, reads, blocks, bytes, part: { key: 'k' } as SegmentPart };
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

  test('that are not what was written are called damaged, and by their key', async () => {
    const { reader, blocks, bytes, part } = await segmentOf(['{"n":1}\n', '{"n":2}\n{"n":3}\n', '{"n":4}']);
    await expect(reader.read(part, [blocks[0]!])).resolves.toEqual(['{"n":1}\n']);
    await expect(reader.read(part, [blocks[1]!])).rejects.toThrow('k: the block at');
    await expect(reader.read(part, [blocks[2]!])).rejects.toBeInstanceOf(Damaged);
    bytes.fill(0xff, blocks[0]!.offset, blocks[0]!.offset + 3);
    await expect(reader.read(part, [blocks[0]!])).rejects.toBeInstanceOf(Damaged);
  });

  test('are read from the bucket that their key names', async () => {
    const from = (name: string) => ({ read: async () => Buffer.from(name) });
    const objects = objectsByKey(from('segments'), from('archive'));
    const id = '01890000-0000-7000-8000-000000000001';
    const segment = segmentKey(id, new Date(0));
    const tenant = id;
    const file = archiveKey({ id, tenant, tier: 'bulk', category: 'system', span: 'day', day: '2026-03-01' });
    expect([await objects.read(segment, 0, 1), await objects.read(file, 0, 1)].map(String)).toEqual([
      'segments',
      'archive',
    ]);
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
