/**
 * Bootstrap: what a new deployment needs before its first request, and every deployment needs after an update.
 *
 * Every step may be done again: migrations that are applied are skipped, a root secret that exists is kept, the
 * admin key is made when there is none. The key is published before its row is written: a run that fails
 * between the two is simply run again, and the key that nobody saw is a key that nobody holds. If the answer
 * itself is lost, ask with `reissueAdminKey`.
 */
import { platformTenant } from '#core/access/access.ts';
import { eventsPerSecondDefault, formatKey, newKey, publishedKey } from '#core/access/key.ts';
import type { ApiKey, KeyRegistry } from '#core/access/ports.ts';
import type { Publisher } from '#core/record/ports.ts';
import { onDeploy } from '#functions/runtime/deploy.ts';
import {
  openContextKey,
  openIds,
  openKeys,
  openMigrator,
  openPublisher,
  openRootSecret,
  openSha256,
} from '#functions/runtime/open.ts';

export interface BootstrapPorts {
  readonly rootSecret: { createIfAbsent(random: Uint8Array): Promise<boolean> };
  readonly migrator: { apply(): Promise<readonly string[]>; adoptContextKey(key: Uint8Array): Promise<void> };
  /** Needs the root secret, so it is asked for after that exists. */
  readonly contextKey: () => Promise<Uint8Array>;
  /** Signs its transactions with the context key, so it is opened after that is adopted. */
  readonly keys: () => KeyRegistry | Promise<KeyRegistry>;
  readonly publisher: Publisher;
  readonly ids: { readonly random: (bytes: number) => Uint8Array };
  readonly sha256: (data: string) => string;
}

export interface BootstrapPayload {
  /** Makes a further admin key; the others stay as they are. */
  readonly reissueAdminKey?: boolean;
}

export interface BootstrapReport {
  /** Names of the migrations that were applied now. */
  readonly migrations: readonly string[];
  /** Only when one was made; it is shown this once. */
  readonly adminKey?: string;
}

const rootSecretBytes = 32;

export async function bootstrap(
  ports: BootstrapPorts,
  payload: BootstrapPayload | null,
  { now }: { readonly now: Date },
): Promise<BootstrapReport> {
  await ports.rootSecret.createIfAbsent(ports.ids.random(rootSecretBytes));
  const migrations = await ports.migrator.apply();
  await ports.migrator.adoptContextKey(await ports.contextKey());
  const keys = await ports.keys();
  if (payload?.reissueAdminKey !== true && (await hasAdminKey(keys, now))) return { migrations };
  return { migrations, adminKey: await makeAdminKey(ports, keys, now) };
}

async function hasAdminKey(keys: KeyRegistry, now: Date): Promise<boolean> {
  for (let after: string | undefined; ; ) {
    const page = await keys.list(platformTenant, after, 100);
    if (page.some((key) => !key.revokedAt && (!key.expiresAt || key.expiresAt > now))) return true;
    after = page.at(-1)?.keyId;
    if (page.length < 100) return false;
  }
}

async function makeAdminKey(ports: BootstrapPorts, keys: KeyRegistry, now: Date): Promise<string> {
  const made = newKey(ports.ids.random);
  const key: ApiKey = {
    keyId: made.keyId,
    tenant: platformTenant,
    name: 'admin',
    secretHash: ports.sha256(made.secret),
    scopes: ['admin'],
    eventsPerSecond: eventsPerSecondDefault,
    createdAt: now,
  };
  await ports.publisher.putKey(publishedKey(key));
  await keys.create(key);
  return formatKey(made);
}

export const handler = onDeploy(bootstrap, {
  rootSecret: openRootSecret,
  migrator: openMigrator,
  contextKey: () => openContextKey,
  keys: () => openKeys,
  publisher: openPublisher,
  ids: openIds,
  sha256: openSha256,
});
