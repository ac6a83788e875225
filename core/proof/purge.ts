/**
 * What the log says of events that were deleted under a policy.
 *
 * A purge is an event of our own, `retention.purged`, with `metadata: {policy, leaves: [[from, to], …]}`: the leaves
 * `from` ≤ i < `to` have lost their events, their entries stay. It is stored and committed to like any event.
 */
import type { Event } from '../event/event.ts';
import { isCount } from './bytes.ts';
import { kindOf } from './entry.ts';

export const purgeAction = 'retention.purged';

export interface Purge {
  /** Leaf of the event that tells of it. */
  readonly index: number;
  /** What allowed it: id of the retention policy. */
  readonly policy: string;
  /** Half-open runs of leaves. */
  readonly leaves: readonly (readonly [from: number, to: number])[];
}

/** Reads a purge out of a verified event of leaf `index`; undefined for any other event. */
export function purgeOf(event: Event, index: number): Purge | undefined {
  if (event.action !== purgeAction || kindOf(event) !== 'p' || event.outcome.result !== 'success') return undefined;
  const { policy, leaves } = event.metadata ?? {};
  if (typeof policy !== 'string' || !Array.isArray(leaves)) return undefined;
  const runs = leaves.flatMap((run): [number, number][] => {
    if (!Array.isArray(run) || run.length !== 2) return [];
    const [from, to] = run as readonly unknown[];
    if (typeof from !== 'number' || typeof to !== 'number' || !isCount(from) || !isCount(to)) return [];
    // Nothing can be said of leaves that were not there yet.
    return from < to && to <= index ? [[from, to]] : [];
  });
  return runs.length > 0 ? { index, policy, leaves: runs } : undefined;
}

/** The purge that tells of a leaf. */
export const purgedBy = (purges: readonly Purge[], leaf: number): Purge | undefined =>
  purges.find(({ leaves }) => leaves.some(([from, to]) => leaf >= from && leaf < to));
