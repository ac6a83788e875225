/**
 * A step of merging: small files of a day become one, days that stay small become a month.
 *
 * As with compaction, the merged file is named as doomed, written, read again and held against what was read; then one
 * transaction puts it in the place of the others, or nothing is changed. The others' objects stay for the readers that
 * found them before.
 */
import { LinesSum } from '#core/archive/lines-sum.ts';
import { mergeRuns } from '#core/archive/merge.ts';
import { fileBytesMin, type MergePlan, planMerges } from '#core/archive/plan-merge.ts';
import { Archived } from '#core/archive/ports.ts';
import type { Category } from '#core/event/event.ts';
import { logger } from '#functions/runtime/observe.ts';
import type { CompactPorts } from './compact-ports.ts';
import { discard } from './compact-step.ts';
import { Dropped } from './dropped.ts';
import { linesOfChunks } from './runs.ts';
import { verifyFile, writeFile } from './write-file.ts';

/** A question that found a file is answered within 29 s, an export of many parts within minutes. */
const readersMs = 3600_000;
/** Rows of one look. */
const filesMax = 2_000;

/** Merges what is due of a tenant until `until`; resolves with how many files took the place of others. */
export async function mergeFiles(
  ports: CompactPorts,
  tenant: string,
  ladderOf: (category: Category) => string,
  until: Date,
): Promise<number> {
  const small = await ports.ledger.smallFiles(tenant, fileBytesMin, filesMax);
  let merged = 0;
  for (const plan of planMerges(small, ports.clock())) {
    if (ports.clock() >= until) break;
    try {
      if (await mergeStep(ports, tenant, plan, ladderOf)) merged++;
    } catch (error) {
      if (!(error instanceof Archived)) throw error;
      logger.warn('files were not merged: one of them has left for Deep Archive', { tenant, key: error.key });
    }
  }
  return merged;
}

/** One merge. False when somebody else merged or purged one of the files meanwhile. */
export async function mergeStep(
  ports: CompactPorts,
  tenant: string,
  { files, tier, category, span, day }: MergePlan,
  ladderOf: (category: Category) => string,
): Promise<boolean> {
  const chunks = await Promise.all(files.map(({ id }) => ports.files.chunks(tenant, id)));
  // Its chunks went with it.
  if (chunks.some((own) => own.length === 0)) return false;
  const read = new LinesSum();
  const kept = new LinesSum();
  const dropped = new Dropped(kept);
  const runs = chunks.map((own) => linesOfChunks(ports, own, read));
  const about = { tenant, tier, category, span, day, ladder: ladderOf(category) };
  const merged = await writeFile(ports, about, mergeRuns(runs, dropped.add));
  const wanted = new LinesSum();
  for (const { linesSum, events } of files) wanted.addSum(linesSum, events);
  kept.addSum(merged.file.linesSum, merged.file.events);
  for (const sum of [read, kept]) {
    if (sum.count !== wanted.count || sum.hex !== wanted.hex) {
      throw new Error(`files of ${tenant} have other lines than the one they were merged into, ${merged.file.key}`);
    }
  }
  await verifyFile(ports, merged);
  await dropped.tell(ports.recorder, tenant, ports.clock());
  const now = ports.clock();
  const replaced = files.map(({ id, key }) => ({ id, key }));
  const after = new Date(now.getTime() + readersMs);
  const isReplaced = await ports.ledger.replace(tenant, { files: [merged], replaced, now, after });
  if (!isReplaced) await discard(ports, tenant, [merged]);
  return isReplaced;
}
