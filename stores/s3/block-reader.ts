/** Blocks of segments and archive files: neighbours with one range read, each inflated alone. */
import type { ArchiveObjects } from '#core/archive/ports.ts';
import { type BlockReader, Damaged } from '#core/query/ports.ts';
import type { Segments } from '#core/record/ports.ts';
import type { Block, Part } from '#core/record/segment.ts';
import { isSegmentKey } from './names.ts';
import { inflateBlock } from './seekable-gzip.ts';

/** A hole of this size costs less to read than a second request (about 10 ms, or 1 MB at S3's speed in Lambda). */
const gapBytesMax = 64 * 1024;
/** One range read holds at most this much; longer runs are split and read side by side. */
const rangeBytesMax = 4 * 1024 * 1024;
/** Range reads of one segment at once. */
const readsAtOnce = 4;

/** Where objects with blocks are read: segments and archive files each have their own bucket. */
type Objects = Pick<Segments, 'read'>;

/** Both, told apart by their keys. */
export const objectsByKey = (segments: Objects, archive: Pick<ArchiveObjects, 'read'>): Objects => ({
  read: (key, offset, bytes) => (isSegmentKey(key) ? segments : archive).read(key, offset, bytes),
});

/** The driver of BlockReader over any place that keeps segments or archive files. */
export class SegmentBlocks implements BlockReader {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  async read(part: Pick<Part, 'key'>, blocks: readonly Block[]): Promise<readonly string[]> {
    const queue = runsOf(blocks);
    const texts: string[] = new Array(blocks.length);
    const lane = async () => {
      for (let run = queue.shift(); run; run = queue.shift()) {
        const first = blocks[run.first]!;
        const last = blocks[run.last]!;
        const bytes = await this.#objects.read(part.key, first.offset, last.offset + last.bytes - first.offset);
        for (let index = run.first; index <= run.last; index++) {
          const block = blocks[index]!;
          const at = block.offset - first.offset;
          texts[index] = textOf(part.key, block, bytes.subarray(at, at + block.bytes));
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(readsAtOnce, queue.length) }, lane));
    return texts;
  }
}

/** A block's text, which ends with a newline and has as many lines as the block has events. */
function textOf(key: string, { offset, events }: Block, bytes: Uint8Array): string {
  let text: string;
  try {
    text = inflateBlock(bytes, { key, offset });
  } catch (error) {
    throw new Damaged(key, `the block at ${offset} cannot be inflated`, error);
  }
  let lines = 0;
  let last = -1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    lines++;
    last = at;
  }
  if (lines !== events || last !== text.length - 1) {
    throw new Damaged(key, `the block at ${offset} has ${lines} lines and not ${events}`);
  }
  return text;
}

/** Runs of blocks that lie near each other, as indexes of the first and the last. */
export function runsOf(
  blocks: readonly Pick<Block, 'offset' | 'bytes'>[],
): { readonly first: number; readonly last: number }[] {
  const runs: { first: number; last: number }[] = [];
  for (const [index, block] of blocks.entries()) {
    const run = runs.at(-1);
    const before = blocks[index - 1];
    const near = run && before && block.offset - (before.offset + before.bytes) <= gapBytesMax;
    if (near && block.offset + block.bytes - blocks[run.first]!.offset <= rangeBytesMax) run.last = index;
    else runs.push({ first: index, last: index });
  }
  return runs;
}
