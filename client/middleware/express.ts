/** Express 4 and 5: `app.use(recordCalls(trail, { actor: (request) => … }))`, before the routes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Trailkeep } from '../trailkeep.ts';
import { type CallOptions, recordCall } from './api-call.ts';

/** What of Express's request is read; its own type has all of it. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl: string;
  readonly baseUrl: string;
  readonly route?: { readonly path?: unknown };
  /** Follows Express's `trust proxy`. */
  readonly ip?: string | undefined;
}

/** Records every call when its response is done. `Request` is the application's own request type. */
export function recordCalls<Request extends ExpressRequest = ExpressRequest>(
  trail: Pick<Trailkeep, 'record'>,
  options: CallOptions<Request>,
): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void {
  return (request, response, next) => {
    const startedMs = Date.now();
    response.once('close', () =>
      recordCall(trail, options, request, () => ({
        method: request.method ?? 'OTHER',
        // Known only now: the router has run.
        route: typeof request.route?.path === 'string' ? request.baseUrl + request.route.path : undefined,
        path: request.originalUrl.split('?', 1)[0]!,
        status: response.writableFinished ? response.statusCode : undefined,
        startedMs,
        ip: request.ip ?? request.socket.remoteAddress,
        userAgent: request.headers['user-agent'],
        requestId: one(response.getHeader('x-request-id')) ?? one(request.headers['x-request-id']),
      })),
    );
    next();
  };
}

const one = (header: number | string | readonly string[] | undefined): string | undefined =>
  header === undefined ? undefined : String(typeof header === 'object' ? header[0] : header);
