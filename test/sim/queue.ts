/** An SQS queue in the simulation: at least once, in no order, hidden for a while from whoever else asks. */
import type { QueueMessage } from '#functions/runtime/queue.ts';
import type { Scheduler, Worker } from './scheduler.ts';

interface Held {
  readonly id: string;
  readonly body: string;
  readonly sentAt: number;
  receives: number;
  visibleAt: number;
}

/** Works on a batch and answers which messages shall come again. */
export type Consumer = (worker: Worker, messages: readonly QueueMessage[]) => Promise<readonly string[]>;

export interface QueueOptions {
  readonly name: string;
  /** A message that was received is hidden for so long. */
  readonly visibilityMs: number;
  /** How long a worker may take. */
  readonly timeoutMs: number;
  readonly batch: number;
  /** A message waits so long before the first receive. */
  readonly delayMs?: number;
  readonly concurrency: number;
}

export class Queue {
  readonly #scheduler: Scheduler;
  readonly #options: QueueOptions;
  readonly #consumer: Consumer;
  readonly #messages = new Map<string, Held>();
  /** Bodies that were ever taken. */
  sent = 0;
  #working = 0;
  #asked = false;

  constructor(scheduler: Scheduler, options: QueueOptions, consumer: Consumer) {
    this.#scheduler = scheduler;
    this.#options = options;
    this.#consumer = consumer;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Takes a message; durable at once. */
  take(body: string): void {
    const { random, rates, now } = this.#scheduler;
    const copies = random.chance(rates.duplicate) ? 2 : 1;
    if (copies === 2) this.#scheduler.count('duplicate delivery');
    for (let copy = 0; copy < copies; copy++) {
      const id = `${this.#options.name}-${++this.sent}`;
      let visibleAt = now + (this.#options.delayMs ?? 0);
      if (random.chance(rates.delayed)) {
        this.#scheduler.count('reordered or delayed delivery');
        visibleAt += random.around(120_000);
      }
      this.#messages.set(id, { id, body, sentAt: now, receives: 0, visibleAt });
      this.#askAt(visibleAt);
    }
  }

  #askAt(time: number): void {
    this.#scheduler.at(time, () => this.#ask());
  }

  /** Lambda's poller: gives what is visible to a new worker, after the moment it takes to gather a batch. */
  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#scheduler.after(this.#scheduler.random.around(200), () => {
      this.#asked = false;
      while (this.#working < this.#options.concurrency && this.#receive()) this.#working++;
    });
  }

  #receive(): boolean {
    const { random, rates, now } = this.#scheduler;
    const { batch, visibilityMs, timeoutMs, name } = this.#options;
    const visible = random.shuffled([...this.#messages.values()].filter((held) => held.visibleAt <= now));
    const taken = visible.slice(0, random.between(1, batch));
    if (taken.length === 0) return false;
    const short = random.chance(rates.shortVisibility);
    if (short) this.#scheduler.count('visibility expired during work');
    const hidden = short ? random.around(300) : visibilityMs;
    const messages = taken.map((held): QueueMessage => {
      held.receives++;
      held.visibleAt = now + hidden;
      return { messageId: held.id, body: held.body, queue: name, receiveCount: held.receives, sentAt: held.sentAt };
    });
    this.#askAt(now + hidden);
    const finish = () => {
      this.#working--;
      this.#ask();
    };
    const worker = this.#scheduler.spawn(
      name,
      timeoutMs,
      async (worker) => {
        const failed = new Set(await this.#consumer(worker, messages));
        const done = messages.filter(({ messageId }) => !failed.has(messageId));
        // One request deletes the batch; when it is lost, the messages come again.
        await this.#scheduler.call(worker, name, () => {
          for (const { messageId } of done) this.#messages.delete(messageId);
        });
      },
      finish,
    );
    worker.died = finish;
    return true;
  }
}
