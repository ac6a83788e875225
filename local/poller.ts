/**
 * Event source mappings: takes messages of a queue in batches to a function, as Lambda's pollers do.
 *
 * Messages that the function did not report as failed are deleted. Failed ones are left to the queue's
 * visibility timeout and redrive policy. After a failed batch the mapping slows down.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lambda } from './lambda.ts';
import { type Message, type Sqs, SqsError } from './sqs-client.ts';

export interface Mapping {
  readonly queueArn: string;
  readonly functionArn: string;
  readonly batchSize: number;
  readonly windowSeconds: number;
  /** Batches at once. */
  readonly concurrencyMax: number;
  readonly reportsItemFailures: boolean;
}

/** Lambda's cap on a batch; an event is larger than its messages, by their attributes. */
const batchBytesMax = 6 * 1024 * 1024 - 64 * 1024;
const backOffMsMax = 10_000;

interface Taken {
  readonly message: Message;
  readonly record: string;
  readonly bytes: number;
}

export class Poller {
  readonly mapping: Mapping;
  readonly url: string;
  readonly #sqs: Sqs;
  readonly #lambda: Lambda;
  readonly #stopping = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #loop: Promise<void>;
  /** Received but not yet handed over: what a batch had no room for. */
  #held: Taken[] = [];
  #failures = 0;

  constructor(mapping: Mapping, sqs: Sqs, lambda: Lambda) {
    this.mapping = mapping;
    this.url = sqs.urlOf(mapping.queueArn);
    this.#sqs = sqs;
    this.#lambda = lambda;
    this.#loop = this.#run();
  }

  get busy(): boolean {
    return this.#inFlight.size > 0 || this.#held.length > 0;
  }

  /** Takes nothing more, waits for what runs, at most so long. */
  async stop(graceMs = 5_000): Promise<void> {
    this.#stopping.abort();
    const timer = new AbortController();
    await Promise.race([
      Promise.allSettled([this.#loop, ...this.#inFlight]),
      sleep(graceMs, undefined, { signal: timer.signal }).catch(() => {}),
    ]);
    timer.abort();
    const held = this.#held.splice(0).map(({ message }) => message);
    await this.#sqs.release(this.url, held).catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const batch = await this.#gather();
        if (batch.length === 0) continue;
        const running = this.#hand(batch).finally(() => this.#inFlight.delete(running));
        this.#inFlight.add(running);
        if (this.#inFlight.size >= this.mapping.concurrencyMax) await Promise.race(this.#inFlight);
        if (this.#failures > 0) await this.#backOff(signal);
      } catch (error) {
        if (signal.aborted) return;
        // A queue that was deleted has nothing more to give.
        if (error instanceof SqsError && /NonExistentQueue|QueueDoesNotExist/.test(error.type)) return;
        this.#failures++;
        await this.#backOff(signal);
      }
    }
  }

  async #backOff(signal: AbortSignal): Promise<void> {
    await sleep(Math.min(100 * 2 ** this.#failures, backOffMsMax), undefined, { signal }).catch(() => {});
  }

  /** One batch: waits for a first message, then fills up until it is full, its window ended or the queue is empty. */
  async #gather(): Promise<Taken[]> {
    const { batchSize, windowSeconds } = this.mapping;
    const { signal } = this.#stopping;
    let untilMs = 0;
    while (this.#held.length < batchSize && sizeOf(this.#held) < batchBytesMax) {
      const leftMs = untilMs - Date.now();
      const started = this.#held.length > 0;
      if (started && untilMs === 0) untilMs = Date.now() + windowSeconds * 1000;
      else if (started && windowSeconds > 0 && leftMs <= 0) break;
      const waitSeconds = !started ? 20 : windowSeconds > 0 ? Math.min(1, Math.ceil(Math.max(leftMs, 0) / 1000)) : 0;
      const messages = await this.#sqs.receive(
        this.url,
        Math.min(10, batchSize - this.#held.length),
        waitSeconds,
        signal,
      );
      this.#held.push(...messages.map((message) => this.#take(message)));
      if (messages.length === 0 && windowSeconds === 0) break;
    }
    return this.#cut();
  }

  /** As many of the held messages as fit into one event. */
  #cut(): Taken[] {
    let bytes = 0;
    let count = 0;
    for (const one of this.#held) {
      bytes += one.bytes + 1;
      if (count > 0 && (bytes > batchBytesMax || count === this.mapping.batchSize)) break;
      count++;
    }
    return this.#held.splice(0, count);
  }

  #take(message: Message): Taken {
    const record = JSON.stringify({
      messageId: message.MessageId,
      receiptHandle: message.ReceiptHandle,
      body: message.Body,
      attributes: message.Attributes ?? {},
      messageAttributes: Object.fromEntries(
        Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue, BinaryValue, DataType }]) => [
          name,
          {
            stringValue: StringValue,
            binaryValue: BinaryValue,
            stringListValues: [],
            binaryListValues: [],
            dataType: DataType,
          },
        ]),
      ),
      md5OfBody: message.MD5OfBody,
      eventSource: 'aws:sqs',
      eventSourceARN: this.mapping.queueArn,
      awsRegion: this.#sqs.region,
    });
    return { message, record, bytes: Buffer.byteLength(record) };
  }

  async #hand(batch: readonly Taken[]): Promise<void> {
    try {
      const event = `{"Records":[${batch.map(({ record }) => record).join(',')}]}`;
      const answer = JSON.parse(await this.#lambda.invokeText(this.mapping.functionArn, event)) as unknown;
      const failed = this.mapping.reportsItemFailures ? failedOf(answer, batch) : new Set<string>();
      const done = batch.map(({ message }) => message).filter(({ MessageId }) => !failed.has(MessageId));
      await this.#sqs.delete(this.url, done);
      this.#failures = 0;
    } catch {
      this.#failures++;
    }
  }
}

const sizeOf = (held: readonly Taken[]) => held.reduce((sum, { bytes }) => sum + bytes + 1, 0);

/** Ids of the failed messages; an answer Lambda cannot read means that all of them failed. */
function failedOf(answer: unknown, batch: readonly Taken[]): Set<string> {
  const failures = (answer as { batchItemFailures?: unknown } | null)?.batchItemFailures ?? [];
  const ids = new Set(batch.map(({ message }) => message.MessageId));
  const known = (one: unknown): one is { itemIdentifier: string } =>
    ids.has((one as { itemIdentifier?: unknown } | null)?.itemIdentifier as string);
  if (!Array.isArray(failures) || !failures.every(known)) return ids;
  return new Set(failures.map(({ itemIdentifier }) => itemIdentifier));
}
