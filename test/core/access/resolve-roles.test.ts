import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownPermissions } from '#core/access/guard.ts';
import { checkGrants, cycleOf, reachedRoles, resolveGrants, roleFault } from '#core/access/resolve-roles.ts';
import { roleTemplates, withTemplates } from '#core/access/role-templates.ts';
import type { Grant, HeldGrant, Role } from '#core/access/roles.ts';

const role = (id: string, inherits: readonly string[] = [], grants: readonly Grant[] = []): Role => ({
  id,
  name: id,
  inherits,
  grants,
});
const pay = (permission: string): Grant => ({ module: 'shop', permission });
const graph = (...roles: readonly Role[]) => new Map(roles.map((one) => [one.id, one]));

/** Any graph over ten roles: chains, diamonds, cycles, parents that are not there (`r10`, `r11`). */
const anyGraph = fc
  .array(fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 3 }), { minLength: 10, maxLength: 10 })
  .map((parents) =>
    graph(
      ...parents.map((of, index) =>
        role(
          `r${index}`,
          of.map((n) => `r${n}`),
          [pay(`p${index}`)],
        ),
      ),
    ),
  );

/** The same in the plainest way: follow parents for as many steps as there are roles. */
function closure(start: string, roles: ReadonlyMap<string, Role>): Set<string> {
  let reached = new Set([start]);
  for (let step = 0; step <= roles.size; step++) {
    reached = new Set([...reached, ...[...reached].flatMap((id) => roles.get(id)?.inherits ?? [])]);
  }
  return new Set([...reached].filter((id) => roles.has(id)));
}

describe('a hierarchy', () => {
  test('of any shape gives exactly what can be reached, each line once', () => {
    fc.assert(
      fc.property(anyGraph, fc.integer({ min: 0, max: 11 }), (roles, start) => {
        const grants = resolveGrants([{ role: `r${start}` }, { role: `r${start}` }], roles, 'shop');
        expect(grants.map((grant) => grant.role)).toEqual([...closure(`r${start}`, roles)].sort());
      }),
    );
  });

  test('has a cycle exactly when a role is reached from its own parents, and the path says which', () => {
    let cycles = 0;
    fc.assert(
      fc.property(anyGraph, (roles) => {
        for (const one of roles.values()) {
          const path = cycleOf(one, roles);
          const expected = one.inherits.some((parent) => closure(parent, roles).has(one.id));
          expect(path !== undefined).toBe(expected);
          if (!path) continue;
          cycles++;
          expect([path[0], path.at(-1)]).toEqual([one.id, one.id]);
          for (const [index, id] of path.slice(0, -1).entries()) {
            expect(roles.get(id)!.inherits).toContain(path[index + 1]);
          }
        }
      }),
    );
    expect(cycles).toBeGreaterThan(100);
  });

  test('built by putting only what has no fault never has a cycle', () => {
    fc.assert(
      fc.property(anyGraph, (wanted) => {
        const built = new Map<string, Role>();
        for (const one of [...wanted.values(), ...wanted.values()]) if (!roleFault(one, built)) built.set(one.id, one);
        for (const one of built.values()) expect(cycleOf(one, built)).toBeUndefined();
      }),
    );
  });
});

describe('an end', () => {
  test('is the latest among the ways to a role', () => {
    fc.assert(
      fc.property(
        anyGraph,
        fc.array(fc.record({ at: fc.integer({ min: 0, max: 9 }), until: fc.option(fc.nat(1000)) }), { maxLength: 6 }),
        (roles, given) => {
          const holdings = given.map(({ at, until }) => ({ role: `r${at}`, ...(until === null ? {} : { until }) }));
          for (const [id, until] of reachedRoles(holdings, roles)) {
            const ways = holdings.filter((one) => closure(one.role, roles).has(id));
            expect(until).toBe(Math.max(...ways.map((one) => one.until ?? Number.POSITIVE_INFINITY)));
          }
        },
      ),
    );
  });

  test('is not included: at that moment it is over', () => {
    const grants = resolveGrants([{ role: 'a', until: 1000 }], graph(role('a', [], [pay('pay')])), 'shop');
    expect(checkGrants(grants, 'pay', new Date(999))).toEqual({
      allowed: true,
      reason: 'granted',
      role: 'a',
      until: 1000,
    });
    expect(checkGrants(grants, 'pay', new Date(1000))).toEqual({ allowed: false, reason: 'ended', role: 'a' });
  });
});

