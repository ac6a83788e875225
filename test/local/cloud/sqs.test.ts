/** SQS as the SDK sees it. The SDK itself checks the MD5 of every body and attribute. */
import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusal, type TestCloud, testCloud } from './cloud.ts';

let cloud: TestCloud;
let queues = 0;

beforeAll(async () => {
  cloud = await testCloud();
});
afterAll(() => cloud.end());

const queueOf = (attributes?: Record<string, string>) => cloud.sqs.createQueue(`queue-${++queues}`, attributes);
const arnOf = (url: string) => cloud.sqs.arnOf(url.split('/').pop()!);
const send = (QueueUrl: string, MessageBody: string, more: Partial<SendMessageCommandInput> = {}) =>
  cloud.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, ...more }));
const receive = async (QueueUrl: string, more: object = {}) => {
  const { Messages = [] } = await cloud.clients.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
      ...more,
    }),
  );
  return Messages;
};
const bodies = async (url: string, more?: object) => (await receive(url, more)).map(({ Body }) => Body);

describe('queues', () => {
  test('making one twice gives one; with other attributes it is refused', async () => {
    const make = (VisibilityTimeout: string) =>
      cloud.clients.sqs.send(new CreateQueueCommand({ QueueName: 'same', Attributes: { VisibilityTimeout } }));
    expect((await make('5')).QueueUrl).toBe((await make('5')).QueueUrl);
    expect((await refusal(make('6'))).name).toMatch(/QueueAlreadyExists|QueueNameExists/);
    const { QueueUrl } = await cloud.clients.sqs.send(new GetQueueUrlCommand({ QueueName: 'same' }));
    expect(QueueUrl).toBe(`${cloud.url}/000000000000/same`);
    const { QueueUrls } = await cloud.clients.sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'sam' }));
    expect(QueueUrls).toEqual([QueueUrl]);
    const SetAttributes = { QueueUrl, Attributes: { VisibilityTimeout: '7' } };
    await cloud.clients.sqs.send(new SetQueueAttributesCommand(SetAttributes));
    const { Attributes } = await cloud.clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['VisibilityTimeout'] }),
    );
    expect(Attributes).toEqual({ VisibilityTimeout: '7' });
    await cloud.clients.sqs.send(new DeleteQueueCommand({ QueueUrl }));
    expect((await refusal(cloud.clients.sqs.send(new GetQueueUrlCommand({ QueueName: 'same' })))).name).toMatch(
      /NonExistentQueue|QueueDoesNotExist/,
    );
  });

  test('what we do not do answers 501', async () => {
    const QueueUrl = queueOf();
    expect(await refusal(cloud.clients.sqs.send(new ListQueueTagsCommand({ QueueUrl })))).toMatchObject({
      status: 501,
    });
    expect(await refusal(send(QueueUrl, 'x', { MessageDeduplicationId: 'd' }))).toMatchObject({ status: 501 });
    const fifo = { QueueName: 'a.fifo', Attributes: { FifoQueue: 'true' } } as const;
    expect(await refusal(cloud.clients.sqs.send(new CreateQueueCommand(fifo)))).toMatchObject({ status: 501 });
    const unknown = await fetch(cloud.url, { method: 'POST', headers: { 'x-amz-target': 'DynamoDB.GetItem' } });
    expect(unknown.status).toBe(501);
  });
});

