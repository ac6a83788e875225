/**
 * The race of test/core/access once more, smaller and in real time: the real cache over a real Valkey and a real
 * PostgreSQL, while Valkey is flushed, frozen, cut off and robbed of keys, and half of the invalidations are lost.
 */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { createPermissionSource } from '#stores/postgres/permission-source.ts';
import { createRoleRegistry } from '#stores/postgres/roles.ts';
import { createPermissionStore } from '#stores/valkey/permission-store.ts';
import { contextKey, testDatabase } from '#test/support/postgres.ts';
import { startValkey, valkeyCommand } from '#test/support/valkey.ts';
import { tenantA as tenant } from '../postgres/made.ts';

if (!valkeyCommand) console.log('no valkey-server or redis-server in PATH (apt-get install redis-server): not raced');

const boundMs = 2_000;
const seconds = 9;
const users = Array.from({ length: 12 }, (_, index) => `user-${index}`);
const module = 'billing';
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const newId = () => uuidv7(Date.now(), randomBytes(10));

test.skipIf(!valkeyCommand)('0 stale grants beyond two seconds, whatever happens to Valkey', async () => {
  const db = await testDatabase('permission_race');
  const valkey = await startValkey();
  const registry = createRoleRegistry(db.login('trailkeep_app', 3), contextKey);
  const role = { id: 'clerk', name: 'Clerk', inherits: [], grants: [{ module, permission: 'invoice.approve' }] };
  await registry.putRole(tenant, role, new Date());
  const caches = [0, 1, 2].map(() => {
    const sql = db.login('trailkeep_app', 2);
    return new VersionedPermissionCache({
      source: createPermissionSource(sql, contextKey),
      store: createPermissionStore(valkey.connect(), { sealKey: Buffer.alloc(32, 1), edition: 'race' }),
      clock: () => performance.now(),
      wall: Date.now,
      jitter: Math.random,
      meter: { answered() {}, storeFailed: () => counts.storeFailures++, denied() {} },
    });
  });
  const counts = {
    checks: 0,
    granted: 0,
    late: 0,
    unavailable: 0,
    changes: 0,
    troubles: 0,
    storeFailures: 0,
    stale: 0,
  };
  /** When the last revocation of a user was certainly committed; undefined while it may hold the grant. */
  const revokedAt = new Map<string, number>(users.map((user) => [user, Number.NEGATIVE_INFINITY]));
  const end = performance.now() + seconds * 1_000;
  const going = () => performance.now() < end;
  const any = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)]!;

  const write = async (user: string) => {
    while (going()) {
      revokedAt.delete(user);
      const now = new Date();
      const { id } = await registry.assign(tenant, {
        id: newId(),
        user,
        role: 'clerk',
        grantedBy: 'race',
        createdAt: now,
      });
      await any(caches).invalidateUserCache(tenant, user);
      await sleep(Math.random() * 600);
      await registry.revoke(tenant, id, new Date());
      revokedAt.set(user, performance.now());
      counts.changes += 2;
      if (Math.random() < 0.5) await any(caches).invalidateUserCache(tenant, user);
      await sleep(1_000 + Math.random() * 3_000);
    }
  };

  const read = async (cache: VersionedPermissionCache) => {
    while (going()) {
      const user = any(users);
      const started = performance.now();
      const since = revokedAt.get(user);
      try {
        const { grants } = await cache.getUserPermissions(tenant, user, module);
        counts.checks++;
        if (grants.length > 0) {
          counts.granted++;
          // Only what was revoked when the check began, and is not granted again since, says something.
          if (since !== undefined && revokedAt.get(user) === since) {
            if (started - since > 0) counts.late++;
            if (started - since > boundMs) counts.stale++;
          }
        }
      } catch {
        counts.unavailable++;
      }
      await sleep(Math.random() * 8);
    }
  };

  const trouble = async () => {
    const admin = valkey.connect();
    while (going()) {
      await sleep(200 + Math.random() * 500);
      counts.troubles++;
      const kind = Math.random();
      if (kind < 0.3) await admin.call('FLUSHALL');
      else if (kind < 0.6) {
        const keys = (await admin.call('KEYS', '*')) as string[];
        for (const key of keys.filter(() => Math.random() < 0.5)) await admin.call('DEL', key);
      } else if (kind < 0.8) await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
      else {
        valkey.freeze();
        await sleep(Math.random() * 700);
        valkey.thaw();
      }
    }
  };

  try {
    await Promise.all([...users.map(write), ...caches.flatMap((cache) => [read(cache), read(cache)]), trouble()]);
    console.log(`permission race on a real server: ${JSON.stringify(counts)}`);
    expect(counts.granted).toBeGreaterThan(100);
    expect(counts.stale).toBe(0);
  } finally {
    await valkey.stop();
    await db.drop();
  }
});
