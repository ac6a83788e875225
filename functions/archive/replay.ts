/**
 * Replay: critical events of archive files, and of parts that are not compacted, come back into Postgres.
 *
 * Rows that are there stay; nothing is sequenced or sealed anew. Each step holds the rows that Postgres then has against
 * the lines that it read, by count and sum, so what is answered as restored is proven to the byte.
 */
import { createHash } from 'node:crypto';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { ReplayLedger, ReplayPosition } from '#core/archive/rebuild-ports.ts';
import type { Event } from '#core/event/event.ts';
import type { BlockReader } from '#core/query/ports.ts';
import type { EventLine } from '#core/record/envelope.ts';
import type { Part } from '#core/record/segment.ts';

export interface ReplayPorts {
  /** Logs in as recovery. */
  readonly ledger: ReplayLedger;
  readonly blocks: BlockReader;
  readonly clock: () => Date;
}

export interface Replayed {
  /** Chunks of files and parts that were read. */
  readonly parts: number;
  readonly events: number;
  readonly added: number;
  /** Of the lines that were read, and of the rows that Postgres has for them: equal, or something is wrong. */
  readonly lines: { readonly events: number; readonly sum: string };
  readonly rows: { readonly events: number; readonly sum: string };
  /** Parts that cannot be read, and why. */
  readonly unread: readonly { readonly key: string; readonly reason: string }[];
  /** Where to go on; undefined at the end. */
  readonly next: ReplayPosition | undefined;
}

/** Parts that are asked for at once; a part is read and written at a time: it has two megabytes of lines. */
const partsAtOnce = 8;
const blocksAtOnce = 16;

/** Restores events with ids of [from, to) after a position, until there are none or `until` is over. */
export async function replay(
  { ledger, blocks, clock }: ReplayPorts,
  tenant: string,
  range: { readonly from: string; readonly to: string },
  { after, until }: { readonly after: ReplayPosition | undefined; readonly until: Date },
): Promise<Replayed> {
  const [lines, rows] = [new LinesSum(), new LinesSum()];
  const unread: { key: string; reason: string }[] = [];
  let [parts, added] = [0, 0];
  let next = after;
  for (let isEnd = false; !isEnd && clock() < until; ) {
    const sources = await ledger.sources(tenant, range, next, partsAtOnce);
    isEnd = sources.length < partsAtOnce;
    for (const [index, { part, position }] of sources.entries()) {
      if (clock() >= until) {
        isEnd = false;
        break;
      }
      try {
        for await (const own of linesWithin(blocks, part, range)) {
          const restored = await ledger.restore(tenant, own);
          added += restored.added;
          for (const { line } of own) lines.add(digestOf(line));
          for (const line of restored.stored) rows.add(digestOf(line));
        }
      } catch (error) {
        if (!isUnread(error)) throw error;
        unread.push({ key: part.key, reason: error.message });
      }
      parts++;
      next = position;
      if (isEnd && index === sources.length - 1) next = undefined;
    }
    if (isEnd) next = undefined;
  }
  const of = (sum: LinesSum) => ({ events: sum.count, sum: sum.hex });
  return { parts, events: lines.count, added, lines: of(lines), rows: of(rows), unread, next };
}

async function* linesWithin(
  blocks: BlockReader,
  part: Part,
  { from, to }: { readonly from: string; readonly to: string },
): AsyncGenerator<readonly EventLine[]> {
  for (let at = 0; at < part.blocks.length; at += blocksAtOnce) {
    const texts = await blocks.read(part, part.blocks.slice(at, at + blocksAtOnce));
    const lines = texts
      .flatMap((text) => text.split('\n').slice(0, -1))
      .map((line): EventLine => ({ event: JSON.parse(line) as Event, line }))
      .filter(({ event }) => event.id >= from && event.id < to);
    if (lines.length > 0) yield lines;
  }
}

const digestOf = (line: string) => createHash('sha256').update(line).digest();

/** In Glacier, damaged or gone: told, and the rest comes back. */
const isUnread = (error: unknown): error is Error =>
  error instanceof Error && ['Archived', 'Damaged', 'Missing'].includes(error.name);
