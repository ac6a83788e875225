/**
 * The stored lines of exported leaves, in their order, a few blocks at a time.
 *
 * Young leaves lie in parts of segments, in their order. Where those were released, archive files have the leaves, each
 * file some of them: they are gathered a window at a time. What its asker may not see, and what cannot be found any more,
 * has no line and is named instead. What is in Glacier is neither: `Archived` ends the export.
 */
import type { Event } from '#core/event/event.ts';
import type { Without } from '#core/proof/bundle.ts';
import { decodeEntry } from '#core/proof/entry.ts';
import { readEntries, type TileReader } from '#core/proof/prove.ts';
import type { LeafCatalogue, LeafChunk, LeafPart } from '#core/proof/read-ports.ts';
import { type BlockReader, Damaged } from '#core/query/ports.ts';
import { Missing } from '#core/record/ports.ts';
import type { Block } from '#core/record/segment.ts';
import { linesOf } from './find-leaf.ts';

export interface LinePorts {
  readonly leaves: Pick<LeafCatalogue, 'partsFrom' | 'chunksOf'>;
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
/** Leaves that are gathered from archive files at once: about 8 MB of lines. */
const windowLeaves = 10_000;
/** A chunk's row with its leaves is about 65 KB. */
const chunksPerPage = 32;

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
      if (first > next) yield* archivedLeaves(ports, read, tenant, { ...run, start: next, end: first }, sees);
      yield* leavesOfPart(ports, read, part, { ...run, start: Math.max(next, first) }, sees);
      next = Math.max(next, Math.min(first + part.events, run.end));
    }
  }
  yield* archivedLeaves(ports, read, tenant, { ...run, start: next }, sees);
}

/** Leaves that no part of a segment has: from archive files, and gone where no file has them either. */
async function* archivedLeaves(
  ports: LinePorts,
  read: TileReader,
  tenant: string,
  { start, end, size }: Run,
  sees: (event: Event) => boolean,
): AsyncIterable<ExportedLeaf[]> {
  for (let from = start; from < end; from += windowLeaves) {
    const to = Math.min(from + windowLeaves, end);
    const found = new Map<number, ExportedLeaf>();
    for (let after: LeafChunk | undefined; ; ) {
      const chunks = await ports.leaves.chunksOf(tenant, { from, to }, after, chunksPerPage);
      for (const chunk of chunks) await gather(ports.blocks, chunk, from, to, sees, found);
      after = chunks.at(-1);
      if (chunks.length < chunksPerPage) break;
    }
    const leaves: ExportedLeaf[] = [];
    for (let at = from; at < to; ) {
      const leaf = found.get(at);
      if (leaf) {
        leaves.push(leaf);
        at++;
        continue;
      }
      let past = at + 1;
      while (past < to && !found.has(past)) past++;
      leaves.push(...(await gone(read, at, past, size)));
      at = past;
    }
    yield leaves;
  }
}

/** The leaves from ≤ i < to of one chunk. */
async function gather(
  reader: BlockReader,
  chunk: LeafChunk,
  from: number,
  to: number,
  sees: (event: Event) => boolean,
  found: Map<number, ExportedLeaf>,
): Promise<void> {
  const isIn = (leaf: number | undefined) => leaf !== undefined && leaf >= from && leaf < to;
  const wanted = [...chunk.blocks.entries()].filter(([n]) => chunk.leaves[n]!.some(isIn));
  for (let first = 0; first < wanted.length; first += blocksAtOnce) {
    const group = wanted.slice(first, first + blocksAtOnce);
    const texts = await readOrGone(
      reader,
      chunk,
      group.map(([, block]) => block),
    );
    for (const [position, text] of (texts ?? []).entries()) {
      const leaves = chunk.leaves[group[position]![0]]!;
      for (const [ordinal, line] of linesOf(text).entries()) {
        const index = leaves[ordinal];
        if (index === undefined || !isIn(index)) continue;
        const event = JSON.parse(line) as Event;
        found.set(index, sees(event) ? { index, line, event } : { index, id: event.id, reason: 'withheld' });
      }
    }
  }
}

/** Undefined when the object is gone, or is not what was written. */
async function readOrGone(
  reader: BlockReader,
  part: Pick<LeafPart, 'key'>,
  blocks: readonly Block[],
): Promise<readonly string[] | undefined> {
  try {
    return await reader.read(part, blocks);
  } catch (error) {
    if (error instanceof Missing || error instanceof Damaged) return undefined;
    throw error;
  }
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
    const texts = await readOrGone(
      reader,
      part,
      group.map(({ block }) => block),
    );
    if (!texts) {
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
