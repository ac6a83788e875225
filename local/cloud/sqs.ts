/** SQS over AWS JSON 1.0: standard queues with message groups, long polls, redrive, and a journal. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { Journal } from './journal.ts';
import { batch, checkAttributes, type Input, refuseUnknown, shown, sizeOf } from './sqs-calls.ts';
import {
  type MessageAttribute,
  type MessageState,
  md5,
  md5OfAttributes,
  newReceipt,
  SqsQueue,
  type StoredMessage,
  unsendable,
} from './sqs-queue.ts';

type Entry =
  | { readonly o: 'queue'; readonly name: string; readonly attributes: Record<string, string>; readonly at: number }
  | { readonly o: 'gone'; readonly name: string }
  | { readonly o: 'put'; readonly queue: string; readonly message: StoredMessage }
  | { readonly o: 'seen'; readonly queue: string; readonly id: string; readonly state: MessageState }
  | { readonly o: 'delete'; readonly queue: string; readonly id: string };

const batchBytesMax = 1024 * 1024;
const visibilitySecondsMax = 43_200;

export class Sqs implements Service {
  readonly name = 'sqs';
  readonly #queues = new Map<string, SqsQueue>();
  readonly #journal: Journal<Entry>;
  readonly #base: () => string;
  readonly #account: string;
  readonly #region: string;

  constructor(options: {
    readonly folder: string;
    readonly fsync: boolean;
    readonly base: () => string;
    readonly account: string;
    readonly region: string;
    /** Whoever held messages is gone with the process before: they are to be seen at once. */
    readonly releaseHeld?: boolean;
  }) {
    this.#base = options.base;
    this.#account = options.account;
    this.#region = options.region;
    mkdirSync(options.folder, { recursive: true });
    this.#journal = new Journal(join(options.folder, 'journal.jsonl'), options.fsync);
    for (const entry of this.#journal.read()) this.#replay(entry);
    this.#compact();
    const now = Date.now();
    for (const queue of this.#queues.values()) {
      for (const message of queue.messages.values()) {
        if (options.releaseHeld && message.receipt !== undefined) message.visibleAt = 0;
        queue.add(message, now);
      }
    }
  }

  /** Makes a queue; returns its address. One that is there stays as it is, unless it was to be different. */
  createQueue(name: string, attributes: Record<string, string> = {}): string {
    if (name.endsWith('.fifo')) throw notImplemented('SQS FIFO queues');
    if (!/^[\w-]{1,80}$/.test(name)) throw new AwsError(400, 'InvalidParameterValue', 'Not a name for a queue.');
    checkAttributes(attributes);
    const before = this.#queues.get(name);
    if (before) {
      if (Object.entries(attributes).every(([key, value]) => before.attributes[key] === value)) return this.urlOf(name);
      throw new AwsError(400, 'QueueAlreadyExists', 'A queue with this name and other attributes is there already.');
    }
    this.#queues.set(name, this.#newQueue(name, attributes, Date.now()));
    this.#journal.append({ o: 'queue', name, attributes, at: Date.now() });
    return this.urlOf(name);
  }

  #setAttributes(queue: SqsQueue, attributes: Record<string, string>): object {
    checkAttributes(attributes);
    Object.assign(queue.attributes, attributes);
    this.#journal.append({ o: 'queue', name: queue.name, attributes, at: queue.createdAt });
    return {};
  }

  /** Messages of a queue, whatever their state. */
  depth(name: string): number {
    return this.#queues.get(name)?.messages.size ?? 0;
  }

  arnOf = (name: string): string => `arn:aws:sqs:${this.#region}:${this.#account}:${name}`;
  urlOf = (name: string): string => `${this.#base()}/${this.#account}/${name}`;

  /** Puts a message on a queue by its ARN: for SNS. */
  deliver(arn: string, body: string, attributes?: Readonly<Record<string, MessageAttribute>>): boolean {
    const queue = this.#byArn(arn);
    if (!queue) return false;
    this.#put(
      queue,
      this.#message(queue, { MessageBody: body, ...(attributes ? { MessageAttributes: attributes } : {}) }),
    );
    return true;
  }

  /** Resolves when everything so far would survive a kill. */
  async flushed(): Promise<void> {
    if (this.#journal.isGrown) this.#compact();
    await this.#journal.flushed();
  }

  operationOf = ({ headers }: Exchange): string => headers['x-amz-target']?.split('.')[1] ?? '';

  async handle(exchange: Exchange): Promise<Reply> {
    const operation = this.operationOf(exchange);
    const input = JSON.parse(exchange.body.toString() || '{}') as Input;
    const answer = await this.#do(operation, input, exchange.signal);
    await this.flushed();
    return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(answer) };
  }

  refuse(error: AwsError): Reply {
    const code = error.code.replace('AWS.SimpleQueueService.', '').replace('QueueAlreadyExists', 'QueueNameExists');
    return {
      status: error.status,
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amzn-query-error': `${error.code};${error.status < 500 ? 'Sender' : 'Receiver'}`,
      },
      body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: error.message }),
    };
  }

  stop(): void {
    for (const queue of this.#queues.values()) queue.stop();
    this.#journal.close();
  }

  async #do(operation: string, input: Input, signal: AbortSignal): Promise<object> {
    refuseUnknown(operation, input);
    switch (operation) {
      case 'CreateQueue':
        return {
          QueueUrl: this.createQueue(String(input.QueueName), (input.Attributes ?? {}) as Record<string, string>),
        };
      case 'GetQueueUrl':
        return { QueueUrl: this.urlOf(this.#named(input.QueueName).name) };
      case 'ListQueues':
        return {
          QueueUrls: [...this.#queues.keys()]
            .filter((name) => name.startsWith(String(input.QueueNamePrefix ?? '')))
            .map(this.urlOf),
        };
      case 'DeleteQueue':
        return this.#deleteQueue(this.#queue(input));
      case 'GetQueueAttributes':
        return { Attributes: this.#attributes(this.#queue(input), (input.AttributeNames ?? []) as string[]) };
      case 'SetQueueAttributes':
        return this.#setAttributes(this.#queue(input), input.Attributes as Record<string, string>);
      case 'TagQueue':
        return {};
      case 'PurgeQueue':
        return this.#purge(this.#queue(input));
      case 'SendMessage':
        return this.#send(this.#queue(input), input);
      case 'SendMessageBatch':
        return this.#sendBatch(this.#queue(input), input);
      case 'ReceiveMessage':
        return this.#receive(this.#queue(input), input, signal);
      case 'DeleteMessage':
        return this.#delete(this.#queue(input), input.ReceiptHandle);
      case 'DeleteMessageBatch': {
        const queue = this.#queue(input);
        return batch(input, (entry) => this.#delete(queue, entry.ReceiptHandle));
      }
      case 'ChangeMessageVisibility':
        return this.#changeVisibility(this.#queue(input), input);
      case 'ChangeMessageVisibilityBatch': {
        const queue = this.#queue(input);
        return batch(input, (entry) => this.#changeVisibility(queue, entry));
      }
      default:
        throw notImplemented(`SQS ${operation}`);
    }
  }

  #newQueue = (name: string, attributes: Record<string, string>, at: number) =>
    new SqsQueue(name, this.arnOf(name), attributes, at);

  #named(name: unknown): SqsQueue {
    const queue = this.#queues.get(String(name));
    if (!queue)
      throw new AwsError(400, 'AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.');
    return queue;
  }

  /** By the last part of its address, so that an address of an earlier start still works. */
  #queue = (input: Input): SqsQueue => this.#named(String(input.QueueUrl).split('/').pop());

  #byArn = (arn: string): SqsQueue | undefined => this.#queues.get(arn.slice(arn.lastIndexOf(':') + 1));

  #attributes(queue: SqsQueue, names: readonly string[]): Record<string, string> {
    const { visible, inFlight, delayed } = queue.counts(Date.now());
    const all: Record<string, string> = {
      ...queue.attributes,
      QueueArn: queue.arn,
      CreatedTimestamp: String(Math.floor(queue.createdAt / 1000)),
      LastModifiedTimestamp: String(Math.floor(queue.createdAt / 1000)),
      ApproximateNumberOfMessages: String(visible),
      ApproximateNumberOfMessagesNotVisible: String(inFlight),
      ApproximateNumberOfMessagesDelayed: String(delayed),
    };
    return names.includes('All')
      ? all
      : Object.fromEntries(names.flatMap((name) => (name in all ? [[name, all[name]!]] : [])));
  }

  #message(queue: SqsQueue, input: Input): StoredMessage {
    const body = input.MessageBody;
    if (typeof body !== 'string' || body === '')
      throw new AwsError(400, 'MissingParameter', 'The request must contain the parameter MessageBody.');
    if (unsendable.test(body))
      throw new AwsError(400, 'InvalidMessageContents', 'The message contains characters outside the allowed set.');
    if (sizeOf(input) > Number(queue.attributes.MaximumMessageSize)) {
      throw new AwsError(
        400,
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${queue.attributes.MaximumMessageSize} bytes.`,
      );
    }
    const attributes = input.MessageAttributes as Record<string, MessageAttribute> | undefined;
    const trace = (input.MessageSystemAttributes as Record<string, MessageAttribute> | undefined)?.AWSTraceHeader
      ?.StringValue;
    const delaySeconds = Number(input.DelaySeconds ?? queue.attributes.DelaySeconds);
    const now = Date.now();
    return {
      id: randomUUID(),
      body,
      sentAt: now,
      receives: 0,
      visibleAt: delaySeconds > 0 ? now + delaySeconds * 1000 : 0,
      ...(attributes && Object.keys(attributes).length > 0 ? { attributes } : {}),
      ...(input.MessageGroupId === undefined ? {} : { group: String(input.MessageGroupId) }),
      ...(trace === undefined ? {} : { trace }),
    };
  }

  #put(queue: SqsQueue, message: StoredMessage): void {
    queue.add(message, Date.now());
    this.#journal.append({ o: 'put', queue: queue.name, message });
  }

  #send(queue: SqsQueue, input: Input): object {
    const message = this.#message(queue, input);
    this.#put(queue, message);
    return {
      MessageId: message.id,
      MD5OfMessageBody: md5(message.body),
      ...(message.attributes ? { MD5OfMessageAttributes: md5OfAttributes(message.attributes) } : {}),
    };
  }

  #sendBatch(queue: SqsQueue, input: Input): object {
    const entries = (input.Entries ?? []) as Input[];
    if (entries.reduce((bytes, entry) => bytes + sizeOf(entry), 0) > batchBytesMax) {
      throw new AwsError(
        400,
        'AWS.SimpleQueueService.BatchRequestTooLong',
        'The length of all the messages put together is more than the limit.',
      );
    }
    return batch(input, (entry) => this.#send(queue, entry));
  }

  async #receive(queue: SqsQueue, input: Input, signal: AbortSignal): Promise<object> {
    const until = Date.now() + Number(input.WaitTimeSeconds ?? queue.attributes.ReceiveMessageWaitTimeSeconds) * 1000;
    for (;;) {
      const messages = signal.aborted ? [] : this.#take(queue, input);
      const left = until - Date.now();
      if (messages.length > 0) return { Messages: messages };
      if (left <= 0 || signal.aborted) return {};
      await queue.wait(left, signal);
    }
  }

  #take(queue: SqsQueue, input: Input): object[] {
    const count = Number(input.MaxNumberOfMessages ?? 1);
    if (count < 1 || count > 10)
      throw new AwsError(400, 'InvalidParameterValue', 'MaxNumberOfMessages must be between 1 and 10.');
    const hiddenMs = Number(input.VisibilityTimeout ?? queue.attributes.VisibilityTimeout) * 1000;
    const now = Date.now();
    const taken: object[] = [];
    for (let message = queue.next(now); message; message = taken.length < count ? queue.next(now) : undefined) {
      if (this.#giveUp(queue, message, now)) continue;
      message.receives++;
      message.firstAt ??= now;
      message.receipt = newReceipt(message);
      taken.push(shown(message, input));
      queue.hide(message, now + hiddenMs, now);
      this.#note(queue, message);
      if (hiddenMs === 0) break;
    }
    return taken;
  }

  /** True when the message is too old, or was received too often and goes to the dead-letter queue. */
  #giveUp(queue: SqsQueue, message: StoredMessage, now: number): boolean {
    const expired = now - message.sentAt > Number(queue.attributes.MessageRetentionPeriod) * 1000;
    const { redrive } = queue;
    const dead =
      redrive && message.receives >= Number(redrive.maxReceiveCount)
        ? this.#byArn(redrive.deadLetterTargetArn)
        : undefined;
    if (!expired && !dead) return false;
    this.#remove(queue, message.id);
    if (dead && !expired) {
      const { receipt: _receipt, firstAt: _firstAt, ...kept } = message;
      this.#put(dead, { ...kept, receives: 0, visibleAt: 0, source: queue.arn });
    }
    return true;
  }

  #remove(queue: SqsQueue, id: string): void {
    if (queue.remove(id)) this.#journal.append({ o: 'delete', queue: queue.name, id });
  }

  #delete(queue: SqsQueue, receipt: unknown): object {
    const [id] = String(receipt).split('.');
    if (!/^[0-9a-f-]{36}\.\d+\./.test(String(receipt)))
      throw new AwsError(400, 'ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
    this.#remove(queue, id!);
    return {};
  }

  #changeVisibility(queue: SqsQueue, input: Input): object {
    const message = queue.messages.get(String(input.ReceiptHandle).split('.')[0]!);
    const now = Date.now();
    if (!message || message.receipt !== input.ReceiptHandle || message.visibleAt <= now) {
      throw new AwsError(400, 'AWS.SimpleQueueService.MessageNotInflight', 'The message is not in flight.');
    }
    const seconds = Number(input.VisibilityTimeout);
    if (!(seconds >= 0 && seconds <= visibilitySecondsMax)) {
      throw new AwsError(
        400,
        'InvalidParameterValue',
        `VisibilityTimeout must be between 0 and ${visibilitySecondsMax}.`,
      );
    }
    queue.hide(message, now + seconds * 1000, now);
    this.#note(queue, message);
    return {};
  }

  #purge(queue: SqsQueue): object {
    for (const id of [...queue.messages.keys()]) this.#remove(queue, id);
    return {};
  }

  #deleteQueue(queue: SqsQueue): object {
    queue.stop();
    this.#queues.delete(queue.name);
    this.#journal.append({ o: 'gone', name: queue.name });
    return {};
  }

  #replay(entry: Entry): void {
    switch (entry.o) {
      case 'queue': {
        const before = this.#queues.get(entry.name);
        if (before) Object.assign(before.attributes, entry.attributes);
        else this.#queues.set(entry.name, this.#newQueue(entry.name, entry.attributes, entry.at));
        break;
      }
      case 'gone':
        this.#queues.delete(entry.name);
        break;
      case 'put':
        this.#queues.get(entry.queue)?.messages.set(entry.message.id, entry.message);
        break;
      case 'seen': {
        const message = this.#queues.get(entry.queue)?.messages.get(entry.id);
        if (message) Object.assign(message, entry.state);
        break;
      }
      case 'delete':
        this.#queues.get(entry.queue)?.messages.delete(entry.id);
        break;
    }
  }

  #compact(): void {
    this.#journal.compact(this.#entries());
  }

  *#entries(): Generator<Entry> {
    for (const queue of this.#queues.values()) {
      yield { o: 'queue', name: queue.name, attributes: queue.attributes, at: queue.createdAt };
      for (const message of queue.messages.values()) yield { o: 'put', queue: queue.name, message };
    }
  }

  /** Notes what a receive changed, without its body. */
  #note(queue: SqsQueue, { id, receives, firstAt, visibleAt, receipt }: StoredMessage): void {
    const state = { receives, visibleAt, ...(firstAt ? { firstAt } : {}), ...(receipt ? { receipt } : {}) };
    this.#journal.append({ o: 'seen', queue: queue.name, id, state });
  }
}
