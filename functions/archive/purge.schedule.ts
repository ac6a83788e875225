/**
 * Purge: archive files go whose newest event is past the end of its class, under the policy that a second person approved.
 *
 * Deleting is told in the trail before it happens, in the same transaction's last step; a legal hold of the tenant stops
 * it to the last moment. Without an approved policy nothing is purged. What is not compacted yet waits for it. Objects
 * are deleted by clean-up an hour later, when no reader is on its way to them. What is left past its end after a run and
 * that nothing holds is counted for the alarm: it must be 0.
 */
import type { Purges } from '#core/archive/purge-ports.ts';
import { endsOf } from '#core/archive/retention.ts';
import type { ExpiredFile, RetentionVersion } from '#core/archive/retention-ports.ts';
import type { LogTenants } from '#core/proof/ports.ts';
import { type Recorder, Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import {
  openArchiveBlocks,
  openArchiveFiles,
  openClock,
  openIds,
  openLogTenants,
  openPurges,
  openRecorder,
} from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { type PurgeStepPorts, planStep, purgeEvents } from './purge-step.ts';

export interface PurgePorts extends PurgeStepPorts {
  readonly purges: Purges;
  readonly tenants: LogTenants;
  readonly recorder: Recorder;
  readonly clock: () => Date;
}

const minuteMs = 60_000;
/** Below the function's timeout of a quarter of an hour, with time for the step that is under way. */
const runMs = 10 * minuteMs;
/** Readers that found a file before are done by then. */
const readersMs = 60 * minuteMs;
const tenantsAtOnce = 500;
/** Files and events of one step: the transaction takes a second or two, unless a single file is larger. */
const filesMax = 100;
const eventsMax = 200_000;

export async function purge(ports: PurgePorts, { now }: { readonly now: Date }) {
  const goesOn = () => ports.clock().getTime() < now.getTime() + runMs;
  const report = { tenants: 0, files: 0, events: 0, bytes: 0, held: 0, failed: 0, overdue: 0 };
  for (let after: string | undefined; ; ) {
    const tenants = await ports.tenants.page(after, tenantsAtOnce);
    // Before anything goes: what is known of records is told again when they end.
    await ports.purges.noteTold(tenants);
    for (const [tenant, policy] of await ports.purges.approved(tenants)) {
      report.tenants++;
      const ends = endsOf(policy.policy, now);
      if (goesOn()) await purgeTenant(ports, tenant, policy, now, goesOn, report);
      for (const { overdue, held } of await ports.purges.ages(tenant, ends)) {
        report.overdue += overdue;
        report.held += held;
      }
    }
    after = tenants.at(-1);
    if (tenants.length < tenantsAtOnce) break;
  }
  metric('archive', 'purgedEvents', report.events);
  // The alarm: zero is told too, so that silence is not taken for health.
  metric('archive', 'overdueFiles', report.overdue);
  return report;
}

type Report = Awaited<ReturnType<typeof purge>>;

async function purgeTenant(
  ports: PurgePorts,
  tenant: string,
  policy: RetentionVersion,
  now: Date,
  goesOn: () => boolean,
  report: Report,
): Promise<void> {
  const ends = endsOf(policy.policy, now);
  for (let after: ExpiredFile | undefined; ; ) {
    const page = await ports.purges.expired(tenant, ends, after, filesMax);
    for (const files of stepsOf(page)) {
      if (!goesOn()) return;
      await takeStep(ports, tenant, policy, files, now, report);
    }
    if (page.length < filesMax) return;
    after = page.at(-1)!;
  }
}

async function takeStep(
  ports: PurgePorts,
  tenant: string,
  policy: RetentionVersion,
  files: readonly ExpiredFile[],
  now: Date,
  report: Report,
): Promise<void> {
  try {
    const step = await planStep(ports, tenant, policy, files, now);
    const tell = () => ports.recorder.record(tenant, purgeEvents(step), now);
    const outcome = await ports.purges.purge(tenant, step, new Date(now.getTime() + readersMs), tell);
    if (outcome === 'purged') {
      report.files += step.record.files;
      report.events += step.record.events;
      report.bytes += step.record.bytes;
    } else logger.info('a purge was not made', { tenant, reason: outcome, files: files.length });
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    // A file that cannot be read holds up its own step; it stays overdue, and the alarm is for that.
    report.failed++;
    logger.error('files past their end cannot be purged', { tenant, files: files.length, error: error as Error });
  }
}

/** Files of one page in steps of about as many events. */
function* stepsOf(files: readonly ExpiredFile[]): Generator<readonly ExpiredFile[]> {
  let step: ExpiredFile[] = [];
  let events = 0;
  for (const file of files) {
    if (step.length > 0 && events + file.events > eventsMax) {
      yield step;
      step = [];
      events = 0;
    }
    step.push(file);
    events += file.events;
  }
  if (step.length > 0) yield step;
}

export const handler = onSchedule(purge, {
  purges: openPurges,
  files: openArchiveFiles,
  blocks: openArchiveBlocks,
  ids: openIds,
  tenants: openLogTenants,
  recorder: openRecorder,
  clock: openClock,
});
