/** Lines as they lie in segments and archive files, in order, with their leaves: the runs that compaction merges. */
import type { ArchiveChunk } from '#core/archive/file.ts';
import type { LinesSum } from '#core/archive/lines-sum.ts';
import type { ArchiveLine } from '#core/archive/merge.ts';
import type { Event } from '#core/event/event.ts';
import type { BlockReader } from '#core/query/ports.ts';
import type { Block, Part } from '#core/record/segment.ts';

export interface RunPorts {
  readonly blocks: BlockReader;
  /** SHA-256 of a text's UTF-8 bytes. */
  readonly digest: (text: string) => Uint8Array;
}

/** Compressed bytes of one read. A step has up to 256 runs with one read under way each. */
const readBytes = 256 * 1024;

/** Lines of a part, a block at a time. `seen` takes the digest of each: what was read, whatever becomes of it. */
export async function* linesOf(
  ports: RunPorts,
  part: Part,
  leafOf: (block: number, line: number, before: number) => number | undefined,
  seen: LinesSum,
): AsyncGenerator<readonly ArchiveLine[]> {
  let block = 0;
  let before = 0;
  for (const some of readsOf(part.blocks)) {
    for (const text of await ports.blocks.read(part, some)) {
      const number = block++;
      const lines = text.slice(0, -1).split('\n');
      if (lines.length !== part.blocks[number]!.events || !text.endsWith('\n')) {
        throw new Error(`${part.key}: block ${number} has ${lines.length} lines, and its index says another number`);
      }
      yield lines.map((line, at) => {
        const event = JSON.parse(line) as Event;
        const digest = ports.digest(line);
        seen.add(digest);
        return {
          text: line,
          event,
          time: Date.parse(event.occurred_at),
          leaf: leafOf(number, at, before + at),
          digest,
        };
      });
      before += lines.length;
    }
  }
}

/** Lines of a segment's part; its leaves follow each other. */
export const linesOfPart = (ports: RunPorts, part: Part, firstLeaf: number | undefined, seen: LinesSum) =>
  linesOf(ports, part, (_block, _line, before) => (firstLeaf === undefined ? undefined : firstLeaf + before), seen);

/** Lines of an archive file. */
export async function* linesOfChunks(ports: RunPorts, chunks: readonly ArchiveChunk[], seen: LinesSum) {
  for (const chunk of chunks) yield* linesOf(ports, chunk, (block, line) => chunk.leaves[block]?.[line], seen);
}

/** Neighbouring blocks that are read at once. */
function readsOf(blocks: readonly Block[]): Block[][] {
  const reads: Block[][] = [];
  let bytes = 0;
  for (const block of blocks) {
    bytes += block.bytes;
    if (reads.length === 0 || bytes > readBytes) {
      reads.push([block]);
      bytes = block.bytes;
    } else reads.at(-1)!.push(block);
  }
  return reads;
}
