/**
 * From the id of an event to its stored line and its leaf.
 *
 * The line is read from its segment or archive file, the record of truth, and to the byte: parsed and written again it
 * might hash to something else one day.
 */
import { blocksPerChunk } from '#core/archive/file.ts';
import type { Event } from '#core/event/event.ts';
import type { LeafCatalogue, LeafChunk, LeafPart } from '#core/proof/read-ports.ts';
import { Gaps, unreadable } from '#core/query/gaps.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { keyOf, mayContain } from '#core/record/membership.ts';

export interface FindPorts {
  readonly leaves: Pick<LeafCatalogue, 'partsWithId'>;
  readonly blocks: BlockReader;
}

export interface FoundLeaf {
  readonly event: Event;
  /** As it is stored, without its newline. */
  readonly line: string;
  /** Undefined: committed before there were logs. */
  readonly index: number | undefined;
  readonly part: LeafPart | LeafChunk;
}

/**
 * The event that readers see by this id; undefined when there is none. Throws `archived`, `stored_damaged` or `unavailable`
 * when it may be where nobody can read.
 */
export async function findLeaf(ports: FindPorts, tenant: string, id: string): Promise<FoundLeaf | undefined> {
  const gaps = new Gaps();
  for (const part of await ports.leaves.partsWithId(tenant, id)) {
    const blocks = part.blocks.filter((block) => mayContain(block.filter, keyOf('id', id)));
    if (blocks.length === 0) continue;
    try {
      const texts = await ports.blocks.read(part, blocks);
      for (const [at, block] of blocks.entries()) {
        const lines = linesOf(texts[at]!);
        const ordinal = lines.findIndex((line) => line.includes(id) && (JSON.parse(line) as Event).id === id);
        if (ordinal < 0) continue;
        const line = lines[ordinal]!;
        return {
          event: JSON.parse(line) as Event,
          line,
          index: leafOf(part, part.blocks.indexOf(block), ordinal),
          part,
        };
      }
    } catch (error) {
      if (!gaps.take(error, part, blocks, 'number' in part ? part.number * blocksPerChunk : 0)) throw error;
    }
  }
  if (gaps.none) return undefined;
  throw unreadable(gaps);
}

/** The leaf of an event by its place: chunks know it of each, parts of their first. */
function leafOf(part: LeafPart | LeafChunk, block: number, ordinal: number): number | undefined {
  if ('leaves' in part) return part.leaves[block]?.[ordinal];
  if (part.firstLeaf === undefined) return undefined;
  return part.firstLeaf + part.blocks.slice(0, block).reduce((sum, { events }) => sum + events, 0) + ordinal;
}

/** The lines of a block, without their newlines. */
export const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);
