import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RegisteredSchema } from '#core/access/access.ts';
import { canonical } from '#core/event/canonical.ts';
import type { Event, Json, JsonObject } from '#core/event/event.ts';
import { valueAt } from '#core/event/pointer.ts';
import { personalFields, withSubject } from '#core/privacy/fields.ts';
import { showEvent } from '#core/privacy/open.ts';
import type { DataKey, TenantKeys } from '#core/privacy/ports.ts';
import { sealEvent } from '#core/privacy/seal.ts';
import { dropSecrets } from '#core/privacy/secrets.ts';
import { type PrivacyClass, type Tags, tagFault, tagsOf } from '#core/privacy/tags.ts';
import { cipherKey, dataKeyOf, nodeCipher } from '#stores/crypto/cipher.ts';

const tenant = '01890000-0000-7000-8000-00000000000a';
const tenantKeys: TenantKeys = { own: dataKeyOf(randomBytes(32)), blind: cipherKey(randomBytes(32)) };
const people = new Map<string, DataKey>();
const of = (subject: string): DataKey => {
  const key = people.get(subject) ?? dataKeyOf(randomBytes(32));
  people.set(subject, key);
  return key;
};
const event = (more: Partial<Event> = {}): Event => ({
  id: '019f0000-0000-7000-8000-000000000001',
  tenant,
  occurred_at: '2026-03-01T10:00:00.000Z',
  received_at: '2026-03-01T10:00:00.000Z',
  action: 'job.run',
  schema_version: 1,
  category: 'operations',
  crud: 'c',
  severity: 'info',
  outcome: { result: 'success' },
  actor: { type: 'service', id: 'robot-of-ada', name: 'Robot' },
  targets: [{ type: 'patient', id: 'p-9' }],
  context: { service: 'desk-of-ada', request_id: 'r-1', ip: '192.0.2.9' },
  external_id: 'order-of-grace',
  component: 'ada-pc',
  operation_id: 'op-1',
  data_class: 'phi',
  producer: { key: 'k' },
  ...more,
});
const tagged = (schema: JsonObject): Tags | undefined =>
  tagsOf(
    {
      ...{ v: 1, tenant, name: '', catalogue: [], tiers: {}, schemaMode: 'flag' },
      schemas: [{ action: 'job.run', version: 1, schema } satisfies RegisteredSchema],
    },
    'job.run',
  );
/** A schema with these tags, by pointer. */
function schemaOf(classes: Readonly<Record<string, string>>): JsonObject {
  const root: { [key: string]: Json } = {};
  for (const [pointer, is] of Object.entries(classes)) {
    let at = root;
    for (const part of pointer.split('/').slice(1)) {
      at.properties ??= {};
      const properties = at.properties as { [key: string]: { [key: string]: Json } };
      properties[part] ??= {};
      at = properties[part];
    }
    at['x-privacy'] = is;
  }
  return root;
}
const fieldsOf = (classes: Readonly<Record<string, string>>, more: Partial<Event> = {}) =>
  personalFields(event(more), tagged(schemaOf(classes)));
function roundTrip(one: Event, tags: Tags | undefined): { line: string; shown: Json } {
  const sorted = JSON.parse(canonical(one as unknown as Json)) as Event;
  const keys = { tenant: tenantKeys, of };
  const { line } = sealEvent(sorted, personalFields(sorted, tags), keys, nodeCipher, true, 'AAAAAAAAAAAAAAAAAAAAAA');
  const clear = { who: 'clear', where: 'clear', what: 'clear', target_identity: 'clear', payload: 'clear' } as const;
  const opened = new Map(
    [tenantKeys.own, ...people.values()].map((key) => [key.id, { state: 'live' as const, key }] as const),
  );
  const shown = showEvent(JSON.parse(line) as Event, { ...clear, diff: 'clear' }, opened, nodeCipher);
  return { line, shown: JSON.parse(JSON.stringify(shown)) as Json };
}

