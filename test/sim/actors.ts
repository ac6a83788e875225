/** Who works in a world: producers, writers, sweeps, sealers and an operator, each running the real modules. */
import type { Tier } from '#core/event/event.ts';
import { Stuck } from '#core/proof/recover-plan.ts';
import { recover } from '#functions/proof/recover.ts';
import { sealAnnounced } from '#functions/proof/seal.queue.ts';
import { sweepLogs } from '#functions/proof/sweep.schedule.ts';
import { sweep } from '#functions/record/sweep.schedule.ts';
import { write } from '#functions/record/write.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import { newLine } from './events.ts';
import { Ports } from './ports.ts';
import { Queues } from './queues.ts';
import type { Worker } from './scheduler.ts';
import type { World } from './world.ts';

const second = 1000;
const minute = 60 * second;
/** A producer that got no receipt asks again, so often at most. */
const triesMax = 12;

export class Actors {
  readonly queues: Queues;
  readonly #world: World;
  readonly #ports: Ports;
  /** Messages that producers have still to send. */
  #toSend = 0;

  constructor(world: World) {
    this.#world = world;
    this.queues = new Queues(world, {
      write: (tier) => (worker, messages) => write(this.#ports.write(worker), tier, messages, world.dateOf(worker)),
      seal: (worker, messages) => sealAnnounced(this.#ports.seal(worker), messages, { now: world.dateOf(worker) }),
    });
    this.#ports = new Ports(world, this.queues);
  }

  /** Nobody sends anything any more. */
  get isSilent(): boolean {
    return this.#toSend === 0;
  }

  /** Plans what producers send between now and `until`. */
  produce(messages: number, until: number): void {
    const { scheduler } = this.#world;
    const from = scheduler.now;
    for (let n = 0; n < messages; n++) {
      this.#toSend++;
      const at = from + scheduler.random.next() * (until - from);
      scheduler.at(at, () => {
        const end = () => {
          this.#toSend--;
        };
        scheduler.spawn('producer', 60 * minute, (worker) => this.#send(worker), end).died = end;
      });
    }
  }

  /** Runs a schedule for ever. */
  every(ms: number, name: string, timeoutMs: number, work: (worker: Worker) => Promise<unknown>): void {
    const { scheduler } = this.#world;
    const tick = () => {
      scheduler.spawn(name, timeoutMs, async (worker) => void (await work(worker)));
      scheduler.after(ms, tick);
    };
    scheduler.after(scheduler.random.next() * ms, tick);
  }

  /** Starts what runs by the clock. */
  schedule(): void {
    const world = this.#world;
    this.every(5 * minute, 'sweep', 300 * second, (worker) =>
      sweep(this.#ports.sweep(worker), { now: world.dateOf(worker) }),
    );
    const heartbeats = new Map<string, string>();
    this.every(minute, 'seal-sweep', 90 * second, (worker) =>
      sweepLogs(
        {
          ...this.#ports.seal(worker),
          tenants: this.#ports.tenants(worker),
          control: { tenant: async () => undefined },
          heartbeats,
        },
        { now: world.dateOf(worker) },
      ),
    );
  }

  /** The operator looks every few minutes, and recovers what is frozen. */
  operate(): void {
    const world = this.#world;
    this.every(2 * minute, 'operator', 900 * second, async (worker) => {
      for (const tenant of world.tenants) {
        // Sealers say so aloud when the database is not the one that S3 knows.
        const there = world.bucket.objects.get('incarnation')?.bytes;
        const fenced = there !== undefined && Buffer.from(there).toString().trim() !== world.database.incarnation;
        if (!fenced && world.database.tables.logs.get(tenant)?.state !== 'frozen') continue;
        try {
          await recover(this.#ports.recover(worker), tenant, world.dateOf(worker), { freeze: fenced });
        } catch (error) {
          // It says what stands in the way; the operator asks again.
          if (!(error instanceof Stuck)) throw error;
        }
      }
    });
  }

  /** One request of a producer, repeated until there is a receipt. */
  async #send(worker: Worker): Promise<void> {
    const { scheduler, content, tenants, sent, accepted } = this.#world;
    const { random } = scheduler;
    const tenant = random.pick(tenants);
    const tier: Tier = random.chance(0.4) ? 'critical' : 'bulk';
    const count = random.chance(0.06) ? random.between(60, 300) : random.between(1, 12);
    const lines = Array.from({ length: count }, () => newLine(content, tenant, tier, Math.floor(scheduler.now)));
    for (const { id } of lines) sent.set(id, { tenant, tier });
    let bodies = packEnvelopes(
      tenant,
      tier,
      lines.map(({ line }) => line),
    );
    for (let tries = 0; tries < triesMax; tries++) {
      try {
        await this.queues.send(worker, tier, bodies);
        for (const { id } of lines) accepted.add(id);
        if (tier === 'bulk' || !random.chance(scheduler.rates.duplicate)) return;
        // The same critical events once more, among others or in another order.
        scheduler.count('message sent again in another message');
        bodies = packEnvelopes(
          tenant,
          tier,
          random.shuffled(lines).map(({ line }) => line),
        );
      } catch {
        await scheduler.sleep(worker, random.around(5 * second));
      }
    }
  }
}
