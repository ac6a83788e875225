/**
 * middy, for Lambda behind API Gateway: `.use(recordCalls(trail, { actor: (event) => … }))`, before all others, so
 * that its last word comes after theirs. Events of other sources pass unrecorded.
 *
 * Lambda freezes once the handler has answered, and what is on its way then may never arrive. So this one waits for
 * the flush, for `flushMs` at most; what is left goes out with the next call.
 */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Trailkeep } from '../trailkeep.ts';
import { type Call, type CallOptions, recordCall } from './api-call.ts';

export type ApiEvent = APIGatewayProxyEvent | APIGatewayProxyEventV2;

export interface MiddyOptions extends CallOptions<ApiEvent> {
  /** The longest wait for the flush (500); 0 does not wait at all. */
  readonly flushMs?: number;
}

/** Records every HTTP call when its handler has answered or thrown. */
export function recordCalls(
  trail: Pick<Trailkeep, 'record' | 'flush'>,
  options: MiddyOptions,
): MiddlewareObj<unknown, unknown> {
  const startedMs = new WeakMap<object, number>();
  const done = async (event: unknown, status: number): Promise<void> => {
    if (!isApiEvent(event) || !startedMs.has(event)) return;
    const started = startedMs.get(event)!;
    // A later middleware that throws brings this call here once more.
    startedMs.delete(event);
    recordCall(trail, options, event, () => ({ ...callOf(event), status, startedMs: started }));
    const { flushMs = 500 } = options;
    // A flush that fails has told the client's onError; the response does not suffer for it.
    if (flushMs > 0) await trail.flush(flushMs).catch(() => false);
  };
  return {
    before: ({ event }) => {
      if (isApiEvent(event)) startedMs.set(event, Date.now());
    },
    after: ({ event, response }) => done(event, statusOf(response) ?? 200),
    onError: ({ event, response, error }) => done(event, statusOf(response) ?? statusOf(error) ?? 500),
  };
}

const isApiEvent = (event: unknown): event is ApiEvent =>
  typeof event === 'object' &&
  event !== null &&
  'requestContext' in event &&
  ('httpMethod' in event || ('version' in event && event.version === '2.0'));

function callOf(event: ApiEvent): Omit<Call, 'status' | 'startedMs'> {
  if ('httpMethod' in event) {
    const { identity, requestId } = event.requestContext;
    return {
      method: event.httpMethod,
      route: event.resource,
      path: event.path,
      ip: identity?.sourceIp,
      userAgent: identity?.userAgent ?? undefined,
      requestId,
    };
  }
  const { http, requestId } = event.requestContext;
  return {
    method: http.method,
    // "GET /users/{id}", or "$default" when no route matched.
    route: event.routeKey.split(' ')[1],
    path: http.path,
    ip: http.sourceIp,
    userAgent: http.userAgent,
    requestId,
  };
}

function statusOf(answer: unknown): number | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { statusCode } = answer as { readonly statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
}
