/** Announcements on SNS: `{v: 1, segment, key, tier, tenants}`, a claim check that subscribers load the batch by. */
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Announcer } from '#core/record/ports.ts';
import { reach } from '../aws/clients.ts';

/** A message holds 256 KiB and a tenant takes 39 bytes; a batch of more tenants is announced in several messages. */
const tenantsPerMessage = 5000;

export class SnsAnnouncer implements Announcer {
  readonly #client: SNSClient;
  readonly #topicArn: string;

  constructor(client: SNSClient, topicArn: string) {
    this.#client = client;
    this.#topicArn = topicArn;
  }

  async announce({ segment, key, tier, tenants }: Parameters<Announcer['announce']>[0]): Promise<void> {
    for (let start = 0; start < tenants.length; start += tenantsPerMessage) {
      const some = tenants.slice(start, start + tenantsPerMessage);
      const Message = JSON.stringify({ v: 1, segment, key, tier, tenants: some });
      const MessageAttributes = { tier: { DataType: 'String', StringValue: tier } };
      const input = { TopicArn: this.#topicArn, Message, MessageAttributes };
      await reach('SNS announcements', () => this.#client.send(new PublishCommand(input)));
    }
  }
}
