/**
 * How a verb does a job's work: a part of a run in, its outcome out.
 *
 * The verb of a kind gets its parts one by one from the kind's queue. Leases, tries, back-off, the run's end and the
 * trail's record of it are kept here, so a verb says only what it did, what is left, or what is wrong. A part may be done
 * twice: a worker may die after its work and before its word.
 */
import * as z from 'zod';
import type { Due, Runs } from '#core/jobs/ports.ts';
import type { JobKind, Outcome, PartMessage, Task } from '#core/jobs/run.ts';
import { RunFault } from '#core/jobs/run.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger, metric } from './observe.ts';
import type { QueueMessage } from './queue.ts';

export interface RunPorts {
  readonly runs: Pick<Runs, 'take' | 'settle' | 'fault'>;
  /** Sends what became due, and tells the trail what ended. Rejects with `Unavailable`; the sweep repeats it. */
  readonly onward: (tenant: string, due: Due, now: Date) => Promise<void>;
  /** Where this call's traces are. */
  readonly trace: () => string;
  readonly clock: () => Date;
}

/** A verb of one kind. Throws `RunFault` for what is the tenant's to know. */
export type RunVerb<Ports> = (ports: Ports, task: Task) => Promise<Outcome>;

const messageSchema = z.object({
  v: z.literal(1),
  tenant: z.uuid(),
  run: z.uuid(),
  part: z.string().min(1).max(300),
  answer: z.record(z.string(), z.json()).optional(),
});

/** The function has 900 s: a call may work for twelve minutes, and its lease outlives the function. */
const workMs = 720_000;
const leaseMs = 960_000;

/** A verb of queues that does the parts of runs of one kind. `workedMs` is for functions with less time. */
export const doParts =
  <Ports extends RunPorts>(kind: JobKind, verb: RunVerb<Ports>, workedMs = workMs) =>
  async (ports: Ports, messages: readonly QueueMessage[]): Promise<readonly string[]> => {
    const failed: string[] = [];
    for (const { body, messageId } of messages) {
      const parsed = messageSchema.safeParse(JSON.parse(body));
      if (!parsed.success) {
        logger.error('a message is not a part of a run', { kind });
        failed.push(messageId);
        continue;
      }
      await doPart(ports, kind, verb, parsed.data as PartMessage, workedMs);
    }
    return failed;
  };

async function doPart<Ports extends RunPorts>(
  ports: Ports,
  kind: JobKind,
  verb: RunVerb<Ports>,
  message: PartMessage,
  workedMs: number,
): Promise<void> {
  const { tenant, run, part } = message;
  const begun = ports.clock();
  const lease = new Date(begun.getTime() + Math.min(leaseMs, workedMs + 240_000));
  const taken = await ports.runs.take(message, begun, lease, ports.trace());
  if (!taken) return;
  const task = { ...taken, until: new Date(begun.getTime() + workedMs) };
  let due: Due;
  try {
    const outcome = await verb(ports, task);
    due = await ports.runs.settle(task, outcome, ports.clock());
  } catch (error) {
    // A place that is down fails the batch: the queue brings it again, and it does not count as a try of the tenant's.
    if (error instanceof Unavailable) throw error;
    const fault =
      error instanceof RunFault
        ? {
            code: error.code,
            message: error.message,
            again: error.again,
            ...(error.notBefore ? { notBefore: error.notBefore } : {}),
          }
        : { code: 'internal_error', message: 'Something went wrong on our side.', again: true };
    logger.warn('a part of a run failed', { tenant, run, part, kind, code: fault.code, error: error as Error });
    metric('jobs', 'partFailed', 1);
    due = await ports.runs.fault(task, fault, ports.clock());
  }
  await ports.onward(tenant, due, ports.clock());
}
