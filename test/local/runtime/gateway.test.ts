import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAssembly } from '#local/assembly.ts';
import { readFunctions, readMappings } from '#local/function-specs.ts';
import { matches } from '#local/gateway/authorize.ts';
import { type Gateway, startGateway } from '#local/gateway/server.ts';
import { Lambda } from '#local/lambda.ts';
import { readSchedules } from '#local/scheduler.ts';
import { type Loaded, loadTemplates, TemplateError } from '#local/template.ts';
import { synthesizeFixture } from './fixture/app.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-gateway-'));
const region = 'eu-west-1';
const account = '000000000000';
const place = {
  region,
  account,
  queueBase: 'http://127.0.0.1:1',
  databaseHost: '127.0.0.1',
  databasePort: 5432,
};
let loaded: Loaded;
let lambda: Lambda;
let gateway: Gateway;
let nowMs = Date.now();

beforeAll(async () => {
  synthesizeFixture({ outdir: join(folder, 'cdk.out'), notes: join(folder, 'notes') });
  loaded = loadTemplates(readAssembly(join(folder, 'cdk.out')), place);
  lambda = new Lambda(readFunctions(loaded, { ADDED: 'yes' }, { QUEUE_URL: 'replaced' }), {
    logFolder: join(folder, 'logs'),
    compileCache: join(folder, 'cache'),
    region,
  });
  gateway = (await startGateway({ loaded, lambda, region, account, port: 0, now: () => nowMs }))!;
});
afterAll(async () => {
  await gateway.stop();
  await lambda.stop();
  rmSync(folder, { recursive: true });
});

// biome-ignore lint/suspicious/noExplicitAny: the echo is whatever the test sent
type Echo = any;
const call = (path: string, init: RequestInit = {}) => fetch(gateway.url + path, init);
const echo = async (path: string, init: RequestInit = {}) => {
  const response = await call(path, init);
  expect(response.status).toBe(200);
  return (await response.json()) as Echo;
};

describe('the template', () => {
  test('gives functions their environment, across stacks', async () => {
    const { env } = await echo('/open');
    expect(env).toMatchObject({
      BUCKET: expect.stringMatching(/^places-bucket/),
      TOPIC_ARN: expect.stringMatching(/^arn:aws:sns:eu-west-1:000000000000:places-topic/),
      QUEUE_URL: 'replaced',
      ADDED: 'yes',
      IMPORTED: 'plain',
      SUBSTITUTED: ['eu-west-1/in/$', '{literal}'].join(''),
      PICKED: 'b',
    });
  });

  test('says how queues and schedules are connected', () => {
    expect(readMappings(loaded, () => 4)).toEqual([
      {
        queueArn: expect.stringMatching(/^arn:aws:sqs:eu-west-1:000000000000:places-queue/),
        functionArn: 'fixture-consume',
        batchSize: 10,
        windowSeconds: 0,
        concurrencyMax: 4,
        reportsItemFailures: true,
      },
    ]);
    const [schedule] = readSchedules(loaded, 0);
    expect(schedule).toMatchObject({ targetArn: lambda.find('fixture-tick')!.arn, input: '{"from":"schedule"}' });
  });

  test('with a type that nobody knows is refused by name', () => {
    const stack = { name: 'S', assets: new Map(), template: { Resources: { Thing: { Type: 'AWS::Odd::Thing' } } } };
    expect(() => loadTemplates([stack], place)).toThrow(TemplateError);
    expect(() => loadTemplates([stack], place)).toThrow('S/Thing (AWS::Odd::Thing)');
  });

  test('with an intrinsic that nobody knows is refused by name', () => {
    const template = { Resources: { Q: { Type: 'AWS::SQS::Queue', Properties: { Tags: { 'Fn::Cidr': ['a'] } } } } };
    const stack = { name: 'S', assets: new Map(), template };
    expect(() => loadTemplates([stack], place)).toThrow('intrinsic Fn::Cidr is not known here');
  });

  test('conditions, mappings and defaults of parameters are evaluated', () => {
    const template = {
      Parameters: { Size: { Type: 'String', Default: 'large' } },
      Mappings: { Sizes: { large: { count: 7 } } },
      Conditions: {
        IsLarge: { 'Fn::Equals': [{ Ref: 'Size' }, 'large'] },
        Not: { 'Fn::Not': [{ Condition: 'IsLarge' }] },
      },
      Resources: {
        Yes: {
          Type: 'AWS::SQS::Queue',
          Condition: 'IsLarge',
          Properties: {
            DelaySeconds: { 'Fn::FindInMap': ['Sizes', { Ref: 'Size' }, 'count'] },
            VisibilityTimeout: { 'Fn::If': ['Not', 1, { Ref: 'AWS::NoValue' }] },
          },
        },
        No: { Type: 'AWS::SQS::Queue', Condition: 'Not' },
      },
    };
    const { resources } = loadTemplates([{ name: 'S', assets: new Map(), template }], place);
    expect(resources.map(({ id, properties }) => [id, properties])).toEqual([['Yes', { DelaySeconds: 7 }]]);
  });
});

