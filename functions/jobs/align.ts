/** A job's schedule follows its row. */
import { isScheduled, type Job } from '#core/jobs/job.ts';
import type { Jobs, Schedules } from '#core/jobs/ports.ts';

export interface AlignPorts {
  readonly jobs: Pick<Jobs, 'scheduled'>;
  readonly schedules: Schedules;
}

/** Of changes that come this thick the sweep makes the last one good. */
const turnsMax = 5;

/**
 * Puts the schedule of a job, and again when the job was changed meanwhile: of two that put at the same time the one whose
 * put came last may have brought the older word. Resolves with the job as it stands. Rejects as `Schedules.put` does.
 */
export async function align({ jobs, schedules }: AlignPorts, job: Job, now: Date): Promise<Job> {
  let current = job;
  for (let turn = 0; turn < turnsMax; turn++) {
    await schedules.put(current);
    const noted = await jobs.scheduled(current, now);
    if (!noted || (isScheduled(noted) && noted.changedAt.getTime() === current.changedAt.getTime()))
      return noted ?? current;
    current = noted;
  }
  return current;
}
