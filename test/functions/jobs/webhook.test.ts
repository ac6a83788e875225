/** Webhooks over real HTTP: what a receiver gets and can verify, what becomes of its answers, and where nobody is sent. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Due } from '#core/jobs/ports.ts';
import { RunFault, type Task } from '#core/jobs/run.ts';
import { outcomeOf, retryTime } from '#core/jobs/webhook.ts';
import { askWebhook } from '#functions/jobs/ask-webhook.ts';
import { call } from '#functions/jobs/call.queue.ts';
import { createCallWebhook } from '#stores/http/webhook.ts';
import { taskOf } from './task.ts';

const now = new Date('2026-03-15T06:00:01Z');
const key = Buffer.alloc(32, 9);
const secret = `whsec_${key.toString('base64')}`;
let server: Server;
let origin: string;
let got: { readonly headers: IncomingHttpHeaders; readonly path: string; readonly body: string }[] = [];
let answer: { readonly status: number; readonly headers?: Record<string, string> } = { status: 204 };

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got.push({ headers: request.headers, path: request.url!, body: Buffer.concat(chunks).toString() });
      if (answer.status === 0) request.socket.destroy();
      else response.writeHead(answer.status, answer.headers).end('a stranger says: {"secret":"no"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  got = [];
  answer = { status: 204 };
});

const webhookTask = (config: object = { url: 'https://hooks.example/in', data: { what: 'month end' } }): Task =>
  taskOf({ kind: 'custom-webhook', config: config as Task['config'] });

/** A part asks, the function outside calls, and the part hears how that went. */
async function called(task: Task, { url = origin, known = true, trusted = true } = {}) {
  const asked: string[] = [];
  const send = async (messages: readonly { readonly body: string }[]) => {
    asked.push(...messages.map(({ body }) => ({ ...JSON.parse(body), url })).map((one) => JSON.stringify(one)));
  };
  const away = await askWebhook({ callsQueue: { send }, clock: () => now }, task);
  expect(away).toMatchObject({ is: 'away' });
  const answers: Due['send'][number][] = [];
  const queues = { send: async (messages: Due['send']) => void answers.push(...messages) };
  const ports = {
    secrets: { get: async () => (known ? secret : undefined) },
    webhook: createCallWebhook({ plaintextHosts: trusted ? ['127.0.0.1'] : [] }),
    ...{ queues, clock: () => now },
  };
  const message = { messageId: 'm', body: asked[0]!, queue: 'calls', receiveCount: 1, sentAt: 0 };
  expect(await call(ports, [message])).toEqual([]);
  expect(answers).toHaveLength(1);
  expect(answers[0]).toMatchObject({ kind: 'custom-webhook', message: { run: task.run, part: 'plan', asked: 1 } });
  const told = answers[0]!.message.answer!;
  return { told, end: () => askWebhook({ callsQueue: { send }, clock: () => now }, { ...task, answer: told }) };
}

describe('a call', () => {
  test('says which job is due, and is signed so that its receiver can verify it', async () => {
    const task = webhookTask();
    const { told, end } = await called(task, { url: `${origin}/in?x=1` });
    expect(told).toEqual({ status: 204 });
    expect(await end()).toMatchObject({ is: 'done', result: { status: 204 } });
    const { headers, path, body } = got[0]!;
    expect(path).toBe('/in?x=1');
    expect(JSON.parse(body)).toEqual({
      type: 'job.due',
      timestamp: task.scheduledFor.toISOString(),
      data: { what: 'month end', tenant: task.tenant, job: task.job, job_name: 'nightly', run: task.run },
    });
    const id = headers['webhook-id'];
    expect(id).toBe(`msg_${task.run}_plan`);
    expect(headers['webhook-timestamp']).toBe(String(now.getTime() / 1000));
    // As a receiver does it, by the specification.
    const mine = createHmac('sha256', key).update(`${id}.${headers['webhook-timestamp']}.${body}`).digest();
    const [version, theirs] = String(headers['webhook-signature']).split(',');
    expect(version).toBe('v1');
    expect(timingSafeEqual(mine, Buffer.from(theirs!, 'base64'))).toBe(true);
  });

  test('with the same id again when it is tried again', async () => {
    const task = webhookTask();
    await called(task);
    await called({ ...task, attempt: 2 });
    expect(new Set(got.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  test.each([
    [500, {}, { again: true }],
    [503, { 'retry-after': '120' }, { again: true, notBefore: new Date('2026-03-15T06:02:01Z') }],
    [
      429,
      { 'retry-after': 'Sun, 15 Mar 2026 07:00:00 GMT' },
      { again: true, notBefore: new Date('2026-03-15T07:00:00Z') },
    ],
    [400, {}, { again: false }],
    [410, {}, { again: false }],
    // Nobody is sent elsewhere.
    [302, { location: 'http://127.0.0.1:1/' }, { again: false }],
  ] as const)('that is answered %i fails, and is tried again when that may help', async (status, headers, fault) => {
    answer = { status, headers };
    const { told, end } = await called(webhookTask());
    expect(JSON.stringify(told)).not.toContain('secret');
    const error = await end().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RunFault);
    expect(error).toMatchObject({ code: 'webhook_failed', message: `The webhook answered ${status}.`, ...fault });
    expect(got).toHaveLength(1);
  });

  test('that nobody answers is tried again', async () => {
    answer = { status: 0 };
    const { end } = await called(webhookTask());
    await expect(end()).rejects.toMatchObject({ code: 'webhook_unreachable', again: true });
  });

  test('without a secret is not made', async () => {
    const { end } = await called(webhookTask(), { known: false });
    await expect(end()).rejects.toMatchObject({ code: 'webhook_secret_missing', again: false });
    expect(got).toEqual([]);
  });
});

test.each([
  ['http://hooks.example/', 'plain HTTP'],
  ['https://127.0.0.1/', 'loopback'],
  ['https://[::1]/', 'loopback'],
  ['https://169.254.169.254/latest/meta-data/', 'the metadata of the machine'],
  ['https://10.1.2.3/', 'a private network'],
  ['https://[::ffff:10.1.2.3]/', 'a private network in disguise'],
  ['https://localhost/', 'a name that leads to loopback'],
  ['https://user:pass@hooks.example/', 'a login in the address'],
])('%s is refused: %s', async (url) => {
  const { end } = await called(webhookTask(), { url, trusted: false });
  await expect(end()).rejects.toMatchObject({ code: 'webhook_refused', again: false });
  expect(got).toEqual([]);
});

test('a Retry-After that is neither a number nor a date says nothing', () => {
  expect(retryTime('soon', now)).toBeUndefined();
  expect(outcomeOf({ status: 503, retryAfter: 'soon' }, now).fault).not.toHaveProperty('not_before');
});
