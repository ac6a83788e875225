import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adminAction, dataChange, dataExport, logIn, logInFailed, logOut, permissionChange } from '#client/actions.ts';
import { diff, toJson } from '#client/changes.ts';
import type { Change, Json } from '#core/event/event.ts';
import { eventInput } from '#core/event/schema.ts';

/** Applies changes as RFC 6902 would: what is gone is removed, everything else is set. */
function apply(before: Json | undefined, changes: readonly Change[]): Json | undefined {
  const box = { root: structuredClone(before) as unknown };
  for (const { path, ...change } of changes) {
    const steps = path
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    let holder = box as unknown as Record<string, unknown>;
    let key = 'root';
    for (const step of steps) {
      holder = holder[key] as Record<string, unknown>;
      key = step;
    }
    if ('after' in change)
      Object.defineProperty(holder, key, { value: change.after, enumerable: true, configurable: true, writable: true });
    else delete holder[key];
  }
  return box.root as Json | undefined;
}

const json = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.string({ maxLength: 6 })),
    fc.array(tie('tree'), { maxLength: 4 }) as fc.Arbitrary<Json>,
    fc.dictionary(fc.constantFrom('a', 'b', 'a/b', '~', '~1', '', '0', 'toString'), tie('tree'), { maxKeys: 5 }),
  ),
})).tree;

describe('diff', () => {
  test('applied to before gives after', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const { changes, omitted } = diff(before, after);
        fc.pre(omitted === 0);
        expect(apply(before, changes)).toEqual(after);
      }),
      { numRuns: 500 },
    );
  });

  test('a small edit of a thing is a small change', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ maxLength: 5 }), fc.integer(), { maxKeys: 20 }),
        fc.integer(),
        (before, n) => {
          const { changes } = diff({ before, n }, { before, n: n + 1 });
          expect(changes).toEqual([{ path: '/n', before: n, after: n + 1 }]);
        },
      ),
    );
  });

  test('of a thing with itself is nothing, whatever the order of its keys', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(diff(value, structuredClone(value)).changes).toEqual([]);
      }),
    );
    expect(diff({ a: 1, b: 2 }, { b: 2, a: 1 }).changes).toEqual([]);
  });

  test('lists of one length by index; steps are escaped; new has no before, gone no after', () => {
    expect(diff({ list: [1, { x: 1 }], 'a/b': 1 }, { list: [1, { x: 2 }], '~c': 2 }).changes).toEqual([
      { path: '/list/1/x', before: 1, after: 2 },
      { path: '/a~1b', before: 1 },
      { path: '/~0c', after: 2 },
    ]);
  });

  test('never more than 200 changes, and it says how many are missing', () => {
    const many = (value: number) =>
      Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, value]));
    const { changes, omitted } = diff(many(1), many(2));
    expect(changes.length).toBeGreaterThan(0);
    expect(changes.length).toBeLessThanOrEqual(200);
    expect(changes.length + omitted).toBe(1000);
  });

  test('hidden values stay out, also below and inside of what is new', () => {
    const { changes } = diff(
      { name: 'a', password: 'old', keys: [{ secret: 's1' }] },
      { name: 'b', password: 'new', keys: [{ secret: 's2' }], card: { number: '4111', exp: '1/30' } },
      ['/password', '/keys/*/secret', '/card/number'],
    );
    expect(JSON.stringify(changes)).not.toMatch(/old|new|s1|s2|4111/);
    expect(changes.map(({ path }) => path)).toEqual(['/name', '/password', '/keys/0/secret', '/card']);
  });

  test('any value of a program becomes JSON that the API takes', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        (value) => {
          const made = toJson(value);
          if (made !== undefined) expect(JSON.parse(JSON.stringify(made))).toEqual(made);
        },
      ),
    );
    const circle: Record<string, unknown> = { at: new Date(0), big: 10n, no: undefined, nan: Number.NaN };
    circle.self = circle;
    expect(toJson(circle)).toEqual({ at: '1970-01-01T00:00:00.000Z', big: '10', nan: null, self: '[circular]' });
    expect(
      toJson(
        Object.defineProperty({}, 'x', {
          enumerable: true,
          get: () => {
            throw new Error('no');
          },
        }),
      ),
    ).toBe('[unreadable]');
  });
});

describe('events that every product has', () => {
  const actor = { type: 'user', id: 'u1' };
  const target = { type: 'invoice', id: 'i1' };

  test.each([
    ['user.login', logIn({ actor, method: 'passkey' })],
    ['user.login', logInFailed({ actor, reason: 'wrong password' })],
    ['user.logout', logOut({ actor, reason: 'expired' })],
    ['permission.grant', permissionChange({ actor, whose: target, granted: ['read'] })],
    ['permission.revoke', permissionChange({ actor, whose: target, revoked: ['read'] })],
    ['permission.change', permissionChange({ actor, whose: target, on: target, granted: ['a'], revoked: ['b'] })],
    ['invoice.create', dataChange({ actor, target, after: { total: 1 } })],
    ['invoice.update', dataChange({ actor, target, before: { total: 1 }, after: { total: 2 } })],
    ['invoice.delete', dataChange({ actor, target, before: { total: 1 } })],
    ['data.export', dataExport({ actor, what: target, records: 10, format: 'csv', dataClass: 'pii' })],
    ['admin.user.unlock', adminAction({ actor, what: 'user.unlock', for: actor })],
  ])('%s is taken by the API', (action, event) => {
    expect(event.action).toBe(action);
    expect(eventInput.safeParse(event).error).toBeUndefined();
  });

  test('what the caller passes wins over what we assume', () => {
    expect(logIn({ actor, outcome: { result: 'denied' }, metadata: { a: 1 }, method: 'saml' })).toEqual({
      action: 'user.login',
      actor,
      outcome: { result: 'denied' },
      metadata: { method: 'saml', a: 1 },
    });
  });

  test('an update says what changed, and how much had no room', () => {
    const { changes } = dataChange({ actor, target, before: { total: 1, tax: 2 }, after: { total: 3, tax: 2 } });
    expect(changes).toEqual([{ path: '/total', before: 1, after: 3 }]);
    const many = (value: number) => Array.from({ length: 500 }, () => value);
    const event = dataChange({ actor, target, before: many(1), after: many(2) });
    expect(Number(event.metadata?.changes_omitted) + event.changes!.length).toBe(500);
  });
});
