/** `npm start` as a process of its own: stopped, killed, started again on the same folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testAssembly } from '#test/support/platform.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-restart-'));
chmodSync(folder, 0o711);
const processes: ChildProcess[] = [];

beforeAll(async () => void (await testAssembly()), 120_000);
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
}

/** Starts the platform; resolves when it says that it runs, or when it ends. */
async function start(port: number): Promise<Started> {
  const child = spawn(process.execPath, [join(root, 'bin/start.mjs'), '--folder', folder, '--port', String(port)], {
    cwd: root,
  });
  processes.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  while (!text.includes('Ctrl-C stops') && child.exitCode === null) await sleep(50);
  return { child, output: () => text };
}

const access = () =>
  JSON.parse(readFileSync(join(folder, 'local.json'), 'utf8')) as {
    apiUrl: string;
    tenantId: string;
    apiKey: string;
    adminKey: string;
  };

async function call(method: string, path: string, json?: object) {
  const { apiUrl, apiKey } = access();
  const response = await fetch(apiUrl + path, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    ...(json ? { body: JSON.stringify(json) } : {}),
  });
  return (await response.json()) as { id?: string; events?: unknown[] };
}

/** Sends one event of each tier and waits until both can be read. */
async function send(actor: string): Promise<void> {
  for (const action of ['user.login', 'document.view'])
    await call('POST', '/v1/events', { action, actor: { type: 'user', id: actor } });
}
async function found(actor: string): Promise<number> {
  for (let n = 0; n < 150; n++) {
    if ((await call('GET', `/v1/events?actor=${actor}`)).events?.length === 2) return 2;
    await sleep(100);
  }
  return (await call('GET', `/v1/events?actor=${actor}`)).events?.length ?? 0;
}

test('the next start finds what the last one had, after Ctrl-C and after a kill', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };

  const first = await start(port);
  expect(first.output(), 'it says what to paste').toMatch(/curl -H 'Authorization: Bearer tk_/);
  expect(access()).toMatchObject({
    tenantId: expect.any(String),
    apiKey: expect.stringMatching(/^tk_/),
    adminKey: expect.stringMatching(/^tk_/),
  });
  expect(access().apiUrl, 'a taken port is stepped over').not.toContain(`:${port}`);
  expect(statSync(join(folder, 'local.json')).mode & 0o777, 'keys are for their owner').toBe(0o600);
  const { apiKey, tenantId } = access();
  await send('before-ctrl-c');
  expect(await found('before-ctrl-c')).toBe(2);

  const second = await start(0);
  expect(second.output(), 'two at once on one folder').toMatch(/already runs/);
  expect(second.child.exitCode).not.toBe(0);

  first.child.kill('SIGINT');
  await once(first.child, 'exit');
  expect(first.child.exitCode).toBe(0);

  const third = await start(port);
  expect(access()).toMatchObject({ apiKey, tenantId });
  expect(await found('before-ctrl-c')).toBe(2);
  await send('before-kill');
  third.child.kill('SIGKILL');
  await once(third.child, 'exit');

  const fourth = await start(port);
  expect(await found('before-ctrl-c')).toBe(2);
  expect(await found('before-kill'), 'what had a receipt is there').toBe(2);
  fourth.child.kill('SIGINT');
  await once(fourth.child, 'exit');
  taken.close();
}, 180_000);
