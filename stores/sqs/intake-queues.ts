/**
 * Intake queues: one per tenant, made at run time.
 *
 * The name follows from the tenant by a hash, so two openings meet in the same queue without a table, and the name
 * tells nobody which tenant it is. Who may send to it is decided by IAM, not by knowing the name.
 */
import { createHash } from 'node:crypto';
import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { IntakeQueue, IntakeQueues } from '#core/record/ports.ts';
import { nameOf, reach } from '../aws/clients.ts';

const place = 'SQS intake queues';
/** Six times intake's time limit of 60 s, as AWS asks for. */
const visibilitySeconds = 360;
const retentionSeconds = 14 * 24 * 3600;
const receiveCountMax = 5;

export class SqsIntakeQueues implements IntakeQueues {
  readonly #client: SQSClient;
  readonly #mappings: { ensure(queueArn: string): Promise<void> };
  readonly #prefix: string;
  readonly #deadLetterUrl: string;

  constructor(
    client: SQSClient,
    mappings: { ensure(queueArn: string): Promise<void> },
    names: { readonly prefix: string; readonly deadLetterUrl: string },
  ) {
    this.#client = client;
    this.#mappings = mappings;
    this.#prefix = names.prefix;
    this.#deadLetterUrl = names.deadLetterUrl;
  }

  async open(tenant: string): Promise<IntakeQueue> {
    const queue = (await this.find(tenant)) ?? (await this.#create(tenant));
    await this.#mappings.ensure(queue.queueArn);
    return queue;
  }

  async find(tenant: string): Promise<IntakeQueue | undefined> {
    const queueName = this.#nameOf(tenant);
    try {
      const answer = await reach(place, () => this.#client.send(new GetQueueUrlCommand({ QueueName: queueName })));
      const queueUrl = answer.QueueUrl!;
      return { queueName, queueUrl, queueArn: await this.#arnOf(queueUrl) };
    } catch (error) {
      if (/QueueDoesNotExist|NonExistentQueue/.test(nameOf(error))) return undefined;
      throw error;
    }
  }

  async #create(tenant: string): Promise<IntakeQueue> {
    const queueName = this.#nameOf(tenant);
    const deadLetterTargetArn = await this.#arnOf(this.#deadLetterUrl);
    const input = {
      QueueName: queueName,
      Attributes: {
        VisibilityTimeout: String(visibilitySeconds),
        MessageRetentionPeriod: String(retentionSeconds),
        SqsManagedSseEnabled: 'true',
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: receiveCountMax }),
      },
      tags: { tenant },
    };
    // With the same attributes a second CreateQueue answers the first one's queue.
    const answer = await reach(place, () => this.#client.send(new CreateQueueCommand(input)));
    const queueUrl = answer.QueueUrl!;
    return { queueName, queueUrl, queueArn: await this.#arnOf(queueUrl) };
  }

  #nameOf(tenant: string): string {
    return this.#prefix + createHash('sha256').update(`trailkeep/intake/${tenant}`).digest('hex').slice(0, 24);
  }

  async #arnOf(QueueUrl: string): Promise<string> {
    const input = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] });
    const { Attributes } = await reach(place, () => this.#client.send(input));
    return Attributes!.QueueArn!;
  }
}
