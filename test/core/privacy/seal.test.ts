import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { View } from '#core/access/view.ts';
import { canonical } from '#core/event/canonical.ts';
import type { Event, Json } from '#core/event/event.ts';
import { personalFields, withSubject } from '#core/privacy/fields.ts';
import { neededKeys, showEvent } from '#core/privacy/open.ts';
import type { DataKey, OpenedKey, TenantKeys } from '#core/privacy/ports.ts';
import { sealEvent } from '#core/privacy/seal.ts';
import { tagsOf } from '#core/privacy/tags.ts';
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
  action: 'patient.update',
  schema_version: 1,
  category: 'user_activity',
  crud: 'u',
  severity: 'info',
  outcome: { result: 'success', reason: 'asked by telephone' },
  actor: { type: 'user', id: 'ada', name: 'Ada Lovelace', email: 'Ada@example.org', metadata: { desk: 'b-7' } },
  targets: [
    { type: 'patient', id: 'patient-9', name: 'Grace Hopper' },
    { type: 'record', id: 'record-3', name: 'Chart' },
  ],
  context: { ip: '192.0.2.17', user_agent: 'Mozilla/5.0', service: 'ehr', request_id: 'r-1' },
  changes: [{ path: '/address', before: 'Old Street', after: { street: 'New Street' } }],
  metadata: { ward: 'seven' },
  data_class: 'phi',
  producer: { key: 'k' },
  ...more,
});
/** As it comes from accept: in canonical order. */
const accepted = (one: Event) => JSON.parse(canonical(one as unknown as Json)) as Event;
const sealed = (one: Event) =>
  sealEvent(
    accepted(one),
    personalFields(accepted(one), undefined),
    { tenant: tenantKeys, of },
    nodeCipher,
    false,
    'AAAAAAAAAAAAAAAAAAAAAA',
  );
const all: View = {
  who: 'clear',
  where: 'clear',
  what: 'clear',
  target_identity: 'clear',
  payload: 'clear',
  diff: 'clear',
};
const live = (without: readonly string[] = []): ReadonlyMap<string, OpenedKey> =>
  new Map(
    [tenantKeys.own, ...people.values()]
      .filter(({ id }) => !without.includes(id))
      .map((key): [string, OpenedKey] => [key.id, { state: 'live', key }]),
  );

describe('a sealed event', () => {
  test('holds no personal value in its bytes, and what programs chose in clear', () => {
    const { line } = sealed(event());
    for (const secret of [
      'ada"',
      'Ada',
      'Lovelace',
      'example.org',
      'b-7',
      'patient-9',
      'Grace',
      '192.0.2.17',
      'Mozilla',
      'telephone',
      'Old Street',
      'New Street',
      'seven',
      'ward',
    ]) {
      expect(line, secret).not.toContain(secret);
    }
    for (const clear of ['patient.update', 'record-3', 'Chart', 'ehr', 'r-1', '/address'])
      expect(line).toContain(clear);
  });

  test('is canonical, and opens to what it was', () => {
    const { event: stored, line } = sealed(event());
    expect(line).toBe(canonical(JSON.parse(line) as Json));
    expect(showEvent(stored, all, live(), nodeCipher)).toEqual(event());
  });

  test('has one envelope for each person and group, and the same token wherever the person stands', () => {
    const { event: stored } = sealed(event({ subject: 'patient-9' }));
    expect(stored.sealed!.map(({ group, key }) => [group, key])).toEqual([
      ['who', of('ada').id],
      ['where', of('ada').id],
      ['target_identity', of('patient-9').id],
      ['payload', of('patient-9').id],
      ['diff', of('patient-9').id],
    ]);
    expect(stored.subject).toBe(stored.targets![0]!.id);
    expect(sealed(event({ actor: { type: 'user', id: 'patient-9' } })).event.actor.id).toBe(stored.subject);
  });

  test('loses one person and keeps the others when a key is gone', () => {
    const { event: stored } = sealed(event());
    const shown = showEvent(stored, all, live([of('ada').id]), nodeCipher);
    expect(shown.actor).toEqual({ type: 'user', id: '[erased]', name: '[erased]', email: '[erased]' });
    expect(shown.targets![0]).toEqual({ type: 'patient', id: 'patient-9', name: 'Grace Hopper' });
    expect(shown.redacted).toMatchObject({
      '/actor/id': 'erased',
      '/actor/metadata': 'erased',
      '/context/ip': 'erased',
    });
    expect(JSON.stringify(shown)).not.toContain('Ada');
  });

  test('opens only in its own event, at its own places and under its own key', () => {
    const { event: stored } = sealed(event());
    const moved = [
      { ...stored, id: '019f0000-0000-7000-8000-000000000002' },
      { ...stored, tenant: '01890000-0000-7000-8000-00000000000b' },
      {
        ...stored,
        sealed: stored.sealed!.map((one) => ({ ...one, at: one.at.map((at) => at.replace('actor', 'other')) })),
      },
      { ...stored, sealed: stored.sealed!.map((one) => ({ ...one, group: 'who' as const })) },
    ];
    for (const one of moved) {
      const shown = showEvent(one as Event, all, live(), nodeCipher);
      expect(Object.values(shown.redacted ?? {})).toContain('broken');
    }
  });

  test('is shown without a change to what is stored, and shares what stays as it is', () => {
    const frozen = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      Object.freeze(value);
      for (const inner of Object.values(value)) frozen(inner);
    };
    const { event: stored } = sealed(event());
    frozen(stored);
    const shown = showEvent(stored, all, live(), nodeCipher);
    expect(shown).toEqual(event());
    expect(shown.targets![1]).toBe(stored.targets![1]);
    expect(shown.producer).toBe(stored.producer);
    expect(showEvent(stored, { ...all, diff: 'masked' }, live(), nodeCipher).changes![0]!.before).toBe('[masked]');
  });

  test('reads nothing that the view does not show, not even keys', () => {
    const { event: stored } = sealed(event());
    const masked: View = {
      ...all,
      who: 'masked',
      where: 'omitted',
      target_identity: 'token',
      payload: 'masked',
      diff: 'masked',
    };
    expect(neededKeys([stored], () => masked)).toEqual([]);
    const shown = showEvent(stored, masked, new Map(), nodeCipher);
    expect(shown.actor).toEqual({ type: 'user', id: '[masked]', name: '[masked]', email: '[masked]' });
    expect(shown.targets![0]!.id).toMatch(/^~/);
    expect(shown.context).toEqual({ ip: '', request_id: 'r-1', service: 'ehr' });
    expect(shown.changes).toEqual([{ path: '/address', before: '[masked]', after: '[masked]' }]);
  });

  test('is shown as it was when it was stored before there were envelopes', () => {
    expect(showEvent(event(), { ...all, who: 'masked' }, new Map(), nodeCipher)).toEqual(event());
  });
});

