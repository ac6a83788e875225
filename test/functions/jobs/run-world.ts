/**
 * Queues, a clock and workers that die, around the real rows of runs. A worker that dies says nothing more: what it was
 * about to do is not done, its message shows again after its visibility, and its lease runs off.
 */
import type { EventInput } from '#core/event/event.ts';
import type { Runs } from '#core/jobs/ports.ts';
import type { Outcome, PartMessage, Task } from '#core/jobs/run.ts';
import { Unavailable } from '#core/record/ports.ts';
import { sweepRuns } from '#functions/jobs/sweep.schedule.ts';
import { createOnward } from '#functions/runtime/onward.ts';
import { doParts } from '#functions/runtime/run.ts';

interface Waiting {
  readonly id: string;
  readonly body: string;
  visibleMs: number;
}

/** `sleeps`: the worker is stopped before the step and goes on with it when its lease has run off and others have worked. */
export type Fate = 'goes well' | 'dies before' | 'dies after' | 'is down' | 'sleeps';

export interface WorldOptions {
  readonly runs: Runs;
  readonly tenants: readonly string[];
  readonly startMs: number;
  /** What a part does when it is called; its own words on how it ended. */
  readonly verb: (task: Task, world: RunWorld) => Promise<Outcome>;
  /** What happens at the nth step of all. */
  readonly fate: (step: number) => Fate;
  /** Which of the messages that show is delivered next, below 1. */
  readonly pick: () => number;
}

const visibilityMs = 5_400_000;
const sweepMs = 300_000;
const leaseMs = 960_000;

export class RunWorld {
  nowMs: number;
  steps = 0;
  deaths = 0;
  calls = 0;
  readonly events = new Map<string, EventInput>();
  readonly #options: WorldOptions;
  readonly #queue: Waiting[] = [];
  #messages = 0;
  #nextSweepMs: number;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.nowMs = options.startMs;
    this.#nextSweepMs = options.startMs + sweepMs;
  }

  readonly clock = (): Date => new Date(this.nowMs);

  push(message: PartMessage, delaySeconds = 0): void {
    const id = `message-${++this.#messages}`;
    this.#queue.push({ id, body: JSON.stringify(message), visibleMs: this.nowMs + delaySeconds * 1000 });
  }

  /** Delivers and sweeps until `isOver`; throws when that takes `turnsMax` turns. */
  async run(isOver: () => Promise<boolean>, turnsMax = 2_000): Promise<void> {
    for (let turn = 0; turn < turnsMax; turn++) {
      if (await isOver()) return;
      await this.#turn();
    }
    throw new Error(`not over after ${turnsMax} turns, ${this.#queue.length} messages wait`);
  }

  /** A sweep when it is due, else a message, else the clock goes on. */
  async #turn(): Promise<void> {
    const shown = this.#queue.filter(({ visibleMs }) => visibleMs <= this.nowMs);
    if (this.nowMs >= this.#nextSweepMs) await this.#sweep();
    else if (shown.length > 0) await this.#deliver(shown[Math.floor(this.#options.pick() * shown.length)]!);
    else this.nowMs = Math.min(this.#nextSweepMs, ...this.#queue.map(({ visibleMs }) => visibleMs));
  }

  async #deliver(message: Waiting): Promise<void> {
    message.visibleMs = this.nowMs + visibilityMs;
    const ports = this.#ports();
    const verb = doParts<typeof ports.ports>((_, task) => ports.step(() => this.#options.verb(task, this)));
    const at = { messageId: message.id, body: message.body, queue: 'q', receiveCount: 1, sentAt: 0 };
    for (let tries = 0; tries < 5; tries++) {
      this.calls++;
      try {
        const ended = await Promise.race([verb(ports.ports, [at]), ports.death]);
        const place = this.#queue.indexOf(message);
        if (ended !== 'dead' && place >= 0) this.#queue.splice(place, 1);
        return;
      } catch (error) {
        // As onQueue has it: an outage is waited out inside the call.
        if (!(error instanceof Unavailable)) throw error;
      }
    }
  }

  async #sweep(): Promise<void> {
    this.#nextSweepMs = this.nowMs + sweepMs;
    const { ports, death } = this.#ports();
    const { tenants } = this.#options;
    const page = async (after: string | undefined) => (after === undefined ? tenants : []);
    try {
      await Promise.race([sweepRuns({ ...ports, tenants: { page } }, { now: this.clock() }), death]);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  }

  /** What one worker leans on; each call of it is a step, at which it may die. */
  #ports() {
    const { runs, fate } = this.#options;
    let die: (word: 'dead') => void = () => {};
    const death = new Promise<'dead'>((resolve) => {
      die = resolve;
    });
    let isDead = false;
    const never = <T>() => {
      isDead = true;
      this.deaths++;
      die('dead');
      return new Promise<T>(() => {});
    };
    const step = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isDead) return new Promise<T>(() => {});
      const now = fate(this.steps++);
      if (now === 'is down') throw new Unavailable('a place');
      if (now === 'dies before') return never();
      if (now === 'sleeps') {
        this.nowMs += leaseMs;
        await this.#turn();
        await this.#turn();
      }
      const done = await work();
      return now === 'dies after' ? never() : done;
    };
    const stepped: Runs = {
      start: (...all) => step(() => runs.start(...all)),
      get: (...all) => step(() => runs.get(...all)),
      take: (...all) => step(() => runs.take(...all)),
      settle: (...all) => step(() => runs.settle(...all)),
      fault: (...all) => step(() => runs.fault(...all)),
      due: (...all) => step(() => runs.due(...all)),
      unsaid: (...all) => step(() => runs.unsaid(...all)),
      said: (...all) => step(() => runs.said(...all)),
    };
    const onward = createOnward({
      runs: stepped,
      queues: {
        send: async (messages) => {
          // A sender that dies in the middle has sent some.
          for (const { message, delaySeconds } of messages) await step(async () => this.push(message, delaySeconds));
        },
      },
      recorder: {
        record: (_tenant, events) =>
          step(async () => {
            for (const event of events) this.events.set(event.id!, event);
          }),
      },
    });
    return { ports: { runs: stepped, onward, trace: () => 'trace', clock: this.clock }, death, step };
  }
}
