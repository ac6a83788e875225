/** A whole log from its files: every entry up to the signed root, every tile, every checkpoint that was archived. */
import type { ProofCrypto } from './crypto.ts';
import { type Purge, purgeOf } from './purge.ts';
import { parseTilePath, tileWidth } from './tiles.ts';
import { judge } from './verdict.ts';
import { type Connection, connect, type Trust, type TrustedCheckpoint, trustCheckpoint } from './verify-checkpoint.ts';
import { judgeGone, readEvent } from './verify-event.ts';
import { matchLines, type PlacedEntry } from './verify-lines.ts';
import { type Report, Tally } from './verify-report.ts';
import { type CheckedTree, openTree } from './verify-tree.ts';

/** Files of a log by path, from a folder, a zip, or S3. */
export interface LogFiles {
  /** Undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Paths below a prefix that ends in `/`, in any order. */
  list(prefix: string): AsyncIterable<string>;
  /** The lines of a text file without their newlines; undefined when there is none. */
  lines(path: string): Promise<AsyncIterable<string> | undefined>;
}

export const archiveFolder = 'checkpoint-archive/';
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of a file. */
export async function readText(files: LogFiles, path: string): Promise<string | undefined> {
  const bytes = await files.read(path);
  return bytes && decoder.decode(bytes);
}

/** Opens the log's checkpoint and its tree; what stands against it is in the tally. */
export async function openLog(
  c: ProofCrypto,
  trust: Trust,
  files: LogFiles,
  tally: Tally,
): Promise<{ readonly checkpoint: TrustedCheckpoint; readonly tree?: CheckedTree } | undefined> {
  const note = await readText(files, 'checkpoint');
  if (note === undefined) {
    tally.found(judge('no_log', 'There is no checkpoint here, so this is no log.', { path: 'checkpoint' }));
    return undefined;
  }
  const opened = trustCheckpoint(c, trust, note);
  if (!opened.ok) {
    tally.found(opened.judgement);
    return undefined;
  }
  const { checkpoint } = opened;
  const tree = await openTree(c, (path) => files.read(path), checkpoint, tally.found);
  return tree ? { checkpoint, tree } : { checkpoint };
}

/** Verifies a directory in the layout of C2SP tlog-tiles; and the events in `events.jsonl`, when that is there. */
export async function verifyLog(c: ProofCrypto, trust: Trust, files: LogFiles): Promise<Report> {
  const tally = new Tally();
  const log = await openLog(c, trust, files, tally);
  if (!log) return tally.report({ reason: 'verified', why: '' });
  const { checkpoint, tree } = log;
  const { size, origin } = checkpoint;
  if (tree) {
    const entries = walk(tree, bundlesOf(size), tally);
    const lines = await files.lines('events.jsonl');
    if (lines) await matchAll(c, entries, lines, tally, { wanted: () => true });
    else for await (const _ of entries);
    await checkArchive(c, trust, files, checkpoint, tally, () => ({ read: tree.read }));
  }
  return tally.report(
    { reason: 'verified', why: `All ${size} entries hash to the root that ${origin} signed.` },
    aboutOf(checkpoint),
  );
}

export const aboutOf = ({ origin, size, witnessedAt }: TrustedCheckpoint) => ({
  origin,
  size,
  ...(witnessedAt === undefined ? {} : { witnessedAt }),
});

function* bundlesOf(size: number): Generator<number, void, undefined> {
  for (let n = 0; n * tileWidth < size; n++) yield n;
}

/** Bundles that are on their way at once: reading waits for no hash and no hash for reading. */
const bundlesAhead = 16;

/** Entries of bundles in order, checked; their times must not decrease. */
export async function* walk(
  tree: CheckedTree,
  bundles: Iterable<number>,
  tally: Tally,
): AsyncGenerator<PlacedEntry, void, undefined> {
  const numbers = bundles[Symbol.iterator]();
  const ahead: ReturnType<CheckedTree['bundle']>[] = [];
  const begin = () => {
    const next = numbers.next();
    if (!next.done) ahead.push(tree.bundle(next.value));
  };
  for (let i = 0; i < bundlesAhead; i++) begin();
  let time = 0;
  for (let next = ahead.shift(); next; next = ahead.shift()) {
    begin();
    const { first, entries } = await next;
    for (const [i, entry] of entries.entries()) {
      if (!entry) continue;
      tally.entries++;
      const index = first + i;
      if (entry.time < time) {
        tally.found(judge('time_decreases', `Leaf ${index} has an earlier time than one before it.`, { index }));
      }
      time = entry.time;
      yield { index, entry };
    }
  }
}

/** Matches lines with entries; a wanted entry without a line was purged, or is gone. */
export async function matchAll(
  c: ProofCrypto,
  entries: AsyncIterable<PlacedEntry>,
  lines: AsyncIterable<string>,
  tally: Tally,
  about: { readonly wanted: (placed: PlacedEntry) => boolean; readonly erased?: (index: number) => boolean },
): Promise<void> {
  const purges: Purge[] = [];
  const gone: { readonly index: number; readonly entry: { readonly id: string } }[] = [];
  for await (const { line, placed, judgement } of matchLines(c, entries, lines, about.erased)) {
    if (judgement) tally.event(judgement);
    else if (placed && about.wanted(placed)) gone.push({ index: placed.index, entry: { id: placed.entry.id } });
    if (line === undefined || placed?.entry.kind !== 'p' || judgement?.verdict !== 'VERIFIED') continue;
    const event = readEvent(line);
    const purge = event && purgeOf(event, placed.index);
    if (purge) purges.push(purge);
  }
  for (const { index, entry } of gone) tally.event(judgeGone(index, entry, purges));
}

/** Checks that every archived checkpoint tells the same history as the newest one. */
export async function checkArchive(
  c: ProofCrypto,
  trust: Trust,
  files: LogFiles,
  checkpoint: TrustedCheckpoint,
  tally: Tally,
  connectionOf: (size: number) => Connection | undefined,
): Promise<void> {
  for await (const path of files.list(archiveFolder)) {
    const note = (await readText(files, path)) ?? '';
    // Witnesses sign what is published, some time after it was archived.
    const opened = trustCheckpoint(c, { keys: trust.keys }, note, path);
    if (!opened.ok) {
      tally.found(opened.judgement);
      continue;
    }
    const { size } = opened.checkpoint;
    if (path !== archivePath(size)) {
      tally.found(judge('checkpoint_invalid', `${path} is a checkpoint of ${size} leaves.`, { path, size }));
    }
    if (size > checkpoint.size) {
      const why = `A checkpoint of ${size} leaves is archived, and the log shows ${checkpoint.size}: it went back.`;
      tally.found(judge('rewound', why, { path, size }));
      continue;
    }
    const judgement = await connect(c, opened.checkpoint, checkpoint, connectionOf(size));
    if (judgement.verdict !== 'VERIFIED') tally.found({ ...judgement, at: { ...judgement.at, path } });
  }
}

/** Where the checkpoint of a size is archived. */
export const archivePath = (size: number): string => `${archiveFolder}${String(size).padStart(20, '0')}`;

/** Numbers of the bundles among paths, in order. */
export const bundleNumbers = (paths: readonly string[]): number[] =>
  [...new Set(paths.flatMap((path) => parseTilePath(path)?.n ?? []))].sort((a, b) => a - b);
