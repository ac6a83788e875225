/**
 * Blocks of one part, read so that one that cannot be read costs itself alone and is named.
 *
 * What can go wrong: the object is gone, it lies in Glacier, a block is not what was written.
 */
import { type ArchiveChunk, blocksPerChunk } from '#core/archive/file.ts';
import type { Event } from '#core/event/event.ts';
import type { Gaps } from '#core/query/gaps.ts';
import { type BlockReader, Damaged } from '#core/query/ports.ts';
import type { Block, Part } from '#core/record/segment.ts';

export interface ReadBlock {
  readonly block: Block;
  readonly events: readonly Event[];
}

/** The events of some blocks of a part, by ascending offset; what cannot be read is told to `gaps` and left out. */
export async function* readBlocks(
  reader: BlockReader,
  part: Part,
  blocks: readonly Block[],
  gaps: Gaps,
): AsyncIterable<ReadBlock> {
  if (gaps.archivedKeys.has(part.key)) {
    gaps.addArchived(part, blocks);
    return;
  }
  let texts: readonly string[];
  try {
    texts = await reader.read(part, blocks);
  } catch (error) {
    if (error instanceof Damaged && blocks.length > 1) {
      // One of them is damaged: each is read alone, and the others come through.
      for (const block of blocks) yield* readBlocks(reader, part, [block], gaps);
    } else if (!gaps.take(error, part, blocks, firstBlock(part))) throw error;
    return;
  }
  for (const [at, block] of blocks.entries()) {
    const events = eventsOf(texts[at]!);
    if (events) yield { block, events };
    else gaps.addDamaged(part, block, firstBlock(part));
  }
}

/** Number of a part's first block in its object. */
const firstBlock = (part: Part & Partial<Pick<ArchiveChunk, 'number'>>): number => (part.number ?? 0) * blocksPerChunk;

/** The events of a block's text; undefined when a line is not JSON. Stored lines are canonical JSON that accept has checked. */
function eventsOf(text: string): Event[] | undefined {
  const events: Event[] = [];
  let from = 0;
  try {
    for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
      events.push(JSON.parse(text.slice(from, to)) as Event);
      from = to + 1;
    }
  } catch {
    return undefined;
  }
  return events;
}
