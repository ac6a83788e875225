import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Problem, type ProblemCode, problemKinds } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';
import { jsonBody, onHttp, requireScope } from '#functions/runtime/http.ts';
import type { HttpRequest, HttpVerb } from '#functions/runtime/request.ts';
import { callerA, context, httpRequest, proxyEvent } from '#test/support/events.ts';

const call = async (verb: HttpVerb<object>, event = proxyEvent()) => onHttp(verb, {})(event, context);

describe('a request', () => {
  const seen = async (event: Parameters<typeof call>[1]) => {
    let request: HttpRequest | undefined;
    await call(async (_ports, it) => {
      request = it;
      return { status: 204 };
    }, event);
    return request!;
  };

  test('has lower-case header names, joined values and all values of a parameter', async () => {
    const request = await seen(
      proxyEvent({
        multiValueHeaders: { 'Content-Type': ['application/json'], Accept: ['a', 'b'] },
        multiValueQueryStringParameters: { action: ['user.login', 'user.logout'] },
      }),
    );
    expect(request.headers).toEqual({ 'content-type': 'application/json', accept: 'a, b' });
    expect(request.query.getAll('action')).toEqual(['user.login', 'user.logout']);
  });

  test('has decoded path parameters, and a malformed one as it came', async () => {
    const request = await seen(proxyEvent({ pathParameters: { action: 'a%2Fb', eventId: '%zz' } }));
    expect(request.params).toEqual({ action: 'a/b', eventId: '%zz' });
  });

  test('has the raw bytes of a base64 body', async () => {
    const bytes = Buffer.from([0x1f, 0x8b, 0x00, 0xff]);
    const request = await seen(proxyEvent({ body: bytes.toString('base64'), isBase64Encoded: true }));
    expect(Buffer.from(request.body!)).toEqual(bytes);
  });

  test('has the caller that the authorizer found, with known scopes only', async () => {
    const authorizer = { tenant: 't', keyId: 'k', scopes: 'events:read root', eventsPerSecond: '50', project: 'p' };
    const request = await seen(proxyEvent({ authorizer }));
    expect(request.caller).toEqual({
      tenant: 't',
      kind: 'key',
      keyId: 'k',
      scopes: ['events:read'],
      eventsPerSecond: 50,
      project: 'p',
    });
  });

  test('has no caller without an authorizer', async () => {
    expect((await seen(proxyEvent())).caller).toBeUndefined();
  });
});

describe('an answer', () => {
  test('is JSON with the request id', async () => {
    const answer = await call(async () => ({ status: 201, body: { a: 1 } }));
    expect(answer).toMatchObject({ statusCode: 201, body: '{"a":1}', isBase64Encoded: false });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'x-request-id': 'request-1' });
  });

  test('may be empty or bytes', async () => {
    expect(await call(async () => ({ status: 204 }))).toMatchObject({ statusCode: 204, body: '' });
    const bytes = await call(async () => ({ status: 200, body: new Uint8Array([1, 2]) }));
    expect(bytes).toMatchObject({ body: 'AQI=', isBase64Encoded: true });
  });
});

describe('a failure', () => {
  const failing = (error: unknown) =>
    call(async () => {
      throw error;
    });

  for (const code of Object.keys(problemKinds) as ProblemCode[]) {
    test(`${code} is problem+json with its status`, async () => {
      const answer = await failing(new Problem(code, 'Because.', { pointer: '/a' }));
      expect(answer.statusCode).toBe(problemKinds[code].status);
      expect(answer.headers?.['content-type']).toBe('application/problem+json');
      expect(JSON.parse(answer.body)).toEqual({
        type: `https://trailkeep.dev/errors/${code}`,
        title: problemKinds[code].title,
        status: problemKinds[code].status,
        code,
        detail: 'Because.',
        instance: 'request-1',
        pointer: '/a',
      });
    });
  }

  test('a place that is down answers 503 with Retry-After', async () => {
    const answer = await failing(new Unavailable('sqs'));
    expect(answer.statusCode).toBe(503);
    expect(answer.headers?.['retry-after']).toBe('1');
    expect(JSON.parse(answer.body).code).toBe('unavailable');
  });

  test('what nobody expected tells the request id and nothing else', async () => {
    const answer = await failing(new Error('password=hunter2 at db.internal'));
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('hunter2');
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'internal', instance: 'request-1' });
  });

  test('ports that cannot be opened fail the call and are opened again by the next', async () => {
    let tries = 0;
    const handler = onHttp<{ place: number }>(async ({ place }) => ({ status: 200, body: { place } }), {
      place: () => {
        if (++tries === 1) throw new Unavailable('ssm');
        return tries;
      },
    });
    expect((await handler(proxyEvent(), context)).statusCode).toBe(503);
    expect((await handler(proxyEvent(), context)).body).toBe('{"place":2}');
    await handler(proxyEvent(), context);
    expect(tries).toBe(2);
  });
});

describe('scope and body', () => {
  test('a missing caller is unauthenticated, a missing scope forbidden', () => {
    expect(() => requireScope(httpRequest({ caller: undefined }), 'events:read')).toThrow(/unauthenticated/);
    expect(() => requireScope(httpRequest(), 'admin')).toThrow(/forbidden/);
    expect(requireScope(httpRequest(), 'events:read')).toBe(callerA);
  });

  test('a body of the wrong shape says where', () => {
    const schema = z.strictObject({ name: z.string() });
    expect(jsonBody(httpRequest({ json: { name: 'x' } }), schema)).toEqual({ name: 'x' });
    const refused = (json: unknown) => {
      try {
        jsonBody(httpRequest({ json }), schema);
      } catch (error) {
        return (error as Problem).fault;
      }
      return undefined;
    };
    expect(refused({ name: 1 })).toMatchObject({ code: 'request_invalid', pointer: '/name' });
    expect(refused(undefined)).toMatchObject({ code: 'body_missing' });
    const twice = httpRequest({ body: Buffer.from('{"name":"a","name":"b"}') });
    expect(() => jsonBody(twice, schema)).toThrow(/json_duplicate_key/);
    expect(() => jsonBody(httpRequest({ body: Buffer.from([0x22, 0xff, 0x22]) }), schema)).toThrow(/utf8_invalid/);
  });
});
