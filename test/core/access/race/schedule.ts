/** Virtual time: whoever sleeps is woken in order, and nothing takes longer than it is told to. */

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export class Schedule {
  now = 0;
  readonly #heap: Sleeper[] = [];

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#push({ at: this.now + ms, wake }));
  }

  /** Runs until nobody sleeps. Everything that a wake-up sets going comes to rest before time goes on. */
  async run(): Promise<void> {
    for (;;) {
      await new Promise<void>((rested) => setImmediate(rested));
      const next = this.#heap[0];
      if (!next) return;
      this.now = next.at;
      // Worlds that share a schedule know nothing of each other, so what falls into the same half ms may go at once.
      const until = Math.floor(next.at * 2 + 1) / 2;
      while (this.#heap[0] && this.#heap[0].at < until) {
        const one = this.#pop();
        this.now = one.at;
        one.wake();
      }
    }
  }

  #push(one: Sleeper): void {
    const heap = this.#heap;
    let at = heap.push(one) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.at <= one.at) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = one;
  }

  #pop(): Sleeper {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
        if (heap[child]!.at >= last.at) break;
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = last;
    }
    return first;
  }
}

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
