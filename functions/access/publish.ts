/** Publishing of keys and issuers; functions/runtime/publish-tenant.ts says what is promised. */
import { publishedIssuer } from '#core/access/issuer.ts';
import { publishedKey } from '#core/access/key.ts';
import type { IssuerRegistry, KeyRegistry } from '#core/access/ports.ts';
import type { Publisher } from '#core/record/ports.ts';
import { publishLatest } from '#functions/runtime/publish-tenant.ts';

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