describe('what stays clear by default is sealed when a tag says so', () => {
  test.each([
    ['/external_id', 'payload', 'p-9'],
    ['/component', 'payload', 'p-9'],
    ['/operation_id', 'payload', 'p-9'],
    ['/context/service', 'where', undefined],
    ['/context/request_id', 'where', undefined],
    ['/actor/name', 'who', undefined],
  ])('%s', (at, group, owner) => {
    expect(fieldsOf({}).map((one) => one.at)).not.toContain(at);
    for (const is of ['pii', 'phi', 'chd']) {
      expect(fieldsOf({ [at]: is }).find((one) => one.at === at)).toMatchObject({ group, owner });
    }
    const { line, shown } = roundTrip(event(), tagged(schemaOf({ [at]: 'pii' })));
    expect(line).not.toContain(`"${valueAt(event() as unknown as Json, at)}"`);
    expect(shown).toEqual(event());
  });

  test('a machine’s id: it is a person then, whose values these are', () => {
    const fields = fieldsOf({ '/actor/id': 'pii' }, { targets: [] });
    expect(fields.find(({ at }) => at === '/actor/id')).toMatchObject({ owner: 'robot-of-ada', find: 'subject' });
    expect(fields.find(({ at }) => at === '/actor/name')).toMatchObject({ owner: 'robot-of-ada' });
    expect(fields.find(({ at }) => at === '/context/ip')).toMatchObject({ owner: 'robot-of-ada' });
    const { line, shown } = roundTrip(event(), tagged(schemaOf({ '/actor/id': 'pii' })));
    expect(line).not.toContain('robot-of-ada');
    expect(shown).toEqual(event());
  });
});

