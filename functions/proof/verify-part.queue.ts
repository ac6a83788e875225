/**
 * Verify a part: a run of a job asks for a round of its tenant's trail, some minutes of it at a time, and gets the answer
 * by the queue that it came from. What it finds is kept and told as by the verifier's own schedule.
 */
import * as z from 'zod';
import type { JobQueues } from '#core/jobs/ports.ts';
import { type Round, rounds, type VerifyAnswer } from '#core/proof/verify-ports.ts';
import { metric } from '#functions/runtime/observe.ts';
import { openJobQueues } from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { openVerifyPorts } from './open-verify.ts';
import { goOn, type VerifyRoundPorts } from './verify-round.ts';

export interface VerifyPartPorts extends VerifyRoundPorts {
  readonly queues: JobQueues;
}

const questionSchema = z.object({
  v: z.literal(1),
  tenant: z.uuid(),
  run: z.uuid(),
  part: z.string(),
  asked: z.int(),
  round: z.enum(rounds),
  startedAt: z.iso.datetime(),
  share: z.string().optional(),
  checked: z.int(),
});
/** Below the function's timeout of five minutes, with time for the share that is under way. */
const partMs = 200_000;

export async function verifyPart(
  ports: VerifyPartPorts,
  messages: readonly QueueMessage[],
): Promise<readonly string[]> {
  for (const { body } of messages) {
    const { round, startedAt, share, checked, ...part } = questionSchema.parse(JSON.parse(body));
    const begun: Round = {
      ...{ tenant: part.tenant, round, startedAt: new Date(startedAt), checked },
      ...(share === undefined ? {} : { position: share }),
    };
    const { position, ...found } = await goOn(ports, begun, ports.clock().getTime() + partMs);
    metric('proof', 'verified', found.checked);
    // Not zero: that is for the schedule to say, whose silence is an alarm.
    if (found.findings > 0) metric('proof', 'verificationFailures', found.findings);
    const answer: VerifyAnswer = {
      ...{ round, checked: found.checked, findings: found.findings },
      ...(position === undefined ? {} : { position }),
    };
    await ports.queues.send([{ kind: 'verify', message: { ...part, answer }, delaySeconds: 0 }]);
  }
  return [];
}

export const handler = onQueue(verifyPart, { ...openVerifyPorts, queues: openJobQueues });
