/** Asking for a move from the command line: it tells how far it is until the tenant lives there, and may be left. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const id = '01890000-0000-7000-8000-00000000000a';
const moveOf = (step: string, rest: object = {}) => ({
  ...{ from: 0, to: 1, step, asked_by: 'k', asked_at: '2026-03-01T12:00:00.000Z' },
  ...{ stepped_at: '2026-03-01T12:00:00.000Z', rows: null, problem: null, ...rest },
});
const moved = {
  shard: 1,
  move: moveOf('moved', {
    rows: [
      { table: 'record.event', rows: 40 },
      { table: 'jobs.job', rows: 2 },
    ],
  }),
};

let api: StubApi;
let answers: object[];
beforeAll(async () => {
  api = await startStub(() => ({ body: answers.length > 1 ? answers.shift() : answers[0] }) as never);
});
beforeEach(() => {
  api.received.length = 0;
});
afterAll(() => api.close());

const run = (...words: string[]) =>
  trailkeep(['tenant', 'move', id, ...words], { env: { TRAILKEEP_URL: api.url, TRAILKEEP_ADMIN_KEY: 'tk_x' } });
const calls = () => api.received.map(({ method, path }) => `${method} ${path.replace(id, ':id')}`);

test('without a flag it looks', async () => {
  answers = [{ shard: 0, move: null }];
  const { code, out } = await run();
  expect([code, calls()]).toEqual([0, ['GET /v1/tenants/:id/move']]);
  expect(out).toMatch(/shard\s+0/);
});

test('--to asks once, and is done when the tenant lives there', async () => {
  answers = [moved];
  const { code, out } = await run('--to', '1');
  expect([code, calls()]).toEqual([0, ['POST /v1/tenants/:id/move']]);
  expect(JSON.parse(api.received[0]!.body)).toEqual({ to: 1 });
  expect(out).toMatch(/rows\s+42/);
});

test('--to tells each step and what stopped it', async () => {
  answers = [{ shard: 0, move: moveOf('copying', { problem: 'a cluster is down' }) }, moved];
  const { code, err } = await run('--to', '1');
  expect([code, calls()]).toEqual([0, ['POST /v1/tenants/:id/move', 'GET /v1/tenants/:id/move']]);
  expect(err).toContain('copying: a cluster is down');
});

test('--finish asks for the old rows to go', async () => {
  answers = [{ shard: 1, move: moveOf('finished') }];
  expect((await run('--finish', '--json')).code).toBe(0);
  expect(calls()).toEqual(['POST /v1/tenants/:id/move/finish']);
});

test('what cannot be meant is said before anybody is asked', async () => {
  for (const words of [
    ['--to', '1', '--finish'],
    ['--to', 'shard-1'],
    ['--to', '-1'],
  ])
    expect((await run(...words)).code, words.join(' ')).toBe(2);
  expect(calls()).toEqual([]);
});
