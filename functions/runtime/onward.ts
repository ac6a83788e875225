/**
 * What follows a transaction on runs: messages for what is to be done next, and events for what began and ended.
 *
 * Messages go first, for the work must go on. An event's id follows from its run, so telling it twice stores it once.
 */
import { createHash } from 'node:crypto';
import type { EventInput, JsonObject } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import type { Due, JobQueues, Run, Runs } from '#core/jobs/ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { metric } from './observe.ts';

export interface OnwardPorts {
  readonly queues: JobQueues;
  readonly recorder: Recorder;
  readonly runs: Pick<Runs, 'said'>;
}

/** What a kind tells of a run, as the hash of a report, is in the trail as well, when it is short. */
const resultCharsMax = 4_096;

/** Sends and tells what is due. Rejects with `Unavailable` when part of it was not done; the sweep finds that. */
export type Onward = (due: Due, now: Date) => Promise<void>;

export const createOnward =
  (ports: OnwardPorts): Onward =>
  async ({ send, began, ended }, now) => {
    if (send.length > 0) await ports.queues.send(send);
    for (const run of began) await tellBegan(ports, run, now);
    for (const run of ended) await tellEnded(ports, run, now);
  };

async function tellBegan({ recorder, runs }: OnwardPorts, run: Run, now: Date): Promise<void> {
  const startedAt = run.startedAt!;
  await recorder.record(run.tenant, [eventOf(run, 'job.started', startedAt, {})], now);
  await runs.said(run, 'began', now);
  metric('jobs', 'runLateMs', Math.max(0, startedAt.getTime() - run.scheduledFor.getTime()), 'Milliseconds');
}

async function tellEnded({ recorder, runs }: OnwardPorts, run: Run, now: Date): Promise<void> {
  const { state, startedAt, rows, error, parts, result } = run;
  const endedAt = run.endedAt!;
  const durationMs = startedAt ? endedAt.getTime() - startedAt.getTime() : 0;
  const event = eventOf(run, `job.${state}`, endedAt, {
    ...(startedAt ? { duration_ms: durationMs } : {}),
    rows: { ...rows },
    parts: { done: parts.done, failed: parts.failed },
    ...(error ? { error: { ...error } } : {}),
    ...(result && JSON.stringify(result).length <= resultCharsMax ? { result: result as JsonObject } : {}),
  });
  const became = { succeeded: 'success', refused: 'denied' }[state as string] ?? 'failure';
  const outcome = { result: became, ...(error ? { reason: error.code } : {}) } as EventInput['outcome'] & object;
  await recorder.record(run.tenant, [{ ...event, outcome }], now);
  await runs.said(run, 'ended', now);
  metric('jobs', `${run.kind}-${state}`, 1);
  if (startedAt) metric('jobs', `${run.kind}-ms`, durationMs, 'Milliseconds');
}

function eventOf(run: Run, action: string, at: Date, metadata: JsonObject): EventInput {
  const digest = createHash('sha256').update(`trailkeep-run/v1\n${run.tenant}\n${run.id}\n${action}`).digest();
  return {
    id: uuidv7(at.getTime(), digest),
    action,
    occurred_at: at.toISOString(),
    actor: { type: 'service', id: 'trailkeep' },
    operation_id: run.id,
    targets: [{ type: 'job', id: run.job, name: run.jobName }],
    metadata: {
      kind: run.kind,
      cause: run.cause,
      asked_by: run.askedBy,
      scheduled_for: run.scheduledFor.toISOString(),
      ...metadata,
    },
  };
}
