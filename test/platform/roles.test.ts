/** Roles over HTTP: given, asked for, changed, taken away, and all of it on record. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trailkeep } from '#test/cli/run-cli.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let key: string;
beforeAll(async () => {
  platform = await testPlatform();
  key = (await platform.makeTenant('Shop')).apiKey;
}, 180_000);
afterAll(() => platform?.end());

const call = (method: string, path: string, json?: unknown) =>
  platform.call(method, path, { key, ...(json === undefined ? {} : { json }) });
const mayPay = async (user: string) =>
  (await call('POST', '/v1/permissions/check', { user, module: 'shop', permission: 'pay' })).json;

test('a role of the tenant’s own, from the first word to the last', async () => {
  const templates = (await call('GET', '/v1/roles')).json.roles.map(({ id }: { id: string }) => id);
  expect(templates).toContain('trailkeep:viewer');
  expect(await mayPay('ada')).toEqual({ allowed: false, reason: 'not_granted' });

  const grants = [{ module: 'shop', permission: 'pay' }];
  expect((await call('PUT', '/v1/roles/cashier', { name: 'Cashier', grants })).status).toBe(201);
  expect((await call('PUT', '/v1/roles/manager', { name: 'Manager', inherits: ['cashier'] })).status).toBe(201);
  const given = await call('POST', '/v1/assignments', { user: 'ada', role: 'manager', reason: 'Hired' });
  expect(given.status).toBe(201);
  // Another function answers, and goes for less than two seconds by what it knew.
  const granted = { allowed: true, reason: 'granted', role: 'cashier' };
  await expect.poll(() => mayPay('ada'), { timeout: 5000 }).toEqual(granted);
  const effective = await call('GET', '/v1/permissions/effective?user=ada&module=shop');
  expect(effective.json.grants).toEqual([{ ...grants[0], role: 'cashier', until: null }]);

  expect((await call('PUT', '/v1/roles/cashier', { name: 'Cashier', inherits: ['manager'] })).json).toMatchObject({
    code: 'role_invalid',
    detail: 'A role would inherit from itself: cashier > manager > cashier.',
  });
  expect((await call('DELETE', '/v1/roles/cashier')).status).toBe(409);
  expect((await call('DELETE', `/v1/assignments/${given.json.id}?reason=Left`)).status).toBe(204);
  await expect.poll(() => mayPay('ada'), { timeout: 5000 }).toEqual({ allowed: false, reason: 'not_granted' });

  await platform.settled();
  const trail = await call('GET', '/v1/events?limit=50');
  const own = trail.json.events.filter(({ producer }: { producer: { key: string } }) => producer.key === 'trailkeep');
  const actions = own.map(({ action }: { action: string }) => action);
  expect(actions).toEqual(expect.arrayContaining(['role.put', 'role.put', 'assignment.create', 'assignment.revoke']));
  expect(own.find(({ action }: { action: string }) => action === 'assignment.revoke')).toMatchObject({
    category: 'critical',
    actor: { type: 'api_key' },
  });
});

test('the same on the command line', async () => {
  const run = (...args: string[]) =>
    trailkeep(args, { env: { TRAILKEEP_URL: platform.apiUrl, TRAILKEEP_API_KEY: key } });
  expect(await run('role', 'put', 'clerk', '--grant', 'shop/pay', '--inherit', 'trailkeep:viewer')).toMatchObject({
    code: 0,
    err: '',
  });
  const added = await run('assign', 'add', 'bob', 'clerk', '--expires', '30d', '--json');
  expect(added).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(added.out)).toMatchObject({ user: 'bob', role: 'clerk', expires_at: expect.any(String) });
  expect(await run('check', 'bob', 'shop', 'pay')).toMatchObject({ code: 0, out: expect.stringContaining('yes') });
  expect(await run('check', 'bob', 'shop', 'refund')).toMatchObject({ code: 1, out: 'no: not_granted\n' });
  expect((await run('assign', 'list', '--user', 'bob')).out).toContain('clerk');
  expect((await run('role', 'list')).out).toMatch(/clerk +clerk +trailkeep:viewer +shop\/pay/);
  expect((await run('assign', 'end', JSON.parse(added.out).id)).code).toBe(0);
  expect((await run('role', 'delete', 'clerk')).code).toBe(0);
});
