import { describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import type { BreakGlassWatch } from '#core/access/break-glass.ts';
import type { Circumstances } from '#core/access/principal.ts';
import type { HeldGrant } from '#core/access/roles.ts';
import { Unavailable } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { createGuard } from '#functions/runtime/guard.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { MemoryGrants, testGuard } from '#test/support/guard.ts';

const at: Circumstances = { sourceIp: '198.51.100.7', now: new Date('2026-03-01T12:00:00.000Z') };
const base = { tenant: 'a', eventsPerSecond: 1 };
const key: Caller = { ...base, kind: 'key', keyId: 'k', scopes: ['events:read'] };
const ann: Caller = { ...base, kind: 'person', keyId: 'person:ann', scopes: [], person: { id: 'ann' } };
const robot: Caller = { ...base, kind: 'service', keyId: 'k2', scopes: [], serviceAccount: 'service:ci' };
const grant = (permission: string, rest: Partial<HeldGrant> = {}): HeldGrant => ({
  ...{ module: 'trailkeep', permission, role: 'r' },
  ...rest,
});
const code = (of: string) => expect.objectContaining({ fault: expect.objectContaining({ code: of }) });

describe('keys', () => {
  test('are answered from their scopes, without a database', async () => {
    const grants = new MemoryGrants();
    grants.down = true;
    const guard = testGuard(grants);
    expect(await guard.require({ caller: key }, 'events:read', at)).toBe(key);
    await expect(guard.require({ caller: key }, 'keys:manage', at)).rejects.toEqual(code('forbidden'));
    expect((await guard.sight(key, at)).view('system', 'pii')).toMatchObject({ who: 'masked', what: 'clear' });
    expect(await guard.delegable(key)).toEqual(['events:read']);
    expect(grants.asked).toBe(0);
  });

  test('without the scope are refused before the policy engine is loaded', async () => {
    const never = () => Promise.reject(new Error('loaded'));
    const guard = createGuard({ engine: never, permissions: never, breakGlass: never, policies: never });
    await expect(guard.require({ caller: key }, 'keys:manage', at)).rejects.toEqual(code('forbidden'));
    await expect(guard.require({ caller: undefined }, 'keys:manage', at)).rejects.toEqual(code('unauthenticated'));
  });
});

describe('persons and service accounts', () => {
  test('have the rights of their roles', async () => {
    const grants = new MemoryGrants();
    grants.byUser.set('ann', [grant('events:read'), grant('*', { module: 'billing' })]);
    grants.byUser.set('service:ci', [grant('events:export')]);
    const guard = testGuard(grants);
    expect(await guard.require({ caller: ann }, 'events:read', at)).toBe(ann);
    await expect(guard.require({ caller: ann }, 'events:export', at)).rejects.toEqual(code('forbidden'));
    expect(await guard.require({ caller: robot }, 'events:export', at)).toBe(robot);
  });

  test('are told which policy refused', async () => {
    const grants = new MemoryGrants();
    grants.byUser.set('ann', [grant('access:manage')]);
    const refusal = testGuard(grants).require({ caller: ann }, 'access:manage', at, {
      kind: 'assignment',
      user: 'ann',
    });
    await expect(refusal).rejects.toThrow('nobody assigns a role to themselves');
  });

  test('are not let in when nobody can tell', async () => {
    const grants = new MemoryGrants();
    grants.byUser.set('ann', [grant('*')]);
    grants.down = true;
    await expect(testGuard(grants).require({ caller: ann }, 'events:read', at)).rejects.toThrow(Unavailable);
    await expect(testGuard(grants).sight(ann, at)).rejects.toThrow(Unavailable);
  });

  test('have no role of a service account, whatever their issuer calls them', async () => {
    const grants = new MemoryGrants();
    grants.byUser.set('service:ci', [grant('*')]);
    const posing: Caller = { ...ann, person: { id: 'service:ci' } };
    await expect(testGuard(grants).require({ caller: posing }, 'events:read', at)).rejects.toEqual(code('forbidden'));
  });
});

describe('a purpose', () => {
  const forBilling = { ...at, purpose: 'billing' };

  test('is any word, unless the tenant lists its own', async () => {
    const asked = (...lists: (readonly string[])[]) =>
      testGuard(undefined, undefined, ...lists).require({ caller: key }, 'events:read', forBilling);
    expect(await asked()).toBe(key);
    expect(await asked(['audit', 'billing'])).toBe(key);
    for (const list of [['audit'], []]) await expect(asked(list)).rejects.toEqual(code('request_invalid'));
  });
});

describe('a break-glass', () => {
  const open: BreakGlassWatch = {
    inEffect: async (tenant, principal, now) =>
      tenant === 'a' && principal === 'ann' ? { id: 'b1', until: new Date(now.getTime() + 1) } : undefined,
  };
  const holds = (...permissions: string[]) => {
    const grants = new MemoryGrants();
    grants.byUser.set(
      'ann',
      permissions.map((name) => grant(name)),
    );
    return grants;
  };

  test('shows everything, health data too, and names itself', async () => {
    const sight = await testGuard(holds('events:read', 'breakglass:use'), open).sight(ann, at);
    expect(sight.breakGlass).toBe('b1');
    expect(sight.view('operations', 'phi')).toMatchObject({ who: 'clear', payload: 'clear' });
    expect([sight.unmasks('operations', 'phi'), sight.unmasks('operations', 'none')]).toEqual([true, false]);
  });

  test('ends with the permission to use it', async () => {
    const sight = await testGuard(holds('events:read'), open).sight(ann, at);
    expect(sight.breakGlass).toBeUndefined();
    expect(sight.view('operations', 'pii')).toMatchObject({ who: 'masked' });
  });

  test('that nobody can look up is none', async () => {
    const down: BreakGlassWatch = { inEffect: () => Promise.reject(new Unavailable('postgres')) };
    const sight = await testGuard(holds('events:read', 'breakglass:use'), down).sight(ann, at);
    expect(sight.view('operations', 'pii')).toMatchObject({ who: 'masked' });
  });
});

describe('circumstances', () => {
  const request = (headers: Record<string, string>) =>
    circumstancesOf({ headers, sourceIp: '::1', now: at.now } as unknown as HttpRequest);

  test('come from headers, the address and the clock', () => {
    const headers = { 'trailkeep-purpose': 'billing', 'trailkeep-ticket': 'acme/ops#12' };
    expect(request(headers)).toEqual({ sourceIp: '::1', now: at.now, purpose: 'billing', ticket: 'acme/ops#12' });
    expect(request({})).toEqual({ sourceIp: '::1', now: at.now });
  });

  test('that are no words are refused', () => {
    for (const purpose of ['', 'x', 'Billing', 'a b', 'billing, audit', `a${'b'.repeat(64)}`, 'break_glass']) {
      expect(() => request({ 'trailkeep-purpose': purpose })).toThrow(code('request_invalid'));
    }
    for (const ticket of ['', ' ', 'a b', 'x'.repeat(129), '<script>']) {
      expect(() => request({ 'trailkeep-ticket': ticket })).toThrow(code('request_invalid'));
    }
  });
});
