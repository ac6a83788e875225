/**
 * Custom webhook: somebody outside is told that a job is due. The function that calls it reaches the internet and no
 * database; this one asks it, and waits for its answer.
 */
import * as z from 'zod';
import { webhookConfig } from '#core/jobs/config.ts';
import { type Outcome, questionOf, RunFault, type Task } from '#core/jobs/run.ts';
import type { WebhookQuestion } from '#core/jobs/webhook.ts';
import type { Outlet } from '#core/record/ports.ts';

export interface AskWebhookPorts {
  readonly callsQueue: Outlet;
  readonly clock: () => Date;
}

/** A call takes seconds; the queue may be long. */
const answerMs = 900_000;
const answerSchema = z.object({
  status: z.int().optional(),
  fault: z
    .object({
      code: z.string(),
      message: z.string(),
      again: z.boolean(),
      not_before: z.iso.datetime().optional(),
    })
    .optional(),
});

export async function askWebhook({ callsQueue, clock }: AskWebhookPorts, task: Task): Promise<Outcome> {
  if (task.answer) {
    const { status, fault } = answerSchema.parse(task.answer);
    if (!fault) return { is: 'done', rows: { read: 0, written: 1, rejected: 0 }, result: { status: status ?? 0 } };
    const notBefore = fault.not_before === undefined ? {} : { notBefore: new Date(fault.not_before) };
    throw new RunFault(fault.code, fault.message, { again: fault.again, ...notBefore });
  }
  const { url, data } = webhookConfig.parse(task.config);
  const body = JSON.stringify({
    type: 'job.due',
    timestamp: task.scheduledFor.toISOString(),
    data: { ...data, tenant: task.tenant, job: task.job, job_name: task.jobName, run: task.run },
  });
  const question: WebhookQuestion = { ...questionOf(task), job: task.job, url, body };
  await callsQueue.send([{ body: JSON.stringify(question), group: task.tenant }]);
  return { is: 'away', until: new Date(clock().getTime() + answerMs) };
}
