/** Issuers and tokens at the terminal. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

let api: StubApi;
let folder: string;
const one = { id: 'i-1', name: 'Acme', issuer: 'https://login.example', audience: ['a', 'b'], tenant_claim: null };
beforeAll(async () => {
  api = await startStub(({ path, method, body }) => {
    if (path === '/token') return { body: { access_token: 'a.b.c', token_type: 'Bearer', expires_in: 3600 } };
    if (method === 'DELETE') return { status: 204 };
    if (method === 'POST') return { status: 201, body: { id: 'i-1', ...JSON.parse(body) } };
    return path.includes('/issuers?') ? { body: { issuers: [one], next: null } } : { body: one };
  });
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-cli-people-'));
  mkdirSync(join(folder, '.trailkeep'));
  const local = { apiUrl: api.url, tenantId: 't-1', apiKey: 'tk_tenant', adminKey: 'tk_admin', issuerUrl: api.url };
  writeFileSync(join(folder, '.trailkeep', 'local.json'), JSON.stringify(local));
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});
const run = (...args: string[]) => trailkeep(args, { cwd: folder });
const last = () => api.received.at(-1)!;

describe('issuer', () => {
  test('is added with the admin key', async () => {
    const flags = ['--audience', 'a', '--audience', 'b', '--tenant-claim', 'custom:tenant', '--always-mfa'];
    expect(await run('issuer', 'add', 't-9', 'https://login.example', ...flags)).toMatchObject({ code: 0 });
    expect(last()).toMatchObject({ method: 'POST', path: '/v1/tenants/t-9/issuers' });
    expect(last().headers.authorization).toBe('Bearer tk_admin');
    expect(JSON.parse(last().body)).toEqual({
      ...{ issuer: 'https://login.example', name: 'https://login.example', audience: ['a', 'b'] },
      ...{ tenant_claim: 'custom:tenant', always_mfa: true },
    });
  });

  test('is listed, shown and removed', async () => {
    expect((await run('issuer', 'list', 't-9')).out).toMatch(/i-1 +Acme +https:\/\/login\.example +a b +-/);
    expect((await run('issuer', 'show', 't-9', 'i-1')).out).toContain('https://login.example');
    expect(await run('issuer', 'remove', 't-9', 'i-1')).toMatchObject({ code: 0 });
    expect(last()).toMatchObject({ method: 'DELETE', path: '/v1/tenants/t-9/issuers/i-1' });
  });

  test('needs to say whom its tokens are meant for', async () => {
    const ran = await run('issuer', 'add', 't-9', 'https://login.example');
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining('--audience') });
  });
});

describe('token', () => {
  test('is that of the local issuer, alone on its line', async () => {
    expect(await run('token', '--user', 'ada', '--act', 'sam', '--mfa')).toMatchObject({ code: 0, out: 'a.b.c\n' });
    expect(Object.fromEntries(new URLSearchParams(last().body))).toEqual({
      ...{ user: 'ada', tenant: 't-1', act: 'sam', mfa: 'true' },
    });
  });

  test('is nobody’s without a user, and there is none without the local platform', async () => {
    expect(await run('token')).toMatchObject({ code: 2, err: expect.stringContaining('--user ada') });
    const away = await trailkeep(['token', '--user', 'ada'], { cwd: '/' });
    expect(away).toMatchObject({ code: 1, err: expect.stringContaining('npm start') });
  });
});