describe('whose a value is', () => {
  const owners = (more: Partial<Event>) =>
    Object.fromEntries(personalFields(event(more), undefined).map(({ at, owner }) => [at, owner]));
  test('machines are clear, and their addresses belong to nobody', () => {
    const found = owners({ actor: { type: 'service', id: 'ci' }, targets: [] });
    expect(found).not.toHaveProperty('/actor/id');
    expect(found['/context/ip']).toBeUndefined();
    expect(Object.keys(found)).toContain('/context/ip');
  });
  test('what a machine does for a person belongs to the person', () => {
    const found = owners({
      actor: { type: 'agent', id: 'bot' },
      on_behalf_of: [{ type: 'user', id: 'ada' }],
      targets: [],
    });
    expect(found['/context/ip']).toBe('ada');
    expect(found['/metadata']).toBe('ada');
  });
  test('which leaves a purge of ours names stays clear, and by what policy; who approved it does not', () => {
    const metadata = { policy: 'retention:1', leaves: [[3, 5]], approved_by: 'ada' };
    const told = { action: 'retention.purged', actor: { type: 'service', id: 'trailkeep' }, targets: [], metadata };
    const placesOf = (more: Partial<Event>) =>
      personalFields(event({ ...told, changes: [], ...more }), undefined).flatMap(({ at }) =>
        at.startsWith('/metadata') ? [at] : [],
      );
    expect(placesOf({ producer: { key: 'trailkeep' } })).toEqual(['/metadata/approved_by']);
    // Whoever only calls it so has no such right.
    expect(placesOf({})).toEqual(['/metadata']);
    expect(placesOf({ action: 'retention.changed', producer: { key: 'trailkeep' } })).toEqual(['/metadata']);
  });

  test('tags decide: none stays clear, and the payload may name its subject', () => {
    const policy = {
      v: 1 as const,
      tenant,
      name: '',
      catalogue: [],
      tiers: {},
      schemaMode: 'flag' as const,
      schemas: [
        {
          action: 'patient.update',
          version: 1,
          schema: {
            'x-subject': '/metadata/patient',
            properties: {
              metadata: { properties: { plan: { 'x-privacy': 'none' }, patient: { 'x-privacy': 'phi' } } },
            },
          },
        },
      ],
    };
    const tags = tagsOf(policy, 'patient.update');
    const told = withSubject(event({ metadata: { plan: 'gold', patient: 'p-1', x: 1 } }), tags);
    const fields = personalFields(told, tags);
    expect(fields.find(({ at }) => at === '/subject')).toMatchObject({ value: 'p-1', owner: 'p-1', find: 'subject' });
    expect(withSubject(event({ subject: 'own', metadata: { patient: 'p-1' } }), tags).subject).toBe('own');
    expect(fields.filter(({ at }) => at.startsWith('/metadata')).map(({ at, owner }) => [at, owner])).toEqual([
      ['/metadata/patient', 'p-1'],
      ['/metadata/x', 'p-1'],
    ]);
    expect(tagsOf(policy, 'other.action')).toBeUndefined();
  });
});

test('any event comes back as it was, whatever its fields hold', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  const party = fc.record(
    { type: fc.constantFrom('user', 'service', 'patient'), id: fc.string({ minLength: 1 }), name: text, email: text },
    { requiredKeys: ['type', 'id'] },
  );
  const free = fc.dictionary(
    fc.string().filter((key) => !/["\\\p{Cc}]/u.test(key) && key !== '__proto__'),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const any = fc.record(
    {
      actor: party,
      on_behalf_of: fc.array(party, { maxLength: 3 }),
      targets: fc.array(party, { maxLength: 3 }),
      metadata: free,
      subject: fc.string({ minLength: 1 }),
      context: fc.record({ ip: text, user_agent: text, session_id: text }, { requiredKeys: [] }),
      changes: fc.array(
        fc.record({ path: text, before: fc.jsonValue(), after: fc.jsonValue() }, { requiredKeys: ['path'] }),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: ['actor'] },
  );
  fc.assert(
    fc.property(any, (fields) => {
      const one = JSON.parse(JSON.stringify(event(fields as Partial<Event>))) as Event;
      const { event: stored, line } = sealed(one);
      expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(stored)));
      expect(showEvent(JSON.parse(line) as Event, all, live(), nodeCipher)).toEqual(one);
    }),
    { numRuns: 200 },
  );
});
