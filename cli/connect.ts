/** The API over HTTP, as the commands use it: a call waits and tries again while the API asks it to. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, BatchAnswer } from './api.ts';

const attemptsMax = 8;
const timeoutMs = 35_000;
const waitMsMax = 20_000;

/** The API said no. `items` are the refused events of a batch of which none was accepted. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | undefined;
  readonly items: BatchAnswer['items'] | undefined;

  constructor(status: number, body: Readonly<Record<string, unknown>>, requestId: string | undefined) {
    const detail = typeof body.detail === 'string' ? body.detail : `The answer was ${status} without a reason.`;
    super(detail);
    this.status = status;
    this.code = typeof body.code === 'string' ? body.code : 'unknown';
    this.detail = detail;
    this.requestId = requestId;
    this.items = Array.isArray(body.items) ? (body.items as BatchAnswer['items']) : undefined;
  }
}

interface Call {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A second try changes nothing, whether or not the first one came through. */
  readonly repeatable?: boolean;
}

/**
 * A client of one key. 429 is tried again after Retry-After; 503, 504 and a broken connection only where a second
 * try changes nothing: reads, and batches with an idempotency key.
 */
export function connect(url: string, key: string): Api {
  const base = url.replace(/\/+$/, '');
  const call = async <T>(
    path: string,
    { method = 'GET', body, headers = {}, repeatable = method === 'GET' }: Call = {},
  ): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      let response: Response;
      try {
        response = await fetch(base + path, {
          method,
          headers: {
            authorization: `Bearer ${key}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body }),
          signal: AbortSignal.timeout(timeoutMs),
        });
      } catch (error) {
        // Nobody listens at all: waiting does not help a person who forgot to start it.
        if (!repeatable || attempt >= 3 || /ECONNREFUSED|ENOTFOUND/.test(codeOf(error))) throw error;
        await sleep(250 * 2 ** attempt);
        continue;
      }
      const text = await response.text();
      if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
      const waits = response.status === 429 || (repeatable && [502, 503, 504].includes(response.status));
      if (!waits || attempt >= attemptsMax) {
        throw new ApiError(response.status, objectOf(text), response.headers.get('x-request-id') ?? undefined);
      }
      const seconds = Number(response.headers.get('retry-after')) || 0.25 * 2 ** attempt;
      // A quarter more at random, so that those who were refused together do not come back together.
      await sleep(Math.min(waitMsMax, seconds * 1000 * (1 + Math.random() / 4)));
    }
  };
  const post = <T>(path: string, body: object) => call<T>(path, { method: 'POST', body: JSON.stringify(body) });
  const part = encodeURIComponent;
  return {
    sendLines: (ndjson, { idempotencyKey }) =>
      call('/v1/events', {
        method: 'POST',
        repeatable: idempotencyKey !== undefined,
        body: ndjson,
        headers: {
          'content-type': 'application/x-ndjson',
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
      }),
    page: (filter, cursor) =>
      call('/v1/events/search', {
        method: 'POST',
        repeatable: true,
        body: JSON.stringify(cursor === undefined ? filter : { ...filter, cursor }),
      }),
    get: (id) => call(`/v1/events/${part(id)}`),
    feed: (after, limit) => call(`/v1/events/feed?limit=${limit}${after === undefined ? '' : `&after=${part(after)}`}`),
    whoami: () => call('/v1/whoami'),
    keys: {
      list: () => call('/v1/keys?limit=1000'),
      create: (body) => post('/v1/keys', body),
      get: (id) => call(`/v1/keys/${part(id)}`),
      revoke: (id) => call(`/v1/keys/${part(id)}`, { method: 'DELETE', repeatable: true }),
      rotate: (id, body) => post(`/v1/keys/${part(id)}/rotate`, body),
    },
    tenants: {
      list: () => call('/v1/tenants?limit=1000'),
      create: (body) => post('/v1/tenants', body),
      get: (id) => call(`/v1/tenants/${part(id)}`),
      createKey: (id, body) => post(`/v1/tenants/${part(id)}/keys`, body),
      openIntake: (id) => call(`/v1/tenants/${part(id)}/intake`, { method: 'POST', body: '{}', repeatable: true }),
      intake: (id) => call(`/v1/tenants/${part(id)}/intake`),
    },
    deadLetters: {
      list: () => call('/v1/dead-letters'),
      show: (queue) => call(`/v1/dead-letters/${part(queue)}`),
      redrive: (queue, body) => post(`/v1/dead-letters/${part(queue)}/redrive`, body),
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error ? `${'code' in error ? String(error.code) : ''} ${codeOf(error.cause)}` : '';
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
