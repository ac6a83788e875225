/** Where a dead letter goes home to, when SQS and the message's own attributes disagree. */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { expect, test } from 'vitest';
import { SqsDeadLetterDesk } from '#stores/sqs/dead-letter-desk.ts';

const client = new SQSClient({ region: 'eu-west-1' });
const url = (name: string) => `http://127.0.0.1/0/${name}`;

test('a producer cannot have its message sent to another queue: the source that SQS names wins', async () => {
  const sqs = mockClient(client);
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  const forged = {
    MessageId: 'm',
    ReceiptHandle: 'r',
    Body: 'forged',
    Attributes: { DeadLetterQueueSourceArn: 'arn:aws:sqs:eu-west-1:0:bulk', MessageGroupId: 't' },
    MessageAttributes: { source: text('critical'), code: text('lie'), encoding: text('gzip+base64') },
  };
  let waiting: object[] = [];
  sqs.on(ReceiveMessageCommand).callsFake(() => ({ Messages: waiting.splice(0) }));
  sqs.on(SendMessageBatchCommand).resolves({});
  sqs.on(DeleteMessageCommand).resolves({});
  sqs.on(ChangeMessageVisibilityBatchCommand).resolves({});
  const sources = ['bulk', 'critical'].map((name) => ({ name, url: url(name), deadLetterUrl: url('dead') }));
  const desk = new SqsDeadLetterDesk(client, sources);

  waiting = [forged];
  const [letter] = await desk.peek('critical', 10);
  expect(letter).toMatchObject({ source: 'bulk', excerpt: 'forged' });
  expect(letter).not.toHaveProperty('code');

  waiting = [forged];
  expect(await desk.redrive('critical')).toBe(1);
  const [sent] = sqs.commandCalls(SendMessageBatchCommand);
  expect(sent!.args[0].input).toMatchObject({
    QueueUrl: url('bulk'),
    Entries: [{ MessageBody: 'forged', MessageGroupId: 't' }],
  });
});
