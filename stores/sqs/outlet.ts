/** A queue that producers put messages on. The group is the tenant, so a loud tenant does not delay the others (fair queues). */
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Outlet } from '#core/record/ports.ts';
import { sendAll } from './send.ts';

export class SqsOutlet implements Outlet {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  async send(messages: readonly { readonly body: string; readonly group: string }[]): Promise<void> {
    const entries = messages.map(({ body, group }) => ({ MessageBody: body, MessageGroupId: group }));
    await sendAll(this.#client, this.#queueUrl, entries);
  }
}
