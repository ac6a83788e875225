/**
 * The admin's view of the dead-letter queues.
 *
 * Two kinds of messages lie there: those that a verb buried, with its reason, and those that SQS moved after the
 * last delivery failed, with the attribute DeadLetterQueueSourceArn. A message that SQS moved still carries its
 * producer's attributes, which nobody should trust, so the source that SQS names always wins.
 *
 * The admin is no reader of events: of a message it sees the shape, the size and the code, and no value. A verb's
 * sentence may quote the message (a key, a number, what PostgreSQL refused), so the code's own title stands for it.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { Problem, type ProblemCode, problemKinds } from '#core/event/problem.ts';
import type { DeadLetter, DeadLetterDesk } from '#core/record/ports.ts';
import { shapeOf } from '#core/record/shape.ts';
import { nameOf, reach } from '../aws/clients.ts';
import { originalBody } from './dead-letters.ts';
import { sendAll } from './send.ts';

/** A queue and where its dead letters go; several queues may share one. */
export interface DeadLetterSource {
  readonly name: string;
  readonly url: string;
  readonly deadLetterUrl: string;
}

const place = 'SQS dead letters';
const receiveMax = 10;
/** Long enough to look at or send on a batch; if we crash, the messages show again after it. */
const holdSeconds = 30;
/** One call's share of a redrive, far below the verb's time limit. */
const redriveMax = 1000;

export class SqsDeadLetterDesk implements DeadLetterDesk {
  readonly #client: SQSClient;
  readonly #sources: readonly DeadLetterSource[];

  constructor(client: SQSClient, sources: readonly DeadLetterSource[]) {
    this.#client = client;
    this.#sources = sources;
  }

  async list(): ReturnType<DeadLetterDesk['list']> {
    return Promise.all(
      this.#sources.map(async ({ name, deadLetterUrl }) => {
        const input = new GetQueueAttributesCommand({
          QueueUrl: deadLetterUrl,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        });
        const { Attributes = {} } = await reach(place, () => this.#client.send(input));
        return {
          queue: name,
          visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
          inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
        };
      }),
    );
  }

  async peek(queue: string, limit: number): Promise<readonly DeadLetter[]> {
    const { deadLetterUrl } = this.#source(queue);
    const held: Message[] = [];
    try {
      while (held.length < limit) {
        const some = await this.#receive(deadLetterUrl, limit - held.length);
        if (some.length === 0) break;
        held.push(...some);
      }
    } finally {
      await this.#putBack(deadLetterUrl, held);
    }
    const seen = new Map(held.map((message) => [message.MessageId, message]));
    return [...seen.values()].map(letterOf);
  }

  async redrive(queue: string, limit = redriveMax): Promise<number> {
    const source = this.#source(queue);
    const most = Math.min(limit, redriveMax);
    const startedMs = Date.now();
    const stuck: Message[] = [];
    let moved = 0;
    try {
      while (moved + stuck.length < most) {
        const received = await this.#receive(source.deadLetterUrl, most - moved - stuck.length);
        // What is still at fault is buried again while we work; without this it would go round and round.
        const some = received.filter(({ Attributes }) => Number(Attributes?.SentTimestamp ?? 0) <= startedMs);
        stuck.push(...received.filter((message) => !some.includes(message)));
        if (some.length === 0) break;
        const results = await Promise.allSettled(some.map((message) => this.#move(message, source)));
        const isMoved = (_: Message, at: number) => wasMoved(results[at]!);
        moved += some.filter(isMoved).length;
        stuck.push(...some.filter((message, at) => !isMoved(message, at)));
        const failed = results.find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
      }
    } finally {
      await this.#putBack(source.deadLetterUrl, stuck);
    }
    return moved;
  }

  #source(queue: string): DeadLetterSource {
    const source = this.#sources.find(({ name }) => name === queue);
    if (!source) throw new Problem('not_found', 'There is no such queue.');
    return source;
  }

  async #receive(QueueUrl: string, limit: number): Promise<Message[]> {
    const input = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: Math.min(receiveMax, limit),
      VisibilityTimeout: holdSeconds,
      // A second of long polling asks every SQS host; a short poll may find nothing in a queue that is not empty.
      WaitTimeSeconds: 1,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    const { Messages = [] } = await reach(place, () => this.#client.send(input));
    return Messages;
  }

  /** False when the queue it came from is gone: it stays where it is. Sent first, deleted after. */
  async #move(message: Message, from: DeadLetterSource): Promise<boolean> {
    const url = await this.#home(message, from);
    if (url === undefined) return false;
    const body = originalBody(message.Body ?? '', wordsOf(message));
    const group = message.Attributes?.MessageGroupId;
    await sendAll(this.#client, url, [
      { MessageBody: body, ...(group === undefined ? {} : { MessageGroupId: group }) },
    ]);
    const handle = { QueueUrl: from.deadLetterUrl, ReceiptHandle: message.ReceiptHandle };
    await reach(place, () => this.#client.send(new DeleteMessageCommand(handle)));
    return true;
  }

  /** The URL of the queue that a message came from. */
  async #home(message: Message, from: DeadLetterSource): Promise<string | undefined> {
    const name = sourceOf(message);
    if (name === undefined) return from.url;
    const known = this.#sources.find((source) => source.name === name || source.url.split('/').at(-1) === name);
    if (known) return known.url;
    try {
      const answer = await reach(place, () => this.#client.send(new GetQueueUrlCommand({ QueueName: name })));
      return answer.QueueUrl;
    } catch (error) {
      if (/QueueDoesNotExist|NonExistentQueue/.test(nameOf(error))) return undefined;
      throw error;
    }
  }

  async #putBack(QueueUrl: string, messages: readonly Message[]): Promise<void> {
    for (let start = 0; start < messages.length; start += receiveMax) {
      const Entries = messages
        .slice(start, start + receiveMax)
        .map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle, VisibilityTimeout: 0 }));
      // A message that cannot be put back shows again by itself when the hold ends.
      await this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries })).catch(() => undefined);
    }
  }
}

