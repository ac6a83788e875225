import type { Unavailable } from '#core/record/ports.ts';

/** The first pause; each further trip doubles it. */
const pauseMsMin = 500;
/** Longer would outlast most fail-overs (Aurora: about 30 s) for nothing. */
const pauseMsMax = 15_000;

/**
 * A circuit breaker: after a place was found down, nobody in this environment tries it for a while, so that it is
 * not met by everybody at once when it comes back. The pause grows while tries fail; success closes the breaker.
 */
export class Breaker {
  #cause: Unavailable | undefined;
  #openUntil = 0;
  #nextMs = pauseMsMin;

  /** The outage that opened the breaker. */
  get cause(): Unavailable | undefined {
    return this.#cause;
  }

  /** How long to wait before the next try; 0 when the breaker is closed. */
  pauseMs(nowMs: number): number {
    return this.#cause ? Math.max(0, this.#openUntil - nowMs) : 0;
  }

  tripped(cause: Unavailable, nowMs: number): void {
    this.#cause = cause;
    this.#openUntil = nowMs + this.#nextMs;
    this.#nextMs = Math.min(this.#nextMs * 2, pauseMsMax);
  }

  closed(): void {
    this.#cause = undefined;
    this.#nextMs = pauseMsMin;
  }
}
