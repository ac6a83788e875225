/** The queues of jobs: each kind's messages, with the time before which they do not show. */
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { JobQueues } from '#core/jobs/ports.ts';
import type { JobKind } from '#core/jobs/run.ts';
import { sendAll } from './send.ts';

export class SqsJobQueues implements JobQueues {
  readonly #client: SQSClient;
  readonly #urls: Readonly<Record<JobKind, string>>;

  constructor(client: SQSClient, urls: Readonly<Record<JobKind, string>>) {
    this.#client = client;
    this.#urls = urls;
  }

  async send(messages: Parameters<JobQueues['send']>[0]): Promise<void> {
    const byUrl = Map.groupBy(messages, ({ kind }) => this.#urls[kind]);
    for (const [url, some] of byUrl) {
      await sendAll(
        this.#client,
        url,
        some.map(({ message, delaySeconds }) => ({
          MessageBody: JSON.stringify(message),
          MessageGroupId: message.tenant,
          ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
        })),
      );
    }
  }
}