describe('a request', () => {
  test('comes as API Gateway sends it', async () => {
    const { event } = await echo('/open?a=1&a=2&b=%C3%BC', { headers: { 'X-Mixed': 'one' } });
    expect(event).toMatchObject({
      resource: '/open',
      path: '/open',
      httpMethod: 'GET',
      queryStringParameters: { a: '2', b: 'ü' },
      multiValueQueryStringParameters: { a: ['1', '2'], b: ['ü'] },
      pathParameters: null,
      body: null,
      isBase64Encoded: false,
    });
    expect(event.headers['X-Forwarded-For']).toBe('127.0.0.1');
    expect(event.requestContext).toMatchObject({
      stage: 'prod',
      path: '/prod/open',
      resourcePath: '/open',
      requestTimeEpoch: nowMs,
      identity: { sourceIp: '127.0.0.1' },
    });
    expect(event.requestContext.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('keeps repeated headers and their case', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = ['Host', 'here', 'X-Twice', 'one', 'X-Twice', 'two'];
      const sent = httpRequest(`${gateway.url}/open`, { headers }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      });
      sent.on('error', reject).end();
    });
    const { event } = JSON.parse(answer);
    expect(event.multiValueHeaders['X-Twice']).toEqual(['one', 'two']);
    expect(event.headers['X-Twice']).toBe('two');
  });

  test.each([
    ['/open/7', '/open/{id}', { id: '7' }],
    ['/open/a%2Fb', '/open/{id}', { id: 'a%2Fb' }],
    ['/open/fixed', '/open/fixed', null],
    ['/files/a/b.txt', '/files/{proxy+}', { proxy: 'a/b.txt' }],
  ])('%s goes to %s', async (path, resource, params) => {
    const { event } = await echo(path);
    expect(event).toMatchObject({ resource, pathParameters: params });
  });

  test('carries text as text and binary media types as base64', async () => {
    const text = await echo('/open', {
      method: 'POST',
      body: '{"ü":1}',
      headers: { 'content-type': 'application/json' },
    });
    expect(text.event).toMatchObject({ body: '{"ü":1}', isBase64Encoded: false });
    const bytes = Buffer.from([0x1f, 0x8b, 0xff]);
    const binary = await echo('/open', {
      method: 'POST',
      body: bytes,
      headers: { 'content-type': 'application/gzip' },
    });
    expect(binary.event).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true });
  });

  test.each([
    ['GET', '/nowhere'],
    ['DELETE', '/open'],
    ['GET', '/open/'],
    ['GET', '/open//7'],
    ['GET', '/'],
  ])('%s %s is nobody’s: the default 4xx answer of the template', async (method, path) => {
    const response = await call(path, { method });
    const id = response.headers.get('x-id');
    expect(response.status).toBe(403);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-from')).toBe('the gateway');
    expect(response.headers.get('x-request-id')).toBe(id);
    expect(await response.json()).toEqual({ detail: 'Missing Authentication Token', instance: id });
  });

  test('larger than 10 MB is refused with 413', async () => {
    const response = await call('/open', { method: 'POST', body: Buffer.alloc(10 * 1024 * 1024 + 1) });
    expect(response.status).toBe(413);
    expect(response.headers.get('x-from')).toBe('the gateway');
  });

  test('too large for Lambda is refused with 413', async () => {
    expect((await call('/open', { method: 'POST', body: 'x'.repeat(6 * 1024 * 1024) })).status).toBe(413);
  });
});

