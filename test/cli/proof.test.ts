import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const log = {
  ...{ state: 'active', origin: 'trailkeep.test/t/a', path: '/t/a/', verifier: 'trailkeep.test/t/a+1+A', leaves: 8 },
  ...{ published_size: 7, pending: 1, pending_due_at: null, merge_delay_seconds: { critical: 60, bulk: 900 } },
};
// What the stub answers is a JSON document, whatever it stands for.
const parts = ['first', 'second'].map((part) => JSON.stringify(part));
const sha256 = createHash('sha256').update(parts.join('')).digest('hex');
const ready = { id: 'x1', state: 'ready', parts: 2, bytes: 15, events: 3, size: 7, sha256 };

let api: StubApi;
let looks = 0;
let made: Record<string, unknown> = ready;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-proof-'));
beforeAll(async () => {
  api = await startStub(({ method, path, headers }) => {
    if (path === '/v1/log') return { body: log };
    if (path.includes('/proof')) return { body: headers.accept === 'text/plain' ? 'a tlog-proof' : { line: '{}' } };
    if (method === 'POST') return { status: 202, body: { id: 'x1', state: 'building' } };
    if (path.includes('/content')) return { body: path.endsWith('part=1') ? 'first' : 'second' };
    looks++;
    return { body: looks === 1 ? { id: 'x1', state: 'building' } : made };
  });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...words: string[]) => trailkeep(words, { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });

test('log tells how far it is', async () => {
  const ran = await run('log');
  expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(/^state +active$/m) });
  expect(ran.out).toMatch(/^merge_delay_critical +60 s$/m);
  expect(JSON.parse((await run('log', '--json')).out)).toEqual(log);
});

test('proof prints what a verifier reads, and nothing else', async () => {
  expect(await run('proof', 'e1')).toMatchObject({ code: 0, out: '"a tlog-proof"' });
  expect(await run('proof', 'e1', '--json', '--size', '7')).toMatchObject({ code: 0, out: '{"line":"{}"}\n' });
  expect(api.received.at(-1)).toMatchObject({ path: '/v1/events/e1/proof?size=7' });
});

test('export waits, fetches every part and compares the whole', async () => {
  const file = join(folder, 'january.zip');
  looks = 0;
  const period = ['--from', '2026-01-01', '--to', '2026-02-01'];
  const ran = await run('export', 'auditor', ...period, '--out', file);
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining(file) });
  expect(readFileSync(file, 'utf8')).toBe(parts.join(''));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const asked = api.received.find(({ path }) => path === '/v1/exports/auditor')!;
  expect(JSON.parse(asked.body)).toEqual({ from: '2026-01-01T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z' });
  const again = await run('export', 'auditor', ...period, '--out', file);
  expect(again).toMatchObject({ code: 2, err: expect.stringContaining('is there already') });
});

test('export by ids; what arrives changed does not stay, and a failure is told', async () => {
  const file = join(folder, 'events.zip');
  made = { ...ready, sha256: 'ab'.repeat(32) };
  const changed = await run('export', 'auditor', '--id', 'e1,e2', '--id', 'e3', '--out', file);
  expect(changed).toMatchObject({ code: 1, err: expect.stringContaining('not what was built') });
  expect(existsSync(file)).toBe(false);
  const asked = api.received.findLast(({ path }) => path === '/v1/exports/auditor')!;
  expect(JSON.parse(asked.body)).toEqual({ ids: ['e1', 'e2', 'e3'] });
  made = { id: 'x1', state: 'failed', problem: 'range_too_large' };
  const failed = await run('export', 'auditor', '--from', '1d', '--out', file);
  expect(failed).toMatchObject({ code: 1, err: expect.stringContaining('range_too_large') });
  for (const words of [['auditor'], ['auditor', '--id', 'e1', '--from', '1d']]) {
    expect(await run('export', ...words), words.join(' ')).toMatchObject({ code: 2 });
  }
});
