/** A tenant's move, as an operator asks for it over a real database. Nothing carries it out here. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tenants } from '#functions/access/tenants.http.ts';
import { createMoves } from '#stores/postgres/tenant-moves.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { callerA } from '#test/support/events.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { admin, ask, desk } from './desk.ts';

let db: TestDatabase;
let ports: ReturnType<typeof portsOf>;
const portsOf = () => {
  const app = db.login('trailkeep_app');
  return {
    ...desk(),
    tenants: createTenantRegistry(app, contextKey),
    moves: createMoves(app, contextKey),
    lastShard: 2,
  };
};
beforeAll(async () => {
  db = await testDatabase('moves');
  ports = portsOf();
});
afterAll(() => db.drop());

async function newTenant() {
  const made = await ask(tenants, ports, { method: 'POST', path: '/v1/tenants', json: { name: 'T' }, caller: admin });
  const tenantId: string = made.json.id;
  const call = (method: string, behind: string, json?: unknown, caller = admin) =>
    ask(tenants, ports, {
      method,
      path: `/v1/tenants/${tenantId}${behind}`,
      params: { tenantId },
      caller,
      ...(json === undefined ? {} : { json }),
    });
  return { tenantId, call };
}
const put = (tenantId: string, step: string, shard: number) =>
  db.ownerSql`with there as (update access.tenant set shard = ${shard} where tenant_id = ${tenantId})
    update access.move set step = ${step} where tenant_id = ${tenantId}`;

test('is asked for once, told, finished, and asked for again', async () => {
  const { tenantId, call } = await newTenant();
  expect((await call('GET', '/move')).json).toEqual({ shard: 0, move: null });
  const asked = await call('POST', '/move', { to: 1 });
  expect(asked).toMatchObject({
    status: 202,
    json: { shard: 0, move: { from: 0, to: 1, step: 'copying', asked_by: admin.keyId, rows: null, problem: null } },
  });
  expect((await call('POST', '/move', { to: 1 })).json).toEqual(asked.json);
  expect((await call('POST', '/move', { to: 2 })).json.code).toBe('conflict');
  expect((await call('POST', '/move/finish', {})).json.code).toBe('conflict');

  await put(tenantId, 'moved', 1);
  expect(await call('POST', '/move', { to: 1 })).toMatchObject({ status: 200, json: { shard: 1 } });
  // What was left on the main cluster would be forgotten.
  expect((await call('POST', '/move', { to: 2 })).json.code).toBe('conflict');
  expect(await call('POST', '/move/finish', {})).toMatchObject({ status: 202, json: { move: { step: 'finishing' } } });
  expect((await call('POST', '/move', { to: 0 })).json.code).toBe('conflict');
  await put(tenantId, 'finished', 1);
  expect((await call('POST', '/move/finish', {})).status).toBe(200);
  expect(await call('POST', '/move', { to: 2 })).toMatchObject({ status: 202, json: { move: { from: 1, to: 2 } } });
  expect(ports.recorder.recorded.filter(({ tenant }) => tenant === tenantId).map(({ event }) => event.action)).toEqual([
    'tenant.move',
    'tenant.move_finish',
    'tenant.move',
  ]);
});

test('back to where the old rows are is a move like any other', async () => {
  const { tenantId, call } = await newTenant();
  await call('POST', '/move', { to: 1 });
  await put(tenantId, 'moved', 1);
  expect(await call('POST', '/move', { to: 0 })).toMatchObject({
    status: 202,
    json: { shard: 1, move: { from: 1, to: 0, step: 'copying' } },
  });
});

test('where it lives already it stays, and where no cluster is it does not go', async () => {
  const { call } = await newTenant();
  expect(await call('POST', '/move', { to: 0 })).toMatchObject({ status: 200, json: { shard: 0, move: null } });
  expect((await call('POST', '/move', { to: 3 })).json).toMatchObject({ code: 'request_invalid', pointer: '/to' });
  for (const to of [-1, 1.5, '1', null]) expect((await call('POST', '/move', { to })).status).toBe(400);
});

test('is nobody’s but the platform’s', async () => {
  const { call } = await newTenant();
  for (const [method, behind] of [
    ['GET', '/move'],
    ['POST', '/move'],
    ['POST', '/move/finish'],
  ] as const) {
    expect((await call(method, behind, method === 'POST' ? { to: 1 } : undefined, callerA)).status).toBe(403);
  }
});
