import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const request = {
  ...{ id: 'r1', type: 'erasure', state: 'received', subject: 'ada', contact: null, opened_by: 'k1' },
  ...{ opened_at: '2026-03-01T12:00:00.000Z', due_at: '2026-03-31T12:00:00.000Z', verified: null, approved: null },
  ...{ extended: null, ended_at: null },
};
const hold = {
  ...{ id: 'h1', matter: 'Smith', custodian: 'Legal', scope: { subjects: ['ada'] }, placed_by: 'k1' },
  ...{ placed_at: '2026-03-01T12:00:00.000Z', release_asked: { by: 'k1', at: 'now' }, released: null },
};

let api: StubApi;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-privacy-'));
beforeAll(async () => {
  api = await startStub(({ method, path }) => {
    if (path.startsWith('/v1/holds')) return { body: method === 'GET' ? { holds: [hold], next: null } : hold };
    if (path.includes('/package')) return { body: { zip: 'bytes' } };
    if (method === 'GET' && !path.includes('/r1')) return { body: { requests: [request], next: null } };
    return { body: request };
  });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...words: string[]) => trailkeep(words, { env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_x' } });
const last = () => api.received.at(-1)!;

test('a request is opened with what it needs, and steps go where they belong', async () => {
  const retain = ['--retain', '--legal-basis', 'art17_3_b_legal_obligation', '--legal-reference', 'PCI DSS 10.5.1'];
  const ran = await run('privacy', 'open', 'erasure', 'ada', ...retain, '--retain-until', '2027-01-01T00:00:00Z');
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('received') });
  expect(JSON.parse(last().body)).toEqual({
    type: 'erasure',
    subject: 'ada',
    retain_audit_trail: true,
    legal_basis: 'art17_3_b_legal_obligation',
    legal_reference: 'PCI DSS 10.5.1',
    retain_until: '2027-01-01T00:00:00Z',
  });
  for (const [words, path, body] of [
    [['verify', 'r1', 'in_person'], 'verify', { method: 'in_person' }],
    [['approve', 'r1'], 'approve', {}],
    [['refuse', 'r1', 'unfounded'], 'refuse', { reason: 'unfounded' }],
    [['extend', 'r1', 'many systems'], 'extend', { reason: 'many systems' }],
    [['cancel', 'r1'], 'cancel', {}],
  ] as const) {
    expect(await run('privacy', ...words)).toMatchObject({ code: 0 });
    expect(last()).toMatchObject({ method: 'POST', path: `/v1/privacy/requests/r1/${path}` });
    expect(JSON.parse(last().body)).toEqual(body);
  }
});

test('a list is a table, and what is mistyped is said', async () => {
  expect((await run('privacy', 'list', '--state', 'held')).out).toMatch(/r1 +erasure +received +ada/);
  expect(last().path).toBe('/v1/privacy/requests?limit=1000&state=held');
  for (const words of [
    ['open', 'forget', 'ada'],
    ['verify', 'r1', 'guess'],
    ['list', '--state', 'odd'],
    ['opne', 'erasure', 'ada'],
  ]) {
    expect(await run('privacy', ...words)).toMatchObject({ code: 2 });
  }
});

test('a package goes into a file of its own, for nobody else to read', async () => {
  const file = join(folder, 'ada.zip');
  expect(await run('privacy', 'package', 'r1', '--part', '2', '--out', file)).toMatchObject({ code: 0 });
  expect(last().path).toBe('/v1/privacy/requests/r1/package?part=2');
  expect(readFileSync(file, 'utf8')).toBe('{"zip":"bytes"}');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await run('privacy', 'package', 'r1', '--out', file)).toMatchObject({ code: 2 });
  expect(last().path).toContain('part=2');
});

test('a hold is placed on someone or on all, and a release by one says that it still counts', async () => {
  expect(await run('hold', 'place', 'Smith', '--custodian', 'Legal', '--subject', 'ada')).toMatchObject({ code: 0 });
  expect(JSON.parse(last().body)).toEqual({ matter: 'Smith', custodian: 'Legal', scope: { subjects: ['ada'] } });
  expect(await run('hold', 'place', 'Smith', '--custodian', 'Legal')).toMatchObject({ code: 2 });
  expect(await run('hold', 'place', 'Smith', '--all')).toMatchObject({ code: 2 });
  expect((await run('hold', 'list')).out).toContain('release asked for');
  expect((await run('hold', 'release', 'h1')).err).toContain('still counts');
});
