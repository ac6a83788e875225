import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PublishedKey } from '#core/access/access.ts';
import { acceptsSecret, formatKey, isKeyId, newKey, parseKey } from '#core/access/key.ts';

const random = (byte: number) => (bytes: number) => new Uint8Array(bytes).fill(byte);
const equal = (a: string, b: string) => a === b;

describe('the text of a key', () => {
  test('reads back as it was made, for any random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const key = newKey((n) => bytes.subarray(0, n));
        expect(formatKey(key)).toMatch(/^tk_[a-z2-7]{20}_[A-Za-z0-9_-]{43}$/);
        expect(parseKey(formatKey(key))).toEqual(key);
        expect(isKeyId(key.keyId)).toBe(true);
        expect(Buffer.from(key.secret, 'base64url')).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test('every bit of the id counts', () => {
    const ids = new Set(
      Array.from({ length: 100 }, (_, bit) => {
        const bytes = new Uint8Array(32);
        bytes[bit >> 3]! |= 0x80 >> (bit & 7);
        return newKey((n) => bytes.subarray(0, n)).keyId;
      }),
    );
    expect(ids.size).toBe(100);
  });

  test('anything else is no key', () => {
    const good = formatKey(newKey(random(7)));
    for (const bad of [
      '',
      'tk_',
      good.slice(1),
      `${good}x`,
      good.toUpperCase(),
      good.replace('tk_', 'sk_'),
      ` ${good}`,
    ]) {
      expect(parseKey(bad), bad).toBeUndefined();
    }
  });
});

describe('a secret is accepted', () => {
  const now = new Date('2026-03-01T12:00:00Z');
  const key: PublishedKey = {
    v: 1,
    keyId: 'k',
    tenant: 't',
    secretHash: 'new',
    scopes: [],
    eventsPerSecond: 1,
  };
  const accepts = (with_: Partial<PublishedKey>, hash: string) => acceptsSecret({ ...key, ...with_ }, hash, now, equal);
  const before = '2026-03-01T11:59:59.999Z';
  const at = '2026-03-01T12:00:00.000Z';
  const after = '2026-03-01T12:00:00.001Z';

  for (const [what, with_, hash, expected] of [
    ['when it is the current one', {}, 'new', true],
    ['never when it is another', {}, 'old', false],
    ['never when it is empty', {}, '', false],
    ['before it expires', { expiresAt: after }, 'new', true],
    ['not at its expiry', { expiresAt: at }, 'new', false],
    ['not after it', { expiresAt: before }, 'new', false],
    ['not once revoked', { revokedAt: before }, 'new', false],
    ['not once revoked, whatever the clock says', { revokedAt: after }, 'new', false],
    ['during the overlap, when it is the previous one', { previousHash: 'old', previousUntil: after }, 'old', true],
    ['not at the end of the overlap', { previousHash: 'old', previousUntil: at }, 'old', false],
    [
      'not during the overlap of a revoked key',
      { previousHash: 'old', previousUntil: after, revokedAt: at },
      'old',
      false,
    ],
    ['not as a previous one without an end', { previousHash: 'old' }, 'old', false],
    ['not when its time cannot be read', { expiresAt: 'never' }, 'new', false],
  ] as const) {
    test(what, () => expect(accepts(with_, hash)).toBe(expected));
  }
});
