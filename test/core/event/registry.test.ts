import { describe, expect, test } from 'vitest';
import type { TenantPolicy } from '#core/access/access.ts';
import { checkSchema, compileSchemas, schemaBytesMax } from '#core/event/registry.ts';
import { prepareEvent } from '#core/record/prepare.ts';
import { tenantA } from '#test/support/events.ts';

const policyOf = (
  schema: object,
  schemaMode: TenantPolicy['schemaMode'] = 'flag',
  action = 'order.pay',
): TenantPolicy => ({
  v: 1,
  tenant: tenantA,
  name: 'A',
  catalogue: [],
  tiers: {},
  schemaMode,
  schemas: [{ action, version: 3, schema } as TenantPolicy['schemas'][number]],
});
const metadata = (shape: object) => ({ type: 'object', properties: { metadata: shape } });

describe('a schema that may be registered', () => {
  const schemas: Record<string, object> = {
    empty: {},
    'with parts of its own': { $defs: { a: { type: 'string' } }, properties: { metadata: { $ref: '#/$defs/a' } } },
    'with a property called $ref': metadata({ properties: { $ref: { type: 'string' }, $id: { type: 'string' } } }),
    'with data called $ref': metadata({ enum: [{ $ref: 'https://a.example/' }], examples: [{ $id: 'x' }] }),
    'with a pattern that RE2 runs': metadata({ properties: { a: { type: 'string', pattern: '^(a+)+$' } } }),
  };
  for (const [name, schema] of Object.entries(schemas)) test(name, () => expect(checkSchema(schema)).toBeUndefined());
});

describe('a schema that may not', () => {
  const schemas: Record<string, [unknown, string | undefined]> = {
    'a list': [[], undefined],
    'a word': ['true', undefined],
    'another document': [{ $ref: 'https://a.example/schema.json' }, '/$ref'],
    'another document, deep': [
      { allOf: [{ properties: { properties: { $ref: 'file:///etc/passwd' } } }] },
      '/allOf/0/properties/properties/$ref',
    ],
    'a dynamic reference': [{ $dynamicRef: 'https://a.example/#x' }, '/$dynamicRef'],
    'an id': [{ $id: 'https://trailkeep.dev/event' }, '/$id'],
    'a part that is not there': [{ $ref: '#/$defs/nothing' }, undefined],
    'an unknown type': [{ type: 'text' }, undefined],
    'a pattern that looks back': [metadata({ properties: { a: { pattern: '(a)\\1' } } }), undefined],
    'more than 32 KB': [{ description: 'x'.repeat(schemaBytesMax) }, undefined],
    'more than 32 KB of UTF-8': [{ description: 'é'.repeat(schemaBytesMax / 2) }, undefined],
    'deep nesting': [JSON.parse(`${'{"not":'.repeat(5000)}{}${'}'.repeat(5000)}`), undefined],
  };
  for (const [name, [schema, pointer]] of Object.entries(schemas)) {
    test(name, () =>
      expect(checkSchema(schema)).toMatchObject({ code: 'schema_invalid', ...(pointer ? { pointer } : {}) }),
    );
  }
});

describe('judging', () => {
  const schema = metadata({ type: 'object', required: ['amount'], properties: { amount: { type: 'number' } } });
  const prepare = (policy: TenantPolicy, event: object) =>
    prepareEvent(
      { text: JSON.stringify({ actor: { type: 'user', id: 'u' }, ...event }) },
      {
        tenant: tenantA,
        keyId: 'k',
        receivedAt: new Date('2026-03-01T12:00:00Z'),
        policy,
        violation: compileSchemas(policy),
        newId: () => '01890000-0000-7000-8000-000000000001',
      },
    );

  test('flag: the event is kept and says why', () => {
    const kept = prepare(policyOf(schema), { action: 'order.pay', metadata: {} });
    expect(kept).toMatchObject({
      ok: true,
      value: { event: { schema_violation: "/metadata must have required property 'amount' (schema version 3)." } },
    });
  });

  test('refuse: the event is refused', () => {
    const refused = prepare(policyOf(schema, 'refuse'), { action: 'order.pay', metadata: { amount: 'ten' } });
    expect(refused).toMatchObject({
      ok: false,
      fault: { code: 'event_schema_violated', detail: expect.stringContaining('/metadata/amount') },
    });
  });

  test('an event that fits, and one of another action, are not marked', () => {
    for (const event of [
      { action: 'order.pay', metadata: { amount: 1 } },
      { action: 'order.view', metadata: {} },
    ]) {
      const kept = prepare(policyOf(schema, 'refuse'), event);
      expect(kept.ok && kept.value.event.schema_violation).toBeUndefined();
      expect(kept.ok).toBe(true);
    }
  });

  test('a schema that no longer compiles loses no event', () => {
    for (const broken of [{ type: 'text' }, { $ref: 'https://a.example/' }, { pattern: '(?=a)' }]) {
      expect(prepare(policyOf(broken, 'refuse'), { action: 'order.pay' }).ok).toBe(true);
    }
  });

  test('a pattern that stalls other engines answers', () => {
    const policy = policyOf(metadata({ properties: { a: { type: 'string', pattern: '^(a+)+$' } } }), 'refuse');
    expect(prepare(policy, { action: 'order.pay', metadata: { a: `${'a'.repeat(50_000)}!` } }).ok).toBe(false);
    expect(prepare(policy, { action: 'order.pay', metadata: { a: 'a'.repeat(50_000) } }).ok).toBe(true);
  });
});

test('two patterns of one tenant stay two', () => {
  const digits = metadata({
    properties: { a: { type: 'string', pattern: '^[0-9]+$' }, b: { type: 'string', pattern: '^[a-z]+$' } },
  });
  const judge = compileSchemas(policyOf(digits));
  const event = (a: string, b: string) => ({ action: 'order.pay', metadata: { a, b } });
  expect(judge(event('1', 'x'))).toBeUndefined();
  expect(judge(event('x', 'x'))).toContain('/metadata/a');
  expect(judge(event('1', '1'))).toContain('/metadata/b');
});
