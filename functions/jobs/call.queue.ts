/**
 * Call: tenants' webhooks, from outside the network. It reads the secret that the tenant verifies with, calls once, and
 * sends how that went back to the run's queue; whether and when it is tried again is decided there.
 */
import { createHmac } from 'node:crypto';
import * as z from 'zod';
import type { CallWebhook, JobQueues, TenantSecrets } from '#core/jobs/ports.ts';
import { outcomeOf, signedContent, type WebhookOutcome, webhookId } from '#core/jobs/webhook.ts';
import { metric } from '#functions/runtime/observe.ts';
import { openCallWebhook, openClock, openJobQueues, openTenantSecrets } from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';

export interface CallPorts {
  readonly secrets: Pick<TenantSecrets, 'get'>;
  readonly webhook: CallWebhook;
  readonly queues: JobQueues;
  readonly clock: () => Date;
}

const questionSchema = z.object({
  v: z.literal(1),
  tenant: z.uuid(),
  run: z.uuid(),
  part: z.string(),
  asked: z.int(),
  job: z.uuid(),
  url: z.string(),
  body: z.string(),
});

export async function call(ports: CallPorts, messages: readonly QueueMessage[]): Promise<readonly string[]> {
  for (const message of messages) {
    const { job, url, body, ...part } = questionSchema.parse(JSON.parse(message.body));
    const secret = await ports.secrets.get(part.tenant, job);
    const answer: WebhookOutcome =
      secret === undefined
        ? { fault: { code: 'webhook_secret_missing', message: 'The job has no signing secret.', again: false } }
        : outcomeOf(
            await ports.webhook(url, body, signed(secret, webhookId(part), body, ports.clock())),
            ports.clock(),
          );
    metric('jobs', answer.fault ? 'webhookFailed' : 'webhookCalled', 1);
    await ports.queues.send([{ kind: 'custom-webhook', message: { ...part, answer }, delaySeconds: 0 }]);
  }
  return [];
}

function signed(secret: string, id: string, body: string, now: Date): Record<string, string> {
  const seconds = Math.floor(now.getTime() / 1000);
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key)
    .update(signedContent(id, seconds, body))
    .digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` };
}

export const handler = onQueue(call, {
  secrets: openTenantSecrets,
  webhook: openCallWebhook,
  queues: openJobQueues,
  clock: openClock,
});
