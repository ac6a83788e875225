/**
 * Sweep: mends what a crash, or a restored database, left behind.
 *
 * A segment that was committed and not announced is announced now (subscribers may see it twice, never not at all).
 * A segment that was written and not committed holds events that somebody has a receipt for: when their messages were
 * committed by another try it is garbage and goes; when none was, it is committed now, and the messages add nothing
 * when they come again. The bucket is versioned, so even a wrong removal can be undone.
 */

import type { Tier } from '#core/event/event.ts';
import { uuidTime } from '#core/event/uuid.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { type Announcer, type Ledger, type Segments, type Together, Unavailable } from '#core/record/ports.ts';
import type { Segment } from '#core/record/segment.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openAnnouncer, openLedger, openNewId, openSegments, openTogether } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { leavesOf } from './leaves.ts';

export interface SweepPorts {
  readonly ledger: Ledger;
  /** Undefined: one cluster has all tenants. */
  readonly together?: Together;
  readonly segments: Segments;
  readonly announcer: Announcer;
  /** A fresh UUIDv7 for a segment. */
  readonly newId: (now: Date) => string;
}

const minute = 60_000;
/** A writer announces within its own run (60 s at most). */
const announceAfterMs = 2 * minute;
/** A writer lives 60 s at most; a quarter of an hour leaves room for clocks and retries. */
const orphanAfterMs = 15 * minute;
/**
 * A segment without a row is garbage for certain only when nobody will restore the database to before the commit that
 * took its place, and when no log that was set back has it: each log's heartbeat compares it with its archive every day.
 */
const garbageAfterMs = 26 * 60 * minute;
/** Looked at again for two days: a sweep that runs once a day sees every segment, and one that was down misses nothing. */
const orphanUntilMs = 50 * 60 * minute;
/** One run's share; the next run takes the rest. */
const announcementsMax = 500;
/** Keys asked for at once. */
const keysAtOnce = 500;
/** Queues keep a message for 14 days; the day more is for clocks. */
const messagesKeptMs = 15 * 24 * 60 * minute;

export async function sweep(ports: SweepPorts, { now }: { readonly now: Date }) {
  const announced = await announceMissed(ports, now);
  const { adopted, removed } = await mendOrphans(ports, now);
  const forgotten = await ports.ledger.forgetMessages(new Date(now.getTime() - messagesKeptMs));
  return { announced, adopted, removed, forgotten };
}

async function announceMissed({ ledger, announcer }: SweepPorts, now: Date): Promise<number> {
  const missed = await ledger.unannounced(new Date(now.getTime() - announceAfterMs), announcementsMax);
  for (const { segment, key, tier, tenants } of missed) {
    await announcer.announce({ segment, key, tier, tenants });
    await ledger.announced([segment]);
  }
  return missed.length;
}

interface Mended {
  adopted: number;
  removed: number;
}

async function mendOrphans(ports: SweepPorts, now: Date): Promise<Mended> {
  const from = new Date(now.getTime() - orphanUntilMs);
  const to = new Date(now.getTime() - orphanAfterMs);
  const done = { adopted: 0, removed: 0 };
  let keys: string[] = [];
  const judge = async () => {
    const catalogued = await ports.ledger.catalogued(keys);
    for (const key of keys) {
      const row = catalogued.get(key);
      if (row !== 'whole') await mend(ports, key, row === 'partial', now, done);
    }
    keys = [];
  };
  for await (const { key } of ports.segments.list(from, to)) {
    keys.push(key);
    if (keys.length === keysAtOnce) await judge();
  }
  if (keys.length > 0) await judge();
  if (done.adopted > 0) metric('record', 'adopted', done.adopted);
  return done;
}

/** One segment without a complete row. One that cannot be read is left where it is, aloud, and holds up no other. */
async function mend(ports: SweepPorts, key: string, hasRow: boolean, now: Date, done: Mended): Promise<void> {
  try {
    const orphan = await ports.segments.load(key);
    // Both objects are durable before any commit, and a message is deleted after it: nobody has lost anything.
    const verdict = orphan ? await adopt(ports, orphan, now) : 'garbage';
    if (verdict === 'adopted') done.adopted++;
    if (verdict === 'garbage' && !hasRow && ageMs(key, now) >= garbageAfterMs) {
      await ports.segments.remove(key);
      done.removed++;
    }
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    logger.error('an orphan segment cannot be mended', { key, error: error as Error });
  }
}

/** Age of a segment by the UUIDv7 that its key ends in. */
const ageMs = (key: string, now: Date): number => now.getTime() - uuidTime(key.split('/').at(-1)!);

