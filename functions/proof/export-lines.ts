/**
 * The stored lines of exported leaves, in their order, a few blocks at a time.
 *
 * What its asker may not see, and what cannot be found any more, has no line and is named instead.
 */
import type { Event } from '#core/event/event.ts';
import type { Without } from '#core/proof/bundle.ts';
import { decodeEntry } from '#core/proof/entry.ts';
import { readEntries, type TileReader } from '#core/proof/prove.ts';
import type { LeafCatalogue, LeafPart } from '#core/proof/read-ports.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { Missing } from '#core/record/ports.ts';
import type { Block } from '#core/record/segment.ts';
import { linesOf } from './find-leaf.ts';

export interface LinePorts {
  readonly leaves: Pick<LeafCatalogue, 'partsFrom'>;
  readonly blocks: BlockReader;
}

/** A leaf with its line, or without one. */
export type ExportedLeaf =
  | { readonly index: number; readonly line: string; readonly event: Event }
  | (Without & { readonly line?: undefined });

/** A part's row with its filters is about 60 KB. */
const partsPerPage = 16;
/** About 1 MB of text. */
const blocksAtOnce = 8;

interface Run {
  readonly start: number;
  readonly end: number;
  readonly size: number;
}

/** All leaves with start ≤ i < end, a group at a time. `sees` says which kinds the asker may see. */
export async function* exportedLeaves(
  ports: LinePorts,
  read: TileReader,
  tenant: string,
  run: Run,
  sees: (event: Event) => boolean,
): AsyncIterable<ExportedLeaf[]> {
  let next = run.start;
  for (let before = -1; next < run.end && next > before; ) {
    before = next;
    for (const part of await ports.leaves.partsFrom(tenant, next, partsPerPage)) {
      const first = part.firstLeaf!;
      if (first >= run.end) break;
      if (first > next) yield await gone(read, next, first, run.size);
      yield* leavesOfPart(ports, read, part, { ...run, start: Math.max(next, first) }, sees);
      next = Math.max(next, Math.min(first + part.events, run.end));
    }
  }
  // Leaves whose part the catalogue does not have.
  for (; next < run.end; next += 10_000) yield await gone(read, next, Math.min(next + 10_000, run.end), run.size);
}

async function* leavesOfPart(
  { blocks: reader }: LinePorts,
  read: TileReader,
  part: LeafPart,
  { start, end, size }: Run,
  sees: (event: Event) => boolean,
): AsyncIterable<ExportedLeaf[]> {
  const placed: { readonly block: Block; readonly from: number; readonly to: number }[] = [];
  let at = part.firstLeaf!;
  for (const block of part.blocks) {
    const to = at + block.events;
    if (at < end && to > start) placed.push({ block, from: at, to });
    at = to;
  }
  for (let first = 0; first < placed.length; first += blocksAtOnce) {
    const group = placed.slice(first, first + blocksAtOnce);
    const [from, to] = [Math.max(start, group[0]!.from), Math.min(end, group.at(-1)!.to)];
    let texts: readonly string[];
    try {
      texts = await reader.read(
        part,
        group.map(({ block }) => block),
      );
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      yield await gone(read, from, to, size);
      continue;
    }
    const leaves: ExportedLeaf[] = [];
    for (const [position, text] of texts.entries()) {
      for (const [ordinal, line] of linesOf(text).entries()) {
        const index = group[position]!.from + ordinal;
        if (index < from || index >= to) continue;
        const event = JSON.parse(line) as Event;
        leaves.push(sees(event) ? { index, line, event } : { index, id: event.id, reason: 'withheld' });
      }
    }
    yield leaves;
  }
}

/** Leaves whose lines are not there, by what their entries say. */
async function gone(read: TileReader, from: number, to: number, size: number): Promise<ExportedLeaf[]> {
  const entries = await readEntries(read, from, to, size);
  return entries.map((bytes, at) => ({ index: from + at, id: decodeEntry(bytes)?.id ?? '', reason: 'gone' }));
}
