/** When a tenant's leaves have to be sealed, so that none is missing longer than was promised. */
import type { TenantPolicy } from '../access/access.ts';
import type { Tier } from '../event/event.ts';
import type { Pending } from './ports.ts';

/** Seconds between the commit of an event and the checkpoint that covers it, at most, where a tenant says nothing. */
export const mergeDelayDefaults: Readonly<Record<Tier, number>> = { critical: 60, bulk: 900 };

/**
 * What a tenant may say instead. Below, a delay could not be kept: critical events wait ten seconds for others to share
 * their checkpoint, and S3 and KMS need theirs. Above, an event that was dropped would pass as not yet due for longer
 * than anybody should wait: a quarter of an hour where it matters at once, a day, in which a heartbeat comes, elsewhere.
 */
export const mergeDelayBounds = {
  critical: { min: 30, max: 900 },
  bulk: { min: 60, max: 86_400 },
} as const satisfies Readonly<Record<Tier, { readonly min: number; readonly max: number }>>;

/** With so many leaves a checkpoint costs each of them next to nothing, so nothing is gained by waiting. */
export const leavesAtOnce = 20_000;

/** The delays that a tenant was promised, in seconds. */
export const mergeDelaysOf = (policy: Pick<TenantPolicy, 'mergeDelaySeconds'> | undefined): Record<Tier, number> => ({
  ...mergeDelayDefaults,
  ...policy?.mergeDelaySeconds,
});

/** ms that the oldest leaf of a tier has waited; 0 when none waits. */
const waitedMs = (oldest: Date | undefined, now: Date): number =>
  oldest === undefined ? 0 : Math.max(0, now.getTime() - oldest.getTime());

/** ms that a tenant's oldest leaf has waited. */
export const pendingMs = ({ oldestCritical, oldestBulk }: Pending, now: Date): number =>
  Math.max(waitedMs(oldestCritical, now), waitedMs(oldestBulk, now));

/** ms that a tenant's oldest leaf has waited beyond what was promised; 0 when all is in time. */
export const overdueMs = (
  { oldestCritical, oldestBulk }: Pending,
  delays: Readonly<Record<Tier, number>>,
  now: Date,
): number =>
  Math.max(0, waitedMs(oldestCritical, now) - delays.critical * 1000, waitedMs(oldestBulk, now) - delays.bulk * 1000);

/** Whether a sweep seals a tenant now: at half of what was promised, which leaves the other half for trying again. */
export function isDue(pending: Pending, delays: Readonly<Record<Tier, number>>, now: Date): boolean {
  const { leaves, oldestCritical, oldestBulk } = pending;
  // Archived and not published, or promised and not in the outbox: either way a run has to look.
  if (oldestCritical === undefined && oldestBulk === undefined) return leaves > 0;
  return (
    leaves >= leavesAtOnce ||
    (oldestCritical !== undefined && waitedMs(oldestCritical, now) >= (delays.critical * 1000) / 2) ||
    (oldestBulk !== undefined && waitedMs(oldestBulk, now) >= (delays.bulk * 1000) / 2)
  );
}