/**
 * Commits the parts whose messages nobody has committed. Where some are known, a writer died before its commit and only
 * these came again: the others may still be in their queue, or the commit that let them go was lost in a restore. What
 * the known ones brought stands in the segments they came by; the rest is committed now.
 */
async function adopt(
  ports: SweepPorts,
  { segment, lines }: NonNullable<Awaited<ReturnType<Segments['load']>>>,
  now: Date,
): Promise<'adopted' | 'garbage' | 'waits'> {
  const { ledger, segments } = ports;
  const { messages: known } = await ledger.known(
    [],
    segment.parts.flatMap(({ messages }) => messages ?? []),
    segment.parts.map(({ tenant }) => tenant),
  );
  const isKnown = (digest: string) => known.has(digest);
  const lost = segment.parts.filter(({ messages = [] }) => messages.length > 0 && !messages.some(isKnown));
  const halves = segment.parts.filter(({ messages = [] }) => messages.some(isKnown) && !messages.every(isKnown));
  if (halves.length > 0) {
    const seen = await eventsOf(segments, new Set(known.values()));
    const tenants = new Map(
      (await neighbours(ports, halves)).map(({ tenant, messages = [] }) => [
        tenant,
        messages.filter((one) => !isKnown(one)),
      ]),
    );
    const left = lines.filter(({ event }) => tenants.has(event.tenant) && !seen.has(`${event.tenant}/${event.id}`));
    // The other parts have their turn in the next sweep.
    return left.length === 0 ? 'waits' : rewrite(ports, segment.tier, left, tenants, now);
  }
  if (lost.length === 0) return 'garbage';
  return adoptParts(ports, { segment, lines }, await neighbours(ports, lost), now);
}

/** Parts of tenants on one cluster; those on another have their turn in the next sweep. */
async function neighbours({ together }: SweepPorts, parts: Segment['parts']): Promise<Segment['parts']> {
  const [first, ...others] = (await together?.(parts.map(({ tenant }) => tenant))) ?? [];
  return others.length === 0 ? parts : parts.filter(({ tenant }) => first!.includes(tenant));
}

/** Commits these parts, which live on one cluster. */
async function adoptParts(
  ports: SweepPorts,
  { segment, lines }: NonNullable<Awaited<ReturnType<Segments['load']>>>,
  lost: Segment['parts'],
  now: Date,
): Promise<'adopted' | 'garbage' | 'waits'> {
  const { ledger } = ports;
  const tenants = new Set(lost.map(({ tenant }) => tenant));
  const own = lines.filter(({ event }) => tenants.has(event.tenant));
  const result = await ledger.adopt({ ...segment, parts: lost }, own, leavesOf(own), segment.parts.length);
  if (result.stored) return 'adopted';
  if (result.known.messages.size > 0) return 'waits';
  // Other messages brought some of these events: what is left gets a segment of its own, in the name of all messages.
  const left = own.filter(({ event }) => !result.known.events.has(`${event.tenant}/${event.id}`));
  if (left.length === 0) return 'garbage';
  const messages = new Map(lost.map((part) => [part.tenant, part.messages ?? []]));
  return rewrite(ports, segment.tier, left, messages, now);
}

/** Commits lines of an orphan in a segment of their own, in the name of messages. */
async function rewrite(
  { ledger, segments, newId }: SweepPorts,
  tier: Tier,
  lines: readonly EventLine[],
  messages: ReadonlyMap<string, readonly string[]>,
  now: Date,
): Promise<'adopted' | 'waits'> {
  const plan = planSegment(lines, { id: newId(now), tier, now, messages });
  const written = await segments.write(plan);
  const ordered = plan.blocks.flatMap((block) => block.lines);
  return (await ledger.commit(written, ordered, leavesOf(ordered))).stored ? 'adopted' : 'waits';
}

/** Events of committed segments, as `tenant/id`. Throws when one is gone: then nobody knows what it had. */
async function eventsOf(segments: Pick<Segments, 'load'>, keys: ReadonlySet<string>): Promise<Set<string>> {
  const names = new Set<string>();
  for (const key of keys) {
    const loaded = await segments.load(key);
    if (!loaded) throw new Error(`segment ${key} is committed and gone`);
    for (const { event } of loaded.lines) names.add(`${event.tenant}/${event.id}`);
  }
  return names;
}

export const handler = onSchedule(sweep, {
  ledger: openLedger,
  together: openTogether,
  segments: openSegments,
  announcer: openAnnouncer,
  newId: openNewId,
});
