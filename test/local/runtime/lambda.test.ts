import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { FunctionError, type FunctionSpec, InvokeRefused } from '#local/invocation.ts';
import { Lambda, type LambdaOptions } from '#local/lambda.ts';
import { LogFile } from '#local/logs.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-lambda-'));
const notices: string[] = [];
const buried: (readonly [string, object])[] = [];
const notes = join(folder, 'notes');

function spec(name: string, more: Partial<FunctionSpec> = {}): FunctionSpec {
  return {
    name,
    arn: `arn:aws:lambda:eu-west-1:000000000000:function:${name}`,
    file: new URL(`fixture/functions/${name}/index.mjs`, import.meta.url).pathname,
    handler: 'handler',
    environment: { NOTES: notes, GREETING: 'hello', NODE_OPTIONS: '--enable-source-maps' },
    memoryMb: 64,
    timeoutSeconds: 20,
    ...more,
  };
}

function start(specs: readonly FunctionSpec[], more: Partial<LambdaOptions> = {}): Lambda {
  return new Lambda(specs, {
    logFolder: join(folder, 'logs'),
    compileCache: join(folder, 'cache'),
    region: 'eu-west-1',
    notice: (line) => notices.push(line),
    onFailure: async (arn, record) => void buried.push([arn, record]),
    asyncRetryMs: () => 1,
    ...more,
  });
}

const lambda = start([
  spec('echo'),
  spec('crash'),
  spec('sleep', { timeoutSeconds: 1, reservedConcurrency: 1 }),
  spec('tick', { asyncRetries: 2, onFailureArn: 'arn:aws:sqs:eu-west-1:000000000000:dead' }),
  spec('gone', { file: join(folder, 'nothing.mjs') }),
]);
afterAll(async () => {
  await lambda.stop();
  rmSync(folder, { recursive: true });
});

interface Seen {
  readonly calls: number;
  readonly env: Record<string, string>;
  readonly remaining: number;
  readonly context: Record<string, string>;
}
const echo = async (event: object = {}) =>
  JSON.parse(((await lambda.invoke('echo', event)) as { body: string }).body) as Seen;
const faultOf = async (running: Promise<unknown>) => {
  const error = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof FunctionError ? error.fault : error;
};

describe('an invocation', () => {
  test('sees its own environment and nothing of ours', async () => {
    const { env, remaining, context } = await echo();
    expect(env).toMatchObject({
      GREETING: 'hello',
      AWS_LAMBDA_FUNCTION_NAME: 'echo',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '64',
      AWS_REGION: 'eu-west-1',
      _HANDLER: 'index.handler',
    });
    expect(Object.keys(env)).not.toContain('VITEST');
    expect(remaining).toBeGreaterThan(10_000);
    expect(remaining).toBeLessThanOrEqual(20_000);
    expect(context).toMatchObject({ functionName: 'echo', memoryLimitInMB: '64' });
    expect(context.awsRequestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('reuses a warm environment', async () => {
    const first = await echo();
    expect((await echo()).calls).toBe(first.calls + 1);
  });

  test('is found by name, ARN and qualified ARN', () => {
    const arn = 'arn:aws:lambda:eu-west-1:000000000000:function:echo';
    for (const reference of ['echo', arn, `${arn}:live`]) expect(lambda.find(reference)?.name).toBe('echo');
    expect(lambda.find('nobody')).toBeUndefined();
  });

  test('answers what the handler threw', async () => {
    expect(await faultOf(lambda.invoke('echo', { headers: { 'x-answer': 'throw' } }))).toMatchObject({
      errorType: 'Error',
      errorMessage: 'told to throw',
    });
  });

  test('of a module that is missing fails, and does not hang', async () => {
    expect(await faultOf(lambda.invoke('gone', {}))).toMatchObject({
      errorMessage: expect.stringContaining('nothing.mjs'),
    });
  });

  test('of nobody, or too large, is refused', async () => {
    await expect(lambda.invoke('nobody', {})).rejects.toThrow(InvokeRefused);
    await expect(lambda.invoke('echo', 'x'.repeat(6 * 1024 * 1024))).rejects.toMatchObject({ status: 413 });
    expect(() => lambda.invokeAsync('echo', JSON.stringify('x'.repeat(1024 * 1024)))).toThrow(InvokeRefused);
  });

  test('with a too large answer fails', async () => {
    expect(await faultOf(lambda.invoke('echo', { headers: { 'x-answer': 'large' } }))).toMatchObject({
      errorType: 'Function.ResponseSizeTooLarge',
    });
  });
});

describe('a worker that dies', () => {
  test.each([
    ['exit', 'status 3'],
    ['memory', 'memory'],
    ['later', 'nobody waits for me'],
  ])('by %s fails its invocation only', async (how, reason) => {
    expect(await faultOf(lambda.invoke('crash', { how }))).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringContaining(reason),
    });
    expect(notices.at(-1)).toMatch(/^crash crashed/);
    expect(await lambda.invoke('crash', { how: 'not' })).toEqual({ how: 'not' });
  });

  test('by kill() fails what ran', async () => {
    const running = faultOf(lambda.invoke('crash', { how: 'not' }).then(() => lambda.invoke('sleep', { ms: 900 })));
    await expect.poll(() => lambda.kill('sleep')).toBe(1);
    expect(await running).toMatchObject({ errorType: 'Runtime.ExitError' });
  });
});

test('the time limit ends a worker, and the next invocation has a new one', async () => {
  expect(await faultOf(lambda.invoke('sleep', { ms: 60_000 }))).toMatchObject({
    errorType: 'Sandbox.Timedout',
    errorMessage: expect.stringContaining('Task timed out after 1.00 seconds'),
  });
  expect(await lambda.invoke('sleep', { ms: 0 })).toMatchObject({ body: 'slept' });
});

test('invocations beyond the cap wait for a place', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map(() => lambda.invoke('sleep', { ms: 20 })));
  expect(answers).toHaveLength(4);
});

test('a full machine makes room by ending an idle worker', async () => {
  const small = start([spec('echo'), spec('tick')], { workersMax: 1, logFolder: join(folder, 'small') });
  await small.invoke('echo', {});
  expect(await small.invoke('tick', {})).toEqual({});
  const both = await Promise.all([small.invoke('echo', {}), small.invoke('tick', {})]);
  expect(both).toHaveLength(2);
  await small.stop();
});

test('an asynchronous invocation is tried again, then handed to the failure queue', async () => {
  lambda.invokeAsync('tick', '{"fail":true}');
  expect(lambda.busy).toBe(true);
  await expect.poll(() => lambda.busy, { timeout: 20_000 }).toBe(false);
  expect(readFileSync(notes, 'utf8').match(/"fail":true/g)).toHaveLength(3);
  expect(buried).toEqual([
    [
      'arn:aws:sqs:eu-west-1:000000000000:dead',
      expect.objectContaining({
        requestPayload: { fail: true },
        responsePayload: expect.objectContaining({ errorMessage: 'told to fail' }),
      }),
    ],
  ]);
});

test('what a function prints is in its log file, which is rotated when full', async () => {
  await lambda.invoke('crash', { how: 'not' });
  await expect.poll(() => readFileSync(join(folder, 'logs/crash.log'), 'utf8')).toContain('still here');
  const log = new LogFile(folder, 'rotated', 10);
  for (const text of ['one\n', 'two two\n', 'three\n']) log.write(text);
  log.close();
  expect(readFileSync(log.path, 'utf8')).toBe('three\n');
  expect(readFileSync(`${log.path}.1`, 'utf8')).toBe('two two\n');
});
