/** Our policies: they fit their schema, and what no role can lift holds over generated principals, grants and things. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entity, PolicyRequest } from '#core/access/engine.ts';
import { ownPermissions } from '#core/access/guard.ts';
import { policies, schema } from '#core/access/policies.ts';
import { fieldGroups } from '#core/access/view.ts';
import { categories, dataClasses } from '#core/event/event.ts';
import { openCedar, validatePolicies } from '#stores/cedar/engine.ts';

const engine = await openCedar({ policies, schema });
const uid = (type: string, id: string) => ({ type: `Trailkeep::${type}`, id });

describe('the policies', () => {
  test('fit their schema, without a warning', async () => {
    expect(await validatePolicies({ policies, schema })).toEqual([]);
  });

  test('would not, with a word wrong', async () => {
    const wrong = {
      ...policies,
      wrong: 'forbid (principal, action, resource) unless { resource.owner == principal.tenant };',
    };
    expect(await validatePolicies({ policies: wrong, schema })).not.toEqual([]);
  });

  test('permit each permission to those who hold it, and to nobody else', () => {
    for (const asked of ownPermissions) {
      const yes = ownPermissions.filter((held) => {
        const principal = uid('Key', 'k');
        const resource = uid('Trail', 't');
        const answer = engine.decide({
          principal,
          action: uid('Action', asked),
          resource,
          context: { grant: {}, network: 'public', hour: 0, break_glass: false },
          entities: [
            { uid: principal, attrs: { tenant: 'a', user: 'u' }, parents: [uid('Permission', held)] },
            { uid: resource, attrs: { tenant: 'a' }, parents: [] },
          ],
        });
        return answer.decision === 'allow';
      });
      expect(yes).toEqual([asked]);
    }
  });
});

// Few tenants, users and words, so that they meet.
const tenant = fc.constantFrom('a', 'b', 'A');
const user = fc.constantFrom('ann', 'bob', 'service:ci');
const word = fc.constantFrom('billing', 'support');
/** Seldom there: of eight conditions that hold rarely, all together would hold never. */
const some = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const defined = (record: object) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));

const context = fc
  .record({
    grant: fc
      .record({
        categories: some(fc.subarray([...categories])),
        data_classes: some(fc.subarray([...dataClasses])),
        purposes: some(fc.array(word, { maxLength: 2 })),
        networks: some(fc.subarray(['private', 'public'])),
        mfa_within_seconds: some(fc.nat(1000)),
        hours_from: some(fc.nat(24)),
        hours_to: some(fc.nat(24)),
        ticket: some(fc.boolean()),
      })
      .map(defined),
    network: fc.constantFrom('private', 'public'),
    hour: fc.nat(23),
    break_glass: fc.boolean(),
    purpose: fc.option(word, { nil: undefined }),
    ticket: some(fc.constant('INC-1')),
    mfa_age_seconds: some(fc.nat(1000)),
  })
  .map(defined) as fc.Arbitrary<PolicyRequest['context']>;

interface Drawn {
  readonly request: PolicyRequest;
  readonly principal: Entity['attrs'];
  readonly resource: Entity['attrs'];
  readonly action: string;
  readonly type: string;
}

/** Any question that fits the schema, by a principal that holds everything. */
const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    kind: fc.constantFrom('Key', 'Person', 'Service'),
    who: fc.record({ tenant, user }),
    about: fc.record({ tenant, user }),
    permission: fc.constantFrom(...ownPermissions),
    thing: fc.constantFrom('Trail', 'Assignment', 'Request', 'BreakGlass', 'Override', 'Events', 'Fields'),
    view: fc.constantFrom('show', 'unmask'),
    category: fc.constantFrom(...categories),
    dataClass: fc.constantFrom(...dataClasses),
    group: fc.constantFrom(...fieldGroups),
    context,
  })
  .map((one) => {
    const action = one.thing === 'Events' ? 'see' : one.thing === 'Fields' ? one.view : one.permission;
    const kind = { category: one.category, data_class: one.dataClass };
    const resource: Entity['attrs'] =
      one.thing === 'Trail'
        ? { tenant: one.about.tenant }
        : one.thing === 'Events'
          ? { tenant: one.about.tenant, ...kind }
          : one.thing === 'Fields'
            ? { tenant: one.about.tenant, ...kind, group: one.group }
            : one.about;
    const principal = uid(one.kind, 'p');
    const thing = uid(one.thing, 'r');
    const parents = ownPermissions.map((name) => uid('Permission', name));
    const entities = [
      { uid: principal, attrs: one.who, parents },
      { uid: thing, attrs: resource, parents: [] },
    ];
    const request = { principal, action: uid('Action', action), resource: thing, context: one.context, entities };
    return { request, principal: one.who, resource, action, type: one.thing };
  });

/** Draws, and says how many were allowed: a property over refusals alone would prove nothing. */
function everyAllowed(holds: (one: Drawn) => boolean) {
  const count = { allowed: 0, denied: 0 };
  fc.assert(
    fc.property(drawn, (one) => {
      const answer = engine.decide(one.request);
      expect(answer.errors).toEqual([]);
      if (answer.decision === 'deny') {
        count.denied++;
        return;
      }
      count.allowed++;
      expect(holds(one)).toBe(true);
    }),
    { numRuns: 6000 },
  );
  return count;
}

describe('what no role can lift', () => {
  test('no permit crosses tenants, nobody serves themselves, health and card data need a purpose', () => {
    const count = everyAllowed(({ request, principal, resource, action, type }) => {
      const own = principal.user === resource.user;
      if (principal.tenant !== resource.tenant) return false;
      if (type === 'Assignment' && action === 'access:manage' && own) return false;
      if (type === 'Request' && action === 'privacy:approve' && own) return false;
      if (type === 'Override' && action === 'costs:approve' && own) return false;
      if (type === 'BreakGlass' && action === 'breakglass:review' && own) return false;
      const guarded = resource.data_class === 'phi' || resource.data_class === 'chd';
      return type !== 'Fields' || !guarded || resource.group === 'what' || request.context.purpose !== undefined;
    });
    console.log(`invariants: ${count.allowed} allowed, ${count.denied} denied, 0 break one`);
    expect(count.allowed).toBeGreaterThan(400);
    expect(count.denied).toBeGreaterThan(4000);
  });

  test('they decide the same without the schema, as functions run them', async () => {
    const bare = await openCedar({ policies });
    fc.assert(
      fc.property(drawn, ({ request }) => {
        expect(bare.decide(request)).toEqual(engine.decide(request));
      }),
      { numRuns: 1000 },
    );
  });

  test('each invariant is what refuses: without it the property breaks', async () => {
    const { 'no tenant reaches into another': _, ...without } = policies;
    const open = await openCedar({ policies: without, schema });
    const crossed = fc
      .sample(drawn, 2000)
      .filter(
        ({ request, principal, resource }) =>
          principal.tenant !== resource.tenant && open.decide(request).decision === 'allow',
      );
    expect(crossed.length).toBeGreaterThan(0);
  });
});
