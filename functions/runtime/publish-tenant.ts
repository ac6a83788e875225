/**
 * Publishing: what Postgres holds goes to S3, where accept and the authorizer read it.
 *
 * Always what Postgres holds now, never what a request meant to write, and looked at again afterwards. So of two
 * changes at once the later one stays published, whichever request is the slower. When publishing fails the
 * request answers 503; asking again publishes again.
 */
import { tenantPolicy } from '#core/access/policy.ts';
import type { PolicyRegistry, TenantRegistry } from '#core/access/ports.ts';
import type { Publisher } from '#core/record/ports.ts';

/** More than this many changes during one request: whoever made the last one publishes it. */
const roundsMax = 5;

/** What a tenant decided for itself, its retention included. */
export async function publishTenant(
  ports: {
    readonly tenants: Pick<TenantRegistry, 'get'>;
    readonly policies: Pick<PolicyRegistry, 'get'>;
    readonly publisher: Pick<Publisher, 'putTenant'>;
  },
  tenantId: string,
): Promise<void> {
  await publishLatest(
    async () => {
      const [tenant, { settings, retention }] = await Promise.all([
        ports.tenants.get(tenantId),
        ports.policies.get(tenantId),
      ]);
      return tenant && tenantPolicy(tenant, settings, retention);
    },
    (policy) => ports.publisher.putTenant(policy),
  );
}

export async function publishLatest<T>(read: () => Promise<T | undefined>, put: (document: T) => Promise<void>) {
  let document = await read();
  for (let round = 0; document !== undefined && round < roundsMax; round++) {
    await put(document);
    const latest = await read();
    if (JSON.stringify(latest) === JSON.stringify(document)) return;
    document = latest;
  }
}
