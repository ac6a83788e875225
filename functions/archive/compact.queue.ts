/**
 * Compacts tenants, one a message: their new parts become files, their small files larger ones, and what is left over goes.
 *
 * A message holds nothing that is not written elsewhere: one that is lost or doubled costs time. When a run's time is over
 * before the tenant's work is, the message is sent again. A tenant whose segment cannot be read stays where it is and is
 * told of, and holds up no other.
 */
import * as z from 'zod';
import { defaultRetention, ladderFor } from '#core/archive/retention.ts';
import type { Category } from '#core/event/event.ts';
import { type Outlet, Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import {
  openArchiveFiles,
  openArchiveLedger,
  openArchiveWriter,
  openBlocks,
  openClock,
  openCompactQueue,
  openControl,
  openFeedDays,
  openLineDigest,
  openNewId,
  openRecorder,
} from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { releaseParts, removeDoomed } from './clean-up.ts';
import type { CompactPorts } from './compact-ports.ts';
import { compactStep, type StepLimits, stepLimits } from './compact-step.ts';
import { mergeFiles } from './merge-step.ts';

export interface CompactQueuePorts extends CompactPorts {
  readonly compactQueue: Outlet;
  /** Days that pollers may be behind. */
  readonly feedDays: number;
}

/** The function has 900 s; a step takes less than a minute. */
const runMs = 720_000;
const dayMs = 86_400_000;

const message = z.object({ tenant: z.uuid() });

export async function compact(ports: CompactQueuePorts, messages: readonly QueueMessage[]): Promise<readonly string[]> {
  const failed: string[] = [];
  const until = new Date(ports.clock().getTime() + runMs);
  for (const { body, messageId } of messages) {
    const { tenant } = message.parse(JSON.parse(body));
    try {
      if (!(await compactTenant(ports, tenant, until))) await ports.compactQueue.send([{ body, group: tenant }]);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      logger.error('a tenant was not compacted', { tenant, error: error as Error });
      metric('archive', 'compactFailed', 1);
      failed.push(messageId);
    }
  }
  return failed;
}

/** All there is to be done for a tenant. False when time is over before it is. */
export async function compactTenant(
  ports: CompactQueuePorts,
  tenant: string,
  until: Date,
  limits: StepLimits = stepLimits,
): Promise<boolean> {
  const retention = (await ports.control.tenant(tenant))?.retention ?? defaultRetention;
  const ladderOf = (category: Category) => ladderFor(retention, category).name;
  for (;;) {
    const { outcome, ...report } = await compactStep(ports, tenant, ladderOf, limits);
    if (outcome !== 'nothing') logger.info('compacted', { tenant, outcome, ...report });
    metric('archive', 'compacted', outcome === 'raced' ? 0 : report.events);
    metric('archive', 'duplicates', outcome === 'raced' ? 0 : report.dropped);
    if (outcome !== 'more') break;
    if (ports.clock() >= until) return false;
  }
  const merged = await mergeFiles(ports, tenant, ladderOf, until);
  metric('archive', 'merged', merged);
  await removeDoomed(ports, tenant, until);
  await releaseParts(ports, tenant, new Date(ports.clock().getTime() - ports.feedDays * dayMs), until);
  return ports.clock() < until;
}

export const handler = onQueue(compact, {
  ledger: openArchiveLedger,
  files: openArchiveFiles,
  objects: openArchiveWriter,
  blocks: openBlocks,
  control: openControl,
  recorder: openRecorder,
  compactQueue: openCompactQueue,
  digest: openLineDigest,
  feedDays: openFeedDays,
  newId: openNewId,
  clock: openClock,
});
