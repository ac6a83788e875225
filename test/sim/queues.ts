/** The queues of a world: events on their way to the writers, and announcements on their way to the sealers. */
import type { Tier } from '#core/event/event.ts';
import type { Announcer } from '#core/record/ports.ts';
import { type Consumer, Queue } from './queue.ts';
import type { Worker } from './scheduler.ts';
import type { World } from './world.ts';

const second = 1000;

export interface Consumers {
  readonly write: (tier: Tier) => Consumer;
  readonly seal: Consumer;
}

export class Queues {
  readonly #world: World;
  readonly #write: Readonly<Record<Tier, Queue>>;
  readonly #seal: Readonly<Record<Tier, Queue>>;

  constructor(world: World, consumers: Consumers) {
    this.#world = world;
    const { scheduler } = world;
    const writer = { visibilityMs: 360 * second, timeoutMs: 60 * second, batch: 6, concurrency: 3 };
    const sealer = { visibilityMs: 360 * second, timeoutMs: 60 * second, batch: 10, concurrency: 3 };
    this.#write = {
      critical: new Queue(scheduler, { ...writer, name: 'critical' }, consumers.write('critical')),
      bulk: new Queue(scheduler, { ...writer, name: 'bulk' }, consumers.write('bulk')),
    };
    const seal = (name: string, delayMs: number) => new Queue(scheduler, { ...sealer, name, delayMs }, consumers.seal);
    this.#seal = { critical: seal('seal-critical', 10 * second), bulk: seal('seal-bulk', 300 * second) };
  }

  /** Messages that somebody still has to work on. */
  get size(): number {
    return this.#write.critical.size + this.#write.bulk.size + this.#seal.critical.size + this.#seal.bulk.size;
  }

  /** Durable on return, as an outlet promises. */
  async send(worker: Worker, tier: Tier, bodies: readonly string[]): Promise<void> {
    for (const body of bodies) {
      await this.#world.scheduler.call(worker, 'SQS', () => this.#write[tier].take(body));
    }
  }

  announce(worker: Worker, batch: Parameters<Announcer['announce']>[0]): Promise<void> {
    const { scheduler } = this.#world;
    return scheduler.call(worker, 'SNS', () => {
      if (scheduler.random.chance(scheduler.rates.lostTrigger)) scheduler.count('trigger lost');
      else this.#seal[batch.tier].take(JSON.stringify({ v: 1, ...batch }));
    });
  }
}
