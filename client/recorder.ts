/**
 * Events in the background: the caller hands one over and goes on.
 *
 * When nothing is on its way an event leaves at once; while a batch is on its way the next ones gather, so batches
 * grow with the load and a quiet service waits for nothing. A batch that could not be delivered is kept with its
 * key and tried again. Memory is bounded: beyond the bound the oldest event is dropped, counted and told.
 */
import type { EventInput } from '#core/event/event.ts';
import type { RefusedItem } from './answers.ts';
import { TrailkeepError } from './error.ts';
import { postLines } from './post-lines.ts';
import { backoffMs, type Transport } from './transport.ts';

export interface BatchOptions {
  /** Events in a request, at most 1000. */
  readonly maxEvents?: number;
  /** How long an event waits behind a batch that is on its way before another one leaves beside it. */
  readonly maxWaitMs?: number;
  /** Events that wait; beyond it the oldest is dropped, or `record` throws when `strict`. */
  readonly maxQueued?: number;
}

/** Called with what went wrong in the background, and with the events that are lost by it (none while it is tried again). */
export type OnError = (error: TrailkeepError, lost: readonly EventInput[]) => void;

export interface Counts {
  /** Handed over by `record`. */
  readonly recorded: number;
  readonly accepted: number;
  /** Refused by the API, each for its own fault. */
  readonly refused: number;
  /** Lost by the client: the queue was full, the key was refused, or `close` did not wait longer. */
  readonly dropped: number;
  /** Neither: waiting or on their way. */
  readonly waiting: number;
}

interface Line {
  readonly event: EventInput;
  readonly json: string;
  readonly number: number;
  readonly sinceMs: number;
}

interface Batch {
  readonly key: string;
  readonly lines: readonly Line[];
}

const inFlightMax = 4;
/** In UTF-16 units, of which each takes up to 3 bytes: a request may inflate to 10 MiB. */
const batchCharsMax = 2 * 1024 * 1024;
const queuedCharsMax = 64 * 1024 * 1024;
const pauseBaseMs = 500;
const pauseMaxMs = 30_000;

export class Recorder {
  #waiting: Line[] = [];
  #waitingChars = 0;
  /** Could not be delivered and go first, with the keys they had. */
  readonly #held: Batch[] = [];
  readonly #inFlight = new Set<Batch>();
  readonly #counts = { recorded: 0, accepted: 0, refused: 0, dropped: 0 };
  readonly #transport: Transport;
  readonly #maxEvents: number;
  readonly #maxWaitMs: number;
  readonly #maxQueued: number;
  readonly #strict: boolean;
  readonly #onError: OnError;
  readonly #stopper = new AbortController();
  #changed: (() => void)[] = [];
  #scheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #paused = false;
  /** Failures since the last success: waits grow with them. */
  #failuresInRow = 0;
  #failures = 0;
  #closed = false;

  constructor(transport: Transport, options: BatchOptions & { readonly strict?: boolean; readonly onError?: OnError }) {
    this.#transport = transport;
    this.#maxEvents = Math.min(1000, Math.max(1, options.maxEvents ?? 500));
    this.#maxWaitMs = options.maxWaitMs ?? 1000;
    this.#maxQueued = Math.max(1, options.maxQueued ?? 10_000);
    this.#strict = options.strict ?? false;
    this.#onError = options.onError ?? warn();
  }

