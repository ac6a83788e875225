/**
 * What a recovery does to the parts of a tenant: pure, from what the log has and what the database has.
 *
 * The log wins. Parts that agree with it stay. What it has and the database lost comes back from segments. What the
 * database got meanwhile moves behind the log, in its order; where that tells of events that the log has already, those
 * keep the leaf they have, and only the rest moves.
 */
import { sameBytes, toBase64 } from './bytes.ts';
import type { Entry, Leaf } from './entry.ts';
import type { KnownPart } from './ports.ts';

/** What stands in the way of a recovery; an operator has to look. */
export class Stuck extends Error {
  override readonly name = 'Stuck';
}

/** Entries of the newest archived tree from a leaf on below which the database is known to agree. */
export interface Tail {
  readonly from: number;
  readonly size: number;
  readonly entries: readonly Entry[];
}

/** Where a part of a segment lies in the log. */
export interface Run {
  readonly firstLeaf: number;
  readonly events: number;
}

const isLeaf = (leaf: Leaf, entry: Entry | undefined): boolean =>
  entry !== undefined &&
  leaf.id === entry.id &&
  leaf.kind === entry.kind &&
  sameBytes(leaf.commitment, entry.commitment);

/**
 * The leaf up to which the database's parts are those of the log. `integrated`: the size of the database's own tree.
 * Parts that are in no outbox were sealed, or put back by a recovery that broke off; what such a one could not find
 * leaves a gap before them.
 */
export function agreedSize(tail: Tail, parts: readonly KnownPart[], integrated: number): number {
  let agreed = tail.from;
  for (const { firstLeaf, events, outbox } of parts) {
    const stop = firstLeaf + events;
    if (stop > tail.size) break;
    const agrees = outbox
      ? firstLeaf === agreed &&
        outbox.leaves.every((leaf, index) => isLeaf(leaf, tail.entries[firstLeaf - tail.from + index]))
      : firstLeaf >= agreed && stop <= integrated;
    if (!agrees) break;
    agreed = stop;
  }
  return agreed;
}

/** Finds where the log has the leaves of a segment's part; all of them in a row, or it is not there. */
export function runFinder(tail: Tail, agreed: number): (leaves: readonly Leaf[]) => Run | undefined {
  const places = new Map<string, number>();
  for (let index = agreed; index < tail.size; index++) {
    const entry = tail.entries[index - tail.from]!;
    places.set(toBase64(entry.commitment), index);
  }
  return (leaves) => {
    const [first] = leaves;
    const firstLeaf = first && places.get(toBase64(first.commitment));
    if (firstLeaf === undefined) return undefined;
    const fits = leaves.every((leaf, index) => isLeaf(leaf, tail.entries[firstLeaf - tail.from + index]));
    return fits ? { firstLeaf, events: leaves.length } : undefined;
  };
}

/** Runs in the order of their leaves, without those that overlap one before: two segments can hold the same lines. */
export function inLogOrder<R extends Run>(runs: readonly R[]): R[] {
  const kept: R[] = [];
  let next = 0;
  for (const run of runs.toSorted((a, b) => a.firstLeaf - b.firstLeaf)) {
    if (run.firstLeaf < next) continue;
    kept.push(run);
    next = run.firstLeaf + run.events;
  }
  return kept;
}

/** Stretches of leaves that no run covers, `[from, to)`. */
export function gapsOf(
  runs: readonly Run[],
  from: number,
  to: number,
): { readonly from: number; readonly to: number }[] {
  const gaps: { from: number; to: number }[] = [];
  let next = from;
  for (const { firstLeaf, events } of runs) {
    if (firstLeaf > next) gaps.push({ from: next, to: firstLeaf });
    next = firstLeaf + events;
  }
  if (next < to) gaps.push({ from: next, to });
  return gaps;
}

/** What becomes of the parts above the agreed leaf. */
export interface Arrangement {
  readonly moved: readonly bigint[];
  readonly dropped: readonly bigint[];
  /** Of dropped parts: ids of events that the log does not have. */
  readonly left: readonly { readonly part: KnownPart; readonly ids: ReadonlySet<string> }[];
}

/**
 * Judges the parts above the agreed leaf by the ids of the events that come back. Throws `Stuck` for a part that was
 * sealed already: then the database knows of a checkpoint that S3 does not have.
 */
export function arrange(parts: readonly KnownPart[], found: ReadonlySet<string>): Arrangement {
  const moved: bigint[] = [];
  const dropped: bigint[] = [];
  const left: { part: KnownPart; ids: Set<string> }[] = [];
  for (const part of parts) {
    if (!part.outbox) throw new Stuck(`part ${part.seq} was sealed, and the archive does not have it`);
    const ids = part.outbox.leaves.map(({ id }) => id);
    const others = ids.filter((id) => !found.has(id));
    if (others.length === ids.length) moved.push(part.seq);
    else dropped.push(part.seq);
    if (others.length > 0 && others.length < ids.length) left.push({ part, ids: new Set(others) });
  }
  return { moved, dropped, left };
}

/** A transaction's share of what is found: it has seconds. */
export const partsAtOnce = 200;
export const eventsAtOnce = 10_000;

/** Runs in shares that one transaction takes each; a share has one run at least, and there is one share at least. */
export function sharesOf<R extends Run>(runs: readonly R[]): R[][] {
  const shares: R[][] = [[]];
  let events = 0;
  for (const run of runs) {
    const share = shares.at(-1)!;
    if (share.length > 0 && (share.length === partsAtOnce || events + run.events > eventsAtOnce)) {
      shares.push([run]);
      events = run.events;
    } else {
      share.push(run);
      events += run.events;
    }
  }
  return shares;
}