describe('an answer', () => {
  test('has every header of the function, and the ids', async () => {
    const response = await call('/open');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('x-amzn-remapped-www-authenticate')).toBe('mine');
    expect(response.headers.get('x-amzn-requestid')).toBe(
      ((await response.json()) as Echo).event.requestContext.requestId,
    );
  });

  test('in base64 becomes bytes only for who accepts a binary media type', async () => {
    const of = async (accept: string) => {
      const response = await call('/open', { headers: { 'x-answer': 'binary', accept } });
      return Buffer.from(await response.arrayBuffer());
    };
    expect(await of('application/gzip')).toEqual(Buffer.from([0, 255, 1]));
    expect((await of('text/plain')).toString()).toBe('AP8B');
  });

  test.each(['throw', 'nonsense', 'large'])('of a function that gives none (%s) is 502', async (answer) => {
    const response = await call('/open', { headers: { 'x-answer': answer } });
    expect([response.status, await response.json()]).toEqual([502, { message: 'Internal server error' }]);
  });

  test('that comes too late is 504', async () => {
    const response = await call('/slow', { headers: { 'x-ms': '900' } });
    expect([response.status, await response.json()]).toEqual([504, { message: 'Endpoint request timed out' }]);
  });
});

describe('the authorizer', () => {
  const as = (token: string | undefined, path = '/closed/one') =>
    call(path, token === undefined ? {} : { headers: { Authorization: token } });

  test('hands its context on, as strings', async () => {
    const response = await as('Bearer allow 1');
    const { event } = (await response.json()) as Echo;
    expect(event.requestContext.authorizer).toMatchObject({ principalId: 'someone', token: 'Bearer allow 1' });
    expect(event.requestContext.authorizer.calls).toEqual(expect.any(String));
  });

  test('is asked once per identity until its answer is too old', async () => {
    const calls = async () =>
      ((await (await as('Bearer allow cached')).json()) as Echo).event.requestContext.authorizer.calls;
    const first = await calls();
    expect(await calls()).toBe(first);
    nowMs += 60_001;
    expect(await calls()).not.toBe(first);
  });

  test('is not asked without its identity source', async () => {
    const response = await as(undefined);
    expect([response.status, await response.json()]).toEqual([401, { code: 'unauthenticated' }]);
  });

  test.each([
    ['Bearer nobody', 401],
    ['Bearer deny', 403],
    ['Bearer broken', 500],
  ])('%s answers %i', async (token, status) => {
    expect((await as(token)).status).toBe(status);
  });

  test('is cached by identity, so a narrow policy denies the next path', async () => {
    expect((await as('Bearer narrow', '/closed/one')).status).toBe(200);
    expect((await as('Bearer narrow', '/closed/two')).status).toBe(403);
  });

  test('policies know * and ?', () => {
    expect(matches('a:*/GET/?', 'a:b/c/GET/d')).toBe(true);
    expect(matches('a:*/GET/?', 'a:b/c/GET/dd')).toBe(false);
    expect(matches('a.c', 'abc')).toBe(false);
  });
});

test('a taken port is stepped over', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => other.once('listening', done));
  const { port } = other.address() as AddressInfo;
  const second = (await startGateway({ loaded, lambda, region, account, port }))!;
  expect(Number(new URL(second.url).port)).toBeGreaterThan(port);
  await second.stop();
  other.close();
});
