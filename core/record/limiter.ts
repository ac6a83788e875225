/** Ten seconds' worth of events may come at once: batching clients send in bursts. */
const burstSeconds = 10;
/** Buckets kept in memory; the least recently used goes first. A dropped bucket starts full again. */
const bucketsMax = 10_000;

/**
 * A token bucket per key, in the memory of one execution environment.
 *
 * A batch passes when the bucket is not in debt, and may leave it in debt, so that a batch larger than the
 * burst is slowed and never impossible. Each warm environment has its own buckets: with n of them a key may
 * reach n times its rate. That bounds a runaway producer; exact metering is the throttle of the API stage.
 */
export class Limiter {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** Takes `n` events; resolves to 0 when they pass, else to the whole seconds to wait. `perSecond` > 0. */
  take(key: string, n: number, perSecond: number, nowMs: number): number {
    const capacity = perSecond * burstSeconds;
    const bucket = this.#buckets.get(key) ?? { tokens: capacity, at: nowMs };
    bucket.tokens = Math.min(capacity, bucket.tokens + (Math.max(0, nowMs - bucket.at) / 1000) * perSecond);
    bucket.at = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > bucketsMax) this.#buckets.delete(this.#buckets.keys().next().value!);
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
    bucket.tokens -= n;
    return 0;
  }
}
