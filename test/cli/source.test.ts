import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const id = '0198c0de-0000-7000-8000-000000000000';
const source = {
  ...{ id, kind: 'focus', name: 'bills', settings: { application_tag: 'app' }, created_by: 'k1' },
  ...{ created_at: '2026-11-21T12:00:00.000Z', changed_at: '2026-11-21T12:00:00.000Z' },
};
const rejected = {
  ...{ id: '7', run: id, stream: 'files', slice: '2026-10.csv', place: 'row 3', code: 'amount_invalid' },
  ...{ reason: 'BilledCost is not a decimal number.', row: '{"BilledCost":"\u001b[31mten"}' },
  ...{ seen_at: '2026-11-21T12:00:00.000Z', resolved_at: null },
};

let api: StubApi;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-source-'));
beforeAll(async () => {
  api = await startStub(({ method, path }) => {
    if (path.endsWith('/files'))
      return { status: 201, body: { name: 'x', method: 'PUT', url: `${api.url}/put`, expires_at: '' } };
    if (path === '/put') return { status: 200 };
    if (path.includes('/quarantine')) return { body: { rows: [rejected], next: null } };
    if (path.startsWith('/v1/prices')) return { status: 201, body: { package: 'ENTERPRISE', amount: '1.37' } };
    if (method === 'DELETE') return { status: 204 };
    if (method === 'POST') return { status: 201, body: source };
    return { body: path.includes(id) ? source : { sources: [source], next: null } };
  });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  api.received.length = 0;
});
const cli = (...words: string[]) => trailkeep(['source', ...words, '--url', api.url, '--key', 'tk_test'], {});

test('a secret comes from a file and is nowhere else', async () => {
  const file = join(folder, 'acme.secret');
  writeFileSync(file, 'hush\n');
  const settings = '{"url":"https://acme.example","client_id":"etl"}';
  const { code, out, err } = await cli(
    'add',
    'acme',
    '--kind',
    'appdynamics',
    '--settings',
    settings,
    '--secret-file',
    file,
  );
  expect(code, err).toBe(0);
  expect(JSON.parse(api.received[0]!.body)).toEqual({
    ...{ name: 'acme', kind: 'appdynamics', settings: JSON.parse(settings) as object, secret: 'hush' },
  });
  expect(out + err).not.toContain('hush');
});

test('a file goes to the address that is given for it, by the source’s name', async () => {
  const file = join(folder, '2026-10.csv');
  writeFileSync(file, 'a,b\n');
  const { code, err } = await cli('put', 'bills', file);
  expect(code, err).toBe(0);
  const [, , offer, put] = api.received.map(({ method, path, body }) => `${method} ${path} ${body}`);
  expect(offer).toBe(`POST /v1/sources/${id}/files {"name":"2026-10.csv"}`);
  expect(put).toBe('PUT /put a,b\n');
  expect(api.received[3]!.headers.authorization).toBeUndefined();
});

test('what was not loaded is shown with the reason, harmless to a terminal', async () => {
  const { out } = await cli('quarantine', 'bills');
  expect(out).toContain('2026-10.csv  row 3  amount_invalid  BilledCost is not a decimal number.');
  expect(out).not.toContain('\u001b');
});

test('a price is of a day, and a source that is not there is named', async () => {
  expect((await cli('price', 'ENTERPRISE', '1.37', 'EUR', '--from', '2026-01-01')).code).toBe(0);
  expect((await cli('price', 'ENTERPRISE', '1.37', 'EUR')).code).toBe(2);
  expect((await cli('show', 'nothing')).err).toContain('There is no source "nothing"');
});
