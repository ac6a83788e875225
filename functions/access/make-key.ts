/** Making a key, for a tenant by the platform and for a tenant by itself. */
import type { Scope } from '#core/access/access.ts';
import { formatKey, newKey } from '#core/access/key.ts';
import type { ApiKey, KeyRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import type { Publisher } from '#core/record/ports.ts';
import { publishKey } from './publish.ts';

export interface MakeKeyPorts {
  readonly keys: KeyRegistry;
  readonly publisher: Publisher;
  readonly ids: { readonly random: (bytes: number) => Uint8Array };
  readonly sha256: (data: string) => string;
}

export interface Grant {
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** `service:<name>`; then there are no scopes. */
  readonly serviceAccount?: string | undefined;
  readonly eventsPerSecond: number;
  readonly project?: string | undefined;
  readonly environment?: string | undefined;
  /** RFC 3339 */
  readonly expiresAt?: string | undefined;
}

/** A key that lives longer than this was meant to live for ever, and should say so by having no end. */
const lifeMsMax = 10 * 366 * 24 * 3600_000;

/**
 * Makes, stores, records and publishes a key: it works when this resolves, and never before it is recorded. The text is
 * all there is of the secret.
 */
export async function makeKey(
  ports: MakeKeyPorts,
  grant: Grant,
  now: Date,
  record: (key: ApiKey) => Promise<void>,
): Promise<{ key: ApiKey; text: string }> {
  const expiresAt = grant.expiresAt === undefined ? undefined : new Date(grant.expiresAt);
  if (expiresAt) {
    const lifeMs = expiresAt.getTime() - now.getTime();
    if (!(lifeMs > 0 && lifeMs <= lifeMsMax)) {
      throw new Problem('request_invalid', 'expires_at must lie in the future, at most ten years from now.', {
        pointer: '/expires_at',
      });
    }
  }
  const made = newKey(ports.ids.random);
  const key: ApiKey = {
    keyId: made.keyId,
    tenant: grant.tenant,
    name: grant.name,
    secretHash: ports.sha256(made.secret),
    scopes: [...new Set(grant.scopes)],
    ...(grant.serviceAccount === undefined ? {} : { serviceAccount: grant.serviceAccount }),
    eventsPerSecond: grant.eventsPerSecond,
    createdAt: now,
    ...(grant.project === undefined ? {} : { project: grant.project }),
    ...(grant.environment === undefined ? {} : { environment: grant.environment }),
    ...(expiresAt ? { expiresAt } : {}),
  };
  await ports.keys.create(key);
  await record(key);
  await publishKey(ports, key.tenant, key.keyId);
  return { key, text: formatKey(made) };
}

/** What becomes of a key, as the trail tells it. */
export const keyChange = (
  action: 'key.create' | 'key.rotate' | 'key.revoke',
  before: ApiKey | undefined,
  after: ApiKey | undefined,
) => ({
  action,
  targets: [{ type: 'api_key', id: (after ?? before)!.keyId, name: (after ?? before)!.name }],
  before: before && recorded(before),
  after: after && recorded(after),
});

function recorded(key: ApiKey) {
  const { key_id: _, last_used_at: __, ...view } = keyView(key);
  return view;
}

/** A key as the API shows it: never the secret, never its hash. */
export const keyView = (key: ApiKey) => ({
  key_id: key.keyId,
  name: key.name,
  scopes: key.scopes,
  service_account: key.serviceAccount ?? null,
  project: key.project ?? null,
  environment: key.environment ?? null,
  events_per_second: key.eventsPerSecond,
  created_at: key.createdAt.toISOString(),
  expires_at: key.expiresAt?.toISOString() ?? null,
  revoked_at: key.revokedAt?.toISOString() ?? null,
  previous_secret_until: key.previousUntil?.toISOString() ?? null,
  last_used_at: key.lastUsedAt?.toISOString() ?? null,
});
