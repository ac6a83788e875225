/** One queue in memory: what is ready, what is in flight, and who waits. */
import { createHash, randomUUID } from 'node:crypto';

export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: string;
}

export interface StoredMessage extends MessageState {
  readonly id: string;
  readonly body: string;
  readonly attributes?: Readonly<Record<string, MessageAttribute>>;
  readonly group?: string;
  readonly trace?: string;
  /** ARN of the queue that gave it up, on a dead-letter queue. */
  readonly source?: string;
  readonly sentAt: number;
}

/** What receiving a message changes about it. */
export interface MessageState {
  receives: number;
  firstAt?: number;
  /** Not to be seen before this time, ms. */
  visibleAt: number;
  receipt?: string;
}

/** What SQS refuses to carry: characters outside XML 1.0. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the specification names them
export const unsendable = /[^\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** MD5 over attributes as SQS computes it; the SDK checks it. */
export function md5OfAttributes(attributes: Readonly<Record<string, MessageAttribute>>): string {
  const hash = createHash('md5');
  const add = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of Object.keys(attributes).sort()) {
    const { DataType, StringValue, BinaryValue } = attributes[name]!;
    add(Buffer.from(name));
    add(Buffer.from(DataType));
    hash.update(Buffer.of(BinaryValue === undefined ? 1 : 2));
    add(BinaryValue === undefined ? Buffer.from(StringValue ?? '') : Buffer.from(BinaryValue, 'base64'));
  }
  return hash.digest('hex');
}

export class SqsQueue {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  attributes: Record<string, string>;
  readonly messages = new Map<string, StoredMessage>();
  /** Ids that may be received, by group; groups take turns, so a loud tenant does not hold up the others. */
  readonly #ready = new Map<string, Set<string>>();
  /** Those in flight or delayed. */
  readonly #hidden = new Set<StoredMessage>();
  readonly #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(name: string, arn: string, attributes: Record<string, string>, createdAt: number) {
    this.name = name;
    this.arn = arn;
    this.createdAt = createdAt;
    this.attributes = {
      VisibilityTimeout: '30',
      DelaySeconds: '0',
      MaximumMessageSize: '1048576',
      MessageRetentionPeriod: '345600',
      ReceiveMessageWaitTimeSeconds: '0',
      ...attributes,
    };
  }

  get redrive(): { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number } | undefined {
    const text = this.attributes.RedrivePolicy;
    return text ? JSON.parse(text) : undefined;
  }

  counts(now: number): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    const hidden = [...this.#hidden].filter((message) => message.visibleAt > now);
    const inFlight = hidden.filter((message) => message.receipt !== undefined).length;
    return { visible: this.messages.size - hidden.length, inFlight, delayed: hidden.length - inFlight };
  }

  add(message: StoredMessage, now: number): void {
    this.messages.set(message.id, message);
    this.hide(message, message.visibleAt, now);
  }

  /** False when it was not there. */
  remove(id: string): boolean {
    const message = this.messages.get(id);
    if (!message) return false;
    this.#hidden.delete(message);
    return this.messages.delete(id);
  }

  /** The next message that may be received, taken from the groups in turn; undefined when there is none. */
  next(now: number): StoredMessage | undefined {
    for (let [turn] = this.#ready; turn; [turn] = this.#ready) {
      const [group, ids] = turn;
      const [id] = ids;
      this.#ready.delete(group);
      if (id !== undefined) ids.delete(id);
      if (ids.size > 0) this.#ready.set(group, ids);
      const message = id === undefined ? undefined : this.messages.get(id);
      if (message && message.visibleAt <= now) return message;
    }
    return undefined;
  }

  /** Not to be received before this time; at once when it has passed. */
  hide(message: StoredMessage, until: number, now: number): void {
    message.visibleAt = until;
    if (until <= now) this.#makeReady(message);
    else {
      this.#hidden.add(message);
      this.#wakeAt(until);
    }
  }

  /** Resolves when something became ready, after the time, or when the caller goes away. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        const index = this.#waiting.indexOf(done);
        if (index >= 0) this.#waiting.splice(index, 1);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.#waiting.push(done);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const done of [...this.#waiting]) done();
  }

  #makeReady(message: StoredMessage): void {
    this.#hidden.delete(message);
    const group = message.group ?? '';
    const ids = this.#ready.get(group);
    if (ids) ids.add(message.id);
    else this.#ready.set(group, new Set([message.id]));
    this.#waiting.shift()?.();
  }

  #nextWake = Number.POSITIVE_INFINITY;

  #wakeAt(time: number): void {
    if (time >= this.#nextWake) return;
    this.#nextWake = time;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#show(), Math.max(0, time - Date.now()));
    this.#timer.unref();
  }

  /** Makes ready what has become visible, and sets the clock for the rest. */
  #show(): void {
    const now = Date.now();
    this.#nextWake = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const message of this.#hidden) {
      if (message.visibleAt > now) next = Math.min(next, message.visibleAt);
      else this.#makeReady(message);
    }
    if (next < Number.POSITIVE_INFINITY) this.#wakeAt(next);
  }
}

export const newReceipt = (message: StoredMessage): string => `${message.id}.${message.receives}.${randomUUID()}`;
