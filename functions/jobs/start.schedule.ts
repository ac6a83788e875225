/**
 * Start: the clock of a job's schedule makes a run of it.
 *
 * A schedule that is delivered twice makes one run. What a crash leaves unsent the sweep sends.
 */
import * as z from 'zod';
import type { Runs } from '#core/jobs/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger } from '#functions/runtime/observe.ts';
import type { Onward } from '#functions/runtime/onward.ts';
import { openNewId, openOnward, openRuns } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';

export interface StartPorts {
  readonly runs: Pick<Runs, 'start'>;
  readonly onward: Onward;
  readonly newId: (now: Date) => string;
}

const inputSchema = z.object({
  tenant: z.uuid(),
  job: z.uuid(),
  /** EventBridge's `<aws.scheduler.scheduled-time>`, to the second. */
  scheduled_for: z.iso.datetime(),
});

/** Makes a run of a job at the moment its schedule names, and sends its first part. */
export async function start(
  { runs, onward, newId }: StartPorts,
  { now, input }: { readonly now: Date; readonly input: unknown },
): Promise<object> {
  const { tenant, job, scheduled_for } = inputSchema.parse(input);
  const started = await runs.start({
    ...{ tenant, id: newId(now), job, cause: 'schedule', askedBy: 'schedule' },
    scheduledFor: new Date(scheduled_for),
    at: now,
  });
  if (!started) return { job, run: null };
  try {
    await onward(started.due, now);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // A second try would find the run made and send nothing.
    logger.warn('a run waits for the sweep', { job, run: started.run.id, error });
  }
  return { job, run: started.run.id, state: started.run.state };
}

export const handler = onSchedule(start, { runs: openRuns, onward: openOnward, newId: openNewId }, { patient: true });
