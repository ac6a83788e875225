/**
 * Sweep: mends what a crash left behind.
 *
 * A segment that was committed and not announced is announced now (subscribers may see it twice, never not
 * at all). A segment that was written and not committed is garbage and is removed; the bucket is versioned,
 * so even a wrong removal can be undone.
 */
import type { Announcer, Ledger, Segments } from '#core/record/ports.ts';
import { openAnnouncer, openLedger, openSegments } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';

export interface SweepPorts {
  readonly ledger: Ledger;
  readonly segments: Segments;
  readonly announcer: Announcer;
}

const minute = 60_000;
/** A writer announces within its own run (60 s at most). */
const announceAfterMs = 2 * minute;
/** A writer lives 60 s at most; a quarter of an hour leaves room for clocks and retries. */
const garbageAfterMs = 15 * minute;
/** Looked at again for a day, so that a sweep that was down for hours misses nothing. */
const garbageUntilMs = 26 * 60 * minute;
/** One run's share; the next run takes the rest. */
const announcementsMax = 500;
/** Keys asked for at once. */
const keysAtOnce = 500;

export async function sweep(ports: SweepPorts, { now }: { readonly now: Date }) {
  return { announced: await announceMissed(ports, now), removed: await removeGarbage(ports, now) };
}

async function announceMissed({ ledger, announcer }: SweepPorts, now: Date): Promise<number> {
  const missed = await ledger.unannounced(new Date(now.getTime() - announceAfterMs), announcementsMax);
  for (const { segment, key, tier, tenants } of missed) {
    await announcer.announce({ segment, key, tier, tenants });
    await ledger.announced([segment]);
  }
  return missed.length;
}

async function removeGarbage({ ledger, segments }: SweepPorts, now: Date): Promise<number> {
  const from = new Date(now.getTime() - garbageUntilMs);
  const to = new Date(now.getTime() - garbageAfterMs);
  let removed = 0;
  let keys: string[] = [];
  const judge = async () => {
    const catalogued = await ledger.catalogued(keys);
    for (const key of keys) {
      if (catalogued.has(key)) continue;
      await segments.remove(key);
      removed++;
    }
    keys = [];
  };
  for await (const { key } of segments.list(from, to)) {
    keys.push(key);
    if (keys.length === keysAtOnce) await judge();
  }
  if (keys.length > 0) await judge();
  return removed;
}

export const handler = onSchedule(sweep, {
  ledger: openLedger,
  segments: openSegments,
  announcer: openAnnouncer,
});
