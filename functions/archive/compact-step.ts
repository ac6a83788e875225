/**
 * A step of compaction: a tenant's next parts become archive files.
 *
 * What can go wrong: it dies anywhere, or two of them run at once. Files are named as doomed before they are written and
 * count from the flip on, which is one transaction and fails when anybody else moved the tenant on; so parts are in files
 * once, or are still to be compacted. What was read, what was written and what was dropped add up by number and by
 * hash before the flip, and every file was read again from S3.
 */
import type { CataloguedFile, CompactablePart } from '#core/archive/compact-ports.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import { groupLines, mergeRuns } from '#core/archive/merge.ts';
import { type Category, tiers } from '#core/event/event.ts';
import { ArchivedAlready, CompactedMeanwhile } from './archived-already.ts';
import type { CompactPorts } from './compact-ports.ts';
import { Dropped } from './dropped.ts';
import { linesOfPart } from './runs.ts';
import { verifyFile, writeFile } from './write-file.ts';

/**
 * A step's limits, which are those of its memory: the result, compressed, two reads of 256 KB for each run, and an id for
 * each event.
 */
export const stepLimits = { parts: 256, bytes: 48 * 1024 * 1024, events: 400_000 } as const;
export type StepLimits = { readonly [Name in keyof typeof stepLimits]: number };

export interface StepReport {
  /** `raced`: somebody else compacts this tenant. */
  readonly outcome: 'nothing' | 'done' | 'more' | 'raced';
  readonly events: number;
  readonly files: number;
  readonly dropped: number;
  readonly rawBytes: number;
  readonly bytes: number;
}

const nothing: StepReport = { outcome: 'nothing', events: 0, files: 0, dropped: 0, rawBytes: 0, bytes: 0 };

/** Compacts a tenant's next parts. Throws when a segment cannot be read as what was committed; nothing is changed then. */
export async function compactStep(
  ports: CompactPorts,
  tenant: string,
  ladderOf: (category: Category) => string,
  limits: StepLimits = stepLimits,
): Promise<StepReport> {
  const { compactedSeq: from } = await ports.ledger.progress(tenant);
  const next = await ports.ledger.parts(tenant, from, limits.parts);
  const parts = prefixOf(next, limits);
  if (parts.length === 0) return nothing;
  const kept = new LinesSum();
  const work: Work = { read: new LinesSum(), dropped: new Dropped(kept), files: [] };
  const { read, dropped, files } = work;
  try {
    await writeFiles(ports, tenant, parts, ladderOf, work);
  } catch (error) {
    if (!(error instanceof CompactedMeanwhile)) throw error;
    await discard(ports, tenant, files);
    return { ...nothing, outcome: 'raced' };
  }
  for (const { file } of files) kept.addSum(file.linesSum, file.events);
  const events = parts.reduce((sum, part) => sum + part.events, 0);
  if (read.count !== events) throw new Error(`parts of ${tenant} after ${from} have ${read.count} lines of ${events}`);
  if (kept.count !== events || kept.hex !== read.hex) {
    throw new Error(`files of ${tenant} after ${from} have other lines than its parts: ${kept.count} of ${events}`);
  }
  for (const file of files) await verifyFile(ports, file);
  await dropped.tell(ports.recorder, tenant, ports.clock());
  const report = {
    events,
    files: files.length,
    dropped: dropped.count,
    rawBytes: files.reduce((sum, { file }) => sum + file.rawBytes, 0),
    bytes: files.reduce((sum, { file }) => sum + file.bytes, 0),
  };
  const flipped = await ports.ledger.flip(tenant, { from, parts, files, now: ports.clock() });
  if (!flipped) {
    await discard(ports, tenant, files);
    return { ...report, outcome: 'raced' };
  }
  const isLast = parts.length === next.length && next.length < limits.parts;
  return { ...report, outcome: isLast ? 'done' : 'more' };
}

interface Work {
  /** Of every line that was read. */
  readonly read: LinesSum;
  readonly dropped: Dropped;
  readonly files: CataloguedFile[];
}

/** Writes a file for each tier, category and day that the parts have something new of. */
async function writeFiles(
  ports: CompactPorts,
  tenant: string,
  parts: readonly CompactablePart[],
  ladderOf: (category: Category) => string,
  { read, dropped, files }: Work,
): Promise<void> {
  for (const tier of tiers) {
    const own = parts.filter((part) => part.tier === tier);
    const runs = own.map((part) => linesOfPart(ports, part, part.firstLeaf, read));
    for await (const { category, day, batches } of groupLines(mergeRuns(runs, dropped.add))) {
      const known = new ArchivedAlready(ports, { tenant, tier, category, day });
      const fresh = await known.without(batches, dropped.add);
      if (!fresh) continue;
      const about = { tenant, tier, category, day, span: 'day', ladder: ladderOf(category) } as const;
      files.push(await writeFile(ports, about, fresh));
    }
  }
}

/** Files that nobody will ever flip: they need not wait for the day that a crash would cost. */
export async function discard(
  { objects, ledger }: Pick<CompactPorts, 'objects' | 'ledger'>,
  tenant: string,
  files: readonly CataloguedFile[],
): Promise<void> {
  for (const { file } of files) await objects.remove(file.key);
  await ledger.forget(
    tenant,
    files.map(({ file: { id, key } }) => ({ id, key })),
  );
}

/** As many parts as one step may take, one at least. */
function prefixOf(parts: readonly CompactablePart[], limits: StepLimits): readonly CompactablePart[] {
  let bytes = 0;
  let events = 0;
  const end = parts.findIndex((part, at) => {
    for (const block of part.blocks) bytes += block.bytes;
    events += part.events;
    return at > 0 && (bytes > limits.bytes || events > limits.events);
  });
  return end < 0 ? parts : parts.slice(0, end);
}
