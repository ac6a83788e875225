/** What SQS reads from a call and writes into its answer, apart from the queues. */
import { AwsError, notImplemented } from './exchange.ts';
import { type MessageAttribute, md5, md5OfAttributes, type StoredMessage } from './sqs-queue.ts';

export type Input = Readonly<Record<string, unknown>>;

const settable = new Set([
  'VisibilityTimeout',
  'DelaySeconds',
  'MaximumMessageSize',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'Policy',
  'SqsManagedSseEnabled',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
]);

/** Operation → the parameters it may carry; a batch entry is held to those of its single operation. */
const sendParameters = [
  'MessageBody',
  'DelaySeconds',
  'MessageAttributes',
  'MessageSystemAttributes',
  'MessageGroupId',
];
const parameters: Readonly<Record<string, readonly string[]>> = {
  CreateQueue: ['QueueName', 'Attributes', 'tags'],
  GetQueueUrl: ['QueueName', 'QueueOwnerAWSAccountId'],
  ListQueues: ['QueueNamePrefix'],
  DeleteQueue: ['QueueUrl'],
  GetQueueAttributes: ['QueueUrl', 'AttributeNames'],
  SetQueueAttributes: ['QueueUrl', 'Attributes'],
  TagQueue: ['QueueUrl', 'Tags'],
  PurgeQueue: ['QueueUrl'],
  SendMessage: ['QueueUrl', ...sendParameters],
  SendMessageBatch: ['QueueUrl', 'Entries'],
  ReceiveMessage: [
    'QueueUrl',
    'AttributeNames',
    'MessageSystemAttributeNames',
    'MessageAttributeNames',
    'MaxNumberOfMessages',
    'VisibilityTimeout',
    'WaitTimeSeconds',
    'ReceiveRequestAttemptId',
  ],
  DeleteMessage: ['QueueUrl', 'ReceiptHandle'],
  DeleteMessageBatch: ['QueueUrl', 'Entries'],
  ChangeMessageVisibility: ['QueueUrl', 'ReceiptHandle', 'VisibilityTimeout'],
  ChangeMessageVisibilityBatch: ['QueueUrl', 'Entries'],
};

/** Throws for an operation, or a parameter of it, that is not simulated: better refused than ignored. */
export function refuseUnknown(operation: string, input: Input): void {
  const known = parameters[operation];
  if (!known) throw notImplemented(`SQS ${operation}`);
  const unknown = Object.keys(input).find((name) => !known.includes(name));
  if (unknown !== undefined) throw notImplemented(`SQS ${operation} with ${unknown}`);
  if (!operation.endsWith('Batch')) return;
  for (const { Id: _id, ...entry } of (input.Entries ?? []) as Input[]) {
    refuseUnknown(operation.slice(0, -'Batch'.length), entry);
  }
}

/** Throws for attributes that a standard queue does not have. */
export function checkAttributes(attributes: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(attributes)) {
    if (/Fifo|Deduplication|Throughput/.test(name)) throw notImplemented(`SQS FIFO queues (${name})`);
    if (!settable.has(name)) throw new AwsError(400, 'InvalidAttributeName', `Unknown Attribute ${name}.`);
  }
}

/** Bytes of a message as the limits count them: body and attributes. */
export const sizeOf = (input: Input): number =>
  Buffer.byteLength(String(input.MessageBody ?? '')) +
  Object.entries((input.MessageAttributes ?? {}) as Record<string, MessageAttribute>).reduce(
    (bytes, [name, one]) =>
      bytes +
      Buffer.byteLength(name) +
      Buffer.byteLength(one.DataType) +
      Buffer.byteLength(one.StringValue ?? one.BinaryValue ?? ''),
    0,
  );

/** A batch of at most ten entries, each of which succeeds or fails alone. */
export function batch(input: Input, work: (entry: Input) => object): object {
  const entries = (input.Entries ?? []) as Input[];
  if (entries.length === 0)
    throw new AwsError(
      400,
      'AWS.SimpleQueueService.EmptyBatchRequest',
      'There should be at least one entry in the batch.',
    );
  if (entries.length > 10)
    throw new AwsError(
      400,
      'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
      'Maximum number of entries per request are 10.',
    );
  if (new Set(entries.map((entry) => entry.Id)).size !== entries.length)
    throw new AwsError(400, 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct', 'Two entries have the same id.');
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...work(entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      Failed.push({ Id: entry.Id, SenderFault: error.status < 500, Code: error.code, Message: error.message });
    }
  }
  return { Successful, Failed };
}

/** A message as the receiver asked to see it. */
export function shown(message: StoredMessage, input: Input): object {
  const system: Record<string, string> = {
    SenderId: 'AIDALOCAL',
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(message.firstAt),
    ...(message.group === undefined ? {} : { MessageGroupId: message.group }),
    ...(message.trace === undefined ? {} : { AWSTraceHeader: message.trace }),
    ...(message.source === undefined ? {} : { DeadLetterQueueSourceArn: message.source }),
  };
  const wanted = [
    ...((input.MessageSystemAttributeNames ?? []) as string[]),
    ...((input.AttributeNames ?? []) as string[]),
  ];
  const names = (input.MessageAttributeNames ?? []) as string[];
  const isWanted = (name: string) =>
    names.some(
      (one) =>
        one === 'All' || one === '.*' || one === name || (one.endsWith('.*') && name.startsWith(one.slice(0, -1))),
    );
  const attributes = Object.fromEntries(Object.entries(message.attributes ?? {}).filter(([name]) => isWanted(name)));
  return {
    MessageId: message.id,
    ReceiptHandle: message.receipt,
    Body: message.body,
    MD5OfBody: md5(message.body),
    ...(wanted.length > 0
      ? {
          Attributes: wanted.includes('All')
            ? system
            : Object.fromEntries(Object.entries(system).filter(([name]) => wanted.includes(name))),
        }
      : {}),
    ...(Object.keys(attributes).length > 0
      ? { MessageAttributes: attributes, MD5OfMessageAttributes: md5OfAttributes(attributes) }
      : {}),
  };
}
