/**
 * A tenant gets a cluster of its own on a whole platform, with the commands that a person types: nothing that was accepted
 * is missed, and it is searched, proved, compacted and told of there as before.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

type Tenant = Awaited<ReturnType<TestPlatform['makeTenant']>>;

let platform: TestPlatform;
let mover: Tenant;
let neighbour: Tenant;
/** Main cluster and shard. */
let clusters: Sql[];
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-move-'));
const run = promisify(execFile);

beforeAll(async () => {
  platform = await testPlatform({ stage: 'sharded' });
  mover = await platform.makeTenant('Large');
  neighbour = await platform.makeTenant('Small');
  const { host, port } = platform.postgres;
  clusters = ['trailkeep', 'trailkeep_1'].map((database) =>
    postgres({ host, port, database, user: 'postgres', max: 1, onnotice: () => {} }),
  );
}, 180_000);
afterAll(async () => {
  await Promise.all((clusters ?? []).map((sql) => sql.end()));
  await platform?.end();
  rmSync(folder, { recursive: true, force: true });
});

const trailkeep = (tenant: Tenant, ...args: string[]) =>
  run(process.execPath, [resolve('bin/trailkeep.mjs'), ...args], {
    cwd: folder,
    env: {
      ...process.env,
      TRAILKEEP_URL: platform.apiUrl,
      TRAILKEEP_API_KEY: tenant.apiKey,
      TRAILKEEP_ADMIN_KEY: platform.access.adminKey,
    },
  });

let count = 0;
const sent = new Map<string, string[]>();
async function send(tenant: Tenant): Promise<void> {
  const person = { type: 'user', id: 'ada', name: 'Ada Lovelace' };
  const json = ['role.assign', 'document.view', 'document.view'].map((action) => ({
    action,
    actor: person,
    metadata: { n: count++ },
  }));
  const { status, json: receipt } = await platform.call('POST', '/v1/events', { key: tenant.apiKey, json });
  expect(status).toBe(202);
  const ids = receipt.items.map((item: { id: string }) => item.id);
  sent.set(tenant.tenantId, [...(sent.get(tenant.tenantId) ?? []), ...ids]);
}

/** What the tenant finds of what it sent, by id; searches are recorded as events, and left out. */
async function found(tenant: Tenant): Promise<string[]> {
  const { status, json } = await platform.call('GET', '/v1/events?limit=200&actor=ada', { key: tenant.apiKey });
  expect(status).toBe(200);
  expect(json.complete).toBe(true);
  return json.events.map(({ id }: { id: string }) => id).sort();
}
const everything = (tenant: Tenant) => sent.get(tenant.tenantId)!.toSorted();

const rowsOn = async (shard: number, tenant: Tenant) => {
  const [row] = await clusters[shard]!`select (select count(*)::int from record.event where tenant_id = t.id) as events,
      (select count(*)::int from record.segment_part where tenant_id = t.id) as parts,
      (select count(*)::int from archive.file where tenant_id = t.id) as files,
      (select count(*)::int from privacy.subject_key where tenant_id = t.id) as keys
    from (select ${tenant.tenantId}::uuid as id) t`;
  return row as { events: number; parts: number; files: number; keys: number };
};
const residence = async (tenant: Tenant) =>
  JSON.parse((await trailkeep(tenant, 'tenant', 'move', tenant.tenantId, '--json')).stdout);

test('it moves while events come, and finds them all', async () => {
  for (const tenant of [mover, neighbour]) await send(tenant);
  await platform.settled();
  expect(await rowsOn(0, mover)).toMatchObject({ events: expect.any(Number), keys: 1 });
  expect(await rowsOn(1, mover)).toEqual({ events: 0, parts: 0, files: 0, keys: 0 });

  const asked = platform.call('POST', `/v1/tenants/${mover.tenantId}/move`, {
    key: platform.access.adminKey,
    json: { to: 1 },
  });
  expect((await asked).status).toBe(202);
  const sending = (async () => {
    for (let n = 0; n < 5; n++) for (const tenant of [mover, neighbour]) await send(tenant);
  })();
  expect(await platform.functions.invoke('access-move-tenants', {})).toEqual({ [mover.tenantId]: 'moved' });
  await sending;
  await platform.settled(60_000);
  expect(await residence(mover)).toMatchObject({ shard: 1, move: { from: 0, to: 1, step: 'moved', problem: null } });

  await send(mover);
  await platform.settled(60_000);
  for (const tenant of [mover, neighbour]) expect(await found(tenant)).toEqual(everything(tenant));
  await platform.settled();
  expect((await rowsOn(1, mover)).events).toBeGreaterThan((await rowsOn(0, mover)).events);
  expect(await rowsOn(1, neighbour)).toEqual({ events: 0, parts: 0, files: 0, keys: 0 });
});

test('it proves there what was committed before the move and after it', async () => {
  await platform.functions.invoke('proof-sweep', {});
  await platform.settled();
  const log = JSON.parse((await trailkeep(mover, 'log', '--json')).stdout);
  expect(log).toMatchObject({ state: 'active' });
  writeFileSync(join(folder, 'log.vkey'), `${log.verifier}\n`);
  for (const id of [sent.get(mover.tenantId)!.at(0)!, sent.get(mover.tenantId)!.at(-1)!]) {
    writeFileSync(join(folder, 'event.json'), (await trailkeep(mover, 'proof', id, '--json')).stdout);
    const { stdout } = await run(
      process.execPath,
      [resolve('bin/trailkeep.mjs'), 'verify', 'event', 'event.json', '--key', 'log.vkey'],
      { cwd: folder, env: { PATH: process.env.PATH } },
    );
    expect(stdout).toMatch(/^VERIFIED /);
  }
});

test('what it left behind goes when it is told to, and it is compacted where it lives', async () => {
  await trailkeep(mover, 'tenant', 'move', mover.tenantId, '--to', '1');
  const finishing = trailkeep(mover, 'tenant', 'move', mover.tenantId, '--finish', '--json');
  await expect
    .poll(async () => (await residence(mover)).move.step, { timeout: 10_000, interval: 100 })
    .toBe('finishing');
  expect(await platform.functions.invoke('access-move-tenants', {})).toEqual({ [mover.tenantId]: 'finished' });
  expect(JSON.parse((await finishing).stdout)).toMatchObject({ shard: 1, move: { step: 'finished' } });
  expect(await rowsOn(0, mover)).toEqual({ events: 0, parts: 0, files: 0, keys: 0 });

  for (const sql of clusters) await sql`update record.segment set committed_at = committed_at - interval '1 day'`;
  await platform.functions.invoke('archive-compact-sweep', {});
  await platform.settled(60_000);
  expect((await rowsOn(0, mover)).files).toBe(0);
  expect((await rowsOn(1, mover)).files).toBeGreaterThan(0);
  expect((await rowsOn(0, neighbour)).files).toBeGreaterThan(0);
  for (const tenant of [mover, neighbour]) expect(await found(tenant)).toEqual(everything(tenant));
});