describe('below a tag', () => {
  const metadata = { plan: { name: 'gold', holder: 'Grace', deep: { note: 'x' } }, other: 'y' };
  const places = (classes: Record<string, string>, free: JsonObject = metadata) =>
    fieldsOf(classes, { metadata: free })
      .map(({ at }) => at)
      .filter((at) => at.startsWith('/metadata'));
  test.each<[string, Record<string, string>, string[]]>([
    ['nothing', {}, ['/metadata']],
    ['none for all', { '/metadata': 'none' }, []],
    ['one personal value', { '/metadata': 'none', '/metadata/plan/holder': 'pii' }, ['/metadata/plan/holder']],
    [
      'none, and personal below',
      { '/metadata/plan': 'none', '/metadata/plan/holder': 'phi' },
      ['/metadata/plan/holder', '/metadata/other'],
    ],
    [
      'none, deep',
      { '/metadata/plan/name': 'none' },
      ['/metadata/plan/holder', '/metadata/plan/deep', '/metadata/other'],
    ],
    [
      'personal, and none below',
      { '/metadata/plan': 'pii', '/metadata/plan/deep': 'none' },
      ['/metadata/plan/name', '/metadata/plan/holder', '/metadata/other'],
    ],
    ['keys that are not there', { '/metadata/absent/x': 'none' }, ['/metadata']],
  ])('%s', (_, classes, expected) => {
    expect(places(classes)).toEqual(expected);
    const { shown } = roundTrip(event({ metadata }), tagged(schemaOf(classes)));
    expect(shown).toEqual(event({ metadata }));
  });

  test('a list where an object should be is sealed whole, and nothing is nothing', () => {
    const classes = { '/metadata': 'none', '/metadata/plan/holder': 'pii' };
    expect(places(classes, { plan: [{ holder: 'Grace' }] })).toEqual(['/metadata/plan']);
    expect(places(classes, { plan: 'Grace' })).toEqual(['/metadata/plan']);
    expect(places(classes, { plan: null })).toEqual([]);
  });

  test('whatever the tags and the values: what is personal is not in the line, and all comes back', () => {
    const names = ['a', 'b', 'a/b', '~'];
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        fc.constant('clear'),
        fc.array(fc.constant('clear'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom(...names), tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const classes: fc.Arbitrary<PrivacyClass> = fc.constantFrom('none', 'pii', 'phi', 'chd');
    const { schema } = fc.letrec<{ schema: JsonObject }>((tie) => ({
      schema: fc.record(
        {
          'x-privacy': classes,
          properties: fc.dictionary(fc.constantFrom(...names), tie('schema'), {
            maxKeys: 3,
            depthIdentifier: 'schema',
          }),
        },
        { requiredKeys: [] },
      ) as fc.Arbitrary<JsonObject>,
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), tree), schema, (values, metadataSchema) => {
        // Every text that a personal tag covers, and no nearer `none`, is another word.
        const mark = (value: Json, of: Json | undefined, above: boolean): Json => {
          const own = (of as JsonObject | undefined)?.['x-privacy'];
          const personal = own === undefined ? above : own !== 'none';
          if (typeof value === 'string') return personal ? 'personal' : value;
          if (Array.isArray(value)) return value.map((one: Json) => mark(one, undefined, personal));
          const properties = (of as JsonObject | undefined)?.properties as JsonObject | undefined;
          return Object.fromEntries(
            Object.entries(value as JsonObject).map(([name, one]) => [name, mark(one, properties?.[name], personal)]),
          );
        };
        const one = event({ metadata: mark(values as JsonObject, metadataSchema, true) as JsonObject });
        const { line, shown } = roundTrip(one, tagged({ properties: { metadata: metadataSchema } }));
        expect(line).not.toContain('personal');
        expect(shown).toEqual(JSON.parse(JSON.stringify(one)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a schema is refused whose tags would not do what they say', () => {
  const metadata = (inner: JsonObject): JsonObject => ({ properties: { metadata: inner } });
  test.each<[string, JsonObject, string]>([
    ['an unknown class', schemaOf({ '/metadata/x': 'personal' }), '/properties/metadata/properties/x/x-privacy'],
    ['no class', metadata({ 'x-privacy': true }), '/properties/metadata/x-privacy'],
    [
      'in items',
      metadata({ properties: { l: { items: { 'x-privacy': 'pii' } } } }),
      '/properties/metadata/properties/l/items/x-privacy',
    ],
    [
      'in oneOf',
      metadata({ oneOf: [{}, { properties: { x: { 'x-privacy': 'pii' } } }] }),
      '/properties/metadata/oneOf/1/properties/x/x-privacy',
    ],
    ['in anyOf', { anyOf: [schemaOf({ '/external_id': 'pii' })] }, '/anyOf/0/properties/external_id/x-privacy'],
    ['in $defs', { $defs: { mail: { 'x-privacy': 'pii' } } }, '/$defs/mail/x-privacy'],
    [
      'in patternProperties',
      metadata({ patternProperties: { '^x': { 'x-privacy': 'pii' } } }),
      '/properties/metadata/patternProperties/^x/x-privacy',
    ],
    ['of the whole', { 'x-privacy': 'pii' }, '/x-privacy'],
    ['of an action', schemaOf({ '/action': 'pii' }), '/properties/action/x-privacy'],
    ['of a type', schemaOf({ '/actor/type': 'secret' }), '/properties/actor/properties/type/x-privacy'],
    ['of a project', schemaOf({ '/project': 'pii' }), '/properties/project/x-privacy'],
    ['of an actor', schemaOf({ '/actor': 'pii' }), '/properties/actor/x-privacy'],
    ['of a list', schemaOf({ '/targets': 'pii' }), '/properties/targets/x-privacy'],
    ['of no field', schemaOf({ '/metdata/x': 'pii' }), '/properties/metdata/properties/x/x-privacy'],
    ['a dropped id', schemaOf({ '/actor/id': 'secret' }), '/properties/actor/properties/id/x-privacy'],
    ['a dropped object', schemaOf({ '/metadata': 'secret' }), '/properties/metadata/x-privacy'],
    ['x-subject below the root', metadata({ 'x-subject': '/metadata/x' }), '/properties/metadata/x-subject'],
    ['x-subject that is no text', { 'x-subject': 3 }, '/x-subject'],
    ['x-subject that is no pointer', { 'x-subject': 'metadata.x' }, '/x-subject'],
    ['x-subject at an object', { 'x-subject': '/metadata' }, '/x-subject'],
    ['x-subject at no field', { 'x-subject': '/metdata/x' }, '/x-subject'],
    ['x-subject at a secret', { ...schemaOf({ '/metadata/x': 'secret' }), 'x-subject': '/metadata/x' }, '/x-subject'],
  ])('%s', (_, schema, pointer) => {
    expect(tagFault(schema)).toMatchObject({ code: 'schema_invalid', pointer });
    // One that was registered before is harmless.
    const one = event({ metadata: { plan: 'gold' } });
    const tags = tagged(schema);
    expect(personalFields(one, tags)).toEqual(personalFields(one, undefined));
    expect(dropSecrets(withSubject(one, tags), '', tags).event).toEqual(one);
  });

  test.each<[string, JsonObject]>([
    ['no tags', { type: 'object', required: ['actor'] }],
    ['none where all is clear', schemaOf({ '/action': 'none', '/category': 'none' })],
    ['free objects', schemaOf({ '/metadata': 'none', '/metadata/a/b': 'phi', '/actor/metadata/x': 'secret' })],
    ['fields', schemaOf({ '/external_id': 'pii', '/context/service': 'chd', '/actor/id': 'pii', '/subject': 'none' })],
    ['a secret of a program', schemaOf({ '/context/session_id': 'secret', '/outcome/reason': 'secret' })],
    ['names of tags as names', metadata({ properties: { 'x-privacy': { type: 'string' }, 'x-subject': {} } })],
    ['data that looks like tags', metadata({ enum: [{ 'x-privacy': 'any' }], default: { 'x-subject': 1 } })],
    ['a subject', { 'x-subject': '/metadata/a~1b/0' }],
    ['a target as subject', { 'x-subject': '/targets/0/id' }],
  ])('and not with %s', (_, schema) => expect(tagFault(schema)).toBeUndefined());
});

test('a target may name the subject', () => {
  expect(withSubject(event(), tagged({ 'x-subject': '/targets/0/id' })).subject).toBe('p-9');
});
