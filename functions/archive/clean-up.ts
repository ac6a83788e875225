/** What compaction leaves behind: objects that are in no catalogue, and parts and segments that files have taken over from. */
import type { ArchiveLedger } from '#core/archive/compact-ports.ts';
import type { ArchiveObjects } from '#core/archive/ports.ts';
import type { Segments } from '#core/record/ports.ts';

const doomedAtOnce = 100;
const partsAtOnce = 500;
const segmentsAtOnce = 200;
const removalsAtOnce = 8;

/** Deletes a tenant's objects whose time is over; resolves with how many. The name goes last: a crash deletes again. */
export async function removeDoomed(
  { ledger, objects, clock }: { ledger: ArchiveLedger; objects: Pick<ArchiveObjects, 'remove'>; clock: () => Date },
  tenant: string,
  until: Date,
): Promise<number> {
  for (let removed = 0; ; ) {
    const doomed = await ledger.doomed(tenant, clock(), doomedAtOnce);
    await someAtOnce(doomed, ({ key }) => objects.remove(key));
    await ledger.forget(tenant, doomed);
    removed += doomed.length;
    if (doomed.length < doomedAtOnce || clock() >= until) return removed;
  }
}

/** Lets a tenant's parts go that are compacted, sealed and older than pollers may be; resolves with how many. */
export async function releaseParts(
  { ledger, clock }: { ledger: ArchiveLedger; clock: () => Date },
  tenant: string,
  pollersBefore: Date,
  until: Date,
): Promise<number> {
  for (let released = 0; ; ) {
    const count = await ledger.release(tenant, pollersBefore, partsAtOnce);
    released += count;
    if (count < partsAtOnce || clock() >= until) return released;
  }
}

/**
 * Deletes segments in which no tenant has a part any longer; resolves with how many. The object goes before its row: a
 * segment without a row would be taken for a writer's that died, and committed again.
 */
export async function removeSegments(
  { ledger, segments, clock }: { ledger: ArchiveLedger; segments: Pick<Segments, 'remove'>; clock: () => Date },
  pollersBefore: Date,
  until: Date,
): Promise<number> {
  let removed = 0;
  for (let after: string | undefined; ; ) {
    const old = await ledger.oldSegments(pollersBefore, after, segmentsAtOnce);
    const free = old.filter(({ isFree }) => isFree);
    await someAtOnce(free, async ({ id, key }) => {
      await segments.remove(key);
      await ledger.forgetSegment(id);
    });
    removed += free.length;
    after = old.at(-1)?.id;
    if (old.length < segmentsAtOnce || clock() >= until) return removed;
  }
}

/** Waits for every one of a group, also when one rejects: nothing of it goes on afterwards. */
async function someAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += removalsAtOnce) {
    const ended = await Promise.allSettled(items.slice(at, at + removalsAtOnce).map(work));
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }
}
