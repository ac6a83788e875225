/** Hono 4: `app.use(recordCalls(trail, { actor: (context) => … }))`, before the routes. */
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Trailkeep } from '../trailkeep.ts';
import { type CallOptions, recordCall } from './api-call.ts';

export interface HonoOptions extends CallOptions<Context> {
  /**
   * The caller's address: only the application knows which header its own proxy writes. Without it the socket of
   * `@hono/node-server` is asked, and elsewhere none is recorded.
   */
  readonly ip?: (context: Context) => string | undefined;
}

/** Records every call when its response is made; a body that streams goes on after it. */
export function recordCalls(trail: Pick<Trailkeep, 'record'>, options: HonoOptions): MiddlewareHandler {
  return async (context, next) => {
    const startedMs = Date.now();
    const record = (status: () => number) =>
      recordCall(trail, options, context, () => ({
        method: context.req.method,
        route: routeOf(context),
        path: context.req.path,
        status: status(),
        startedMs,
        ip: options.ip ? options.ip(context) : socketAddress(context.env),
        userAgent: context.req.header('user-agent'),
        requestId: context.res.headers.get('x-request-id') ?? context.req.header('x-request-id'),
      }));
    try {
      await next();
    } catch (error) {
      // Hono hands over what is no Error; it is the server's own 500.
      record(() => 500);
      throw error;
    }
    record(() => context.res.status);
  };
}

/** The last route that matched; a catch-all is this middleware itself, and then no route did. */
function routeOf(context: Context): string | undefined {
  const route = routePath(context, -1);
  return route === '*' || route === '/*' ? undefined : route;
}

function socketAddress(env: unknown): string | undefined {
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress;
}
