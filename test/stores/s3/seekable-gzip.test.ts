import { execFileSync } from 'node:child_process';
import { createGunzip, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compress, inflateBlock } from '#stores/s3/seekable-gzip.ts';
import { linesOf } from '#test/support/lines.ts';

const blocks = Array.from(
  { length: 9 },
  (_, n) =>
    `${linesOf(50 + n * 40, () => ({ tenant: `t${n}`, metadata: { note: '漢字 é 😀' } }))
      .map(({ line }) => line)
      .join('\n')}\n`,
);
const from = { key: 'segments/x.jsonl.gz', offset: 10 };

describe('the stream', () => {
  test('is what gunzip and zcat call an ordinary gzip file', async () => {
    const { bytes } = await compress(blocks);
    expect(gunzipSync(bytes).toString()).toBe(blocks.join(''));
    expect(execFileSync('zcat', { input: bytes, maxBuffer: 1e8 }).toString()).toBe(blocks.join(''));
  });

  test('is one member, read to its end by a reader that is fed single small pieces', async () => {
    const { bytes } = await compress(blocks);
    const gunzip = createGunzip();
    const parts: Buffer[] = [];
    gunzip.on('data', (part: Buffer) => parts.push(part));
    const ended = new Promise((resolve, reject) => gunzip.on('end', resolve).on('error', reject));
    for (let at = 0; at < bytes.length; at += 777) gunzip.write(bytes.subarray(at, at + 777));
    gunzip.end();
    await ended;
    expect(Buffer.concat(parts).toString()).toBe(blocks.join(''));
  });

  test('is the same for the same blocks', async () => {
    expect((await compress(blocks)).bytes).toEqual((await compress(blocks)).bytes);
  });

  test('of no blocks, or of an empty one, is a gzip file too', async () => {
    expect(gunzipSync((await compress([])).bytes).toString()).toBe('');
    const { bytes, offsets } = await compress(['']);
    expect(gunzipSync(bytes).toString()).toBe('');
    expect(inflateBlock(bytes.subarray(10, 10 + offsets[0]!.bytes), from)).toBe('');
  });
});

describe('a block', () => {
  test('inflates alone from its offset, each of them, and nothing lies between them', async () => {
    const { bytes, offsets } = await compress(blocks);
    let end = 10;
    for (const [at, { offset, bytes: length }] of offsets.entries()) {
      expect(offset).toBe(end);
      end = offset + length;
      expect(inflateBlock(bytes.subarray(offset, end), from)).toBe(blocks[at]);
    }
    expect(bytes.length).toBe(end + 2 + 8);
  });

  test('that is torn or garbled is an error that names the object and the bytes', async () => {
    const { bytes, offsets } = await compress(blocks);
    const { offset, bytes: length } = offsets[3]!;
    const block = bytes.subarray(offset, offset + length);
    const named = `segments/x.jsonl.gz: bytes 10-${10 + length - 1} are not a block`;
    const garbled = Uint8Array.from(block).fill(0xff, 20, 60);
    expect(() => inflateBlock(garbled, from)).toThrow(named);
    expect(() => inflateBlock(block.subarray(0, -900), from)).toThrow('are not a block');
    expect(() => inflateBlock(block.subarray(5), from)).toThrow('are not a block');
  });

  test('that would inflate beyond any block of ours is refused', async () => {
    const { bytes, offsets } = await compress(['a'.repeat(2_000_000)]);
    expect(() => inflateBlock(bytes.subarray(10, 10 + offsets[0]!.bytes), from)).toThrow('are not a block');
  });
});
