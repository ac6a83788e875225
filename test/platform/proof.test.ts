/**
 * From an event to evidence on a whole platform, with the commands that a person types: sealed by the triggers alone,
 * proved, exported, and verified offline by files that never saw the API.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let tenant: Awaited<ReturnType<TestPlatform['makeTenant']>>;
const ids: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-proof-'));
const run = promisify(execFile);

beforeAll(async () => {
  platform = await testPlatform();
  tenant = await platform.makeTenant('Evidence');
  const person = { type: 'user', id: 'ada', name: 'Ada Lovelace' };
  const json = [
    { action: 'role.assign', actor: person },
    ...Array.from({ length: 20 }, (_, n) => ({ action: 'document.view', actor: person, metadata: { n } })),
  ];
  const sent = await platform.call('POST', '/v1/events', { key: tenant.apiKey, json });
  ids.push(...sent.json.items.map((item: { id: string }) => item.id));
  await platform.settled();
}, 180_000);
afterAll(async () => {
  await platform?.end();
  rmSync(folder, { recursive: true, force: true });
});

const trailkeep = (...args: string[]) =>
  run(process.execPath, [resolve('bin/trailkeep.mjs'), ...args], {
    cwd: folder,
    env: { ...process.env, TRAILKEEP_URL: platform.apiUrl, TRAILKEEP_API_KEY: tenant.apiKey },
  });
/** Verified where there is no API and no key to it. */
const verified = (...args: string[]) =>
  run(process.execPath, [resolve('bin/trailkeep.mjs'), 'verify', ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH },
  });

test('an event is proved by its id, and the proof stands without us', async () => {
  const log = JSON.parse((await trailkeep('log', '--json')).stdout);
  expect(log).toMatchObject({ state: 'active', path: expect.stringMatching(/^\/t\/[a-z2-7]{26}\/$/) });
  writeFileSync(join(folder, 'log.vkey'), `${log.verifier}\n`);
  for (const id of [ids[0]!, ids.at(-1)!]) {
    const { stdout } = await trailkeep('proof', id, '--json');
    expect(stdout).not.toContain('Ada');
    writeFileSync(join(folder, 'event.json'), stdout);
    expect((await verified('event', 'event.json', '--key', 'log.vkey')).stdout).toMatch(/^VERIFIED /);
    writeFileSync(join(folder, 'changed.json'), stdout.replace('success', 'failure'));
    await expect(verified('event', 'changed.json', '--key', 'log.vkey')).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^TAMPERED /),
    });
  }
}, 60_000);

test('an export of a period and one of ids verify from their zips alone', async () => {
  await trailkeep('export', 'auditor', '--from', '1d', '--out', 'all.zip');
  await trailkeep('export', 'auditor', '--id', ids[3]!, '--out', 'one.zip');
  for (const [zip, events] of [
    ['all.zip', 21],
    ['one.zip', 1],
  ] as const) {
    const { stdout } = await verified('export', zip, '--key', 'log.vkey');
    expect(stdout, zip).toMatch(/^VERIFIED /);
    expect(Number(/^ *events +(\d+) VERIFIED$/m.exec(stdout)![1])).toBeGreaterThanOrEqual(events);
  }
}, 120_000);

test('the log is at its path, as bytes', async () => {
  const { json } = await platform.call('GET', '/v1/log', { key: tenant.apiKey });
  const get = (name: string) =>
    fetch(`${platform.apiUrl}${json.path}${name}`, { headers: { authorization: `Bearer ${tenant.apiKey}` } });
  const checkpoint = await (await get('checkpoint')).text();
  const size = Number(checkpoint.split('\n')[1]);
  const tile = await get(`tile/0/000.p/${size}`);
  expect(tile.headers.get('content-type')).toBe('application/octet-stream');
  expect((await tile.arrayBuffer()).byteLength).toBe(32 * size);
});
