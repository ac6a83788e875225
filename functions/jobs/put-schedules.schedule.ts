/**
 * Put schedules: the schedules of jobs say what stands in their rows, whatever became of the calls that should have said it.
 *
 * Those that lag behind are put; each other once a day, so that what somebody removed or changed by hand, or a region that is
 * new, has them again. One that the scheduler does not take stands in nobody's way.
 */
import { Problem } from '#core/event/problem.ts';
import type { Job } from '#core/jobs/job.ts';
import type { Jobs } from '#core/jobs/ports.ts';
import type { LogTenants } from '#core/proof/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openClock, openJobs, openLogTenants, openSchedules } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { type AlignPorts, align } from './align.ts';

export interface PutSchedulesPorts extends AlignPorts {
  readonly tenants: LogTenants;
  readonly jobs: Pick<Jobs, 'scheduled' | 'unscheduled'>;
  readonly clock: () => Date;
}

const tenantsAtOnce = 500;
const jobsAtOnce = 200;
/** Calls at once, of the fifty a second that the scheduler takes. */
const putsAtOnce = 10;
const lookMs = 86_400_000;
/** Below the function's time limit; the next run goes on. */
const runMs = 240_000;

export async function putSchedules(ports: PutSchedulesPorts, { now }: { readonly now: Date }) {
  const report = { put: 0, refused: 0, whole: true };
  const before = new Date(now.getTime() - lookMs);
  for (let after: string | undefined; ; ) {
    const tenants = await ports.tenants.page(after, tenantsAtOnce);
    for (let last: string | undefined; tenants.length > 0; ) {
      if (ports.clock().getTime() - now.getTime() > runMs) return { ...report, whole: false };
      const page = await ports.jobs.unscheduled(tenants, before, last, jobsAtOnce);
      for (let from = 0; from < page.length; from += putsAtOnce) {
        const puts = await Promise.all(page.slice(from, from + putsAtOnce).map((job) => put(ports, job, now)));
        for (const taken of puts) report[taken ? 'put' : 'refused']++;
      }
      last = page.at(-1)?.id;
      if (page.length < jobsAtOnce) break;
    }
    after = tenants.at(-1);
    if (tenants.length < tenantsAtOnce) break;
  }
  metric('jobs', 'schedulesRefused', report.refused);
  return report;
}

async function put(ports: PutSchedulesPorts, job: Job, now: Date): Promise<boolean> {
  try {
    await align(ports, job, now);
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    logger.error('the scheduler does not take the timing of a job', { job: job.id, tenant: job.tenant, error });
    return false;
  }
}

export const handler = onSchedule(putSchedules, {
  tenants: openLogTenants,
  jobs: openJobs,
  schedules: openSchedules,
  clock: openClock,
});
