/**
 * What is stored, beside what the log committed to: rows, parts of segments, and the catalogue that finds them.
 *
 * Pure: whoever calls has read the entries out of a tree that hashes to a signed root, and the rest from where it lies.
 */
import type { Event, Tier } from '../event/event.ts';
import type { EventLine } from '../record/envelope.ts';
import { filterOfEvents } from '../record/membership.ts';
import type { Block, Segment } from '../record/segment.ts';
import { sameBytes } from './bytes.ts';
import type { Entry } from './entry.ts';
import type { Hasher } from './tree.ts';
import { type Judgement, judge } from './verdict.ts';
import { judgeLine, readEvent } from './verify-event.ts';
import type { PlacedEntry } from './verify-lines.ts';

/** A row of record.event. */
export interface StoredRow {
  readonly id: string;
  readonly line: string;
  /** Whether the columns that queries look at say what the line says. */
  readonly agrees: boolean;
}

/**
 * Judges rows of an interval of ids beside all entries that should have a row there. `isPending`: whether an event of
 * this id may be committed and not yet in the tree.
 */
export function judgeRows(
  c: Hasher,
  rows: readonly StoredRow[],
  entries: readonly PlacedEntry[],
  isPending: (id: string) => boolean,
): Judgement[] {
  const found: Judgement[] = [];
  const left = Map.groupBy(entries, ({ entry }) => entry.id);
  for (const { id, line, agrees } of rows) {
    const own = left.get(id);
    if (!own) {
      if (!isPending(id)) found.push(judge('event_extra', `The row of event ${id} has no entry in the log.`, { id }));
      continue;
    }
    left.delete(id);
    const judged = own.map(({ index, entry }) => judgeLine(c, line, entry, { index }));
    const best = judged.find(({ verdict }) => verdict === 'VERIFIED') ?? judged[0]!;
    if (best.verdict !== 'VERIFIED') found.push(best);
    else if (!agrees) {
      const why = `The columns of the row of event ${id} do not say what the event says, so queries miss it.`;
      found.push(judge('event_differs', why, best.at));
    }
  }
  for (const [id, [placed]] of left) {
    const { index } = placed!;
    found.push(judge('event_gone', `The log has leaf ${index}, and the row of event ${id} is gone.`, { index, id }));
  }
  return found;
}

/** A part of the catalogue, as far as it can be judged. */
export interface StoredPart {
  readonly firstLeaf: number;
  readonly events: number;
  readonly key: string;
  readonly minId: string;
  readonly maxId: string;
  readonly minTime: number;
  readonly maxTime: number;
  readonly blocks: readonly Pick<Block, 'events' | 'minTime' | 'maxTime' | 'filter'>[];
}

/** Judges a part of a segment: the texts of its blocks beside its entries, and the catalogue beside both. */
export function judgePart(
  c: Hasher,
  part: StoredPart,
  entries: readonly (Entry | undefined)[],
  texts: readonly string[],
): Judgement[] {
  const blocks = texts.map((text) => text.split('\n'));
  // The newline behind the last line belongs to it.
  const isWhole = blocks.every((lines) => lines.pop() === '');
  const lines = blocks.flat();
  const { found, known } = judgeOrder(c, part, entries, lines);
  if (known === 0 && found.length > 1) return [otherSegment(part)];
  if (!isWhole) found.push(judge('segment_differs', `A block of ${part.key} ends within a line.`, { path: part.key }));
  if (found.length > 0) return found;
  const events = blocks.map((own) => own.map((line) => readEvent(line)!));
  return isIndexed(part, events)
    ? []
    : [
        judge(
          'segment_differs',
          `The catalogue says of ${part.key} what is not in it, so queries miss events.`,
          at(part),
        ),
      ];
}

const at = ({ firstLeaf, key }: StoredPart) => ({ index: firstLeaf, path: key });

