/**
 * Seals the tenants of segments that were announced, soon after their commit.
 *
 * What can go wrong: an announcement is lost, late or doubled, and nothing depends on it, because the sweep seals
 * whatever is due. A log that is frozen or fails holds up no other one; a place that is down fails the batch, which
 * comes again.
 */
import * as z from 'zod';
import { tiers } from '#core/event/event.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { inParallel } from './in-parallel.ts';
import { openSealPorts } from './open-seal.ts';
import { sealLog } from './seal.ts';
import type { SealLogPorts } from './seal-ports.ts';

/** Tenants at once: each mostly waits for S3, and Postgres has two connections. */
const logsAtOnce = 4;
/** A run goes on for so long, and what is left then is the sweep's. The function has twice the time. */
export const sealMs = 45_000;

const announcement = z.object({ v: z.literal(1), tier: z.enum(tiers), tenants: z.array(z.uuid()) });

export async function sealAnnounced(
  ports: SealLogPorts,
  messages: readonly QueueMessage[],
  { now }: { readonly now: Date },
): Promise<string[]> {
  const tenants = new Set<string>();
  for (const { body, messageId } of messages) {
    const read = announcement.safeParse(parsed(body));
    // Not worth a dead letter: it says nothing that the sweep does not find.
    if (!read.success) logger.error('an announcement cannot be read', { messageId });
    for (const tenant of read.data?.tenants ?? []) tenants.add(tenant);
  }
  await sealAll(ports, [...tenants], now);
  return [];
}

/** Seals tenants, and goes on when one fails. Rejects with `Unavailable` when a place is down, after the others had their turn. */
export async function sealAll(ports: SealLogPorts, tenants: readonly string[], now: Date): Promise<number> {
  const until = new Date(ports.clock().getTime() + sealMs);
  let down: Unavailable | undefined;
  let leaves = 0;
  await inParallel(tenants, logsAtOnce, async (tenant) => {
    try {
      if (ports.clock() >= until) return;
      const outcome = await sealLog(ports, tenant, now, until);
      leaves += outcome.leaves;
      if (outcome.state === 'fenced') {
        metric('proof', 'fenced', 1);
        logger.error('the database is not the one that S3 knows: recover the log', { tenant });
      }
    } catch (error) {
      if (error instanceof Unavailable) down = error;
      else {
        metric('proof', 'sealFailed', 1);
        logger.error('a log was not sealed', { tenant, error: error as Error });
      }
    }
  });
  if (down) throw down;
  return leaves;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export const handler = onQueue(sealAnnounced, openSealPorts);
