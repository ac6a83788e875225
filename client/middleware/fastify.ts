/** Fastify 4 and 5: `app.register(recordCalls(trail, { actor: (request) => … }))`. */
import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from 'fastify';
import type { Trailkeep } from '../trailkeep.ts';
import { type CallOptions, recordCall } from './api-call.ts';

/** Records every call of the instance that it is registered on, when its response is done. */
export function recordCalls(
  trail: Pick<Trailkeep, 'record'>,
  options: CallOptions<FastifyRequest>,
): FastifyPluginCallback {
  const plugin = (app: FastifyInstance, _: object, done: (error?: Error) => void) => {
    app.addHook('onRequest', (request, reply, next) => {
      const startedMs = Date.now();
      reply.raw.once('close', () =>
        recordCall(trail, options, request, () => ({
          method: request.method,
          route: request.routeOptions.url,
          path: request.url.split('?', 1)[0]!,
          status: reply.raw.writableFinished ? reply.raw.statusCode : undefined,
          startedMs,
          ip: request.ip,
          userAgent: request.headers['user-agent'],
          requestId: request.id,
        })),
      );
      next();
    });
    done();
  };
  // What fastify-plugin does: the hook holds for the whole instance and not for this plugin's own routes.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}
