/**
 * Publishing: what Postgres holds goes to S3, where accept and the authorizer read it.
 *
 * Always what Postgres holds now, never what a request meant to write, and looked at again afterwards. So of two
 * changes at once the later one stays published, whichever request is the slower. When publishing fails the
 * request answers 503; asking again publishes again.
 */
import { publishedIssuer } from '#core/access/issuer.ts';
import { publishedKey } from '#core/access/key.ts';
import { tenantPolicy } from '#core/access/policy.ts';
import type { IssuerRegistry, KeyRegistry, PolicyRegistry, TenantRegistry } from '#core/access/ports.ts';
import type { Publisher } from '#core/record/ports.ts';

/** More than this many changes during one request: whoever made the last one publishes it. */
const roundsMax = 5;

export async function publishKey(
  { keys, publisher }: { readonly keys: KeyRegistry; readonly publisher: Publisher },
  tenant: string,
  keyId: string,
): Promise<void> {
  await publishLatest(
    async () => {
      const key = await keys.get(tenant, keyId);
      return key && publishedKey(key);
    },
    (key) => publisher.putKey(key),
  );
}

export async function publishTenant(
  ports: { readonly tenants: TenantRegistry; readonly policies: PolicyRegistry; readonly publisher: Publisher },
  tenantId: string,
): Promise<void> {
  await publishLatest(
    async () => {
      const [tenant, { settings }] = await Promise.all([ports.tenants.get(tenantId), ports.policies.get(tenantId)]);
      return tenant && tenantPolicy(tenant, settings);
    },
    (policy) => ports.publisher.putTenant(policy),
  );
}

/** `without` leaves one registration out, which is about to be removed. */
export async function publishIssuer(
  ports: { readonly issuers: Pick<IssuerRegistry, 'allOf'>; readonly publisher: Publisher },
  iss: string,
  without?: string,
): Promise<void> {
  await publishLatest(
    async () =>
      publishedIssuer(
        iss,
        (await ports.issuers.allOf(iss)).filter(({ id }) => id !== without),
      ),
    (issuer) => ports.publisher.putIssuer(issuer),
  );
}

async function publishLatest<T>(read: () => Promise<T | undefined>, put: (document: T) => Promise<void>) {
  let document = await read();
  for (let round = 0; document !== undefined && round < roundsMax; round++) {
    await put(document);
    const latest = await read();
    if (JSON.stringify(latest) === JSON.stringify(document)) return;
    document = latest;
  }
}