const otherSegment = (part: StoredPart): Judgement => {
  const last = part.firstLeaf + part.events - 1;
  return judge(
    'segment_differs',
    `${part.key} holds none of the events of leaves ${part.firstLeaf} to ${last}.`,
    at(part),
  );
};

/** Line `i` belongs to entry `i`. Where one does not, lines are matched by id; `known` counts those that are as committed. */
function judgeOrder(
  c: Hasher,
  { firstLeaf, key }: StoredPart,
  entries: readonly (Entry | undefined)[],
  lines: readonly string[],
): { readonly found: Judgement[]; readonly known: number } {
  const judged = (line: string, i: number) => judgeLine(c, line, entries[i]!, { index: firstLeaf + i, path: key });
  const found: Judgement[] = [];
  const left = new Map<string, number[]>();
  for (const [i, entry] of entries.entries()) {
    if (entry) left.set(entry.id, [...(left.get(entry.id) ?? []), i]);
  }
  let known = 0;
  let last = -1;
  for (const [at, line] of lines.entries()) {
    const id = readEvent(line)?.id;
    const own = (id === undefined ? undefined : left.get(id)) ?? [];
    const i = own.find((one) => judged(line, one).verdict === 'VERIFIED') ?? own[0];
    if (i === undefined) {
      // Where the log's own entry is not to be believed, that was told, and nothing can be said of the line.
      if (at < entries.length && !entries[at]) continue;
      const where = { path: key, ...(id === undefined ? {} : { id }) };
      found.push(judge('event_extra', `Line ${at + 1} of the part in ${key} is no event of the log.`, where));
      continue;
    }
    own.splice(own.indexOf(i), 1);
    const judgement = judged(line, i);
    if (judgement.verdict !== 'VERIFIED') found.push(judgement);
    else {
      known++;
      if (i < last) {
        found.push(
          judge('order_differs', `The event of leaf ${firstLeaf + i} is not in its place in ${key}.`, judgement.at),
        );
      }
    }
    last = Math.max(last, i);
  }
  for (const i of [...left.values()].flat()) {
    const index = firstLeaf + i;
    const where = { index, id: entries[i]!.id, path: key };
    found.push(judge('event_gone', `The log has leaf ${index}, and its event is not in ${key}.`, where));
  }
  return { found, known };
}

/** Whether the catalogue's index of a part is the one that its events give. */
export function isIndexed(part: Omit<StoredPart, 'firstLeaf' | 'key'>, events: readonly (readonly Event[])[]): boolean {
  const all = events.flat();
  if (all.length === 0) return false;
  const times = all.map(({ occurred_at }) => Date.parse(occurred_at));
  const ids = all.map(({ id }) => id).sort();
  const isBlock = (block: StoredPart['blocks'][number], own: readonly Event[]): boolean => {
    const ms = own.map(({ occurred_at }) => Date.parse(occurred_at));
    return (
      block.events === own.length &&
      block.minTime === Math.min(...ms) &&
      block.maxTime === Math.max(...ms) &&
      sameBytes(block.filter, filterOfEvents(own))
    );
  };
  return (
    part.events === all.length &&
    part.minId === ids[0] &&
    part.maxId === ids.at(-1) &&
    part.minTime === times.reduce((a, b) => Math.min(a, b)) &&
    part.maxTime === times.reduce((a, b) => Math.max(a, b)) &&
    part.blocks.length === events.length &&
    part.blocks.every((block, i) => isBlock(block, events[i]!))
  );
}

/** What the catalogue knows of a segment's object. */
export interface StoredSegment {
  readonly id: string;
  readonly key: string;
  readonly tier: Tier;
  readonly bytes: number;
  /** Hex, over the object. */
  readonly sha256: string;
  /** The tenant that answers for the object as a whole: the first that has a part in it. */
  readonly tenant: string;
}

/** Blocks follow each other from the header of a gzip member (RFC 1952) to its empty last block, CRC and length. */
const gzipHeaderBytes = 10;
const gzipEndBytes = 10;

