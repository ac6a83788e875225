/** Jobs and their runs, as answers show them. */
import { isScheduled, type Job } from '#core/jobs/job.ts';
import type { Run } from '#core/jobs/ports.ts';
import { expressionOf, nextRuns, runsLeftOut } from '#core/jobs/timing.ts';

/** `ahead`: so many of its next runs. */
export function jobView(job: Job, now: Date, ahead = 1) {
  const { timing, timeZone } = job;
  const next = job.enabled ? nextRuns(timing, timeZone, now, ahead).map((run) => run.toISOString()) : [];
  return {
    id: job.id,
    name: job.name,
    kind: job.kind,
    timing,
    time_zone: timeZone,
    expression: expressionOf(timing),
    config: job.config,
    overlap: job.overlap,
    attempts_max: job.attemptsMax,
    backoff_seconds: job.backoffSeconds,
    enabled: job.enabled,
    scheduled: isScheduled(job),
    next_run: next[0] ?? null,
    ...(ahead > 1 ? { next_runs: next } : {}),
    left_out: job.enabled ? runsLeftOut(timing, timeZone, now) : [],
    created_by: job.createdBy,
    created_at: job.createdAt.toISOString(),
    changed_at: job.changedAt.toISOString(),
  };
}

/** A run; the duration of one that is under way is what it has taken so far. */
export function runView(run: Run, now: Date) {
  const { startedAt, endedAt } = run;
  return {
    id: run.id,
    job: run.job,
    kind: run.kind,
    state: run.state,
    cause: run.cause,
    asked_by: run.askedBy,
    scheduled_for: run.scheduledFor.toISOString(),
    queued_at: run.queuedAt.toISOString(),
    started_at: startedAt?.toISOString() ?? null,
    ended_at: endedAt?.toISOString() ?? null,
    duration_ms: startedAt ? (endedAt ?? now).getTime() - startedAt.getTime() : null,
    rows: run.rows,
    parts: run.parts,
    error: run.error ?? null,
    result: run.result ?? null,
    trace: run.trace ?? null,
  };
}
