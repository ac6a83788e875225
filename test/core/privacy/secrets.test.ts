import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event, JsonObject } from '#core/event/event.ts';
import { droppedCard, droppedSecret, dropSecrets, isCardNumber } from '#core/privacy/secrets.ts';

const event = (more: Partial<Event>): Event => ({
  id: '019f0000-0000-7000-8000-000000000001',
  tenant: '01890000-0000-7000-8000-00000000000a',
  occurred_at: '2026-03-01T10:00:00.000Z',
  received_at: '2026-03-01T10:00:00.000Z',
  action: 'user.update',
  schema_version: 1,
  category: 'user_activity',
  crud: 'u',
  severity: 'info',
  outcome: { result: 'success' },
  actor: { type: 'user', id: 'ada' },
  data_class: 'none',
  producer: { key: 'k' },
  ...more,
});
const drop = (more: Partial<Event>) => dropSecrets(event(more), JSON.stringify(event(more)), undefined);
const metadata = (value: JsonObject) => drop({ metadata: value }).event.metadata;

/** Published test numbers of the card schemes. */
const cards = [
  '4111111111111111',
  '5555555555554444',
  '2223003122003222',
  '378282246310005',
  '6011111111111117',
  '3530111333300000',
  '30569309025904',
  '6200000000000005',
];

describe('card numbers', () => {
  for (const card of cards)
    test(`${card} is one, and its neighbour is not`, () => {
      expect(isCardNumber(card)).toBe(true);
      expect(isCardNumber(card.slice(0, -1) + ((Number(card.at(-1)) + 1) % 10))).toBe(false);
    });

  test('go wherever they stand, with spaces, dashes or as numbers, and are counted', () => {
    const { event: left, cards: count } = drop({
      outcome: { result: 'failure', reason: 'card 4111 1111 1111 1111 refused' },
      targets: [{ type: 'card', id: '5555-5555-5555-4444' }],
      metadata: { pan: 4111111111111111, list: ['3782 822463 10005'], note: 'two: 4111111111111111,5555555555554444.' },
      changes: [{ path: '/number', before: '4111111111111111', after: null }],
    });
    expect(count).toBe(7);
    expect(JSON.stringify(left)).not.toMatch(/4111|5555|3782/);
    expect(left.outcome.reason).toBe(`card ${droppedCard} refused`);
    expect(left.targets![0]!.id).toBe(droppedCard);
  });

  test('are not seen in ids, times, hashes and other long numbers', () => {
    const more: Partial<Event> = {
      external_id: '4111111111111112',
      context: { request_id: 'a4111111111111111', trace_id: '4111111111111111f', session_id: '41111111111111112222' },
      metadata: {
        ms: 1772359200000,
        order: '1234567890123456',
        version: '4111.1111.1111.1111',
        uuid: '01890000-0000-7000-8000-000000000001',
      },
    };
    expect(drop(more)).toEqual({ event: event(more), secrets: 0, cards: 0 });
  });
});

describe('secrets', () => {
  test('go by the names of their keys, whatever separates the words', () => {
    const names = [
      'password',
      'Password',
      'user_password',
      'newPassword',
      'client_secret',
      'clientSecret',
      'api-key',
      'apiKey',
      'x_api_key',
      'access_token',
      'refreshToken',
      'authorization_header',
      'cookie',
      'Set-Cookie',
      'cvv',
      'private_key',
      'aws_secret_access_key',
      'pin',
      'otp',
      'passphrase',
    ];
    const found = metadata(Object.fromEntries(names.map((name) => [name, 'x'])))!;
    expect(Object.entries(found).filter(([, value]) => value !== droppedSecret)).toEqual([]);
  });

  test('stay out of words that only sound alike, and truth values stay', () => {
    const kept = {
      tokens_used: 12,
      secretary: 'Ann',
      passwordless: 'yes',
      pinned: 'a',
      shipping: 'b',
      monkey: 'c',
      password: true,
      token: '',
      cookie: null,
    };
    expect(metadata(kept)).toEqual(kept);
  });

  test('go at any depth, and from a change whose path names one', () => {
    const { event: left, secrets } = drop({
      metadata: { a: [{ b: { password: { old: 'x' } } }] },
      changes: [
        { path: '/user/password', before: 'old', after: 'new' },
        { path: 'user.name', before: 'a', after: 'b' },
      ],
      actor: { type: 'user', id: 'token', metadata: { session_token: 's' } },
    });
    expect(secrets).toBe(4);
    expect(left.metadata).toEqual({ a: [{ b: { password: droppedSecret } }] });
    expect(left.changes).toEqual([
      { path: '/user/password', before: droppedSecret, after: droppedSecret },
      { path: 'user.name', before: 'a', after: 'b' },
    ]);
    expect(left.actor).toEqual({ type: 'user', id: 'token', metadata: { session_token: droppedSecret } });
  });

  test('are dropped where a schema says so', () => {
    const one = event({ metadata: { diagnosis_note: 'x', ward: 'y' } });
    const tags = { classes: new Map([['/metadata/diagnosis_note', 'secret' as const]]) };
    expect(dropSecrets(one, JSON.stringify(one), tags).event.metadata).toEqual({
      diagnosis_note: droppedSecret,
      ward: 'y',
    });
  });
});

test('an event without either is the same object, whatever it holds', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'name', 'note'), fc.jsonValue({ maxDepth: 3 })), (value) => {
      const one = event({ metadata: value as JsonObject });
      const line = JSON.stringify(one);
      const left = dropSecrets(one, line, undefined);
      if (left.secrets + left.cards === 0) expect(left.event).toBe(one);
    }),
  );
});
