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

describe('what each protection of the store is there for', () => {
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
    expect(await found('losses', staleGrants, real, { deadline: true })).toBe(0);
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

describe('what each protection of the cache is there for', () => {
  test.each([
    ['memory that never asks for versions', 'now - known.askedAt < freshMs ? ', 'true ? '],
    ['freshness from when the answer came', '(wanted, version, askedAt, generation);\n    }\n    // Memory', '(wanted, version, clock(), generation);\n    }\n    // Memory'],
    ['joining a question of any age', 'flight && now - flight.startedAt < freshMs', 'flight'],
    ['a term from after Postgres answered', 'deadline: found.time + leaseMs', 'deadline: found.time + 60_000'],
  ])('%s', async (_, from, to) => {
    const changed = await mutant(from, to);
    const seen = [
      await found('losses', staleGrants, changed),
      await found('wrong hosts', staleGrants, changed),
      await found('wrong nodes', staleGrants, changed),
      await found('no store', staleGrants, changed),
    ];
    console.log(_, seen);
    expect(Math.max(...seen)).toBeGreaterThan(0);
  });
});
