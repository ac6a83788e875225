/**
 * The permission cache's second layer in Valkey. Core's `PermissionStore` says what each method promises.
 *
 * Everything is sealed with a key that Valkey does not have: whoever owns Valkey can make it slow or empty and read
 * which permissions users have, but can neither grant one nor prolong a lease.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { permissionsKey, rolesKey, tenantVersionKey, userVersionKey } from '#core/access/permission-keys.ts';
import type { Lease, PermissionStore } from '#core/access/permission-ports.ts';
import type { HeldGrant, PermissionVersion, Role } from '#core/access/roles.ts';
import { Unavailable } from '#core/record/ports.ts';
import type { ValkeyClient } from './connect.ts';

interface Script {
  readonly lua: string;
  readonly sha1: string;
}
const script = (lua: string): Script => ({ lua, sha1: createHash('sha1').update(lua).digest('hex') });

const nowLua = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** KEYS: versions. Answers the time in ms and what lies there. */
const lookUp = script(`${nowLua}
return {now, unpack(redis.call('MGET', unpack(KEYS)))}`);

/**
 * KEYS: versions. ARGV: the deadline in ms, then a lease for each key. Versions are compared as digits: Lua's numbers
 * end at 2^53, and Postgres' do not.
 */
const raise = script(`${nowLua}
local deadline = tonumber(ARGV[1])
local function compare(a, b)
  if #a ~= #b then return #a - #b end
  if a == b then return 0 end
  return a < b and -1 or 1
end
for i, key in ipairs(KEYS) do
  local mine = string.match(ARGV[i + 1], '^%d+')
  local lies = redis.call('GET', key)
  local theirs = lies and string.match(lies, '^%d+')
  local order = theirs and compare(mine, theirs) or 1
  if deadline <= now then
    if theirs and order > 0 then redis.call('DEL', key) end
  elseif order > 0 or (order == 0 and deadline > now + redis.call('PTTL', key)) then
    redis.call('SET', key, ARGV[i + 1], 'PXAT', ARGV[1])
  end
end
return 1`);

export interface PermissionStoreOptions {
  /** 32 bytes, derived from the root secret. */
  readonly sealKey: Uint8Array;
  /** What permissions follow from besides rows: of another edition nothing is found. */
  readonly edition: string;
  /** A cache that is slower than this is no help. */
  readonly timeoutMs?: number;
}

export function createPermissionStore(client: ValkeyClient, options: PermissionStoreOptions): PermissionStore {
  const { sealKey, edition, timeoutMs = 250 } = options;

  /** What was stored under another key does not pass, nor what somebody else or another edition stored. */
  const seal = (key: string, text: string) =>
    createHmac('sha256', sealKey).update(`${edition}\n${key}\n${text}`).digest('base64url').slice(0, 22);
  const opened = (key: string, sealed: string | null): string | undefined => {
    const at = sealed?.lastIndexOf('.') ?? -1;
    if (!sealed || at < 0) return undefined;
    const text = sealed.slice(0, at);
    const found = Buffer.from(sealed.slice(at + 1));
    const wanted = Buffer.from(seal(key, text));
    return found.length === wanted.length && timingSafeEqual(found, wanted) ? text : undefined;
  };
  const sealed = (key: string, text: string) => `${text}.${seal(key, text)}`;

  const asked = <T>(command: Promise<T>): Promise<T> => within(timeoutMs, command);
  const run = (one: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> =>
    asked(
      client.evalsha(one.sha1, keys.length, ...keys, ...args).catch((error: Error) => {
        if (!error.message.startsWith('NOSCRIPT')) throw error;
        return client.eval(one.lua, keys.length, ...keys, ...args);
      }),
    );

  const get = async <T>(key: string): Promise<T | undefined> => {
    const text = opened(key, await asked(client.get(key)));
    return text === undefined ? undefined : (JSON.parse(text) as T);
  };
  const put = async (key: string, value: unknown, ttlMs: number): Promise<void> => {
    await asked(client.set(key, sealed(key, JSON.stringify(value)), 'PX', ttlMs));
  };

  return {
    async lookUp(tenant, user) {
      const keys = versionKeys(tenant, user);
      const [time, ...found] = (await run(lookUp, keys, [])) as [number, ...(string | null)[]];
      const lease = (index: number): Lease | undefined => {
        const text = keys[index] && opened(keys[index], found[index] ?? null);
        const [, version, readAt] = /^(\d+)@(\d+)$/.exec(text ?? '') ?? [];
        return version && readAt ? { version: BigInt(version), readAt: Number(readAt) } : undefined;
      };
      const ofTenant = lease(0);
      const ofUser = lease(1);
      return { time, ...(ofTenant ? { tenant: ofTenant } : {}), ...(ofUser ? { user: ofUser } : {}) };
    },

    async raise(tenant, user, version, { readAt, deadline }) {
      const keys = versionKeys(tenant, user);
      const leases = keys.map((key, index) =>
        sealed(key, `${index === 0 ? version.tenant : version.user}@${Math.floor(readAt)}`),
      );
      await run(raise, keys, [deadline, ...leases]);
    },

    async getPermissions(tenant, user, module, version) {
      const grants = await get<readonly HeldGrant[]>(permissionsKey(tenant, user, module, version));
      return grants && { tenantId: tenant, user, module, version, grants };
    },
    putPermissions: ({ tenantId, user, module, version, grants }, ttlMs) =>
      put(permissionsKey(tenantId, user, module, version), grants, ttlMs),

    getRoles: (tenant, version: PermissionVersion['tenant']) => get<readonly Role[]>(rolesKey(tenant, version)),
    putRoles: (tenant, version, roles, ttlMs) => put(rolesKey(tenant, version), roles, ttlMs),
  };
}

const versionKeys = (tenant: string, user: string | undefined): string[] =>
  user === undefined ? [tenantVersionKey(tenant)] : [tenantVersionKey(tenant), userVersionKey(tenant, user)];

/** Any failure of a cache means the same: go on without it. The server may still run what nobody waits for. */
async function within<T>(ms: number, command: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([command, late]);
  } catch (error) {
    throw new Unavailable('Valkey', error);
  } finally {
    clearTimeout(timer);
  }
}
