/**
 * An auditor's bundle (docs/reference/auditor-bundle.md): its events against its entries, these against its tiles, and
 * the tiles against the signed root; then its claims about what it holds all of.
 */
import { fromBase64, toBase64 } from './bytes.ts';
import type { ProofCrypto } from './crypto.ts';
import { proveInclusion } from './prove.ts';
import { besideRange } from './range.ts';
import { widthIn } from './tiles.ts';
import { parseProof } from './tlog-proof.ts';
import { leafHash, verifyInclusion } from './tree.ts';
import { judge } from './verdict.ts';
import { type Connection, type Trust, type TrustedCheckpoint, trustCheckpoint } from './verify-checkpoint.ts';
import type { PlacedEntry } from './verify-lines.ts';
import {
  aboutOf,
  bundleNumbers,
  checkArchive,
  type LogFiles,
  matchAll,
  openLog,
  readText,
  walk,
} from './verify-log.ts';
import { judgePeriod, type RangeFile } from './verify-range.ts';
import { type Report, Tally } from './verify-report.ts';
import type { CheckedTree } from './verify-tree.ts';

interface Manifest {
  readonly v: number;
  readonly origin: string;
  readonly size: number;
  readonly asked: { readonly from?: string; readonly to?: string; readonly ids?: readonly string[] };
  readonly without?: readonly { readonly index: number; readonly reason: string }[];
  readonly without_more?: number;
}

const none: AsyncIterable<string> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: '' }) }),
};

/** Verifies a bundle from a zip or a folder. */
export async function verifyExport(c: ProofCrypto, trust: Trust, files: LogFiles): Promise<Report> {
  const tally = new Tally();
  const log = await openLog(c, trust, files, tally);
  const why = 'Every event is what the log committed to, and nothing that was asked for is left out.';
  if (!log?.tree) return tally.report({ reason: 'verified', why }, log ? aboutOf(log.checkpoint) : {});
  const { checkpoint, tree } = log;
  const manifest = await readJson(files, 'manifest.json', isManifest, tally);
  const range = manifest?.asked.from === undefined ? undefined : await readJson(files, 'range.json', isRange, tally);
  const proved = manifest?.asked.ids ? await checkProofs(c, trust, files, tree, tally) : new Set<number>();
  const period = new Period(range);
  const withheld = new Withheld(manifest);
  const isAsked = (index: number) =>
    proved.has(index) || (range !== undefined && index >= range.start && index < range.end);
  const isWanted = ({ index }: PlacedEntry) => isAsked(index) && !withheld.has(index);

  const paths: string[] = [];
  for await (const path of files.list('tile/entries/')) paths.push(path);
  const inTree = bundleNumbers(paths).filter((n) => widthIn(0, n, tree.size) > 0);
  const erased = await readErased(files, tally);
  const lines = await files.lines('events.jsonl');
  if (!lines) tally.found(judge('event_gone', 'events.jsonl is gone.', { path: 'events.jsonl' }));
  await matchAll(c, period.watch(walk(tree, inTree, tally)), lines ?? none, tally, {
    wanted: isWanted,
    erased: (index) => erased.has(index),
  });
  if (range) await checkRange(c, range, period, tree, tally);
  await checkConsistency(c, trust, files, checkpoint, tally);
  const { count } = withheld;
  const besides = count > 0 ? ` It leaves out ${count} that whoever asked may not see; that is its own word.` : '';
  const about = { ...aboutOf(checkpoint), ...(count > 0 ? { withheld: count } : {}) };
  return tally.report({ reason: 'verified', why: why + besides }, about);
}

/** Leaves whose events the manifest says were withheld. Told and not judged: no hash can say who may see what. */
class Withheld {
  count = 0;
  readonly #listed: ReadonlySet<number>;
  readonly #from: number;
  constructor(manifest: Manifest | undefined) {
    const without = manifest?.without ?? [];
    this.#listed = new Set(without.flatMap(({ index, reason }) => (reason === 'withheld' ? [index] : [])));
    // The list is by index and has an end; what follows it is only counted there.
    this.#from =
      (manifest?.without_more ?? 0) > 0 ? without.reduce((last, { index }) => Math.max(last, index), -1) : Infinity;
  }
  /** Whether the event of a leaf is said to be withheld; asked once for each leaf that has no line. */
  has(index: number): boolean {
    const said = this.#listed.has(index) || index > this.#from;
    if (said) this.count++;
    return said;
  }
}

/** Remembers the times that a range proof rests on while entries go by. */
class Period {
  readonly times = new Map<number, number>();
  readonly #range: RangeFile | undefined;
  seen = 0;
  constructor(range: RangeFile | undefined) {
    this.#range = range;
  }
  async *watch(entries: AsyncIterable<PlacedEntry>): AsyncGenerator<PlacedEntry, void, undefined> {
    const { start = 0, end = 0, first = 0, last = 0 } = this.#range ?? {};
    for await (const placed of entries) {
      const { index } = placed;
      if (index >= first && index < last) this.seen++;
      if (index === start - 1 || index === start || index === end - 1 || index === end) {
        this.times.set(index, placed.entry.time);
      }
      yield placed;
    }
  }
}

