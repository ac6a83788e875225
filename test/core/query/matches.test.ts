import { describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import type { Filter } from '#core/query/filter.ts';
import { matches, membershipKeys } from '#core/query/matches.ts';
import { keysOf } from '#core/record/membership.ts';

const event: Event = {
  id: '01890000-0000-7000-8000-000000000001',
  tenant: '01890000-0000-7000-8000-00000000000a',
  project: 'shop',
  environment: 'prod',
  occurred_at: '2026-03-01T00:00:00.000Z',
  received_at: '2026-03-01T00:00:01.000Z',
  action: 'user.login',
  schema_version: 1,
  category: 'auth_events',
  crud: 'c',
  severity: 'low',
  outcome: { result: 'denied', reason: 'Wrong Code' },
  actor: { type: 'user', id: 'u1', metadata: { deep: [{ note: 'ÉCLAIR "quoted"' }] } },
  targets: [
    { type: 'app', id: 'a1' },
    { type: 'doc', id: 'd1' },
  ],
  context: { ip: '192.0.2.1' },
  operation_id: 'o1',
  external_id: 'e1',
  data_class: 'pii',
  producer: { key: 'k' },
};
const at = Date.parse(event.occurred_at);

const yes: Filter[] = [
  {},
  { from: at },
  { to: at + 1 },
  { action: ['x.y', 'user.login'] },
  { action: ['user.*'] },
  { action: ['*'] },
  { category: ['auth_events'] },
  { crud: ['c'] },
  { severity: ['low', 'high'] },
  { outcome: ['denied'] },
  { actor: ['u1'] },
  { target: ['d1'] },
  { targetType: ['app'] },
  { ip: ['192.0.2.1'] },
  { dataClass: ['pii'] },
  { project: ['shop'] },
  { environment: ['prod'] },
  { operationId: ['o1'] },
  { externalId: ['e1'] },
  { text: 'wrong code' },
  { text: 'éclair "QUOTED"' },
  { target: ['a1'], targetType: ['doc'] },
];
const no: Filter[] = [
  { from: at + 1 },
  { to: at },
  { action: ['user'] },
  { action: ['user.login.*'] },
  { category: ['system'] },
  { crud: ['d'] },
  { severity: ['high'] },
  { outcome: ['success'] },
  { actor: ['U1'] },
  { target: ['d'] },
  { targetType: ['user'] },
  { ip: ['192.0.2.10'] },
  { dataClass: ['none'] },
  { project: ['other'] },
  { project: [] },
  { environment: ['dev'] },
  { operationId: ['o2'] },
  { externalId: ['e2'] },
  { text: 'metadata' },
  { text: 'nowhere' },
  { actor: ['u1'], action: ['x.y'] },
];

describe('a filter', () => {
  for (const filter of yes) test(`${JSON.stringify(filter)} matches`, () => expect(matches(filter, event)).toBe(true));
  for (const filter of no) test(`${JSON.stringify(filter)} does not`, () => expect(matches(filter, event)).toBe(false));

  test('asks of a block only what its membership filter holds', () => {
    const keys = new Set(keysOf(event));
    for (const filter of yes) {
      for (const group of membershipKeys(filter))
        expect(
          group.some((key) => keys.has(key)),
          group.join(),
        ).toBe(true);
    }
    expect(membershipKeys({ action: ['user.login', 'doc.*'] })).toEqual([]);
  });
});
