/**
 * A deterministic scheduler of cooperating workers.
 *
 * A worker is a run of a real module: an async function whose every step outside is a call here. A call travels, takes
 * effect and answers at simulated times that the seed decides, so any two workers interleave in any way; between calls a
 * worker runs alone. A worker that dies is one whose calls never answer: its promise stays pending for ever, as a
 * process that was killed.
 */
import { Unavailable } from '#core/record/ports.ts';
import { type FaultClass, type FaultCounts, type FaultRates, noFaults } from './faults.ts';
import type { Random } from './random.ts';

/** A run of a module. */
export interface Worker {
  readonly name: string;
  readonly number: number;
  /** ms that this worker's clock is off. */
  readonly skewMs: number;
  dead: boolean;
  /** Called when it is killed. */
  died: () => void;
  /** Calls under way. */
  readonly calls: Set<Event>;
}

interface Event {
  readonly at: number;
  /** Order among events of the same time. */
  readonly order: number;
  readonly worker: Worker | undefined;
  cancelled: boolean;
  run: () => void;
}

export interface CallOptions {
  /** What the caller sees when the place fails. */
  readonly failure?: () => Error;
  /** Reads only: a request that is lost after its worker died does no harm and is not counted. */
  readonly reads?: boolean;
}

export class Scheduler {
  /** ms since 1970. */
  now: number;
  rates: FaultRates;
  readonly random: Random;
  readonly counts: FaultCounts = noFaults();
  /** Hears of workers that ended with an error that no place makes. */
  wrong: (worker: Worker, error: unknown) => void = () => {};
  /** Events that have run; what a run cost. */
  steps = 0;
  /** A digest of everything that ran, in its order. */
  trace = 0;
  readonly live = new Set<Worker>();
  readonly #heap: Event[] = [];
  #order = 0;
  #workers = 0;

  constructor(random: Random, start: number, rates: FaultRates) {
    this.random = random;
    this.now = start;
    this.rates = rates;
  }

  count(fault: FaultClass): void {
    this.counts[fault]++;
  }

  /** Runs a function at a time, not before now. */
  at(time: number, run: () => void, worker?: Worker): Event {
    const event = { at: Math.max(time, this.now), order: this.#order++, worker, cancelled: false, run };
    this.#push(event);
    return event;
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /**
   * Starts a worker, which is killed when it lives longer than `lifeMs`. `ended` hears how it went: an error it threw, or
   * nothing; it is not called for a worker that died.
   */
  spawn(
    name: string,
    lifeMs: number,
    work: (worker: Worker) => Promise<void>,
    ended: (error: unknown) => void = () => {},
  ): Worker {
    const jumps = this.random.chance(this.rates.clockJump);
    if (jumps) this.count('clock jump');
    const skewMs = jumps ? this.random.between(-3_600_000, 3_600_000) : 0;
    const worker: Worker = { name, number: ++this.#workers, skewMs, dead: false, died: () => {}, calls: new Set() };
    this.live.add(worker);
    const limit = this.at(this.now + lifeMs, () => {
      if (worker.dead) return;
      this.count('worker killed by its time limit');
      this.kill(worker);
    });
    const end = (error: unknown) => {
      if (worker.dead) return;
      limit.cancelled = true;
      worker.dead = true;
      this.live.delete(worker);
      if (error !== undefined && !(error instanceof Unavailable)) this.wrong(worker, error);
      ended(error);
    };
    work(worker).then(() => end(undefined), end);
    return worker;
  }

  /** Ends a worker in the middle of whatever it does. What it has sent may still arrive. */
  kill(worker: Worker): void {
    worker.dead = true;
    this.live.delete(worker);
    for (const call of worker.calls) if (!this.random.chance(this.rates.inFlight)) call.cancelled = true;
    worker.calls.clear();
    worker.died();
  }

  /** A call of a worker to a place: the effect happens once, never or unnoticed. */
  call<T>(worker: Worker, place: string, effect: () => T, options: CallOptions = {}): Promise<T> {
    if (worker.dead) return never();
    return new Promise<T>((resolve, reject) => {
      const failure = options.failure ?? (() => new Unavailable(place));
      const event = this.at(
        this.now + this.#latency(),
        () => {
          worker.calls.delete(event);
          if (worker.dead) {
            if (options.reads) return;
            this.count('effect after its worker died');
            try {
              effect();
            } catch {
              // Nobody is there to hear of it.
            }
            return;
          }
          const { random, rates } = this;
          if (random.chance(rates.crash)) return this.#crash(worker, 'crash before an effect');
          if (random.chance(rates.unavailable)) {
            this.count('place unavailable before an effect');
            return this.#answer(worker, () => reject(failure()));
          }
          let settle: () => void;
          try {
            const value = effect();
            settle = () => resolve(value);
          } catch (error) {
            settle = () => reject(error);
          }
          if (random.chance(rates.crash)) return this.#crash(worker, 'crash after an effect');
          if (random.chance(rates.unavailable)) {
            this.count('place unavailable after an effect (answer lost)');
            settle = () => reject(failure());
          }
          this.#answer(worker, settle);
        },
        worker,
      );
      worker.calls.add(event);
    });
  }

  /** A pause of a worker. */
  sleep(worker: Worker, ms: number): Promise<void> {
    if (worker.dead) return never();
    return new Promise((resolve) => this.#answer(worker, resolve, ms));
  }

  /** Runs until `done`, or until nothing is left to do, or until a time. True when it was `done`. */
  async run(until: number, done: () => boolean = () => false): Promise<boolean> {
    for (;;) {
      // Workers go on until each waits for a call: everything they do in between is microtasks.
      await new Promise(setImmediate);
      if (done()) return true;
      const event = this.#pop();
      if (!event || event.at > until) {
        if (event) this.#push(event);
        this.now = Math.max(this.now, until);
        return false;
      }
      this.now = event.at;
      this.steps++;
      this.trace = (Math.imul(this.trace, 31) + event.order + (event.at | 0)) | 0;
      event.run();
    }
  }

  #crash(worker: Worker, how: FaultClass): void {
    this.count(how);
    this.kill(worker);
  }

  #answer(worker: Worker, settle: () => void, ms = this.#latency()): void {
    const event = this.at(
      this.now + ms,
      () => {
        worker.calls.delete(event);
        if (!worker.dead) settle();
      },
      worker,
    );
  }

  /** Most calls are quick; some take so long that others overtake them by far. */
  #latency(): number {
    if (this.rates.slow > 0 && this.random.chance(this.rates.slow)) {
      this.count('slow answer');
      return this.random.around(this.random.chance(0.2) ? 40_000 : 3_000);
    }
    return this.random.around(15);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!before(event, heap[up]!)) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    for (;;) {
      const heap = this.#heap;
      const top = heap[0];
      if (!top) return undefined;
      const last = heap.pop()!;
      if (heap.length > 0) {
        let at = 0;
        for (;;) {
          let down = 2 * at + 1;
          if (down >= heap.length) break;
          if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++;
          if (!before(heap[down]!, last)) break;
          heap[at] = heap[down]!;
          at = down;
        }
        heap[at] = last;
      }
      if (!top.cancelled) return top;
    }
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** The answer that a dead worker waits for. */
const never = (): Promise<never> => new Promise(() => {});
