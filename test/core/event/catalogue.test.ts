import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CatalogueRule } from '#core/access/access.ts';
import { classify, defaultCatalogue, defaultTiers, matchesAction } from '#core/event/catalogue.ts';
import { categories, crudLetters, severities, tiers } from '#core/event/event.ts';

const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019_-'), minLength: 1, maxLength: 8 });
const action = fc.oneof(
  fc.array(word, { minLength: 2, maxLength: 5 }).map((words) => words.join('.')),
  fc.constantFrom('user.login', 'role.assign', 'aws.iam.CreateUser', 'aws.kms.Decrypt', 'document.view', 'key.rotate'),
);
const hints = fc.record(
  {
    category: fc.constantFrom(...categories),
    crud: fc.constantFrom(...crudLetters),
    severity: fc.constantFrom(...severities),
  },
  { requiredKeys: [] },
);

describe('our catalogue', () => {
  const cases: [string, string, string, string][] = [
    ['user.login', 'auth_events', 'critical', 'c'],
    ['user.logout', 'auth_events', 'critical', 'r'],
    ['session.revoke', 'auth_events', 'critical', 'd'],
    ['mfa.enable', 'auth_events', 'critical', 'u'],
    ['ssh.login', 'auth_events', 'critical', 'c'],
    ['role.assign', 'critical', 'critical', 'c'],
    ['permission.revoke', 'critical', 'critical', 'd'],
    ['audit.query', 'critical', 'critical', 'r'],
    ['data.export', 'critical', 'critical', 'r'],
    ['aws.iam.CreateUser', 'critical', 'critical', 'c'],
    ['aws.iam.ListUsers', 'api_calls', 'bulk', 'r'],
    ['aws.kms.ScheduleKeyDeletion', 'critical', 'critical', 'u'],
    ['aws.kms.Decrypt', 'api_calls', 'bulk', 'u'],
    ['aws.s3.GetObject', 'api_calls', 'bulk', 'r'],
    ['aws.signin.ConsoleLogin', 'auth_events', 'critical', 'u'],
    ['api.call', 'api_calls', 'bulk', 'u'],
    ['audit_log.search', 'system', 'bulk', 'r'],
    ['privacy.request.verified', 'critical', 'critical', 'u'],
    ['system.start', 'system', 'bulk', 'c'],
    ['deploy.finish', 'operations', 'bulk', 'u'],
    ['document.view', 'user_activity', 'bulk', 'r'],
    ['rolex.view', 'user_activity', 'bulk', 'r'],
  ];
  for (const [name, category, tier, crud] of cases) {
    test(`${name} is ${category}, ${tier}, ${crud}`, () =>
      expect(classify(name, {})).toMatchObject({ category, tier, crud }));
  }
});

test('every action has a class, whatever the hints', () => {
  fc.assert(
    fc.property(action, hints, (name, hint) => {
      const { category, tier, crud, severity } = classify(name, hint);
      expect(categories).toContain(category);
      expect(tiers).toContain(tier);
      expect(crudLetters).toContain(crud);
      expect(severities).toContain(severity);
      expect(tier).toBe(defaultTiers[category]);
    }),
  );
});

test('hints count only where no rule speaks', () => {
  fc.assert(
    fc.property(action, hints, (name, hint) => {
      const ruled = defaultCatalogue.some((rule) => matchesAction(rule.action, name));
      const { category } = classify(name, hint);
      expect(category).toBe(ruled ? classify(name, {}).category : (hint.category ?? 'user_activity'));
    }),
  );
});

test("a tenant's first matching rule wins over ours and over hints", () => {
  const rule: fc.Arbitrary<CatalogueRule> = fc
    .tuple(
      fc.oneof(
        action,
        word.map((one) => `${one}.*`),
        word.map((one) => `${one}*`),
        fc.constantFrom('*', 'user.*', 'role.a*'),
      ),
      fc.constantFrom(...categories),
    )
    .map(([pattern, category]) => ({ action: pattern, category }));
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 20 }), action, hints, (catalogue, name, hint) => {
      // The plain reading: try each rule in order. The index by first word must agree.
      const first = catalogue.find((one) => matchesAction(one.action, name));
      const expected = first?.category ?? classify(name, hint).category;
      expect(classify(name, hint, { catalogue, tiers: {} }).category).toBe(expected);
    }),
    { numRuns: 500 },
  );
});

test("a tenant's tier of a category, and a rule's own tier before it", () => {
  const policy = {
    catalogue: [{ action: 'invoice.pay', category: 'operations', tier: 'critical' } as const],
    tiers: { operations: 'bulk', system: 'critical' } as const,
  };
  expect(classify('invoice.pay', {}, policy).tier).toBe('critical');
  expect(classify('system.start', {}, policy).tier).toBe('critical');
  expect(classify('deploy.run', {}, policy).tier).toBe('bulk');
});
