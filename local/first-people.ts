/** People to begin with: the local issuer vouches for them, and one of them administers the first tenant. */
import { localAudience, localTenantClaim } from './issuer.ts';

/** Administrator of the first tenant, by the role `trailkeep:admin`. */
export const firstPerson = 'ada';
const issuerName = 'This machine';

interface Registered {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
}

/** Registers the local issuer for a tenant, again when its port changed. Doing so once more changes nothing. */
export async function meetPeople(at: {
  readonly apiUrl: string;
  readonly adminKey: string;
  readonly tenantId: string;
  readonly issuerUrl: string;
}): Promise<void> {
  const { apiUrl, adminKey, tenantId, issuerUrl } = at;
  const path = `/v1/tenants/${tenantId}`;
  const call = async (method: string, to: string, body?: object, key = adminKey) => {
    const response = await fetch(apiUrl + to, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${to} answered ${response.status}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  };
  const { issuers } = (await call('GET', `${path}/issuers?limit=1000`)) as { readonly issuers: readonly Registered[] };
  if (issuers.some(({ issuer }) => issuer === issuerUrl)) return;
  const before = issuers.filter(({ name }) => name === issuerName);
  if (before.length === 0) {
    // Only who may manage access assigns the first role; this key can nothing else and ends by itself.
    const { key } = await call('POST', `${path}/keys`, {
      name: 'Assigns the first role',
      scopes: ['access:manage'],
      expires_at: new Date(Date.now() + 300_000).toISOString(),
    });
    const first = { user: firstPerson, role: 'trailkeep:admin', reason: 'The first administrator.' };
    await call('POST', '/v1/assignments', first, String(key));
  }
  for (const { id } of before) await call('DELETE', `${path}/issuers/${id}`);
  await call('POST', `${path}/issuers`, {
    name: issuerName,
    issuer: issuerUrl,
    audience: [localAudience],
    tenant_claim: localTenantClaim,
  });
}
