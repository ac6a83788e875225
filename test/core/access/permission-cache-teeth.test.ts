/** The race with one protection taken away at a time: each must then be seen to fail. */
import { describe, expect, test } from 'vitest';
import { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import type { PermissionStore } from '#core/access/permission-ports.ts';
import { mutant } from './race/mutant.ts';
import type { Missing } from './race/places.ts';
import { type MakeCache, runWorlds, type Tally, type Weather } from './race/world.ts';

const real: MakeCache = (ports) => new VersionedPermissionCache(ports);

/** Up to so many worlds; usually a few hundred suffice. */
const most = 6_000;

async function found(
  weather: Weather,
  count: (tally: Tally) => number,
  makeCache: MakeCache,
  missing: Missing = {},
): Promise<number> {
  for (let from = 0; from < most; from += 300) {
    const seen = count(await runWorlds({ from, count: 300 }, weather, makeCache, missing));
    if (seen > 0) return seen;
  }
  return 0;
}

const staleGrants = (tally: Tally) => tally.staleGrants;

/** What most caches do: permissions without versions, deleted when something changes. */
const cacheAside: MakeCache = (ports) => {
  const store = ports.store!;
  const one = { version: 1n, readAt: 0 };
  const anyVersion = { tenant: 1n, user: 1n };
  const careless: PermissionStore = {
    ...store,
    lookUp: async () => ({ time: 0, tenant: { ...one, readAt: ports.wall() }, user: { ...one, readAt: ports.wall() } }),
    getPermissions: async (t, u, m) => {
      const got = await store.getPermissions(t, u, m, anyVersion);
      return got && { ...got, version: anyVersion };
    },
    putPermissions: (permissions, ttlMs) => store.putPermissions({ ...permissions, version: anyVersion }, ttlMs),
  };
  return new VersionedPermissionCache({ ...ports, store: careless });
};

describe('what each protection of the store is there for', { timeout: 300_000 }, () => {
  test('permissions without versions are stale for as long as they lie there', async () => {
    expect(await found('losses', staleGrants, cacheAside)).toBeGreaterThan(0);
  });

  test('leases that never end outlive a lost invalidation', async () => {
    const noWall = await mutant('now - lease.readAt <= leaseMs', 'true');
    expect(await found('losses', staleGrants, noWall, { expiry: true })).toBeGreaterThan(0);
  });

  test('a lease that runs from when it is put lets a slow reader revive what was revoked', async () => {
    const noWall = await mutant('now - lease.readAt <= leaseMs', 'true');
    expect(await found('wrong hosts', staleGrants, noWall, { deadline: true })).toBeGreaterThan(0);
    // With hosts that know the time, their clocks alone keep the bound.
    expect((await runWorlds({ from: 0, count: 1_500 }, 'losses', real, { deadline: true })).staleGrants).toBe(0);
  });

  test('without the hosts’ clocks, a failover to a node with another time stretches leases', async () => {
    const noWall = await mutant('now - lease.readAt <= leaseMs', 'true');
    expect(await found('wrong nodes', staleGrants, noWall)).toBeGreaterThan(0);
  });

  test('a version that may fall undoes an invalidation', async () => {
    const undone = (tally: Tally) => tally.lateAfterInvalidation;
    expect(await found('quiet', undone, real, { onlyRaise: true })).toBeGreaterThan(0);
  });
});

describe('what each protection of the cache is there for', { timeout: 300_000 }, () => {
  test.each<readonly [string, Weather, string, string]>([
    ['memory asks for versions', 'no store', 'now - confirmed.askedAt < freshMs ? ', 'true ? '],
    ['freshness runs from when the question began', 'no store', 'askedAt: latest', 'askedAt: this.#ports.clock()'],
    ['only a young question is joined', 'no store', 'flight && now - flight.asOf < freshMs', 'flight'],
    ['the term runs from the miss', 'wrong hosts', 'found.time + leaseMs', 'found.time + 60_000'],
  ])('%s', async (_, weather, from, to) => {
    expect(await found(weather, staleGrants, await mutant(from, to))).toBeGreaterThan(0);
  });

  test('an invalidation outdates what was asked before it', async () => {
    const changed = await mutant('if (generation !== this.#generation) return;', '');
    expect(await found('quiet', (tally) => tally.lateAfterInvalidation, changed)).toBeGreaterThan(0);
  });

  test('a question that goes by older versions is joined only as long as those are fresh', async () => {
    // Too rare for chance: a lease read at its very end, a module asked for at the very end of that, and a slow Valkey.
    const joined = async (makeCache: MakeCache) => {
      let now = 0;
      const answers: (() => void)[] = [];
      const version = { tenant: 1n, user: 1n };
      const lease = { version: 1n, readAt: 0 };
      const grants = (permission: string) => [{ module: 'n', permission, role: 'r' }];
      const of = (user: string, module: string) => ({
        tenantId: 't',
        user,
        module,
        version,
        grants: grants('granted'),
      });
      const revoked = {
        tenantId: 't',
        user: 'u',
        module: 'n',
        version: { tenant: 1n, user: 2n },
        grants: grants('denied'),
      };
      const cache = makeCache({
        source: {
          load: async () => revoked,
          versions: async () => revoked.version,
          usersOf: async () => [],
          roles: async () => ({ version: 1n, roles: [] }),
        },
        store: {
          lookUp: async () => (now < 950 ? { time: now, tenant: lease, user: lease } : { time: now }),
          raise: async () => {},
          getPermissions: (_, user, module) =>
            module === 'm'
              ? Promise.resolve(of(user, module))
              : new Promise((answer) => answers.push(() => answer(of(user, module)))),
          putPermissions: async () => {},
          getRoles: async () => undefined,
          putRoles: async () => {},
        },
        clock: () => now,
        wall: () => now,
        jitter: () => 0,
        meter: { answered() {}, storeFailed() {}, denied() {} },
      });
      // Postgres was asked at 0, and the revocation is committed at 1; its invalidation is lost.
      now = 949;
      await cache.getUserPermissions('t', 'u', 'm');
      now = 949 + 949;
      const slow = cache.getUserPermissions('t', 'u', 'n');
      now = 2_002;
      const late = cache.getUserPermissions('t', 'u', 'n');
      await new Promise((rested) => setImmediate(rested));
      for (const answer of answers) answer();
      await slow;
      return (await late).grants[0]!.permission;
    };
    expect(await joined(real)).toBe('denied');
    expect(await joined(await mutant('asOf: known?.askedAt ?? now', 'asOf: now'))).toBe('granted');
  });
});
