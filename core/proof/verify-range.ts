/** Whether a list of entries is all that a log has of a period. */
import { fromBase64, sameBytes } from './bytes.ts';
import type { ProofCrypto } from './crypto.ts';
import { decodeEntry, type Entry } from './entry.ts';
import { rangeRoot } from './range.ts';
import { leafHash } from './tree.ts';
import { type Judgement, judge } from './verdict.ts';
import { type Trust, trustCheckpoint } from './verify-checkpoint.ts';

/** The completeness proof of docs/reference/auditor-bundle.md, in the file's own words. */
export interface RangeFile {
  /** RFC 3339. */
  readonly from: string;
  readonly to: string;
  readonly size: number;
  /** Leaves of the period, half-open. */
  readonly start: number;
  readonly end: number;
  /** Leaves that are proved: those, and a neighbour on each side. */
  readonly first: number;
  readonly last: number;
  /** Base64. */
  readonly left: readonly string[];
  readonly right: readonly string[];
}

/** Judges a range proof with its entries and its signed checkpoint. */
export function verifyRange(
  c: ProofCrypto,
  trust: Trust,
  range: RangeFile,
  given: { readonly entries: readonly Uint8Array[]; readonly checkpoint: string },
): Judgement {
  const opened = trustCheckpoint(c, trust, given.checkpoint, 'the checkpoint of the proof');
  if (!opened.ok) return opened.judgement;
  const { size, root } = opened.checkpoint;
  const { first, last } = range;
  if (range.size !== size || given.entries.length !== last - first) {
    const why = `The proof is of ${last - first} entries in a tree of ${range.size} leaves, and ${given.entries.length} of one of ${size} are given.`;
    return judge('proof_differs', why, { size });
  }
  const entries: Entry[] = [];
  for (const [i, text] of given.entries.entries()) {
    const entry = decodeEntry(text);
    if (!entry)
      return judge('entry_invalid', `Entry ${first + i} is not written as entries are.`, { index: first + i });
    const before = entries.at(-1);
    if (before && entry.time < before.time) {
      const why = `Leaf ${first + i} has an earlier time than the one before it.`;
      return judge('time_decreases', why, { index: first + i });
    }
    entries.push(entry);
  }
  const left = hashesOf(range.left);
  const right = hashesOf(range.right);
  const leaves = given.entries.map((text) => leafHash(c, text));
  if (!left || !right) return judge('unreadable', 'A hash of the proof is no base64.');
  // A log without leaves has nothing to prove, and its root says so.
  const found = size === 0 ? root : rangeRoot(c, { first, size, leaves, left, right });
  if (!found || !sameBytes(found, root)) {
    const why = `The entries do not hash to the root that the log signed for ${size} leaves: one is changed, missing or too many.`;
    return judge('proof_differs', why, { size });
  }
  return judgePeriod(range, size, (index) => entries[index - first]?.time);
}

/** Judges by the times of proved leaves whether `start` to `end` is the whole period; times are known from `first` to `last`. */
export function judgePeriod(
  { from, to, start, end, first, last }: RangeFile,
  size: number,
  timeOf: (index: number) => number | undefined,
): Judgement {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const fits =
    first === Math.max(0, start - 1) && last === Math.min(size, end + 1) && start >= 0 && start <= end && end <= size;
  if (!fits || Number.isNaN(fromMs) || Number.isNaN(toMs)) {
    return judge('proof_differs', 'The proof leaves out a neighbour of the period, so something may be left out.', {
      size,
    });
  }
  const before = (index: number, ms: number) => (timeOf(index) ?? Number.NaN) < ms;
  const since = (index: number, ms: number) => (timeOf(index) ?? Number.NaN) >= ms;
  if (start > 0 && !before(start - 1, fromMs)) {
    return judge('entry_gone', `Leaf ${start - 1} is of the period too, and the proof begins behind it.`, {
      index: start - 1,
    });
  }
  if (end < size && !since(end, toMs)) {
    return judge('entry_gone', `Leaf ${end} is of the period too, and the proof ends before it.`, { index: end });
  }
  // Times never decrease, so the ends of the run speak for all between.
  if (start < end && (!since(start, fromMs) || !before(end - 1, toMs))) {
    return judge('proof_differs', 'The proof lists leaves as of the period that are not.', { size });
  }
  const open = end === size ? ' The log had nothing later when this was signed.' : '';
  return judge('verified', `The log has exactly ${end - start} leaves of the period.${open}`, { size });
}

function hashesOf(texts: readonly string[]): Uint8Array[] | undefined {
  const hashes = texts.map(fromBase64);
  return hashes.every((hash) => hash !== undefined) ? hashes : undefined;
}