async function checkRange(c: ProofCrypto, range: RangeFile, period: Period, tree: CheckedTree, tally: Tally) {
  const path = 'range.json';
  const judgement = judgePeriod(range, tree.size, (index) => period.times.get(index));
  if (judgement.verdict !== 'VERIFIED') tally.found({ ...judgement, at: { ...judgement.at, path } });
  const { first, last, size } = range;
  if (period.seen < last - first) {
    const why = `Of the ${last - first} entries that the period is proved with, ${last - first - period.seen} are not here.`;
    tally.found(judge('entry_gone', why, { path }));
  } else if (last > first && size === tree.size) {
    const inclusion = (index: number) => proveInclusion(c, tree.read, index, size);
    const expected = besideRange(range, { first: await inclusion(first), last: await inclusion(last - 1) });
    const agrees = (texts: readonly string[], hashes: readonly Uint8Array[]) =>
      texts.length === hashes.length && texts.every((text, i) => text === toBase64(hashes[i]!));
    if (agrees(range.left, expected.left) && agrees(range.right, expected.right)) return;
    tally.found(
      judge('proof_differs', 'The hashes of range.json do not stand beside its leaves in the tree.', { path }),
    );
  }
}

/** Checks the proofs of single events; resolves with the leaves that have a good one. */
async function checkProofs(c: ProofCrypto, trust: Trust, files: LogFiles, tree: CheckedTree, tally: Tally) {
  const proved = new Set<number>();
  for await (const path of files.list('proofs/')) {
    const proof = parseProof((await readText(files, path)) ?? '');
    const opened = proof && trustCheckpoint(c, trust, proof.checkpoint, path);
    if (!proof?.extra || !opened) {
      tally.found(judge('unreadable', `${path} is no proof with its entry.`, { path }));
      continue;
    }
    if (!opened.ok) {
      tally.found(opened.judgement);
      continue;
    }
    const { index, hashes, extra } = proof;
    const { size, root } = opened.checkpoint;
    const leaf = leafHash(c, extra);
    const good = size === tree.size && path === `proofs/${index}.tlog-proof`;
    if (good && verifyInclusion(c, { index, size, leaf, proof: hashes, root })) proved.add(index);
    else tally.found(judge('proof_differs', `${path} does not hash to the signed root.`, { path, index }));
  }
  return proved;
}

async function checkConsistency(
  c: ProofCrypto,
  trust: Trust,
  files: LogFiles,
  checkpoint: TrustedCheckpoint,
  tally: Tally,
): Promise<void> {
  let some = false;
  for await (const _ of files.list('checkpoint-archive/')) some = true;
  if (!some) return;
  const given = await readJson(files, 'consistency.json', isProofs, tally);
  await checkArchive(c, trust, files, checkpoint, tally, (size): Connection | undefined => {
    const proof = given?.proofs.find((one) => one.size === size)?.hashes.map(fromBase64);
    return proof?.every((hash) => hash !== undefined) ? { proof } : undefined;
  });
}

async function readErased(files: LogFiles, tally: Tally): Promise<Set<number>> {
  if (!(await files.read('erased.json'))) return new Set();
  return new Set((await readJson(files, 'erased.json', isErasedFile, tally))?.events.map(({ index }) => index));
}

type Check<Shape> = (value: unknown) => value is Shape;

async function readJson<Shape>(files: LogFiles, path: string, fits: Check<Shape>, tally: Tally) {
  const text = await readText(files, path);
  if (text === undefined) {
    tally.found(judge('no_proof', `${path} is not here.`, { path }));
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (fits(value)) return value;
  } catch {
    // Told below.
  }
  tally.found(judge('unreadable', `${path} is not written as it should be.`, { path }));
  return undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isText = (value: unknown): value is string => typeof value === 'string';
const isListOf = <Item>(value: unknown, fits: Check<Item>): value is readonly Item[] =>
  Array.isArray(value) && value.every(fits);
const isIndexed = (value: unknown): value is { readonly index: number } => isObject(value) && isNumber(value.index);

function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || !isObject(value.asked) || value.v !== 1) return false;
  const { from, ids } = value.asked;
  return (isText(from) || isListOf(ids, isText)) && (value.without === undefined || isListOf(value.without, isIndexed));
}

const isRange = (value: unknown): value is RangeFile =>
  isObject(value) &&
  [value.size, value.start, value.end, value.first, value.last].every(isNumber) &&
  [value.from, value.to].every(isText) &&
  [value.left, value.right].every((list) => isListOf(list, isText));

interface Proofs {
  readonly proofs: readonly { readonly size: number; readonly hashes: readonly string[] }[];
}
const isProofs = (value: unknown): value is Proofs =>
  isObject(value) &&
  isListOf(value.proofs, (one): one is Proofs['proofs'][number] => {
    return isObject(one) && isNumber(one.size) && isListOf(one.hashes, isText);
  });

interface ErasedFile {
  readonly events: readonly { readonly index: number }[];
}
const isErasedFile = (value: unknown): value is ErasedFile => isObject(value) && isListOf(value.events, isIndexed);
