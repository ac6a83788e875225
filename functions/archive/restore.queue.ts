/**
 * Restore: a queue hands over what was confirmed, and S3 is asked for its files, some hundreds a run.
 *
 * What is left goes on with the next message, so a restore of thousands of files is many short runs. A run that dies, or
 * two that meet, ask S3 again for what it was asked already: it says so, and nothing is paid twice.
 */
import type { ArchiveObjects } from '#core/archive/ports.ts';
import { lookOf, type RestoreLook, type RestoreProgress } from '#core/archive/restore.ts';
import type { RestoreNow, Restores } from '#core/archive/restore-ports.ts';
import { Missing, type Outlet, type Recorder, Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openArchiveObjects, openRecorder, openRestoreQueue, openRestores } from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { lookAtFiles } from './look-at-files.ts';

export interface RestorePorts {
  readonly restores: Pick<Restores, 'get' | 'chosen' | 'looked' | 'asked'>;
  readonly archive: Pick<ArchiveObjects, 'state' | 'restore'>;
  readonly restoreQueue: Outlet;
  readonly recorder: Recorder;
}

/** Files of one run: two requests each, some seconds in all. */
export const stepFiles = 500;
const dayMs = 86_400_000;

export async function restore(
  ports: RestorePorts,
  messages: readonly QueueMessage[],
  { now }: { readonly now: Date },
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { messageId, body } of messages) {
    const { tenant, id } = JSON.parse(body) as { tenant: string; id: string };
    const wanted = await ports.restores.get(tenant, id);
    if (wanted?.state !== 'asking') continue;
    try {
      if (await step(ports, wanted, now)) await ports.restoreQueue.send([{ body, group: tenant }]);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      logger.error('files were not restored', { restore: id, error: error as Error });
      failed.push(messageId);
    }
  }
  return failed;
}

/** Asks S3 for some files; true when others are left. */
async function step(ports: RestorePorts, wanted: RestoreNow, now: Date): Promise<boolean> {
  const { tenant, id, days, speed } = wanted;
  const files = await ports.restores.chosen(tenant, id, stepFiles);
  const looks: RestoreLook[] = [];
  try {
    await lookAtFiles(ports.archive, files, async (file, stored) => {
      let look = lookOf(file.id, stored);
      const isShort = look?.state === 'ready' && look.until && look.until.getTime() < now.getTime() + days * dayMs;
      if (!look || isShort) {
        await ports.archive.restore(file.key, days, speed).catch((error: unknown) => {
          if (!(error instanceof Missing)) throw error;
        });
        look = lookOf(file.id, await ports.archive.state(file.key)) ?? { file: file.id, state: 'asked' };
      }
      looks.push(look);
    });
  } finally {
    await ports.restores.looked(tenant, id, looks, now);
  }
  const { progress } = (await ports.restores.get(tenant, id))!;
  if (progress!.waiting > 0) return true;
  // Recorded first: after a crash in between it is recorded twice rather than never.
  await record(ports, wanted, progress!, now);
  await ports.restores.asked(tenant, id, now);
  metric('archive', 'restored', files.length);
  return false;
}

async function record(
  { recorder }: RestorePorts,
  { tenant, id, days, speed }: RestoreNow,
  { underWay, ready, gone }: RestoreProgress,
  now: Date,
): Promise<void> {
  const event = {
    action: 'archive.restored',
    actor: { type: 'service', id: 'trailkeep' },
    operation_id: id,
    targets: [{ type: 'restore', id }],
    metadata: { speed, days, under_way: underWay, ready, gone },
  };
  await recorder.record(tenant, [event], now);
}

export const handler = onQueue(restore, {
  restores: openRestores,
  archive: openArchiveObjects,
  restoreQueue: openRestoreQueue,
  recorder: openRecorder,
});
