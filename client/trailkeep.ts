/**
 * The client: everything that the API does, typed. It needs `fetch`, `CompressionStream`, `crypto.randomUUID` and
 * `AbortController` and nothing else, so it runs in Node, in Lambda, at the edge and in browsers.
 */
import type { EventInput } from '#core/event/event.ts';
import type { BatchReceipt, Receipt } from './answers.ts';
import { manage } from './manage.ts';
import { postLines } from './post-lines.ts';
import { queries } from './queries.ts';
import { readEvents } from './read-events.ts';
import { type BatchOptions, type Counts, type OnError, Recorder } from './recorder.ts';
import { sendMany } from './send-many.ts';
import { createTransport } from './transport.ts';

export interface TrailkeepOptions {
  /** Address of the API, as `https://audit.example.com`. */
  readonly url: string;
  /** `tk_…`, or a token of an issuer that vouches for a person. */
  readonly apiKey: string;
  /** Why this client reads: one word, as `fraud_review`. Personal fields of sensitive events are clear only for a purpose. */
  readonly purpose?: string;
  /** The ticket that asked for it; policies may want one, and records name it. */
  readonly ticket?: string;
  readonly fetch?: typeof fetch;
  /** How often a call is repeated at most: 5. */
  readonly retries?: number;
  /** For each try: 30 000, a second more than the API takes at most. */
  readonly timeoutMs?: number;
  /** Hears of every failure of `record`. Without it the console is warned. */
  readonly onError?: OnError;
  readonly batch?: BatchOptions;
  /** `record` throws when the queue is full, instead of dropping the oldest event. */
  readonly strict?: boolean;
  /** How the waits between tries are waited; for tests. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface SendOptions {
  /** 1 to 255 printable ASCII characters. The same key with the same events records them once. Default: random. */
  readonly idempotencyKey?: string;
}

export type Trailkeep = ReturnType<typeof createTrailkeep>;

/**
 * A client of one API key. Calls of the API reject with TrailkeepError; `record` neither rejects nor throws.
 *
 * A call is repeated after 429, and after 5xx, a timeout or a broken connection where a repeat changes nothing.
 */
export function createTrailkeep(options: TrailkeepOptions) {
  const { url, apiKey, purpose, ticket, retries = 5, timeoutMs = 30_000, sleep } = options;
  const headers = {
    ...(purpose === undefined ? {} : { 'trailkeep-purpose': purpose }),
    ...(ticket === undefined ? {} : { 'trailkeep-ticket': ticket }),
  };
  // Looked up at each call, so that a fetch which is replaced later (tracing, tests) is the one that is used.
  const fetcher = options.fetch ?? ((...args: Parameters<typeof fetch>) => fetch(...args));
  const call = createTransport({
    url,
    apiKey,
    headers,
    fetch: fetcher,
    retries,
    timeoutMs,
    ...(sleep ? { sleep } : {}),
  });
  const recorder = new Recorder(call, {
    ...options.batch,
    strict: options.strict ?? false,
    ...(options.onError ? { onError: options.onError } : {}),
  });

  return {
    /** Sends one event and waits for its receipt: then it is durable. */
    send: (event: EventInput, { idempotencyKey = crypto.randomUUID() }: SendOptions = {}): Promise<Receipt> =>
      call({
        method: 'POST',
        path: '/v1/events',
        body: JSON.stringify(event),
        headers: { 'idempotency-key': idempotencyKey },
      }),
    /** Sends any number of events, 1000 a request, and resolves to what became of each. */
    sendMany: (
      events: readonly EventInput[],
      { idempotencyKey = crypto.randomUUID() }: SendOptions = {},
    ): Promise<BatchReceipt> => sendMany(call, events, idempotencyKey),
    /** Sends up to 1000 lines of NDJSON as they are. Resolves also when all were refused. */
    sendLines: (ndjson: string, { idempotencyKey = crypto.randomUUID() }: SendOptions = {}): Promise<BatchReceipt> =>
      postLines(call, ndjson, idempotencyKey),

    /** Takes an event and sends it in the background. Never waits and, unless `strict`, never throws. */
    record: (event: EventInput): void => recorder.record(event),
    /** Waits for what was recorded. False when the API could not be reached: the events stay and are tried again. */
    flush: (flushTimeoutMs?: number): Promise<boolean> => recorder.flush(flushTimeoutMs),
    /** Flushes and takes no more. What is not sent in time is dropped and told to `onError`. */
    close: (closeTimeoutMs?: number): Promise<void> => recorder.close(closeTimeoutMs),
    /** What became of the recorded events so far. */
    counts: (): Counts => recorder.counts,

    ...readEvents(call),
    /** Questions to the whole archive. */
    queries: queries(call),
    ...manage(call),
  };
}
