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
  expect(letter).toMatchObject({ source: 'bulk', bytes: 6 });
  expect(letter).not.toHaveProperty('code');

  waiting = [forged];
  expect(await desk.redrive('critical')).toBe(1);
  const [sent] = sqs.commandCalls(SendMessageBatchCommand);
  expect(sent!.args[0].input).toMatchObject({
    QueueUrl: url('bulk'),
    Entries: [{ MessageBody: 'forged', MessageGroupId: 't' }],
  });
});

test('a look shows no value that a producer sent: not in the body, not in a reason that quotes it', async () => {
  const sqs = mockClient(client);
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  const buried = (n: number, Body: string, code: string, reason: string) => ({
    MessageId: `m${n}`,
    ReceiptHandle: `r${n}`,
    Body,
    Attributes: { SentTimestamp: '0' },
    MessageAttributes: { source: text('bulk'), code: text(code), reason: text(reason) },
  });
  const waiting = [
    buried(1, '{"actor":{"email":"ada@example.org"},"ada":1}', 'event_invalid', '/ada is not a field of an event.'),
    buried(2, 'ada@example.org', 'json_invalid', 'Unexpected token a in "ada@example.org".'),
    buried(3, '"ada"', 'ada@example.org', 'no code of ours'),
  ];
  sqs.on(ReceiveMessageCommand).callsFake(() => ({ Messages: waiting.splice(0) }));
  sqs.on(ChangeMessageVisibilityBatchCommand).resolves({});
  const desk = new SqsDeadLetterDesk(client, [{ name: 'bulk', url: url('bulk'), deadLetterUrl: url('dead') }]);
  const letters = await desk.peek('bulk', 10);
  expect(letters).toMatchObject([
    {
      code: 'event_invalid',
      reason: 'The event does not have the right shape.',
      bytes: 45,
      shape: { actor: { email: 'string(15)' }, '?1': 'number' },
    },
    { code: 'json_invalid', reason: 'The body is not valid JSON.', bytes: 15 },
    { bytes: 5, shape: 'string(3)' },
  ]);
  expect(letters[1]).not.toHaveProperty('shape');
  expect(JSON.stringify(letters)).not.toContain('ada');
});
