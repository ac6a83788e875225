/**
 * What is too slow or too big for Lambda and API Gateway is so here, and is said in our own words: the real
 * template with stand-ins for its functions, which end as each request asks them to.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAssembly } from '#local/assembly.ts';
import { readFunctions } from '#local/function-specs.ts';
import { type Gateway, startGateway } from '#local/gateway/server.ts';
import { syncPayloadBytesMax } from '#local/invocation.ts';
import { Lambda } from '#local/lambda.ts';
import { type Loaded, loadTemplates } from '#local/template.ts';
import { testAssembly } from '#test/support/platform.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-limits-'));
const region = 'eu-west-1';
const account = '000000000000';
const notices: string[] = [];
let lambda: Lambda;
let gateway: Gateway;

beforeAll(async () => {
  const place = { region, account, queueBase: 'http://127.0.0.1:1', databaseHost: '127.0.0.1', databasePort: 5432 };
  const loaded = hurried(loadTemplates(readAssembly(await testAssembly()), place));
  const standIn = (name: string) => new URL(`fixture/functions/${name}/index.mjs`, import.meta.url).pathname;
  const specs = readFunctions(loaded, {}).map((spec) => ({
    ...spec,
    file: standIn(/authenticate/i.test(spec.name) ? 'authorize' : 'echo'),
    timeoutSeconds: 1,
  }));
  lambda = new Lambda(specs, {
    logFolder: join(folder, 'logs'),
    compileCache: join(folder, 'cache'),
    region,
    notice: (line) => notices.push(line),
  });
  gateway = (await startGateway({ loaded, lambda, region, account, port: 0 }))!;
}, 180_000);
afterAll(async () => {
  await gateway?.stop();
  await lambda?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The template with less patience for GET, so that API Gateway gives up before Lambda does. */
function hurried(loaded: Loaded): Loaded {
  const resources = loaded.resources.map((one) => {
    if (one.type !== 'AWS::ApiGateway::Method' || one.properties.HttpMethod !== 'GET') return one;
    const Integration = { ...(one.properties.Integration as object), TimeoutInMillis: 300 };
    return { ...one, properties: { ...one.properties, Integration } };
  });
  return { resources, of: (type) => resources.filter((one) => one.type === type) };
}

async function call(method: string, answer: string, body?: string) {
  const response = await fetch(`${gateway.url}/v1/events`, {
    method,
    headers: { authorization: 'Bearer allow', 'x-answer': answer },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function problemOf(answering: ReturnType<typeof call>) {
  const { status, headers, text } = await answering;
  expect(headers.get('content-type')).toBe('application/problem+json');
  const problem = JSON.parse(text) as { code: string; instance: string };
  expect(problem.instance).toBe(headers.get('x-request-id'));
  return [status, problem.code];
}

describe('a function', () => {
  test('that reaches its time limit is 502, and the next request has a new worker', async () => {
    expect(await problemOf(call('POST', 'late', '{}'))).toEqual([502, 'internal']);
    expect((await call('POST', 'echo', '{}')).status).toBe(200);
    const logs = lambda.names.map((name) => readFileSync(join(folder, 'logs', `${name}.log`), 'utf8')).join('');
    expect(logs).toContain('Task timed out after 1.00 seconds');
  });

  test('that API Gateway does not wait for is 504', async () => {
    expect(await problemOf(call('GET', 'late'))).toEqual([504, 'timeout']);
  });

  test.each(['throw', 'nonsense', 'large'])('that gives no answer to send (%s) is 502', async (answer) => {
    expect(await problemOf(call('POST', answer, '{}'))).toEqual([502, 'internal']);
  });

  test('whose worker ends fails the request it served, and none beside it', async () => {
    const answers = await Promise.all(['slow', 'exit', 'slow', 'slow'].map((answer) => call('POST', answer, '{}')));
    expect(answers.map(({ status }) => status)).toEqual([200, 502, 200, 200]);
    expect(notices.filter((line) => line.includes('status 3'))).toHaveLength(1);
    expect((await call('POST', 'echo', '{}')).status).toBe(200);
  });
});

describe('a body', () => {
  // API Gateway hands every body of this API on as base64: four bytes for three.
  const fits = Math.floor((syncPayloadBytesMax * 3) / 4) - 16 * 1024;

  test('that fits into one invocation is taken', async () => {
    // The echo would answer with all of it.
    const { status } = await call('POST', 'binary', 'x'.repeat(fits));
    expect(status).toBe(200);
  });

  test.each([
    ['Lambda', fits + 32 * 1024],
    ['API Gateway', 10 * 1024 * 1024 + 1],
  ])('larger than %s takes is 413', async (_, bytes) => {
    expect(await problemOf(call('POST', 'echo', 'x'.repeat(bytes)))).toEqual([413, 'body_too_large']);
  });
});
