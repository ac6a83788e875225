import { Unavailable } from '#core/record/ports.ts';

/** The first pause; each further trip doubles it. */
const pauseMsMin = 1_000;
/** Longer would outlast most fail-overs (Aurora: about 30 s) for nothing. */
const pauseMsMax = 15_000;

/**
 * A circuit breaker: after a place was found down, further batches fail at once for a short while
 * instead of waiting for its time-outs. One batch then tries again; success closes the breaker.
 */
export class Breaker {
  #cause: Unavailable | undefined;
  #openUntil = 0;
  #pauseMs = pauseMsMin;

  /** Throws the outage that opened the breaker while it is open. */
  check(nowMs: number): void {
    if (this.#cause && nowMs < this.#openUntil) throw new Unavailable(this.#cause.place, this.#cause);
  }

  tripped(cause: Unavailable, nowMs: number): void {
    this.#cause = cause;
    this.#openUntil = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMsMax);
  }

  closed(): void {
    this.#cause = undefined;
    this.#pauseMs = pauseMsMin;
  }
}
