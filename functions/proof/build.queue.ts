/**
 * Build: a queue hands over what auditors asked for, and each becomes a zip.
 *
 * The queue holds every message back for some seconds. An export whose leaves are not all published yet is sent again and
 * so comes back, until sealing has had its time. A run that dies leaves parts that nobody is told of, and the message
 * comes again.
 */
import { Archived } from '#core/archive/ports.ts';
import { Problem, type ProblemCode } from '#core/event/problem.ts';
import type { AuditorExport, Exports } from '#core/proof/export-ports.ts';
import type { Outlet } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import {
  openBlocks,
  openExportParts,
  openExportQueue,
  openExports,
  openLeaves,
  openLogStore,
  openNewId,
  openProofCrypto,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { type BuildPorts, buildExport, ExportTooLarge } from './build-export.ts';
import { publishedLog } from './published.ts';
import { ZipTooLarge } from './zip-parts.ts';

export interface BuildQueuePorts extends BuildPorts {
  readonly exports: Exports;
  readonly exportQueue: Outlet;
  readonly newId: (now: Date) => string;
}

/** Four times the longest merge delay of the defaults: a log that is that late is frozen, or its sealing is broken. */
const waitMsMax = 60 * 60_000;

export async function build(
  ports: BuildQueuePorts,
  messages: readonly QueueMessage[],
  { now }: { readonly now: Date },
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const message of messages) {
    const { tenant, id } = JSON.parse(message.body) as { tenant: string; id: string };
    const wanted = await ports.exports.get(tenant, id);
    // The row may be slower than the message. When the queue brings it again and there is none yet, its request was refused.
    if (!wanted && message.receiveCount === 1) failed.push(message.messageId);
    if (wanted?.state !== 'asked') continue;
    try {
      if (!(await buildOne(ports, wanted, now))) await ports.exportQueue.send([{ body: message.body, group: tenant }]);
    } catch (error) {
      logger.error('an export was not built', { export: id, error: error as Error });
      failed.push(message.messageId);
    }
  }
  return failed;
}

/** False when it has to wait. */
async function buildOne(ports: BuildQueuePorts, wanted: AuditorExport, now: Date): Promise<boolean> {
  const { tenant, id } = wanted;
  const end = (problem: ProblemCode) => ports.exports.end(tenant, id, { problem }).then(() => true);
  const published = await publishedLog(ports, await ports.leaves.status(tenant));
  if (!published || published.size === 0 || published.size < wanted.leaves) {
    if (wanted.leaves === 0) return end('proof_unavailable');
    return now.getTime() - wanted.askedAt.getTime() > waitMsMax ? end('proof_pending') : false;
  }
  try {
    const result = await buildExport(ports, wanted, published, ports.newId(now), now);
    await ports.exports.end(tenant, id, { result });
    metric('proof', 'exported', result.events);
    return true;
  } catch (error) {
    if (error instanceof ExportTooLarge || error instanceof ZipTooLarge) return end('range_too_large');
    // Whoever asked can restore the days and ask again; waiting for it here would be for ever.
    if (isArchived(error)) return end('archived');
    throw error;
  }
}

const isArchived = (error: unknown): boolean =>
  error instanceof Archived || (error instanceof Problem && error.fault.code === 'archived');

export const handler = onQueue(build, {
  exports: openExports,
  exportQueue: openExportQueue,
  exportParts: openExportParts,
  newId: openNewId,
  leaves: openLeaves,
  store: openLogStore,
  blocks: openBlocks,
  subjectKeys: openSubjectKeys,
  crypto: openProofCrypto,
});
