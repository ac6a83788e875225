/**
 * Plans the blocks of an archive file: see planSegment for those of a segment.
 *
 * Lines stay in the order of time. Sorting those of one chunk by actor saves 2.4 % of the file (3.3 % with its index;
 * docs/internals/performance.md), and the newest page of a tenant would then read the 8 blocks of a chunk instead of one.
 */
import { filterOfEvents } from '../record/membership.ts';
import { utf8Bytes } from '../record/plan-segment.ts';
import { archiveBlockRawBytesMax } from './file.ts';
import type { ArchiveLine, LineBatches } from './merge.ts';

/** A block before it is compressed: lines of one tenant in the file's order. */
export interface PlannedBlock {
  /** JSON lines, each ended by a newline. */
  readonly text: string;
  readonly events: number;
  readonly minTime: number;
  readonly maxTime: number;
  readonly minId: string;
  readonly maxId: string;
  readonly filter: Uint8Array;
  /** By event: index of its leaf. */
  readonly leaves: readonly (number | undefined)[];
  /** By event: SHA-256 of its line, as it was read from where the line came from. */
  readonly digests: readonly Uint8Array[];
}

/** Cuts lines into blocks of at most `archiveBlockRawBytesMax` UTF-8 bytes. A line larger than that has a block alone. */
export async function* cutBlocks(batches: LineBatches): AsyncGenerator<PlannedBlock> {
  let rows: ArchiveLine[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const row of batch) {
      const lineBytes = utf8Bytes(row.text) + 1;
      if (rows.length > 0 && bytes + lineBytes > archiveBlockRawBytesMax) {
        yield blockOf(rows);
        rows = [];
        bytes = 0;
      }
      rows.push(row);
      bytes += lineBytes;
    }
  }
  if (rows.length > 0) yield blockOf(rows);
}

function blockOf(rows: readonly ArchiveLine[]): PlannedBlock {
  let text = '';
  let minTime = Number.POSITIVE_INFINITY;
  let maxTime = Number.NEGATIVE_INFINITY;
  let minId = rows[0]!.event.id;
  let maxId = minId;
  for (const { text: line, time, event } of rows) {
    text += `${line}\n`;
    if (time < minTime) minTime = time;
    if (time > maxTime) maxTime = time;
    if (event.id < minId) minId = event.id;
    if (event.id > maxId) maxId = event.id;
  }
  return {
    text,
    events: rows.length,
    minTime,
    maxTime,
    minId,
    maxId,
    filter: filterOfEvents(rows.map(({ event }) => event)),
    leaves: rows.map(({ leaf }) => leaf),
    digests: rows.map(({ digest }) => digest),
  };
}
