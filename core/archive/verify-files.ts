/**
 * Archive files beside what the log committed to.
 *
 * Pure: whoever calls has read the entries out of a tree that hashes to a signed root, and the rest from where it lies.
 */

import { sameBytes } from '../proof/bytes.ts';
import type { Entry } from '../proof/entry.ts';
import type { Hasher } from '../proof/tree.ts';
import { isGood, type Judgement, judge } from '../proof/verdict.ts';
import { judgeLine, readEvent } from '../proof/verify-event.ts';
import { isIndexed } from '../proof/verify-stored.ts';
import { encodeBlocks } from '../record/block-codec.ts';
import type { ArchiveChunk, ArchiveFile } from './file.ts';
import { encodeLeafPlaces } from './leaf-places.ts';
import type { StoredState } from './ports.ts';

/** What the catalogue, or a sidecar, says of a file. */
export interface IndexedFile {
  readonly file: ArchiveFile;
  readonly chunks: readonly ArchiveChunk[];
}

/** What was read of a file. */
export interface ReadFile {
  /** Hex, over the object. */
  readonly sha256: string;
  readonly events: number;
  readonly linesSum: string;
}

/** Judges the catalogue's row of a file and its chunks beside the sidecar, from which both could be made again. */
export function judgeIndex(catalogued: IndexedFile, sidecar: IndexedFile): Judgement[] {
  const { key } = catalogued.file;
  const rows = textOf(catalogued.file);
  if (rows !== textOf(sidecar.file)) {
    return [
      judge('archive_differs', `The catalogue's row of ${key} says other things than its sidecar.`, { path: key }),
    ];
  }
  const found: Judgement[] = [];
  for (let number = 0; number < Math.max(catalogued.chunks.length, sidecar.chunks.length); number++) {
    if (sameChunk(catalogued.chunks[number], sidecar.chunks[number])) continue;
    const why = `The catalogue's chunk ${number} of ${key} is not the one that its sidecar has, so queries miss events.`;
    found.push(judge('archive_differs', why, { path: key }));
  }
  return found;
}

const textOf = ({ writtenAt, ...file }: ArchiveFile): string =>
  JSON.stringify([Object.entries(file).sort(([a], [b]) => (a < b ? -1 : 1)), writtenAt.getTime()]);

function sameChunk(a: ArchiveChunk | undefined, b: ArchiveChunk | undefined): boolean {
  if (!a || !b) return false;
  const numbers = ({ file, number, events, minTime, maxTime, minId, maxId, tenant, tier, key }: ArchiveChunk) =>
    JSON.stringify([file, number, events, minTime, maxTime, minId, maxId, tenant, tier, key]);
  return (
    numbers(a) === numbers(b) &&
    sameBytes(encodeBlocks(a.blocks), encodeBlocks(b.blocks)) &&
    sameBytes(encodeLeafPlaces(a.leaves), encodeLeafPlaces(b.leaves))
  );
}

/** Judges an object that cannot be read now by what S3 keeps of it: its length and the checksum of its writing. */
export function judgeCold({ key, bytes, sha256 }: ArchiveFile, state: StoredState): Judgement[] {
  if (state.bytes === bytes && state.sha256 === sha256) return [];
  const why = `${key} is in Glacier and is not the object that the catalogue has the hash of.`;
  return [judge('archive_differs', why, { path: key })];
}

/**
 * Judges the lines of one chunk, each beside the entry of its leaf. An entry is undefined where the leaf is not in the
 * tree yet, where the log's own entry is not to be believed, and where the event is older than the log.
 */
export function judgeChunk(
  c: Hasher,
  chunk: ArchiveChunk,
  entries: readonly (readonly (Entry | undefined)[])[],
  texts: readonly string[],
): Judgement[] {
  const { key, number } = chunk;
  const found: Judgement[] = [];
  let known = 0;
  const blocks = texts.map((text) => text.split('\n').slice(0, -1));
  for (const [block, lines] of blocks.entries()) {
    for (const [at, line] of lines.entries()) {
      const entry = entries[block]?.[at];
      const index = chunk.leaves[block]?.[at];
      if (!entry || index === undefined) continue;
      const judgement = judgeLine(c, line, entry, { index, path: key });
      if (isGood(judgement)) known++;
      else found.push(judgement);
    }
  }
  if (known === 0 && found.length > 1) {
    const why = `Chunk ${number} of ${key} holds none of the events that the log has for its leaves.`;
    return [judge('archive_differs', why, { path: key })];
  }
  if (found.length > 0) return found;
  const events = blocks.map((lines) => lines.flatMap((line) => readEvent(line) ?? []));
  const isWhole = chunk.leaves.every((leaves, block) => leaves.length === blocks[block]?.length);
  if (isWhole && isIndexed(chunk, events)) return [];
  const why = `The catalogue says of chunk ${number} of ${key} what is not in it, so queries miss events.`;
  return [judge('archive_differs', why, { path: key })];
}

/** Judges a file as a whole, when its chunks were read. */
export function judgeFile({ file, chunks }: IndexedFile, read: ReadFile): Judgement[] {
  const { key: path } = file;
  const inChunks = chunks.reduce((sum, { events }) => sum + events, 0);
  if (read.sha256 !== file.sha256) {
    return [judge('archive_differs', `${path} is not the object that the catalogue has the hash of.`, { path })];
  }
  if (read.events === file.events && inChunks === file.events && read.linesSum === file.linesSum) return [];
  const why = `${path} has ${read.events} events that do not add up to the ${file.events} that the catalogue says.`;
  return [judge('archive_differs', why, { path })];
}
