/**
 * Seals whatever is due, whether or not anybody announced it, and shows that logs are alive.
 *
 * Every minute, over all tenants: a log whose oldest leaf has waited half of what was promised is sealed. Once a day each
 * active log gets a heartbeat, so that a log where nothing happens does not look like one that somebody holds back.
 */

import type { LogTenants } from '#core/proof/ports.ts';
import { isDue, mergeDelaysOf, overdueMs, pendingMs } from '#core/proof/seal-due.ts';
import { type Control, Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openControl, openLogTenants } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { eventOf } from './custody.ts';
import { inParallel } from './in-parallel.ts';
import { openSealPorts } from './open-seal.ts';
import { sealAll } from './seal.queue.ts';
import type { SealLogPorts } from './seal-ports.ts';

export interface SweepLogsPorts extends SealLogPorts {
  readonly tenants: LogTenants;
  readonly control: Pick<Control, 'tenant'>;
  /** The day (`2026-03-01`) for which this environment has recorded a log's heartbeat, by tenant. */
  readonly heartbeats: Map<string, string>;
}

/** A context of so many tenants is 20 KB. */
const tenantsAtOnce = 500;
/** Requests to S3 and SQS at once. */
const atOnce = 16;
/** Of one sweep. At midnight all logs want one, and sealing must not wait for them. */
const heartbeatsMax = 1_000;

export async function sweepLogs(ports: SweepLogsPorts, { now }: { readonly now: Date }) {
  const report = { due: 0, sealed: 0, frozen: 0, heartbeats: 0, oldestMs: 0 };
  const due: string[] = [];
  const active: string[] = [];
  let latestMs = 0;
  for (let after: string | undefined; ; ) {
    const tenants = await ports.tenants.page(after, tenantsAtOnce);
    await inParallel(await ports.ledger.pending(tenants), atOnce, async (pending) => {
      report.oldestMs = Math.max(report.oldestMs, pendingMs(pending, now));
      const delays = mergeDelaysOf(await ports.control.tenant(pending.tenant));
      latestMs = Math.max(latestMs, overdueMs(pending, delays, now));
      if (isDue(pending, delays, now)) due.push(pending.tenant);
    });
    const logs = await ports.ledger.states(tenants);
    report.frozen += logs.filter(({ state }) => state === 'frozen').length;
    active.push(...logs.filter(({ state }) => state === 'active').map(({ tenant }) => tenant));
    after = tenants.at(-1);
    if (tenants.length < tenantsAtOnce) break;
  }
  metric('proof', 'pendingMs', report.oldestMs, 'Milliseconds');
  metric('proof', 'overdueMs', latestMs, 'Milliseconds');
  metric('proof', 'frozenLogs', report.frozen);
  report.due = due.length;
  report.sealed = await sealAll(ports, due, now);
  report.heartbeats = await beatAll(ports, active, now);
  return report;
}

/** Heartbeats of today that this environment has not recorded; the next sweeps take what is too much for one. */
async function beatAll(ports: SweepLogsPorts, tenants: readonly string[], now: Date): Promise<number> {
  const day = now.toISOString().slice(0, 10);
  const wanting = tenants.filter((tenant) => ports.heartbeats.get(tenant) !== day).slice(0, heartbeatsMax);
  let count = 0;
  await inParallel(wanting, atOnce, async (tenant) => {
    count += await beat(ports, tenant, now);
  });
  return count;
}

/** Today's heartbeat, which is stored once however often it is recorded. */
async function beat({ recorder, heartbeats }: SweepLogsPorts, tenant: string, now: Date): Promise<number> {
  const day = now.toISOString().slice(0, 10);
  try {
    await recorder.record(tenant, [eventOf(tenant, { action: 'log.heartbeat', key: day, at: new Date(day) })], now);
    heartbeats.set(tenant, day);
    return 1;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    logger.warn('no heartbeat, the next sweep tries again', { error });
    return 0;
  }
}

export const handler = onSchedule(sweepLogs, {
  ...openSealPorts,
  tenants: openLogTenants,
  control: openControl,
  heartbeats: () => new Map<string, string>(),
});
