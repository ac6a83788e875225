import { expect, test } from 'vitest';
import type { JsonObject } from '#core/event/event.ts';
import { fromCloudEvent, isCloudEvent } from '#core/record/cloudevents.ts';

const actor = { type: 'user', id: 'u' };
const uuidv7 = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
const wrap = (data: unknown, attributes: object = {}) =>
  ({ specversion: '1.0', id: 'e-1', source: '/billing', type: 'invoice.pay', data, ...attributes }) as JsonObject;

const cases: [string, JsonObject, object][] = [
  [
    'attributes fill what the data leaves open',
    wrap({ actor }, { time: '2026-01-01T00:00:00Z' }),
    {
      actor,
      action: 'invoice.pay',
      occurred_at: '2026-01-01T00:00:00Z',
      external_id: 'e-1',
      context: { service: '/billing' },
    },
  ],
  [
    'what the data says stays',
    wrap({ actor, action: 'a.b', external_id: 'x', context: { service: 's' } }),
    { actor, action: 'a.b', external_id: 'x', context: { service: 's' } },
  ],
  [
    'a UUIDv7 is the id',
    wrap({ actor }, { id: uuidv7 }),
    { actor, action: 'invoice.pay', id: uuidv7, context: { service: '/billing' } },
  ],
  [
    'beside an id of the data it is the external id',
    wrap({ actor, id: uuidv7 }),
    { actor, action: 'invoice.pay', id: uuidv7, external_id: 'e-1', context: { service: '/billing' } },
  ],
  [
    "the data's own foreign id needs that place",
    wrap({ actor, id: 'order-1' }),
    { actor, action: 'invoice.pay', id: 'order-1', context: { service: '/billing' } },
  ],
];
for (const [name, value, expected] of cases) {
  test(name, () => expect(fromCloudEvent(value)).toEqual({ ok: true, value: expected }));
}

const refused: [string, JsonObject | null, string | undefined][] = [
  ['no source', wrap({}, { source: '' }), '/source'],
  ['another version', wrap({}, { specversion: '0.3' }), '/specversion'],
  ['no data', wrap(undefined), '/data'],
  ['a list as data', wrap([]), '/data'],
  ['nothing', null, undefined],
];
for (const [name, value, pointer] of refused) {
  test(`refused: ${name}`, () => {
    const event = fromCloudEvent(value);
    expect(event.ok ? undefined : [event.fault.code, event.fault.pointer]).toEqual(['event_invalid', pointer]);
  });
}

test('an item is told by its specversion', () => {
  expect([wrap({}), { action: 'a.b' }, null, 'specversion', []].map(isCloudEvent)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});
