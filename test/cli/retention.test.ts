import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const one = {
  hot: 90,
  warm: 365,
  cold: 2555,
  archive_format: 'glacier',
  compliance_requirements: ['SOX'],
  ladder: 'x',
};
const policy = {
  ...{ version: 2, classes: { critical: one }, by_category: { critical: 'critical', system: 'critical' } },
  ...{ proposed_by: 'key:one', proposed_at: '2026-03-01T12:00:00.000Z', approved: null },
};
const approved = { ...policy, version: 1, approved: { by: 'key:two', at: '2026-03-02T12:00:00.000Z' } };
const view = {
  ...{ policy: approved, waiting: policy, purging: true, held: 4 },
  overdue: { files: 3, oldest: '2019-03-01T12:00:00.000Z' },
  next: [{ class: 'critical', categories: ['critical'], files: 9, purge_at: '2027-03-01T12:00:00.000Z' }],
};
const purged = {
  ...{ id: 'p1', policy_version: 1, approved_by: 'key:two', files: 3, events: 30, bytes: 1, leaves: [[1, 31]] },
  ...{
    newest: '2019-03-01T12:00:00.000Z',
    started_at: '2026-03-03T12:00:00.000Z',
    ended_at: '2026-03-03T12:00:00.000Z',
  },
};

let api: StubApi;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-retention-'));
beforeAll(async () => {
  api = await startStub(({ method, path }) => {
    if (path.startsWith('/v1/retention/purges')) return { body: { purges: [purged], next: null } };
    if (path.endsWith('/approve')) return { body: { ...policy, approved: approved.approved } };
    return { body: method === 'GET' ? view : policy };
  });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...words: string[]) => trailkeep(words, { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });
const last = () => api.received.at(-1)!;

test('shows what counts, what waits and what is due', async () => {
  const { code, out } = await run('retention');
  expect(code).toBe(0);
  expect(out).toContain('Version 1, approved by key:two');
  expect(out).toMatch(/critical +90 +365 +2555 +glacier +SOX +critical system/);
  expect(out).toMatch(/critical +9 +2027-03-01T12:00:00.000Z/);
  expect(out).toContain('3 files are past their end, the oldest of 2019-03-01T12:00:00.000Z.');
  expect(out).toContain('4 files are past their end and kept by a legal hold.');
  expect(out).toContain('Version 2 waits for a second person, proposed by key:one:');
  expect(JSON.parse((await run('retention', 'show', '--json')).out)).toEqual(view);
});

test('proposes what a file says, and says who has to do what then', async () => {
  const file = join(folder, 'policy.json');
  const body = { classes: { critical: { cold: 2555, archive_format: 'gzip' } } };
  writeFileSync(file, JSON.stringify(body));
  const { code, out, err } = await run('retention', 'propose', file);
  expect({ code, method: last().method, path: last().path }).toEqual({ code: 0, method: 'PUT', path: '/v1/retention' });
  expect(JSON.parse(last().body)).toEqual(body);
  expect(out).toContain('Version 2, not approved');
  expect(err).toContain('trailkeep retention approve 2');
  writeFileSync(file, 'cold: 2555');
  expect(await run('retention', 'propose', file)).toMatchObject({
    code: 2,
    err: expect.stringContaining('is not JSON'),
  });
  expect(await run('retention', 'propose', join(folder, 'none'))).toMatchObject({ code: 2 });
});

test('approves the version that was read, and no word', async () => {
  expect(await run('retention', 'approve', '2')).toMatchObject({
    code: 0,
    out: expect.stringContaining('approved by'),
  });
  expect(last()).toMatchObject({ method: 'POST', path: '/v1/retention/approve', body: '{"version":2}' });
  for (const version of ['latest', '0', '-1']) expect((await run('retention', 'approve', version)).code).toBe(2);
  expect((await run('retention', 'approve')).code).toBe(2);
});

test('lists what was purged', async () => {
  expect((await run('retention', 'purges')).out).toMatch(/p1 +2026-03-03T12:00:00.000Z +1 +key:two +3 +30/);
  expect(JSON.parse((await run('retention', 'purges', '--json')).out)).toEqual(purged);
  expect(await run('retention', 'purge')).toMatchObject({ code: 2, err: expect.stringContaining('purges') });
});
