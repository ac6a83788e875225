/** A witness over the network is a stranger: whatever it sends is an answer within bounds, never an exception. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createWitnessClient } from '#stores/http/witness-client.ts';

const vkey = 'w.example+00000000+BAAA';
let server: Server | undefined;

afterEach(async () => {
  const closing = server;
  server = undefined;
  closing?.closeAllConnections();
  await new Promise((resolve) => (closing ? closing.close(resolve) : resolve(undefined)));
});

async function ask(listener: RequestListener, limits = {}, path = '/w') {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  return createWitnessClient({ url, vkey }, limits).addCheckpoint('old 0\n\n…');
}

const size = { 'content-type': 'text/x.tlog.size' };

test('the body is posted to add-checkpoint below the prefix, whatever the slash', async () => {
  for (const [path, wanted] of [
    ['', '/add-checkpoint'],
    ['/', '/add-checkpoint'],
    ['/live', '/live/add-checkpoint'],
    ['/live/', '/live/add-checkpoint'],
  ] as const) {
    let seen: unknown;
    const listener: RequestListener = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      seen = [request.method, request.url, body];
      response.end('— line\n');
    };
    expect(await ask(listener, {}, path)).toEqual({ kind: 'cosigned', lines: '— line\n' });
    expect(seen).toEqual(['POST', wanted, 'old 0\n\n…']);
    server?.closeAllConnections();
    server?.close();
  }
});

test.each([400, 403, 404, 422])('%d is a refusal', async (status) => {
  expect(await ask((_, response) => response.writeHead(status).end('why\n'))).toEqual({ kind: 'refused', status });
});

test.each(['text/x.tlog.size', 'text/x.tlog.size; charset=utf-8'])('409 with %s tells the size', async (type) => {
  const answer = await ask((_, response) => response.writeHead(409, { 'content-type': type }).end('20852014\n'));
  expect(answer).toEqual({ kind: 'conflict', size: 20_852_014 });
});

test.each([
  ['no size', 409, size, ''],
  ['a size without a newline', 409, size, '7'],
  ['a size with a leading zero', 409, size, '07\n'],
  ['a size above 2^53 - 1', 409, size, '9007199254740993\n'],
  ['two sizes', 409, size, '7\n8\n'],
  ['a size of another type', 409, { 'content-type': 'text/plain' }, '7\n'],
  ['an outage', 503, {}, 'later'],
  ['no content', 204, {}, ''],
])('409 or another status with %s is no answer', async (_, status, headers, body) => {
  expect((await ask((_request, response) => response.writeHead(status, headers).end(body))).kind).toBe('unanswered');
});

describe('a witness cannot', () => {
  const never: RequestListener = () => {};
  const drips: RequestListener = (_, response) => {
    const timer = setInterval(() => response.write('x'), 5);
    response.on('close', () => clearInterval(timer));
  };
  const huge: RequestListener = (_, response) => {
    const more = () => response.write('x'.repeat(65_536), (error) => error ?? more());
    more();
  };
  test.each([
    ['keep us waiting', never, { timeoutMs: 80 }],
    ['keep us reading', drips, { timeoutMs: 80 }],
    ['fill our memory', huge, {}],
    [
      'send bytes that are no text',
      (_: unknown, response: Parameters<RequestListener>[1]) => response.end(Buffer.from([0xff])),
      {},
    ],
    ['break the connection', (request: Parameters<RequestListener>[0]) => void request.socket.destroy(), {}],
  ] as const)('%s', async (_, listener, limits) => {
    expect((await ask(listener as RequestListener, limits)).kind).toBe('unanswered');
  });

  test('send us elsewhere', async () => {
    let calls = 0;
    const listener: RequestListener = (_, response) => {
      calls++;
      response.writeHead(307, { location: '/elsewhere' }).end();
    };
    expect((await ask(listener)).kind).toBe('unanswered');
    expect(calls).toBe(1);
  });

  test('be away and make us throw', async () => {
    const client = createWitnessClient({ url: 'http://127.0.0.1:1', vkey });
    expect((await client.addCheckpoint('x')).kind).toBe('unanswered');
  });
});

describe('addresses', () => {
  test.each(['https://witness.example/live', 'https://10.0.0.7', 'http://127.0.0.1:4602', 'http://[::1]:4602/w'])(
    '%s may be called',
    (url) => {
      expect(createWitnessClient({ url, vkey }).vkey).toBe(vkey);
    },
  );

  test.each([
    'http://witness.example',
    'http://127.0.0.1.evil.example',
    'http://169.254.169.254/latest',
    'https://user:secret@witness.example',
    'https://witness.example/?x=',
    'file:///etc/passwd',
    'witness.example',
  ])('%s is refused before anything is sent', (url) => {
    expect(() => createWitnessClient({ url, vkey })).toThrow(TypeError);
  });
});
