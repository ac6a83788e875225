/** One document of a stranger: what is good is read, and every way to be bad is refused although its body is good. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFetchJson } from '#stores/oidc/fetch-json.ts';
import { startIssuer, type TestIssuer } from './issuer-server.ts';

let server: TestIssuer;
beforeAll(async () => {
  server = await startIssuer();
});
afterAll(() => server.stop());
const fetchJson = createFetchJson({ plaintextHosts: ['127.0.0.1'], timeoutMs: 300, bytesMax: 1000 });
const answer = (status: number, body: string, headers: Record<string, string> = {}) =>
  server.break((response) => response.writeHead(status, headers).end(body));

test('a document of 1000 bytes is read, one of 1001 is not', async () => {
  const padded = (bytes: number) => JSON.stringify({ a: 'x'.repeat(bytes - 8) });
  answer(200, padded(1000));
  expect(await fetchJson(server.url)).toMatchObject({ a: expect.any(String) });
  answer(200, padded(1001));
  await expect(fetchJson(server.url)).rejects.toThrow(/more than 1000 bytes/);
});

test.each([201, 204, 301, 302, 307, 404, 500])('a good document with status %i is refused', async (status) => {
  const before = server.calls.length;
  answer(status, '{"a":1}', { location: `${server.url}/elsewhere` });
  await expect(fetchJson(server.url)).rejects.toThrow(`the answer was ${status}`);
  expect(server.calls.length - before).toBe(1);
});

test('one that drips is given up after the time, however steadily it drips', async () => {
  server.break((response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  });
  await expect(fetchJson(server.url)).rejects.toThrow();
});

test.each(['{"a":1,"a":2}', '[1]', 'null', '{"a":1', ''])('%j is refused', async (body) => {
  answer(200, body);
  await expect(fetchJson(server.url)).rejects.toThrow(/not a JSON object/);
});

test.each([
  ['http://localhost:1', /not https/],
  ['ftp://127.0.0.1/x', /not https/],
  ['https://10.0.0.1/', /not public/],
  ['https://[::1]/', /not public/],
  ['https://[::ffff:127.0.0.1]/', /not public/],
  ['https://localhost/', /not public/],
  ['https://a:b@example.com/', /login/],
  ['https://2130706433/', /not public/],
  ['https://0x7f.1/', /not public/],
])('%s is not called', async (url, why) => {
  // Nobody is trusted here: the last two spellings are 127.0.0.1.
  await expect(createFetchJson({ plaintextHosts: [] })(url)).rejects.toThrow(why);
});
