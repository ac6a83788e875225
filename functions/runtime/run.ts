/**
 * How a verb does a job's work: a part of a run in, its outcome out.
 *
 * The verb of a kind gets its parts one by one from the kind's queue. Leases, tries, back-off, the run's end and the
 * trail's record of it are kept here, so a verb says only what it did, what is left, or what is wrong. A part may be done
 * twice: a worker may die after its work and before its word.
 */
import * as z from 'zod';
import { type Due, nothingDue, type Runs } from '#core/jobs/ports.ts';
import type { Outcome, PartMessage, Task } from '#core/jobs/run.ts';
import { RunFault } from '#core/jobs/run.ts';
import { Unavailable } from '#core/record/ports.ts';
import { logger, metric } from './observe.ts';
import type { Onward } from './onward.ts';
import type { QueueMessage } from './queue.ts';

export interface RunPorts {
  readonly runs: Pick<Runs, 'take' | 'settle' | 'fault'>;
  readonly onward: Onward;
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
  asked: z.int().optional(),
});

/** The function has 900 s: a call may work for twelve minutes, and its lease outlives the function. */
const workMs = 720_000;
const leaseMs = 960_000;

/** A verb of queues that does the parts of runs of its kinds. `workedMs` is for functions with less time. */
export const doParts =
  <Ports extends RunPorts>(verb: RunVerb<Ports>, workedMs = workMs) =>
  async (ports: Ports, messages: readonly QueueMessage[]): Promise<readonly string[]> => {
    const failed: string[] = [];
    for (const { body, messageId } of messages) {
      const parsed = messageSchema.safeParse(JSON.parse(body));
      if (!parsed.success) {
        logger.error('a message is not a part of a run', { messageId });
        failed.push(messageId);
        continue;
      }
      await doPart(ports, verb, parsed.data as PartMessage, messageId, workedMs);
    }
    return failed;
  };

async function doPart<Ports extends RunPorts>(
  ports: Ports,
  verb: RunVerb<Ports>,
  message: PartMessage,
  holder: string,
  workedMs: number,
): Promise<void> {
  const at = ports.clock();
  const leaseUntil = new Date(at.getTime() + Math.min(leaseMs, workedMs + 240_000));
  const taken = await ports.runs.take(message, { at, leaseUntil, holder, trace: ports.trace() });
  if (!taken) return;
  if (taken.began) await ports.onward({ ...nothingDue, began: [taken.began] }, ports.clock());
  const task = { ...taken, until: new Date(at.getTime() + workedMs) };
  await ports.onward(await dueAfter(ports, verb, task), ports.clock());
}

/** What a call made due, whichever way it ended. */
async function dueAfter<Ports extends RunPorts>(ports: Ports, verb: RunVerb<Ports>, task: Task): Promise<Due> {
  try {
    return await ports.runs.settle(task, await verb(ports, task), ports.clock());
  } catch (error) {
    // A place that is down fails the batch: the queue brings the message again, which may take the part at once. It does
    // not count as a try of the tenant's.
    if (error instanceof Unavailable) throw error;
    const { tenant, run, part, kind } = task;
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
    return ports.runs.fault(task, fault, ports.clock());
  }
}
