/** The queues of jobs: each kind's messages, with the time before which they do not show. */
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { JobQueues } from '#core/jobs/ports.ts';
import type { JobKind } from '#core/jobs/run.ts';
import { sendAll } from './send.ts';

/** Twenty requests: a run of ten thousand parts would wait for sockets longer than a request may take. */
const atOnce = 200;

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
      const entries = some.map(({ message, delaySeconds }) => ({
        MessageBody: JSON.stringify(message),
        MessageGroupId: message.tenant,
        ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
      }));
      for (let from = 0; from < entries.length; from += atOnce) {
        await sendAll(this.#client, url, entries.slice(from, from + atOnce));
      }
    }
  }
}
