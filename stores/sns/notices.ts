/** Notices on SNS: JSON for machines, with a subject line for those who get it by mail. */
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Notice, Notices } from '#core/access/notices.ts';
import { reach } from '../aws/clients.ts';

const subjects: Record<Notice['kind'], string> = {
  'break_glass.begin': 'Trailkeep: somebody broke the glass, and it awaits a review',
};

export class SnsNotices implements Notices {
  readonly #client: SNSClient;
  readonly #topicArn: string;

  constructor(client: SNSClient, topicArn: string) {
    this.#client = client;
    this.#topicArn = topicArn;
  }

  async notify({ kind, tenant, id, at, until }: Notice): Promise<void> {
    const message = { v: 1, kind, tenant, id, at: at.toISOString(), until: until.toISOString() };
    const input = {
      TopicArn: this.#topicArn,
      Subject: subjects[kind],
      Message: JSON.stringify(message),
      MessageAttributes: { kind: { DataType: 'String', StringValue: kind } },
    };
    await reach('SNS notices', () => this.#client.send(new PublishCommand(input)));
  }
}
