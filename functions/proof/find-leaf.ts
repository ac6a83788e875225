/**
 * From the id of an event to its stored line and its leaf.
 *
 * The line is read from the segment, the record of truth, and to the byte: parsed and written again it might hash to
 * something else one day.
 */
import type { Event } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import type { LeafCatalogue, LeafPart } from '#core/proof/read-ports.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { keyOf, mayContain } from '#core/record/membership.ts';
import { Missing } from '#core/record/ports.ts';

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
  readonly part: LeafPart;
}

/** The event that readers see by this id; undefined when there is none. Throws `unavailable` when it may be where nobody can read. */
export async function findLeaf(ports: FindPorts, tenant: string, id: string): Promise<FoundLeaf | undefined> {
  let missing: Missing | undefined;
  for (const part of await ports.leaves.partsWithId(tenant, id)) {
    const blocks = part.blocks.filter((block) => mayContain(block.filter, keyOf('id', id)));
    if (blocks.length === 0) continue;
    try {
      const texts = await ports.blocks.read(part, blocks);
      for (const [at, block] of blocks.entries()) {
        const lines = linesOf(texts[at]!);
        const ordinal = lines.findIndex((line) => line.includes(id) && (JSON.parse(line) as Event).id === id);
        if (ordinal < 0) continue;
        const before = part.blocks.slice(0, part.blocks.indexOf(block)).reduce((sum, { events }) => sum + events, 0);
        const line = lines[ordinal]!;
        const index = part.firstLeaf === undefined ? undefined : part.firstLeaf + before + ordinal;
        return { event: JSON.parse(line) as Event, line, index, part };
      }
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      missing = error;
    }
  }
  if (!missing) return undefined;
  throw new Problem('unavailable', 'A segment that may hold this event cannot be read now.', {
    retryAfterSeconds: 60,
    cause: missing,
  });
}

/** The lines of a block, without their newlines. */
export const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);
