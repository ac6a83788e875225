import { Unavailable } from '#core/record/ports.ts';

/** A name that was missing is asked for again soon: a new key shall work within seconds. */
const missingMs = 5_000;
/** While S3 is down, what we knew is better than refusing every event. A revoked key lives this much longer at worst. */
const staleMs = 600_000;
/** Between two tries while S3 is down, so that not every request waits for a time-out. */
const pauseMs = 5_000;
/** Names kept; the one that was least recently used goes first. */
const namesMax = 10_000;

interface Entry<T> {
  readonly value: T;
  readonly loadedAt: number;
  askAt: number;
}

/**
 * Documents in memory, at most `freshMs` old; up to ten minutes while their place is down. At once only one load per
 * name runs. Missing names have a store of their own, so that guessing names cannot push out the real ones.
 */
export class DocumentCache<T> {
  readonly #load: (name: string) => Promise<T | undefined>;
  readonly #freshMs: number;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #missing = new Map<string, number>();
  readonly #loading = new Map<string, Promise<T | undefined>>();

  constructor(load: (name: string) => Promise<T | undefined>, freshMs: number, now: () => number) {
    this.#load = load;
    this.#freshMs = freshMs;
    this.#now = now;
  }

  async get(name: string): Promise<T | undefined> {
    const now = this.#now();
    const entry = this.#entries.get(name);
    if (entry && now < entry.askAt) {
      this.#entries.delete(name);
      this.#entries.set(name, entry);
      return entry.value;
    }
    if (now < (this.#missing.get(name) ?? 0)) return undefined;
    let loading = this.#loading.get(name);
    if (!loading) {
      loading = this.#refresh(name, entry).finally(() => this.#loading.delete(name));
      this.#loading.set(name, loading);
    }
    return loading;
  }

  async #refresh(name: string, entry: Entry<T> | undefined): Promise<T | undefined> {
    const now = this.#now();
    try {
      const value = await this.#load(name);
      this.#entries.delete(name);
      this.#missing.delete(name);
      if (value === undefined) keep(this.#missing, name, now + missingMs);
      else keep(this.#entries, name, { value, loadedAt: now, askAt: now + this.#freshMs });
      return value;
    } catch (error) {
      if (!(error instanceof Unavailable) || entry === undefined || now >= entry.loadedAt + staleMs) throw error;
      entry.askAt = now + pauseMs;
      return entry.value;
    }
  }
}

function keep<V>(map: Map<string, V>, name: string, value: V): void {
  map.set(name, value);
  if (map.size > namesMax) map.delete(map.keys().next().value!);
}