const wasMoved = (result: PromiseSettledResult<boolean>) => result.status === 'fulfilled' && result.value;

/** The source that SQS names when it moved the message itself. */
const movedFrom = ({ Attributes = {} }: Message): string | undefined =>
  (Attributes as Record<string, string | undefined>).DeadLetterQueueSourceArn?.split(':').at(-1);

/** Our own attributes: none on a message that SQS moved, whose attributes are its producer's. */
const wordsOf = (message: Message): Record<string, MessageAttributeValue> =>
  movedFrom(message) === undefined ? (message.MessageAttributes ?? {}) : {};

/** Name of the queue a message came from. */
const sourceOf = (message: Message): string | undefined => movedFrom(message) ?? wordsOf(message).source?.StringValue;

function letterOf(message: Message): DeadLetter {
  const { MessageId = '', Attributes = {}, Body = '' } = message;
  const words = wordsOf(message);
  const code = codeOf(words.code?.StringValue);
  const source = sourceOf(message);
  const body = originalBody(Body, words);
  const shape = shapeOf(body);
  return {
    messageId: MessageId,
    sentAt: new Date(Number(Attributes.SentTimestamp ?? 0)).toISOString(),
    receivedCount: Number(Attributes.ApproximateReceiveCount ?? 0),
    ...(code === undefined ? {} : { code, reason: `${problemKinds[code].title}.` }),
    ...(source === undefined ? {} : { source }),
    bytes: Buffer.byteLength(body),
    ...(shape === undefined ? {} : { shape }),
  };
}

/** A word of our own, or nothing. */
const codeOf = (text = ''): ProblemCode | undefined =>
  Object.hasOwn(problemKinds, text) ? (text as ProblemCode) : undefined;
