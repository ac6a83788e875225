/**
 * One request and its retries.
 *
 * Again: 429 always, because nothing was taken; a fault of the other side or of the network only where a repeat
 * changes nothing (reads, PUT, DELETE, or an Idempotency-Key). Waits are full jitter (Brooker, "Exponential Backoff
 * And Jitter") on top of what Retry-After asks.
 */
import type { ItemReceipt } from './answers.ts';
import { TrailkeepError } from './error.ts';

export interface TransportOptions {
  readonly url: string;
  readonly apiKey: string;
  /** Sent with every call, as what a reader says of itself. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  /** How often a call is repeated at most. */
  readonly retries: number;
  /** For each try, the reading of its answer included. */
  readonly timeoutMs: number;
  /** Waits between tries; an abort of the signal ends the wait. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Begins with /v1/. */
  readonly path: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A POST that changes nothing. */
  readonly isRead?: boolean;
  /** The answer is a file: it comes as bytes. */
  readonly isFile?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export type Transport = <T>(call: Call) => Promise<T>;

const waitBaseMs = 100;
const waitMaxMs = 10_000;
/** Who asks for more is told to the caller instead. */
const retryAfterMsMax = 60_000;

export function createTransport(options: TransportOptions): Transport {
  const base = options.url.replace(/\/+$/, '');
  const sleep = options.sleep ?? pause;
  return async <T>(call: Call): Promise<T> => {
    for (let attempt = 0; ; attempt++) {
      try {
        return (await tryOnce(base, options, call)) as T;
      } catch (error) {
        if (!(error instanceof TrailkeepError) || attempt >= options.retries || !mayRepeat(call, error)) throw error;
        const askedMs = error.retryAfterMs ?? 0;
        if (askedMs > retryAfterMsMax) throw error;
        await sleep(askedMs + backoffMs(attempt), call.signal);
      }
    }
  };
}

/** Somewhere between nothing and twice as much as before. */
export const backoffMs = (attempt: number, baseMs = waitBaseMs, maxMs = waitMaxMs): number =>
  Math.random() * Math.min(maxMs, baseMs * 2 ** (attempt + 1));

function mayRepeat({ method, headers, isRead, signal }: Call, error: TrailkeepError): boolean {
  if (signal?.aborted || !error.temporary) return false;
  if (error.status === 429) return true;
  // The first try may have come through, and then the version it asked for is gone.
  if (headers?.['if-match'] !== undefined) return false;
  return isRead === true || ['GET', 'PUT', 'DELETE'].includes(method) || headers?.['idempotency-key'] !== undefined;
}

async function tryOnce(base: string, options: TransportOptions, call: Call): Promise<unknown> {
  const { fetch, apiKey, timeoutMs } = options;
  const stopper = new AbortController();
  const abort = () => stopper.abort();
  if (call.signal?.aborted) abort();
  call.signal?.addEventListener('abort', abort);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    abort();
  }, timeoutMs);
  try {
    const response = await fetch(base + call.path, {
      method: call.method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        accept: call.isFile ? '*/*' : 'application/json',
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
        ...call.headers,
      },
      // A POST that is redirected becomes a GET, and its answer would pass for a receipt.
      redirect: 'manual',
      signal: stopper.signal,
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    if (call.isFile && response.ok) return new Uint8Array(await response.arrayBuffer());
    const text = await response.text();
    if (!response.ok) throw refusal(response, text);
    return text === '' ? undefined : answerOf(response, text);
  } catch (error) {
    if (error instanceof TrailkeepError) throw error;
    if (call.signal?.aborted) {
      throw new TrailkeepError({ status: 0, code: 'aborted', detail: 'The call was given up.', cause: error });
    }
    throw timedOut
      ? new TrailkeepError({ status: 0, code: 'timeout', detail: `No answer from ${base} within ${timeoutMs} ms.` })
      : new TrailkeepError({ status: 0, code: 'network', detail: `No answer from ${base}.`, cause: error });
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener('abort', abort);
  }
}

function answerOf(response: Response, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const type = response.headers.get('content-type') ?? 'no content type';
    const detail = `The answer is no JSON (${type}). Is ${response.url} the address of the API?`;
    throw new TrailkeepError({ status: response.status, code: 'answer_invalid', detail, cause });
  }
}

/** What an answer other than 2xx says (RFC 9457); proxies in between answer in other shapes. */
function refusal(response: Response, text: string): TrailkeepError {
  const { status, headers } = response;
  const problem = objectOf(text);
  const textOf = (name: string) => (typeof problem[name] === 'string' ? problem[name] : undefined);
  return new TrailkeepError({
    status,
    code: textOf('code') ?? `http_${status}`,
    detail: textOf('detail') ?? textOf('message') ?? `The API answered ${status} without a reason.`,
    requestId: headers.get('x-request-id') ?? textOf('instance'),
    pointer: textOf('pointer'),
    items: Array.isArray(problem.items) ? (problem.items as ItemReceipt[]) : undefined,
    retryAfterMs: retryAfterMs(headers.get('retry-after')),
  });
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Seconds or a date (RFC 9110 §10.2.3). */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** Waits; an abort ends the wait, and the call after it says so. */
const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
