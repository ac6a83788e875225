import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const id = '0198c0de-0000-7000-8000-000000000000';
const restore = {
  ...{ id, state: 'estimated', from: '2020-01-01T00:00:00.000Z', to: '2020-02-01T00:00:00.000Z', category: null },
  ...{ speed: 'bulk', days: 7, files: 31, bytes: 2_000_000, restored_before: 0, expected_hours: 48, asked_by: 'k1' },
  cost_usd: { requests: 0.0008, retrieval: 0.0001, storage: 0.0001, total: 0.001 },
  ...{ asked_at: '2026-03-01T12:00:00.000Z', confirm_until: '2026-03-02T12:00:00.000Z', confirmed: null },
  ...{ expected_at: null, progress: null },
};
const until = '2026-03-10T00:00:00.000Z';
const progress = { files: 31, waiting: 0, under_way: 1, ready: 30, ready_bytes: 1, gone: 0, readable_until: until };
const started = { ...restore, state: 'under_way', confirmed: { by: 'k1', at: '2026-03-01T12:01:00.000Z' }, progress };

let api: StubApi;
beforeAll(async () => {
  api = await startStub(({ method, path, body }) => {
    if (path.endsWith('/confirm')) return { status: 202, body: started };
    if (method === 'POST')
      return { status: 201, body: { ...restore, ...(body.includes('2019-') ? { files: 0 } : {}) } };
    return { body: path.includes(id) ? started : { restores: [started, restore], next: null } };
  });
});
afterAll(() => api.close());

const run = (...words: string[]) =>
  trailkeep(['archive', ...words], { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });
const range = (year: number) => ['--from', `${year}-01-01`, '--to', `${year}-02-01`];

test('a restore says first what it costs, and how it is started', async () => {
  const ran = await run('restore', ...range(2020), '--category', 'operations', '--days', '3');
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('$0.001 (requests $0.0008') });
  expect(ran.err).toContain(`Nothing is restored yet: trailkeep archive restore --confirm ${id}`);
  expect(api.received).toHaveLength(1);
  expect(JSON.parse(api.received[0]!.body)).toEqual({
    ...{ from: '2020-01-01T00:00:00.000Z', to: '2020-02-01T00:00:00.000Z' },
    ...{ category: 'operations', speed: 'bulk', days: 3 },
  });
});

test('it is started by its id, or at once with --yes, unless there is nothing to restore', async () => {
  expect(await run('restore', '--confirm', id)).toMatchObject({ code: 0, out: expect.stringContaining('30 of 31') });
  expect(api.received.at(-1)).toMatchObject({ method: 'POST', path: `/v1/archive/restores/${id}/confirm` });
  await run('restore', ...range(2020), '--yes');
  expect(api.received.at(-1)!.path).toContain('/confirm');
  const nothing = await run('restore', ...range(2019), '--yes');
  expect(nothing.err).toContain('Nothing of it is in Deep Archive');
  expect(api.received.at(-1)!.path).toBe('/v1/archive/restores');
});

test('restores are listed, and one is shown', async () => {
  const { out } = await run('restores');
  expect(out).toMatch(/under_way\s+2020-01-01\s+2020-02-01\s+31\s+30\/31\s+\$0.001\s+2026-03-10/);
  expect((await run('restores', id)).out).toContain(until);
  expect(JSON.parse((await run('restores', id, '--json')).out)).toEqual(started);
});

test.each([
  [['restore', '--from', '2020-01-01'], 'Say --from TIME and --to TIME'],
  [['restore', ...range(2020), '--speed', 'fast'], '--speed is one of standard, bulk'],
  [['restore', ...range(2020), '--days', '31'], '--days must be a whole number from 1 to 30'],
])('%j is refused before the API is asked', async (words, message) => {
  const before = api.received.length;
  expect(await run(...words)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  expect(api.received).toHaveLength(before);
});
