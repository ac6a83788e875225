import { describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import { type Asking, decide, grantsOfKey, sightOf, unbounded } from '#core/access/decide.ts';
import { type PolicyEngine, remembering } from '#core/access/engine.ts';
import { policies, schema } from '#core/access/policies.ts';
import type { Circumstances } from '#core/access/principal.ts';
import type { GrantConditions, HeldGrant } from '#core/access/roles.ts';
import { fieldGroups } from '#core/access/view.ts';
import { categories, type DataClass, dataClasses } from '#core/event/event.ts';
import { openCedar } from '#stores/cedar/engine.ts';

const cedar = await openCedar({ policies, schema });
const now = new Date('2026-03-01T12:00:00.000Z');
const at: Circumstances = { sourceIp: '198.51.100.7', now };
const caller: Caller = {
  ...{ tenant: 'a', kind: 'person', keyId: 'person:ann', scopes: [], eventsPerSecond: 1 },
  person: { id: 'ann' },
};
const grant = (permission: string, rest: Partial<HeldGrant> = {}): HeldGrant => ({
  ...{ module: 'trailkeep', permission, role: 'r' },
  ...rest,
});
const reader = grant('events:read');
const asking = (grants: readonly HeldGrant[], rest: Partial<Asking> = {}): Asking => ({ caller, grants, at, ...rest });
const may = (...args: Parameters<typeof asking>) => decide(cedar, asking(...args), 'events:read').allowed;

/** A view in one line: the first letter of each group's mode, in the order of fieldGroups. */
const viewed = (one: Asking, dataClass: DataClass) => {
  const view = sightOf(cedar, one).view('operations', dataClass);
  return view && fieldGroups.map((group) => view[group][0]).join('');
};
const views = (one: Asking) => Object.fromEntries(dataClasses.map((dataClass) => [dataClass, viewed(one, dataClass)]));

describe('a permission', () => {
  test('is held by name or by star, in our module, until its end', () => {
    expect(may([reader])).toBe(true);
    expect(may([grant('*')])).toBe(true);
    expect(may([grant('events:export')])).toBe(false);
    expect(may([{ ...reader, module: 'billing' }])).toBe(false);
    expect(may([grant('events:read', { until: now.getTime() + 1 })])).toBe(true);
    expect(may([grant('events:read', { until: now.getTime() })])).toBe(false);
  });

  const under = (when: GrantConditions, rest: Partial<Circumstances> = {}, mfaAt?: number) =>
    may([grant('events:read', { when })], {
      at: { ...at, ...rest },
      caller: { ...caller, person: { id: 'ann', ...(mfaAt === undefined ? {} : { mfaAt }) } },
    });

  test('counts in its circumstances only', () => {
    expect([under({ purposes: ['audit'] }), under({ purposes: ['audit'] }, { purpose: 'audit' })]).toEqual([
      false,
      true,
    ]);
    expect([under({ networks: ['private'] }), under({ networks: ['private'] }, { sourceIp: '10.1.2.3' })]).toEqual([
      false,
      true,
    ]);
    expect([under({ ticket: true }), under({ ticket: true }, { ticket: 'INC-1' })]).toEqual([false, true]);
    const hours = (from: number, to: number) => under({ hours: { from, to } });
    expect([hours(8, 12), hours(12, 13), hours(22, 12), hours(22, 13)]).toEqual([false, true, false, true]);
    const mfa = (secondsAgo?: number) =>
      under({ mfaWithinSeconds: 60 }, {}, secondsAgo === undefined ? undefined : now.getTime() - secondsAgo * 1000);
    expect([mfa(), mfa(61), mfa(60), mfa(-3600)]).toEqual([false, false, true, false]);
  });

  test('is held when one of several grants gives it, and the refusal says why', () => {
    const ticketed = grant('events:read', { when: { ticket: true } });
    expect(may([ticketed, reader])).toBe(true);
    expect(decide(cedar, asking([ticketed]), 'events:read')).toEqual({
      allowed: false,
      reasons: ['there is no ticket'],
    });
    expect(decide(cedar, asking([]), 'events:read')).toEqual({ allowed: false, reasons: [] });
  });

  test('is not used on what is one’s own, where duties are separate', () => {
    const all = asking([grant('*')]);
    const on = (
      permission: 'access:manage' | 'privacy:approve' | 'breakglass:review' | 'costs:approve',
      kind: 'assignment' | 'request' | 'break_glass' | 'override',
    ) => ['ann', 'bob'].map((user) => decide(cedar, all, permission, { kind, user }).allowed);
    expect(on('access:manage', 'assignment')).toEqual([false, true]);
    expect(on('privacy:approve', 'request')).toEqual([false, true]);
    expect(on('breakglass:review', 'break_glass')).toEqual([false, true]);
    expect(on('costs:approve', 'override')).toEqual([false, true]);
  });

  test('is handed on only when it is held without bounds', () => {
    const held = [reader, grant('events:export', { until: 1 }), grant('fields:unmask', { when: { ticket: true } })];
    expect(unbounded([...held, grant('keys:manage', { categories: ['system'] })])).toEqual(['events:read']);
    expect(unbounded([grant('*')])).toContain('holds:manage');
  });
});

describe('a view', () => {
  test('by default: what is in no class is clear, of personal classes only what happened', () => {
    expect(views(asking([reader]))).toEqual({
      none: 'cccccc',
      pii: 'mmcmmm',
      phi: 'mmcmmm',
      chd: 'mmcmmm',
      financial: 'mmcmmm',
    });
    const key = { ...caller, kind: 'key' as const, scopes: ['events:read' as const] };
    expect(views(asking(grantsOfKey(key), { caller: key }))).toEqual(views(asking([reader])));
  });

  test('is lifted by fields:unmask with a purpose, and not without', () => {
    const both = [reader, grant('fields:unmask')];
    const clear = { none: 'cccccc', pii: 'cccccc', phi: 'cccccc', chd: 'cccccc', financial: 'cccccc' };
    expect(views(asking(both))).toEqual(views(asking([reader])));
    expect(views(asking(both, { at: { ...at, purpose: 'billing' } }))).toEqual(clear);
    expect(views(asking([reader], { at: { ...at, purpose: 'billing' } }))).toEqual(views(asking([reader])));
  });

  test('says when it shows more than usual', () => {
    const sight = sightOf(
      cedar,
      asking([reader, grant('fields:unmask', { dataClasses: ['pii'] })], { at: { ...at, purpose: 'x' } }),
    );
    expect(dataClasses.map((dataClass) => sight.unmasks('system', dataClass))).toEqual([
      false,
      true,
      false,
      false,
      false,
    ]);
  });

  test('is narrowed by roles, and several roles show the most of them', () => {
    const narrow = grant('events:read', { fields: { who: 'token', payload: 'omitted', what: 'omitted' } });
    expect(views(asking([narrow]))).toMatchObject({ none: 'tcccoc', pii: 'tmcmom' });
    expect(views(asking([narrow, grant('events:read', { fields: { who: 'omitted' } })])).pii).toBe('tmcmmm');
  });

  test('is not there for categories and classes that no role names', () => {
    const one = asking([grant('events:read', { categories: ['operations'], dataClasses: ['none', 'pii'] })]);
    const sight = sightOf(cedar, one);
    expect(categories.map((category) => sight.view(category, 'none') !== undefined)).toEqual(
      categories.map((category) => category === 'operations'),
    );
    expect(viewed(one, 'phi')).toBeUndefined();
    expect(sightOf(cedar, asking([grant('events:write')])).view('operations', 'none')).toBeUndefined();
  });

  test('is clear in a break-glass, of what the principal reads and nothing else; health data by its purpose', () => {
    const broken = asking([grant('events:read', { dataClasses: ['pii', 'phi'], fields: { who: 'omitted' } })], {
      breakGlass: 'b1',
      at: { ...at, purpose: 'break_glass' },
    });
    expect(views(broken)).toEqual({
      none: undefined,
      pii: 'cccccc',
      phi: 'cccccc',
      chd: undefined,
      financial: undefined,
    });
    expect(sightOf(cedar, broken)).toMatchObject({ breakGlass: 'b1' });
    expect(viewed({ ...broken, at }, 'phi')).toBe('omcmmm');
  });
});

describe('decisions', () => {
  const counted = () => {
    const count = { asked: 0 };
    const engine: PolicyEngine = {
      decide: (request) => {
        count.asked++;
        return cedar.decide(request);
      },
    };
    return { count, engine };
  };

  test('are made once for each category, class and group, however many events there are', () => {
    const { count, engine } = counted();
    const sight = sightOf(engine, asking([reader]));
    for (let event = 0; event < 1000; event++) sight.view('operations', event % 2 ? 'none' : 'pii');
    // Whether it is there, and six groups; twice.
    expect(count.asked).toBe(14);
  });

  test('of before are remembered, up to a bound', () => {
    const { count, engine } = counted();
    const kept = remembering(engine, 20);
    for (let request = 0; request < 100; request++) sightOf(kept, asking([reader])).view('operations', 'none');
    expect(count.asked).toBe(7);
    for (const category of categories) sightOf(kept, asking([reader])).view(category, 'none');
    expect(count.asked).toBe(7 + 42);
  });
});