  get counts(): Counts {
    const { recorded, accepted, refused, dropped } = this.#counts;
    return { ...this.#counts, waiting: recorded - accepted - refused - dropped };
  }

  /** Takes an event. Never waits; throws only when strict and the queue is full or closed. */
  record(event: EventInput): void {
    this.#counts.recorded += 1;
    if (this.#closed) {
      this.#loseNew(event, 'closed', 'The client was closed before this event came.');
      return;
    }
    let json: string;
    try {
      // The time is now; a batch may leave much later.
      json = JSON.stringify({ ...event, occurred_at: event.occurred_at ?? new Date().toISOString() });
    } catch (cause) {
      this.#loseNew(event, 'event_unwritable', 'The event cannot be written as JSON.', cause);
      return;
    }
    const isFull = () =>
      this.#waiting.length >= this.#maxQueued ||
      (this.#waiting.length > 0 && this.#waitingChars + json.length > queuedCharsMax);
    if (isFull() && this.#strict) {
      this.#loseNew(event, 'queue_full', 'Too many events wait to be sent.');
      return;
    }
    while (isFull()) {
      const oldest = this.#waiting.shift()!;
      this.#waitingChars -= oldest.json.length;
      this.#lose([oldest], 'queue_full', 'Too many events waited to be sent; the oldest was dropped.');
    }
    this.#waiting.push({ event, json, number: this.#counts.recorded, sinceMs: Date.now() });
    this.#waitingChars += json.length;
    this.#schedule();
  }

  /**
   * Waits until every event recorded before has been settled. Resolves to true then, and to false when the API could
   * not be reached or the time ran out: the events stay and are tried again.
   */
  async flush(timeoutMs = 30_000): Promise<boolean> {
    const upTo = this.#counts.recorded;
    const failedBefore = this.#failures;
    const until = Date.now() + timeoutMs;
    this.#resume();
    for (;;) {
      this.#pump(true);
      if (this.#oldest() > upTo) return true;
      const left = until - Date.now();
      if (this.#failures > failedBefore || left <= 0) return false;
      await this.#change(left);
    }
  }

  /** Flushes and takes no more. What is not settled in time is dropped, counted and told. */
  async close(timeoutMs = 10_000): Promise<void> {
    this.#closed = true;
    await this.flush(timeoutMs);
    clearTimeout(this.#timer);
    const lost = [...this.#held.flatMap(({ lines }) => lines), ...this.#waiting];
    this.#held.length = 0;
    this.#waiting = [];
    this.#waitingChars = 0;
    if (lost.length > 0) this.#lose(lost, 'closed', 'The client was closed before these events could be sent.');
    this.#stopper.abort();
    // Aborting settles them; a fetch of somebody's own that does not listen is not waited for.
    for (let look = 0; look < inFlightMax && this.#inFlight.size > 0; look++) await this.#change(250);
  }

  /** The number of the oldest event that is not settled. */
  #oldest(): number {
    const batches = [...this.#held, ...this.#inFlight].map(({ lines }) => lines[0]!.number);
    return Math.min(...batches, this.#waiting[0]?.number ?? Number.POSITIVE_INFINITY);
  }

  /** Once the caller has done what it does now: events of one turn leave together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump(false);
    });
  }

  /** Sends what may be sent now. */
  #pump(all: boolean): void {
    while (!this.#paused && this.#inFlight.size < inFlightMax) {
      const batch = this.#held.shift() ?? this.#nextBatch(all);
      if (!batch) return;
      this.#inFlight.add(batch);
      void this.#deliver(batch);
    }
  }

  #nextBatch(all: boolean): Batch | undefined {
    const [oldest] = this.#waiting;
    if (!oldest) return undefined;
    if (!all && this.#inFlight.size > 0 && this.#waiting.length < this.#maxEvents) {
      const waitMs = oldest.sinceMs + this.#maxWaitMs - Date.now();
      if (waitMs > 0) {
        this.#wakeIn(waitMs);
        return undefined;
      }
    }
    let count = 0;
    for (let chars = 0; count < this.#waiting.length && count < this.#maxEvents; count++) {
      chars += this.#waiting[count]!.json.length + 1;
      if (chars > batchCharsMax && count > 0) break;
    }
    const lines = this.#waiting.splice(0, count);
    for (const { json } of lines) this.#waitingChars -= json.length;
    return { key: crypto.randomUUID(), lines };
  }

  async #deliver(batch: Batch): Promise<void> {
    const { key, lines } = batch;
    try {
      const body = `${lines.map(({ json }) => json).join('\n')}\n`;
      const { accepted, items } = await postLines(this.#transport, body, key, this.#stopper.signal);
      this.#counts.accepted += accepted;
      const refused = items.filter((item): item is RefusedItem => item.status === 'refused');
      this.#counts.refused += refused.length;
      this.#failuresInRow = 0;
      const [first] = refused;
      if (first) {
        const lost = refused.flatMap(({ index }) => lines[index]?.event ?? []);
        this.#tell(new TrailkeepError({ ...first, status: 422, items: refused }), lost);
      }
    } catch (error) {
      this.#failed(batch, error);
    } finally {
      this.#inFlight.delete(batch);
      this.#pump(false);
      for (const told of this.#changed.splice(0)) told();
    }
  }

  #failed(batch: Batch, error: unknown): void {
    this.#failures += 1;
    const known =
      error instanceof TrailkeepError
        ? error
        : new TrailkeepError({ status: 0, code: 'client_failed', detail: String(error), cause: error });
    if (!known.temporary || this.#closed) {
      this.#counts.dropped += batch.lines.length;
      this.#tell(
        known,
        batch.lines.map(({ event }) => event),
      );
      return;
    }
    this.#held.push(batch);
    this.#held.sort((a, b) => a.lines[0]!.number - b.lines[0]!.number);
    const waitMs = pauseBaseMs + backoffMs(this.#failuresInRow, pauseBaseMs, pauseMaxMs);
    this.#failuresInRow += 1;
    this.#paused = true;
    this.#wakeIn(Math.max(waitMs, known.retryAfterMs ?? 0));
    this.#tell(known, []);
  }

  #resume(): void {
    clearTimeout(this.#timer);
    this.#paused = false;
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#resume();
      this.#pump(false);
    }, ms);
    // An API that is down does not keep a program alive that has nothing else to do.
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  /** Resolves at the next batch that is settled or fails, or after the time. */
  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#changed.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #loseNew(event: EventInput, code: string, detail: string, cause?: unknown): void {
    this.#counts.dropped += 1;
    const error = new TrailkeepError({ status: 0, code, detail, cause });
    if (this.#strict) throw error;
    this.#tell(error, [event]);
  }

  #lose(lines: readonly Line[], code: string, detail: string): void {
    this.#counts.dropped += lines.length;
    this.#tell(
      new TrailkeepError({ status: 0, code, detail }),
      lines.map(({ event }) => event),
    );
  }

  /** A listener that throws breaks nothing. */
  #tell(error: TrailkeepError, lost: readonly EventInput[]): void {
    try {
      this.#onError(error, lost);
    } catch {
      // There is nobody left to tell.
    }
  }
}

const warnEveryMs = 10_000;

/** Without a listener: the console, now and then. Audit events are never lost in silence. */
function warn(): OnError {
  let lastMs = 0;
  let unsaid = 0;
  return (error, lost) => {
    unsaid += lost.length;
    if (Date.now() - lastMs < warnEveryMs) return;
    lastMs = Date.now();
    console.warn(`trailkeep: ${error.message}${unsaid > 0 ? ` (${unsaid} events lost)` : ' (tried again)'}`);
    unsaid = 0;
  };
}
