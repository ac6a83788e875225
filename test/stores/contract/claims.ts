/** What every Claims promises. */
import { expect, test } from 'vitest';
import type { Claim, Claims } from '#core/record/ports.ts';
import { tenantA, tenantB } from '#test/support/events.ts';

export function claimsContract(open: () => Promise<Claims>): void {
  const claimOf = (n: number): Claim => ({
    v: 1,
    bodySha256: String(n).padStart(64, '0'),
    receivedAt: '2026-03-01T12:00:00.000Z',
    seed: String(n).padStart(32, '0'),
  });

  test('the first claim holds, and everyone after hears of it', async () => {
    const claims = await open();
    expect(await claims.claim(tenantA, 'first', claimOf(1))).toEqual(claimOf(1));
    expect(await claims.claim(tenantA, 'first', claimOf(2))).toEqual(claimOf(1));
  });

  test('of many at once exactly one wins', async () => {
    const claims = await open();
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => claims.claim(tenantA, 'race', claimOf(n))));
    expect(new Set(answers.map(({ seed }) => seed)).size).toBe(1);
  });

  test('tenants do not meet, and neither do keys that look alike', async () => {
    const claims = await open();
    expect(await claims.claim(tenantA, 'k', claimOf(1))).toEqual(claimOf(1));
    expect(await claims.claim(tenantB, 'k', claimOf(2))).toEqual(claimOf(2));
    expect(await claims.claim(tenantA, 'K', claimOf(3))).toEqual(claimOf(3));
    expect(await claims.claim(tenantA, '../k', claimOf(4))).toEqual(claimOf(4));
  });
}
