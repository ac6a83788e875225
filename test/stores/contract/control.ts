/** What every Control promises about what its Publisher put. */
import { expect, test } from 'vitest';
import type { PublishedKey, TenantPolicy } from '#core/access/access.ts';
import type { PublishedIssuer } from '#core/access/issuer.ts';
import type { Control, Publisher } from '#core/record/ports.ts';
import { tenantA, tenantB } from '#test/support/events.ts';

export const publishedKey: PublishedKey = {
  v: 1,
  keyId: 'abcdefghijklmnopqrst',
  tenant: tenantA,
  secretHash: '00'.repeat(32),
  scopes: ['events:write'],
  eventsPerSecond: 100,
};
const policy: TenantPolicy = {
  v: 1,
  tenant: tenantA,
  name: 'Ada’s',
  catalogue: [{ action: 'x.*', tier: 'critical' }],
  tiers: {},
  schemaMode: 'flag',
  schemas: [],
};

const issuer: PublishedIssuer = {
  v: 1,
  issuer: 'https://login.example/realms/acme',
  tenantClaim: 'custom:tenant',
  tenants: [{ tenant: tenantA, audience: ['trailkeep'], subjectPrefix: '', alwaysMfa: false }],
};

/** `open` answers a Control that has nothing in memory yet. */
export function controlContract(open: () => Promise<{ control: Control; publisher: Publisher }>): void {
  test('what was published is read back whole', async () => {
    const { control, publisher } = await open();
    await publisher.putKey(publishedKey);
    await publisher.putTenant(policy);
    await publisher.putIntake('intake-7', tenantB);
    await publisher.putIssuer(issuer);
    expect(await control.key(publishedKey.keyId)).toEqual(publishedKey);
    expect(await control.tenant(tenantA)).toEqual(policy);
    expect(await control.intakeTenant('intake-7')).toBe(tenantB);
    expect(await control.issuer(issuer.issuer)).toEqual(issuer);
  });

  test('what was never published is undefined, and so is every name of a wrong shape', async () => {
    const { control } = await open();
    expect(await control.key('zzzzzzzzzzzzzzzzzzzz')).toBeUndefined();
    expect(await control.tenant('01890000-0000-7000-8000-0000000000ff')).toBeUndefined();
    expect(await control.intakeTenant('never')).toBeUndefined();
    for (const name of ['', '..', '../tenants/x', 'a/b', 'x'.repeat(500), '\u0000', publishedKey.keyId.toUpperCase()]) {
      expect(await control.key(name)).toBeUndefined();
      expect(await control.tenant(name)).toBeUndefined();
      expect(await control.intakeTenant(name)).toBeUndefined();
      expect(await control.issuer(name)).toBeUndefined();
    }
  });
}