describe('messages', () => {
  test('carry body, attributes, group and trace', async () => {
    const url = queueOf();
    const MessageAttributes = {
      text: { DataType: 'String', StringValue: 'ä' },
      bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2, 255]) },
    };
    await send(url, 'body 😀\n\t', {
      MessageAttributes,
      MessageGroupId: 'tenant',
      MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-2-3' } },
    });
    const [message] = await receive(url);
    expect(message).toMatchObject({
      Body: 'body 😀\n\t',
      MessageAttributes,
      Attributes: { MessageGroupId: 'tenant', AWSTraceHeader: 'Root=1-2-3', ApproximateReceiveCount: '1' },
    });
  });

  test('that SQS would not carry are refused', async () => {
    const url = queueOf();
    expect((await refusal(send(url, ''))).status).toBe(400);
    expect((await refusal(send(url, 'a\u0000b'))).name).toBe('InvalidMessageContents');
    expect((await refusal(send(url, 'a\ufffeb'))).name).toBe('InvalidMessageContents');
    expect((await refusal(send(url, 'x'.repeat(1024 * 1024 + 1)))).name).toBe('InvalidParameterValue');
    const batch = (Entries: { Id: string; MessageBody: string }[]) =>
      cloud.clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
    const entries = (count: number, size: number) =>
      Array.from({ length: count }, (_, n) => ({ Id: `${n}`, MessageBody: 'x'.repeat(size) }));
    expect((await refusal(batch(entries(11, 1)))).name).toMatch(/TooManyEntriesInBatchRequest/);
    expect((await refusal(batch(entries(2, 600_000)))).name).toMatch(/BatchRequestTooLong/);
    expect((await refusal(batch([]))).name).toMatch(/EmptyBatchRequest/);
    const mixed = await batch([
      { Id: 'good', MessageBody: 'x' },
      { Id: 'bad', MessageBody: '\u0001' },
    ]);
    expect(mixed.Successful?.map(({ Id }) => Id)).toEqual(['good']);
    expect(mixed.Failed).toMatchObject([{ Id: 'bad', Code: 'InvalidMessageContents', SenderFault: true }]);
    expect(await bodies(url)).toEqual(['x']);
  });

  test('groups take turns', async () => {
    const url = queueOf();
    for (let n = 0; n < 6; n++) await send(url, `loud ${n}`, { MessageGroupId: 'loud' });
    await send(url, 'quiet', { MessageGroupId: 'quiet' });
    expect(await bodies(url, { MaxNumberOfMessages: 2 })).toEqual(['loud 0', 'quiet']);
  });

  test('in flight are hidden; a visibility of 0 gives them back, and deleting ends them', async () => {
    const url = queueOf();
    await send(url, 'one');
    await send(url, 'two');
    const [one, two] = await receive(url);
    expect(await bodies(url)).toEqual([]);
    const change = { QueueUrl: url, ReceiptHandle: one!.ReceiptHandle, VisibilityTimeout: 0 };
    await cloud.clients.sqs.send(new ChangeMessageVisibilityCommand(change));
    expect((await refusal(cloud.clients.sqs.send(new ChangeMessageVisibilityCommand(change)))).name).toMatch(
      /MessageNotInflight/,
    );
    const [again] = await receive(url);
    expect(again).toMatchObject({ Body: 'one', Attributes: { ApproximateReceiveCount: '2' } });
    const Entries = [again!, two!].map(({ ReceiptHandle }, n) => ({ Id: `${n}`, ReceiptHandle }));
    await cloud.clients.sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: url,
        Entries: Entries.map((entry) => ({ ...entry, VisibilityTimeout: 60 })),
      }),
    );
    const done = await cloud.clients.sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
    expect(done.Successful).toHaveLength(2);
    expect(cloud.sqs.depth(url.split('/').pop()!)).toBe(0);
  });

  test('come back by themselves when their time is over', async () => {
    const url = queueOf({ VisibilityTimeout: '1' });
    await send(url, 'one');
    await receive(url);
    expect(await bodies(url, { WaitTimeSeconds: 5 })).toEqual(['one']);
  });

  test('a long poll answers when a message comes', async () => {
    const url = queueOf();
    const polls = [receive(url, { WaitTimeSeconds: 20 }), receive(url, { WaitTimeSeconds: 20 })];
    await send(url, 'first');
    await send(url, 'second');
    const got = (await Promise.all(polls)).flat().map(({ Body }) => Body);
    expect(got.toSorted()).toEqual(['first', 'second']);
  });

  test('a delay hides a message until it is over', async () => {
    const url = queueOf();
    await send(url, 'late', { DelaySeconds: 1 });
    const names = { QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessagesDelayed' as const] };
    const { Attributes } = await cloud.clients.sqs.send(new GetQueueAttributesCommand(names));
    expect(Attributes).toEqual({ ApproximateNumberOfMessagesDelayed: '1' });
    expect(await bodies(url)).toEqual([]);
    expect(await bodies(url, { WaitTimeSeconds: 5 })).toEqual(['late']);
  });

  test('received too often they move to the dead-letter queue, and say where from', async () => {
    const dead = queueOf();
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(dead), maxReceiveCount: 2 });
    const url = queueOf({ RedrivePolicy });
    await send(url, 'poison', { MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } } });
    for (let n = 0; n < 2; n++) expect(await bodies(url, { VisibilityTimeout: 0 })).toEqual(['poison']);
    expect(await bodies(url)).toEqual([]);
    const [message] = await receive(dead);
    expect(message).toMatchObject({
      Body: 'poison',
      Attributes: { DeadLetterQueueSourceArn: arnOf(url), ApproximateReceiveCount: '1' },
      MessageAttributes: { a: { StringValue: 'b' } },
    });
  });

  test('a purge leaves nothing', async () => {
    const url = queueOf();
    await send(url, 'one');
    await cloud.clients.sqs.send(new PurgeQueueCommand({ QueueUrl: url }));
    expect(await bodies(url)).toEqual([]);
  });

  test('a receipt that is none is refused', async () => {
    const wrong = { QueueUrl: queueOf(), ReceiptHandle: 'nonsense' };
    expect((await refusal(cloud.clients.sqs.send(new DeleteMessageCommand(wrong)))).name).toBe(
      'ReceiptHandleIsInvalid',
    );
  });
});
