/** What only SQS itself can do to us: refuse some entries of a batch, throttle, go away. */
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { originalBody, SqsDeadLetters } from '#stores/sqs/dead-letters.ts';
import { SqsOutlet } from '#stores/sqs/outlet.ts';

const client = new SQSClient({ region: 'eu-west-1' });
const sqs = mockClient(client);
beforeEach(() => sqs.reset());

const outlet = new SqsOutlet(client, 'http://127.0.0.1/0/critical');
const messages = (count: number, bytes = 1) =>
  Array.from({ length: count }, (_, n) => ({ body: String(n).padEnd(bytes, 'x'), group: 't' }));
const batches = () => sqs.commandCalls(SendMessageBatchCommand).map((call) => call.args[0].input.Entries ?? []);
const refuse = (Id: string, SenderFault: boolean, Code = 'InternalError') => ({ Id, SenderFault, Code });

test('batches hold at most ten messages and one MiB', async () => {
  sqs.on(SendMessageBatchCommand).resolves({});
  await outlet.send([...messages(23), ...messages(5, 300_000)]);
  for (const entries of batches()) {
    expect(entries.length).toBeLessThanOrEqual(10);
    expect(entries.reduce((sum, entry) => sum + entry.MessageBody!.length, 0)).toBeLessThanOrEqual(1024 * 1024);
  }
  expect(batches().flat()).toHaveLength(28);
  expect(batches()[0]![0]).toMatchObject({ MessageGroupId: 't' });
});

test('only the entries that were refused are sent again', async () => {
  sqs
    .on(SendMessageBatchCommand)
    .resolvesOnce({ Failed: [refuse('1', false)] })
    .resolves({});
  await outlet.send(messages(3));
  expect(batches().map((entries) => entries.map(({ MessageBody }) => MessageBody))).toEqual([['0', '1', '2'], ['1']]);
});

test('an entry that is refused four times makes the place unavailable', async () => {
  sqs.on(SendMessageBatchCommand).resolves({ Failed: [refuse('0', false)] });
  await expect(outlet.send(messages(1))).rejects.toBeInstanceOf(Unavailable);
  expect(batches()).toHaveLength(4);
});

test('an entry that is itself at fault is an error of ours, at once', async () => {
  sqs.on(SendMessageBatchCommand).resolves({ Failed: [refuse('0', true, 'InvalidMessageContents')] });
  const error = await outlet.send(messages(1)).catch((thrown: unknown) => thrown);
  expect(error).not.toBeInstanceOf(Unavailable);
  expect(batches()).toHaveLength(1);
});

test.each([
  Object.assign(new Error('slow down'), { name: 'RequestThrottled', $metadata: { httpStatusCode: 400 } }),
  Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  Object.assign(new Error('late'), { name: 'TimeoutError' }),
  Object.assign(new Error('oops'), { $metadata: { httpStatusCode: 500 } }),
])('$name $message is unavailable', async (error) => {
  sqs.on(SendMessageBatchCommand).rejects(error);
  await expect(outlet.send(messages(1))).rejects.toBeInstanceOf(Unavailable);
});

test('a denial and a bug are no outage', async () => {
  for (const name of ['AccessDenied', 'TypeError', 'QueueDoesNotExist']) {
    sqs.on(SendMessageBatchCommand).rejects(Object.assign(new Error(name), { name }));
    await expect(outlet.send(messages(1))).rejects.toMatchObject({ name });
  }
});

test('a dead letter too large to lie beside its reason is packed, and comes out whole', async () => {
  sqs.on(SendMessageBatchCommand).resolves({});
  const body = '{"a":1}'.repeat(149_796);
  const letter = { body, source: 'bulk', messageId: 'm', code: 'json_invalid', reason: 'r'.repeat(5000) };
  await new SqsDeadLetters(client, 'http://127.0.0.1/0/dead').bury(letter);
  const [entry] = batches()[0]!;
  expect(entry!.MessageBody!.length).toBeLessThan(1024 * 1024);
  expect(originalBody(entry!.MessageBody!, entry!.MessageAttributes)).toBe(body);
});
