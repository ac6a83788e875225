/**
 * Looks for tenants with something to compact, and has each compacted by a message of its own.
 *
 * Files are written when there is enough for one that is worth it, or when events have waited long enough. What goes by
 * no tenant is done here: segments in which nobody has a part any longer.
 */
import type { ArchiveLedger, Waiting } from '#core/archive/compact-ports.ts';
import type { LogTenants } from '#core/proof/ports.ts';
import type { Outlet, Segments } from '#core/record/ports.ts';
import { metric } from '#functions/runtime/observe.ts';
import {
  openArchiveLedger,
  openClock,
  openCompactAfter,
  openCompactQueue,
  openFeedDays,
  openLogTenants,
  openSegments,
} from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { removeSegments } from './clean-up.ts';

export interface CompactSchedulePorts {
  readonly tenants: LogTenants;
  readonly ledger: ArchiveLedger;
  readonly segments: Pick<Segments, 'remove'>;
  readonly compactQueue: Outlet;
  /** How long events wait for others to be compacted with. */
  readonly compactAfterMs: number;
  /** Days that pollers may be behind. */
  readonly feedDays: number;
  readonly clock: () => Date;
}

/** About 8 MB, compressed. */
const eventsWorthAFile = 80_000;
const tenantsAtOnce = 500;
/** Below the function's time limit. */
const runMs = 200_000;
const dayMs = 86_400_000;

export async function compactDue(ports: CompactSchedulePorts, { now }: { readonly now: Date }) {
  const report = { due: 0, waiting: 0, oldestMs: 0, segments: 0 };
  const pollersBefore = new Date(now.getTime() - ports.feedDays * dayMs);
  for (let after: string | undefined; ; ) {
    const tenants = await ports.tenants.page(after, tenantsAtOnce);
    const waiting = await ports.ledger.waiting(tenants, { now, pollersBefore });
    const due = waiting.filter((one) => isDue(one, now, ports.compactAfterMs));
    const messages = due.map(({ tenant }) => ({ body: JSON.stringify({ tenant }), group: tenant }));
    if (messages.length > 0) await ports.compactQueue.send(messages);
    report.due += due.length;
    for (const { events, oldest } of waiting) {
      report.waiting += events;
      report.oldestMs = Math.max(report.oldestMs, oldest ? now.getTime() - oldest.getTime() : 0);
    }
    after = tenants.at(-1);
    if (tenants.length < tenantsAtOnce) break;
  }
  metric('archive', 'uncompacted', report.waiting);
  metric('archive', 'uncompactedMs', report.oldestMs, 'Milliseconds');
  report.segments = await removeSegments(ports, pollersBefore, new Date(now.getTime() + runMs));
  return report;
}

function isDue({ events, oldest, upkeep }: Waiting, now: Date, compactAfterMs: number): boolean {
  if (upkeep || events >= eventsWorthAFile) return true;
  return oldest !== undefined && now.getTime() - oldest.getTime() >= compactAfterMs;
}

export const handler = onSchedule(compactDue, {
  tenants: openLogTenants,
  ledger: openArchiveLedger,
  segments: openSegments,
  compactQueue: openCompactQueue,
  compactAfterMs: openCompactAfter,
  feedDays: openFeedDays,
  clock: openClock,
});