/**
 * Judges a segment as a whole: the object is the one that was written, and its sidecar, from which the catalogue could be
 * rebuilt, says what is in it. `loaded` was read with its sidecar, and its lines are in its order.
 */
export function judgeSegment(
  known: StoredSegment,
  loaded: { readonly segment: Segment; readonly lines: readonly EventLine[] },
): Judgement[] {
  const { segment, lines } = loaded;
  const path = known.key;
  const { id, key, tier, bytes, sha256 } = segment;
  const isSame = sha256 === known.sha256 && bytes === known.bytes && id === known.id;
  if (!isSame || key !== path || tier !== known.tier) {
    return [judge('segment_differs', `${path} is not the object that the catalogue has the hash of.`, { path })];
  }
  let from = 0;
  const all = segment.parts.flatMap(({ blocks }) => blocks);
  const ends = all.map((block) => block.offset + block.bytes);
  const isDense =
    all[0]?.offset === gzipHeaderBytes &&
    ends.at(-1) === bytes - gzipEndBytes &&
    all.slice(1).every(({ offset }, i) => offset === ends[i]);
  const isTrue = segment.parts.every((part) => {
    const blocks = part.blocks.map((block) => {
      const own = lines.slice(from, from + block.events).map(({ event }) => event);
      from += block.events;
      return own;
    });
    return part.key === path && blocks.flat().every(({ tenant }) => tenant === part.tenant) && isIndexed(part, blocks);
  });
  if (isTrue && isDense && from === lines.length) return [];
  return [judge('segment_differs', `The sidecar of ${path} says what is not in it.`, { path })];
}

/** Where leaves are beside parts of segments. */
export interface Elsewhere {
  /** An archive file has the event of this leaf, or a purge that the log knows names it. */
  has(leaf: number): boolean;
}

/**
 * Judges that every leaf from `from` on, and up to `to` if these are all parts, can be found: in a part, in an archive
 * file or in a purge. A compacted part serves pollers alone, so its leaves must be elsewhere too.
 */
export function judgeCatalogue(
  parts: readonly (Pick<StoredPart, 'firstLeaf' | 'events' | 'key'> & { readonly isCompacted?: boolean })[],
  from: number,
  to?: number,
  elsewhere: Elsewhere = { has: () => false },
): Judgement[] {
  const found: Judgement[] = [];
  let next = from;
  const lacks = (end: number) => {
    for (const [first, past] of runsNotIn(elsewhere, next, end)) {
      const why = `Nothing is catalogued for leaves ${first} to ${past - 1} of the log: no segment, no archive file and no purge.`;
      found.push(judge('segment_gone', why, { index: first }));
    }
  };
  for (const { firstLeaf, events, key, isCompacted } of parts) {
    if (firstLeaf > next) lacks(firstLeaf);
    if (firstLeaf < next && firstLeaf >= from) {
      const why = `Two segments are catalogued for leaf ${firstLeaf} of the log; one is ${key}.`;
      found.push(judge('segment_differs', why, { index: firstLeaf, path: key }));
    }
    if (isCompacted) {
      for (const [first, past] of runsNotIn(elsewhere, Math.max(from, firstLeaf), firstLeaf + events)) {
        const why = `Leaves ${first} to ${past - 1} are compacted and in no archive file, so queries miss their events.`;
        found.push(judge('archive_gone', why, { index: first, path: key }));
      }
    }
    next = Math.max(next, firstLeaf + events);
  }
  if (to !== undefined && next < to) lacks(to);
  return found;
}

/** Runs of leaves from ≤ i < to that are not there. */
export function* runsNotIn(elsewhere: Elsewhere, from: number, to: number): Iterable<[first: number, past: number]> {
  for (let first = from; first < to; first++) {
    if (elsewhere.has(first)) continue;
    let past = first + 1;
    while (past < to && !elsewhere.has(past)) past++;
    yield [first, past];
    first = past;
  }
}
