import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import middy from '@middy/core';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, describe, expect, test } from 'vitest';
import type { CallOptions } from '#client/middleware/api-call.ts';
import { type ExpressRequest, recordCalls as forExpress } from '#client/middleware/express.ts';
import { recordCalls as forFastify } from '#client/middleware/fastify.ts';
import { recordCalls as forHono } from '#client/middleware/hono.ts';
import { recordCalls as forMiddy } from '#client/middleware/middy.ts';
import { createTrailkeep } from '#client/trailkeep.ts';
import type { EventInput } from '#core/event/event.ts';
import { eventInput } from '#core/event/schema.ts';
import { standIn } from './stand-in.ts';

/** What is used here of Express, which comes without types. */
interface ExpressResponse extends ServerResponse {
  json(body: unknown): void;
  status(code: number): this;
}
type Route = (
  request: ExpressRequest & { readonly params: { readonly id: string } },
  response: ExpressResponse,
) => void;
interface ExpressRouter {
  use(...handlers: unknown[]): void;
  get(path: string, route: Route): void;
  post(path: string, route: Route): void;
}
interface Express {
  (): ExpressRouter & RequestListener;
  Router(): ExpressRouter;
}
const express: Express = createRequire(import.meta.url)('express');

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A client whose API is on a real socket; `sent` waits for what was recorded. */
async function trailOf() {
  const api = await standIn();
  closing.push(api.close);
  const trail = createTrailkeep({ url: api.url, apiKey: 'tk_key_secret', retries: 0 });
  const sent = async (count: number) => {
    while (trail.counts().accepted < count) await new Promise((resolve) => setTimeout(resolve, 2));
    const events = api.events() as unknown as EventInput[];
    for (const event of events) expect(eventInput.safeParse(event).error).toBeUndefined();
    return events;
  };
  return { trail, sent, api };
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Ask = (path: string, init?: RequestInit) => Promise<Response>;
type Trail = Awaited<ReturnType<typeof trailOf>>['trail'];
type Options = Pick<CallOptions<unknown>, 'actor' | 'onError'>;

const over =
  (base: string): Ask =>
  (path, init) =>
    fetch(base + path, init);

/** The same small application in each framework: /users/:id, /denied, and /broken which throws. */
const frameworks: Record<string, (trail: Trail, options: Options) => Promise<Ask>> = {
  express: async (trail, options) => {
    const app = express();
    app.use(forExpress(trail, options));
    app.get('/users/:id', (request, response) => void response.json({ id: request.params.id }));
    app.post('/users/:id', (_, response) => void response.status(201).json({}));
    app.get('/denied', (_, response) => void response.status(403).json({}));
    app.get('/broken', () => {
      throw new Error('from the route');
    });
    // Express prints what a route throws unless somebody takes it.
    app.use((_error: unknown, _: ExpressRequest, response: ExpressResponse, _next: () => void) => {
      response.status(500).json({});
    });
    return over(await listen(app));
  },
  fastify: async (trail, options) => {
    const app = Fastify();
    await app.register(forFastify(trail, options));
    app.get('/users/:id', async (request) => ({ id: (request.params as { id: string }).id }));
    app.post('/users/:id', async (_, reply) => reply.status(201).send({}));
    app.get('/denied', async (_, reply) => reply.status(403).send({}));
    app.get('/broken', async () => {
      throw new Error('from the route');
    });
    closing.push(() => app.close());
    return over(await app.listen({ host: '127.0.0.1', port: 0 }));
  },
  hono: async (trail, options) => {
    const app = new Hono();
    app.use(forHono(trail, options));
    app.get('/users/:id', (context) => context.json({ id: context.req.param('id') }));
    app.post('/users/:id', (context) => context.json({}, 201));
    app.get('/denied', (context) => context.json({}, 403));
    app.get('/broken', () => {
      throw new Error('from the route');
    });
    app.onError((_, context) => context.json({}, 500));
    return async (path, init) => app.fetch(new Request(`http://app.test${path}`, init));
  },
};

describe.each(Object.entries(frameworks))('%s', (name, start) => {
  test('records method, route, outcome and who; no query string and no body', async () => {
    const { trail, sent, api } = await trailOf();
    const ask = await start(trail, { actor: () => ({ type: 'user', id: 'u1' }) });
    const response = await ask('/users/7?token=hush', {
      method: 'POST',
      body: '{"password":"hush"}',
      headers: { 'content-type': 'application/json', 'user-agent': 'test/1', 'x-request-id': 'r1' },
    });
    expect(response.status).toBe(201);
    const [event] = await sent(1);
    expect(event).toMatchObject({
      action: 'api.post',
      actor: { type: 'user', id: 'u1' },
      crud: 'c',
      targets: [{ type: 'route', id: '/users/:id' }],
      outcome: { result: 'success' },
      context: { user_agent: 'test/1' },
      metadata: { method: 'POST', path: '/users/7', status: 201 },
    });
    expect(event!.metadata!.duration_ms).toBeGreaterThanOrEqual(0);
    if (name !== 'hono') expect(event!.context!.ip).toBe('127.0.0.1');
    expect(api.taken[0]!.body).not.toContain('hush');
  });

  test.each([
    ['/users/7', 200, 'success', '/users/:id'],
    ['/denied', 403, 'denied', '/denied'],
    ['/broken', 500, 'failure', '/broken'],
  ])('%s is %i, %s', async (path, status, result, route) => {
    const { trail, sent } = await trailOf();
    const ask = await start(trail, { actor: () => undefined });
    expect((await ask(path)).status).toBe(status);
    const [event] = await sent(1);
    expect(event).toMatchObject({ action: 'api.get', actor: { type: 'anonymous' }, outcome: { result } });
    expect(event!.targets![0]!.id).toBe(route);
  });

  test('a path of no route is a failure', async () => {
    const { trail, sent } = await trailOf();
    const ask = await start(trail, { actor: () => undefined });
    expect((await ask('/nowhere?x=1')).status).toBe(404);
    const [event] = await sent(1);
    expect(event).toMatchObject({ outcome: { result: 'failure' }, metadata: { path: '/nowhere', status: 404 } });
  });

  test('an actor function that throws changes no response; the call is recorded and the fault told', async () => {
    const { trail, sent } = await trailOf();
    const told: unknown[] = [];
    const ask = await start(trail, {
      actor: () => {
        throw new Error('no session');
      },
      onError: (error) => told.push(error),
    });
    const response = await ask('/users/7');
    expect(await response.json()).toEqual({ id: '7' });
    expect((await sent(1))[0]).toMatchObject({ actor: { type: 'anonymous' }, outcome: { result: 'success' } });
    expect(told).toEqual([new Error('no session')]);
  });

  test('an API that never answers delays no response, and neither does a client that throws', async () => {
    const silent = await standIn(() => new Promise(() => {}));
    closing.push(silent.close);
    const trail = createTrailkeep({ url: silent.url, apiKey: 'tk', retries: 0, onError: () => {} });
    closing.push(() => trail.close(0));
    const ask = await start(trail, { actor: () => undefined });
    expect((await ask('/users/7')).status).toBe(200);

    const throwing = {
      ...trail,
      record: () => {
        throw new Error('strict');
      },
    };
    const askAgain = await start(throwing, { actor: () => undefined, onError: () => {} });
    expect((await askAgain('/users/7')).status).toBe(200);
  });
});

test('express: routes of a router are named with where it is mounted', async () => {
  const { trail, sent } = await trailOf();
  const router = express.Router();
  router.get('/:id', (_, response) => void response.json({}));
  const app = express();
  app.use(forExpress(trail, { actor: () => undefined }));
  app.use('/v1/users', router);
  await fetch(`${await listen(app)}/v1/users/7`);
  expect((await sent(1))[0]!.targets).toEqual([{ type: 'route', id: '/v1/users/:id' }]);
});

test('express: a caller who is gone before the response is recorded as such', async () => {
  const { trail, sent } = await trailOf();
  const app = express();
  app.use(forExpress(trail, { actor: () => undefined }));
  const gone = new AbortController();
  app.get('/slow', () => gone.abort());
  await fetch(`${await listen(app)}/slow`, { signal: gone.signal }).catch(() => {});
  const [event] = await sent(1);
  expect(event!.outcome!.result).toBe('failure');
  expect(event!.metadata).not.toHaveProperty('status');
});

describe('middy', () => {
  const httpEvent = {
    version: '2.0',
    routeKey: 'GET /users/{id}',
    rawPath: '/users/7',
    rawQueryString: 'token=hush',
    headers: {},
    requestContext: {
      requestId: 'r1',
      http: { method: 'GET', path: '/users/7', protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test/1' },
    },
  };
  const restEvent = {
    httpMethod: 'DELETE',
    resource: '/users/{id}',
    path: '/users/7',
    headers: {},
    requestContext: { requestId: 'r2', identity: { sourceIp: '192.0.2.1', userAgent: 'test/1' } },
  };
  const context = {} as Parameters<ReturnType<typeof middy>>[1];
  const call = (trail: Trail, event: unknown, handler: () => Promise<unknown>) =>
    middy(handler).use(forMiddy(trail, { actor: () => ({ type: 'user', id: 'u1' }) }))(event as never, context);

  test('an HTTP API call is sent before the answer, so that a frozen Lambda loses nothing', async () => {
    const { trail, api } = await trailOf();
    expect(await call(trail, httpEvent, async () => ({ statusCode: 200 }))).toEqual({ statusCode: 200 });
    expect(api.events()[0]).toMatchObject({
      action: 'api.get',
      targets: [{ type: 'route', id: '/users/{id}' }],
      outcome: { result: 'success' },
      context: { ip: '192.0.2.1', user_agent: 'test/1', request_id: 'r1' },
      metadata: { path: '/users/7', status: 200 },
    });
    expect(api.taken[0]!.body).not.toContain('hush');
  });

  test('a REST API call that throws is recorded, and still throws', async () => {
    const { trail, api } = await trailOf();
    const fails = call(trail, restEvent, async () => {
      throw new Error('from the handler');
    });
    await expect(fails).rejects.toThrow('from the handler');
    expect(api.events()).toHaveLength(1);
    expect(api.events()[0]).toMatchObject({ action: 'api.delete', outcome: { result: 'failure' } });
  });

  test('an API that never answers holds the response no longer than flushMs', async () => {
    const silent = await standIn(() => new Promise(() => {}));
    closing.push(silent.close);
    const trail = createTrailkeep({ url: silent.url, apiKey: 'tk', retries: 0, onError: () => {} });
    closing.push(() => trail.close(0));
    const handler = middy(async () => ({ statusCode: 200 })).use(
      forMiddy(trail, { actor: () => undefined, flushMs: 20 }),
    );
    expect(await handler(httpEvent as never, context)).toEqual({ statusCode: 200 });
    expect(trail.counts()).toMatchObject({ recorded: 1, waiting: 1 });
  });

  test('a message of a queue is no call', async () => {
    const { trail, api } = await trailOf();
    await call(trail, { Records: [] }, async () => ({}));
    expect(trail.counts().recorded).toBe(0);
    expect(api.taken).toEqual([]);
  });
});