describe('a check', () => {
  const held = (grant: Partial<HeldGrant>): HeldGrant => ({ module: 'shop', permission: 'pay', role: 'a', ...grant });
  const now = new Date(5000);

  test('names the role that gives it for longest', () => {
    const grants = [held({ until: 6000 }), held({ role: 'b', permission: '*' })];
    expect(checkGrants(grants, 'pay', now)).toEqual({ allowed: true, reason: 'granted', role: 'b' });
  });

  test('says no to what nobody named', () => {
    expect(checkGrants([held({})], 'refund', now)).toEqual({ allowed: false, reason: 'not_granted' });
    expect(checkGrants([], 'pay', now)).toEqual({ allowed: false, reason: 'not_granted' });
  });

  test('never says yes by a grant whose conditions it cannot see', () => {
    const grants = [held({ when: { ticket: true } })];
    expect(checkGrants(grants, 'pay', now)).toEqual({ allowed: false, reason: 'conditional', role: 'a' });
  });

  test('counts a module of the assignment as all there is', () => {
    const roles = graph(role('a', [], [pay('pay'), { module: 'stock', permission: 'count' }]));
    expect(resolveGrants([{ role: 'a', module: 'stock' }], roles, 'shop')).toEqual([]);
    expect(resolveGrants([{ role: 'a', module: 'stock' }], roles, 'stock')).toHaveLength(1);
  });
});

describe('a role is refused', () => {
  const all = withTemplates([role('parent')]);
  const cases: readonly (readonly [string, Role, string | undefined])[] = [
    ['under the id of a template', role('trailkeep:viewer'), undefined],
    ['under any id of their kind', role('trailkeep:mine'), undefined],
    ['with a parent that is not there', role('a', ['parent', 'nobody']), '/inherits/1'],
    ['when it is its own parent', role('a', ['a']), '/inherits'],
    [
      'with a permission that we do not have',
      role('a', [], [{ module: 'trailkeep', permission: 'x' }]),
      '/grants/0/permission',
    ],
    ['with bounds where nobody looks at them', role('a', [], [{ ...pay('pay'), when: { ticket: true } }]), '/grants/0'],
  ];
  for (const [what, one, pointer] of cases) {
    test(what, () =>
      expect(roleFault(one, all)).toMatchObject({ code: 'role_invalid', ...(pointer ? { pointer } : {}) }),
    );
  }

  test('and not otherwise', () => {
    const fine = role(
      'a',
      ['parent', 'trailkeep:viewer'],
      [pay('*'), { module: 'trailkeep', permission: 'events:read' }],
    );
    expect(roleFault(fine, all)).toBeUndefined();
  });
});

describe('templates', () => {
  test('have no fault but their id', () => {
    for (const one of roleTemplates.values()) {
      expect(roleFault({ ...one, id: one.id.replace('trailkeep:', 'own-') }, roleTemplates), one.id).toBeUndefined();
    }
  });

  test('give every permission of ours to somebody, and hold administration, reading and unmasking apart', () => {
    const givenBy = (id: string) =>
      new Set(resolveGrants([{ role: id }], roleTemplates, 'trailkeep').map((one) => one.permission));
    const everything = new Set([...roleTemplates.keys()].flatMap((id) => [...givenBy(id)]));
    expect([...everything].sort()).toEqual([...ownPermissions].sort());
    for (const id of roleTemplates.keys()) {
      const given = givenBy(id);
      expect(given.has('access:manage') && given.has('fields:unmask'), id).toBe(false);
      expect(given.has('breakglass:use') && given.has('breakglass:review'), id).toBe(false);
    }
  });
});
