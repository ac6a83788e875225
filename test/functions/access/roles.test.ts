/** The verbs of roles, permissions, assignments and checks over a real registry, with the real guard. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import { policies, schema } from '#core/access/policies.ts';
import type { PermissionCache } from '#core/access/roles.ts';
import { Unavailable } from '#core/record/ports.ts';
import { assignments } from '#functions/access/assignments.http.ts';
import { check } from '#functions/access/check.http.ts';
import { permissions } from '#functions/access/permissions.http.ts';
import { roles } from '#functions/access/roles.http.ts';
import { createGuard } from '#functions/runtime/guard.ts';
import { openNewId } from '#functions/runtime/open.ts';
import { openCedar } from '#stores/cedar/engine.ts';
import { createPermissionSource } from '#stores/postgres/permission-source.ts';
import { createRoleRegistry } from '#stores/postgres/roles.ts';
import { callerA } from '#test/support/events.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { MemoryRecorder } from '#test/support/reading.ts';
import { type Asked, ask } from './desk.ts';

let db: TestDatabase;
let ports: Awaited<ReturnType<typeof makePorts>>;
beforeAll(async () => {
  db = await testDatabase('roles_verbs');
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.ownerSql`truncate access.role, access.assignment, access.permission, access.permission_version`;
  ports = await makePorts();
});

async function makePorts() {
  const sql = db.login('trailkeep_app');
  const source = createPermissionSource(sql, contextKey);
  // Postgres itself, without a cache in between.
  const cache = {
    down: false,
    told: [] as string[],
    getUserPermissions: async (...asked: Parameters<PermissionCache['getUserPermissions']>) => {
      if (cache.down) throw new Unavailable('cache');
      return source.load(...asked);
    },
    invalidateUserCache: async (_: string, user: string) => {
      if (cache.down) throw new Unavailable('cache');
      cache.told.push(`user ${user}`);
    },
    invalidateRoleCache: async (_: string, role: string) => {
      if (cache.down) throw new Unavailable('cache');
      cache.told.push(`role ${role}`);
    },
  };
  const engine = await openCedar({ policies, schema });
  return {
    guard: createGuard({
      engine: async () => engine,
      permissions: async () => cache,
      breakGlass: async () => ({ inEffect: async () => undefined }),

      policies: async () => ({ purposes: async () => undefined }),
    }),
    roles: createRoleRegistry(sql, contextKey),
    recorder: new MemoryRecorder(),
    permissions: cache,
    newId: openNewId(),
  };
}

const manager: Caller = { ...callerA, scopes: ['access:manage', 'access:check'] };
const person = (id: string): Caller => ({
  ...callerA,
  kind: 'person',
  keyId: `person:${id}`,
  scopes: [],
  person: { id },
});
const call = (verb: typeof roles | typeof permissions | typeof assignments | typeof check, asked: Partial<Asked>) =>
  ask(verb as typeof roles, ports, { method: 'GET', path: '/', caller: manager, ...asked });
const putRole = (roleId: string, json: object, caller = manager) =>
  call(roles, { method: 'PUT', params: { roleId }, json: { name: roleId, ...json }, caller });
const assign = (user: string, role: string, rest: object = {}, caller = manager) =>
  call(assignments, { method: 'POST', json: { user, role, ...rest }, caller });
const asks = async (user: string, permission: string, rest: object = {}) =>
  (await call(check, { method: 'POST', json: { user, module: 'shop', permission, ...rest } })).json;
const pays = { grants: [{ module: 'shop', permission: 'pay' }] };
const events = () => ports.recorder.recorded.map(({ event }) => event);
const recorded = () => events().map(({ action }) => action);

describe('a role is data', () => {
  test('that counts from the answer on, as it is changed', async () => {
    expect((await putRole('clerk', pays)).status).toBe(201);
    expect((await assign('ada', 'clerk')).status).toBe(201);
    expect(await asks('ada', 'pay')).toEqual({ allowed: true, reason: 'granted', role: 'clerk' });
    expect(await asks('bob', 'pay')).toEqual({ allowed: false, reason: 'not_granted' });
    expect((await putRole('clerk', { grants: [] })).status).toBe(200);
    expect(await asks('ada', 'pay')).toEqual({ allowed: false, reason: 'not_granted' });
    expect(ports.permissions.told).toEqual(['role clerk', 'user ada', 'role clerk']);
  });

  test('is shown as it was put, bounds and conditions too', async () => {
    const json = {
      name: 'Night reader',
      inherits: ['trailkeep:viewer'],
      grants: [
        {
          module: 'trailkeep',
          permission: 'events:read',
          categories: ['system'],
          data_classes: ['none'],
          fields: { who: 'clear' },
          when: { purposes: ['audit'], networks: ['private'], mfa_within_seconds: 600, hours: { from: 22, to: 6 } },
        },
      ],
    };
    const made = await putRole('night', json);
    expect(made.json).toEqual({ id: 'night', description: null, template: false, ...json });
    expect((await call(roles, { params: { roleId: 'night' } })).json).toEqual(made.json);
    await assign('ada', 'night');
    const { json: held } = await call(check, { query: { user: ['ada'], module: ['trailkeep'] } });
    expect(held.grants).toContainEqual({ ...json.grants[0], role: 'night', until: null });
    // What is conditional is never a yes to a stranger's question.
    const other = { module: 'trailkeep', permission: 'events:export' };
    await putRole('exports', { grants: [{ ...other, when: { ticket: true } }] });
    await assign('bob', 'exports');
    const asked = await call(check, { method: 'POST', json: { user: 'bob', ...other } });
    expect(asked.json).toEqual({ allowed: false, reason: 'conditional', role: 'exports' });
  });
});

describe('a check', () => {
  test('of several is answered in order', async () => {
    await putRole('clerk', pays);
    await assign('ada', 'clerk');
    const checks = ['ada', 'bob', 'ada'].map((user) => ({ user, module: 'shop', permission: 'pay' }));
    const { json } = await call(check, { method: 'POST', json: { checks } });
    expect(json.results.map(({ allowed }: { allowed: boolean }) => allowed)).toEqual([true, false, true]);
    const many = { checks: Array.from({ length: 101 }, () => checks[0]) };
    expect((await call(check, { method: 'POST', json: many })).status).toBe(400);
  });

  test('looks ahead, never back', async () => {
    await putRole('clerk', pays);
    const ends = new Date(Date.now() + 3600_000).toISOString();
    await assign('ada', 'clerk', { expires_at: ends });
    expect(await asks('ada', 'pay')).toEqual({ allowed: true, reason: 'granted', role: 'clerk', until: ends });
    expect(await asks('ada', 'pay', { at: ends })).toMatchObject({ allowed: false, reason: 'ended' });
    expect(await asks('ada', 'pay', { at: '2020-01-01T00:00:00Z' })).toMatchObject({ code: 'request_invalid' });
  });

  test('is a no when nobody can tell', async () => {
    await putRole('clerk', pays);
    await assign('ada', 'clerk');
    ports.permissions.down = true;
    expect(await asks('ada', 'pay')).toEqual({ allowed: false, reason: 'unavailable' });
  });
});

describe('a change', () => {
  test('is recorded with who, why and what it was before', async () => {
    await putRole('clerk', { ...pays, reason: 'New shop' });
    await putRole('clerk', { grants: [] });
    const { json } = await assign('ada', 'clerk', { reason: 'Hired' });
    const assignmentId = json.id;
    await call(assignments, { method: 'DELETE', params: { assignmentId }, query: { reason: ['Left'] } });
    await call(roles, { method: 'DELETE', params: { roleId: 'clerk' } });
    await call(permissions, { method: 'PUT', params: { module: 'shop', permission: 'pay' }, json: {} });
    await call(permissions, { method: 'DELETE', params: { module: 'shop', permission: 'pay' } });
    expect(recorded()).toEqual([
      'role.put',
      'role.put',
      'assignment.create',
      'assignment.revoke',
      'role.delete',
      'permission.put',
      'permission.delete',
    ]);
    const [first, second, created, revoked] = events();
    expect(first).toMatchObject({
      actor: { type: 'api_key', id: manager.keyId },
      targets: [{ type: 'role', id: 'clerk' }],
      metadata: { reason: 'New shop' },
    });
    const grants = JSON.stringify(pays.grants);
    expect(first!.changes).toContainEqual({ path: '/grants', after: grants });
    expect(second!.changes).toEqual([{ path: '/grants', before: grants, after: '[]' }]);
    expect(created!.targets).toContainEqual({ type: 'user', id: 'ada' });
    expect(revoked).toMatchObject({ metadata: { reason: 'Left' }, changes: [{ path: '/revoked_at' }] });
  });

  test('that cannot be recorded does not happen, and repeating it makes it happen', async () => {
    ports.recorder.down = true;
    expect((await putRole('clerk', pays)).status).toBe(503);
    expect((await call(roles, { params: { roleId: 'clerk' } })).status).toBe(404);
    expect((await assign('ada', 'trailkeep:viewer')).status).toBe(503);
    expect((await call(assignments, {})).json.assignments).toEqual([]);
    ports.recorder.down = false;
    expect((await putRole('clerk', pays)).status).toBe(201);
    expect((await assign('ada', 'trailkeep:viewer')).status).toBe(201);
    expect(recorded()).toEqual(['role.put', 'assignment.create']);
  });

  test('that changes nothing is no change: repeating is safe and records nothing', async () => {
    for (const status of [201, 200]) expect((await putRole('clerk', pays)).status).toBe(status);
    for (const status of [201, 200]) expect((await assign('ada', 'clerk')).status).toBe(status);
    expect(recorded()).toEqual(['role.put', 'assignment.create']);
  });

  test('holds although the cache could not be told', async () => {
    ports.permissions.down = true;
    expect((await putRole('clerk', pays)).status).toBe(201);
  });
});

describe('403: separation of duties', () => {
  beforeEach(async () => {
    await assign('ann', 'trailkeep:admin');
    await putRole('clerk', pays);
  });

  test('nobody assigns to themselves; to others they may, and end their own', async () => {
    const ann = person('ann');
    expect((await assign('ann', 'clerk', {}, ann)).status).toBe(403);
    expect((await assign('bob', 'clerk', {}, ann)).status).toBe(201);
    const { json } = await call(assignments, { query: { user: ['ann'] }, caller: ann });
    const assignmentId = json.assignments[0].id;
    expect((await call(assignments, { method: 'DELETE', params: { assignmentId }, caller: ann })).status).toBe(204);
    expect((await assign('bob', 'clerk', {}, ann)).status).toBe(403);
  });

  test('nobody changes a role that they hold, directly or by another', async () => {
    await putRole('child', { inherits: ['clerk'] });
    await assign('ann', 'child');
    for (const id of ['clerk', 'child']) expect((await putRole(id, { grants: [] }, person('ann'))).status).toBe(403);
    expect((await putRole('other', pays, person('ann'))).status).toBe(201);
  });

  test('a service account is given no more than its giver could hand on, by no way', async () => {
    // Whoever manages keys and access could else make themselves an account that sees everything.
    const reads = { grants: [{ module: 'trailkeep', permission: 'events:read' }] };
    for (const caller of [person('ann'), manager]) {
      expect((await assign('service:bot', 'trailkeep:privacy-officer', {}, caller)).status).toBe(403);
      expect((await assign('service:bot', 'trailkeep:viewer', {}, caller)).status).toBe(403);
    }
    expect((await assign('service:bot', 'trailkeep:privacy-officer', { module: 'shop' }, person('ann'))).status).toBe(
      201,
    );
    await putRole('bot', {});
    await putRole('above', { inherits: ['bot'] });
    expect((await assign('service:bot', 'above', {}, person('ann'))).status).toBe(201);
    expect((await putRole('bot', reads, person('ann'))).status).toBe(403);
    expect((await putRole('bot', { inherits: ['trailkeep:analyst'] }, person('ann'))).status).toBe(403);
    expect((await putRole('bot', pays, person('ann'))).status).toBe(200);
    expect((await putRole('people', reads, person('ann'))).status).toBe(201);
    const whole = { ...manager, scopes: ['access:manage', 'events:read'] as const };
    expect((await putRole('bot', reads, whole)).status).toBe(200);
    // What it has already may stay.
    expect((await putRole('bot', { ...reads, description: 'Reads.' }, person('ann'))).status).toBe(200);
    expect((await assign('service:bot', 'trailkeep:analyst', {}, whole)).status).toBe(201);
  });

  test('a key without the scope, a person without the role, a key of one project', async () => {
    const before = recorded().length;
    const strangers = [
      { ...manager, scopes: ['events:read'] as const },
      person('zoe'),
      { ...manager, project: 'shop' },
    ];
    for (const caller of strangers) {
      expect((await putRole('x', pays, caller)).status).toBe(403);
      expect((await assign('ada', 'clerk', {}, caller)).status).toBe(403);
      expect((await call(roles, { caller })).status).toBe(403);
      const asked = { user: 'ada', module: 'shop', permission: 'pay' };
      expect((await call(check, { method: 'POST', json: asked, caller })).status).toBe(403);
    }
    expect(recorded()).toHaveLength(before);
  });
});

describe('400, 404, 409 and 422', () => {
  const refused: readonly (readonly [string, () => Promise<{ json: { code: string } }>, string])[] = [
    ['a role that inherits from nobody', () => putRole('x', { inherits: ['nobody'] }), 'role_invalid'],
    ['a template', () => putRole('trailkeep:viewer', {}), 'role_invalid'],
    ['an id with a space', () => putRole('a b', {}), 'role_invalid'],
    ['a field that is none', () => putRole('x', { grant: [] }), 'request_invalid'],
    ['an assignment of no role', () => assign('ada', 'nothing'), 'request_invalid'],
    ['an assignment to everyone', () => assign('*', 'trailkeep:viewer'), 'request_invalid'],
    [
      'an end in the past',
      () => assign('ada', 'trailkeep:viewer', { expires_at: '2020-01-01T00:00:00Z' }),
      'request_invalid',
    ],
    ['an assignment that is not there', () => call(assignments, { params: { assignmentId: 'x' } }), 'not_found'],
    [
      'a permission of our own module',
      () => call(permissions, { method: 'PUT', params: { module: 'trailkeep', permission: 'x' }, json: {} }),
      'request_invalid',
    ],
    ['a filter that is none', () => call(assignments, { query: { usr: ['ada'] } }), 'request_invalid'],
    ['effective permissions of nobody', () => call(check, { query: { module: ['shop'] } }), 'request_invalid'],
  ];
  for (const [what, asking, code] of refused) {
    test(what, async () => {
      expect((await asking()).json.code).toBe(code);
      expect(recorded()).toEqual([]);
    });
  }

  test('the list of permissions is ours for our module, and goes by pages', async () => {
    for (const permission of ['pay', 'refund']) {
      await call(permissions, { method: 'PUT', params: { module: 'shop', permission }, json: {} });
    }
    const own = await call(permissions, { query: { module: ['trailkeep'] } });
    expect(own.json.permissions).toContainEqual({ module: 'trailkeep', name: 'events:read', description: null });
    const first = await call(permissions, { query: { limit: ['1'] } });
    const second = await call(permissions, { query: { after: [first.json.next] } });
    expect([first, second].flatMap(({ json }) => json.permissions.map(({ name }: { name: string }) => name))).toEqual([
      'pay',
      'refund',
    ]);
  });
});
