/** The six operations of the permission cache, by what they answer and how often they ask. */
import { beforeEach, describe, expect, test } from 'vitest';
import { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import { permissionsKey, tenantVersionKey, userVersionKey } from '#core/access/permission-keys.ts';
import type { PermissionLayer, PermissionStore } from '#core/access/permission-ports.ts';
import { Recent } from '#core/access/recent.ts';
import type { PermissionSource } from '#core/access/roles.ts';
import { steadyClock } from '#core/access/steady-clock.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type Missing, SimulatedPostgres, SimulatedValkey, tenant, user } from './race/places.ts';
import { Schedule } from './race/schedule.ts';

const noTrouble = { there: () => 0, back: () => 0, fails: () => false };
const minuteMs = 60_000;

let schedule: Schedule;
let postgres: SimulatedPostgres;
let valkey: SimulatedValkey;
let now = 0;
let jitter = 0;
/** Places that are down. */
let down: { postgres: boolean; valkey: boolean };
let asked: string[];
let layers: [PermissionLayer, number][];

beforeEach(() => {
  schedule = new Schedule();
  postgres = new SimulatedPostgres(schedule, noTrouble);
  const missing: Missing = {};
  valkey = new SimulatedValkey(schedule, noTrouble, 0, missing);
  now = 0;
  jitter = 0;
  down = { postgres: false, valkey: false };
  asked = [];
  layers = [];
});

/** Every method of a port, with its name noted, and failing while its place is down. */
function noted<T extends object>(place: 'postgres' | 'valkey', port: T): T {
  const methods = Object.entries(port).map(([name, method]) => [
    name,
    (...args: unknown[]) => {
      asked.push(name);
      return down[place] ? Promise.reject(new Unavailable(place)) : method(...args);
    },
  ]);
  return Object.fromEntries(methods) as T;
}

function open(options: { valkey?: boolean } = {}) {
  const source: PermissionSource = noted('postgres', postgres.source);
  const store: PermissionStore = noted('valkey', valkey.store);
  return new VersionedPermissionCache({
    source,
    ...(options.valkey === false ? {} : { store }),
    clock: () => now,
    wall: () => 1_000_000 + now,
    jitter: () => jitter,
    meter: { answered: (layer, queries) => layers.push([layer, queries]), storeFailed() {}, denied() {} },
  });
}

/** Time goes on everywhere. */
async function pass(ms: number): Promise<void> {
  now += ms;
  void schedule.sleep(ms);
  await schedule.run();
}

async function settled<T>(work: Promise<T>): Promise<T> {
  const outcome = work.then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error;
    },
  );
  // Nothing of these tests takes virtual time but the time limit of Valkey's commands, which the clock ignores.
  await schedule.run();
  return (await outcome)();
}

const permission = async (cache: VersionedPermissionCache, module = 'm', who = user) =>
  (await settled(cache.getUserPermissions(tenant, who, module))).grants[0]!.permission;

test('keys are those of the specification, with versions, in one slot, and no id can pretend to be another', () => {
  const version = { tenant: 3n, user: 4n };
  expect(permissionsKey('t', 'u', 'm', version)).toBe('permissions:tenant_{t}:user_u:module_m:v3.4');
  expect(permissionsKey('t', 'a:module_b', 'c', version)).not.toBe(permissionsKey('t', 'a', 'b:module_c', version));
  expect(userVersionKey('t', '*')).not.toBe(tenantVersionKey('t'));
  expect(userVersionKey('t}', '{u')).toBe('version:tenant_{t%7D}:user_%7Bu');
});

describe('getUserPermissions', () => {
  test('from Postgres, then from memory, without a question', async () => {
    const cache = open();
    await permission(cache);
    expect(asked).toEqual(['lookUp', 'load', 'putPermissions', 'raise']);
    asked.length = 0;
    await permission(cache);
    expect(asked).toEqual([]);
    expect(layers).toEqual([
      ['database', 1],
      ['memory', 0],
    ]);
  });

  test('another instance finds it in Valkey, and Postgres is asked nothing', async () => {
    await permission(open());
    asked.length = 0;
    const other = open();
    await permission(other);
    expect(asked).toEqual(['lookUp', 'getPermissions']);
    expect(layers.at(-1)).toEqual(['store', 0]);
  });

  test('after a second only the versions are asked for: in Valkey while they are on lease, else in Postgres', async () => {
    const cache = open();
    await permission(cache);
    await pass(951);
    asked.length = 0;
    await permission(cache);
    expect(asked).toEqual(['lookUp', 'versions', 'raise']);
    const other = open();
    await permission(other);
    asked.length = 0;
    await pass(500);
    await permission(other);
    expect(asked).toEqual([]);
  });

  test('without Valkey, memory and one small question a second', async () => {
    const cache = open({ valkey: false });
    for (let at = 0; at < 10; at++) {
      for (let n = 0; n < 5; n++) await permission(cache);
      await pass(951);
    }
    expect(asked).toEqual(['load', ...Array(9).fill('versions')]);
  });

  test('a hundred checks at once are one question', async () => {
    const cache = open();
    await settled(Promise.all(Array.from({ length: 100 }, () => cache.getUserPermissions(tenant, user, 'm'))));
    expect(asked.filter((name) => name === 'load')).toHaveLength(1);
    expect(layers.filter(([layer]) => layer === 'flight')).toHaveLength(99);
  });

  test.each([
    [0, 15 * minuteMs],
    [1, 13.5 * minuteMs],
  ])('never past its time: memory lets go after 15 minutes, less up to a tenth (jitter %d)', async (chance, ttlMs) => {
    jitter = chance;
    const cache = open({ valkey: false });
    await permission(cache);
    await pass(ttlMs - 1);
    asked.length = 0;
    await permission(cache);
    expect(asked).toEqual(['versions']);
    await pass(1);
    asked.length = 0;
    await permission(cache);
    expect(asked).toContain('load');
  });

  test('never past its time: nor does Valkey after an hour', async () => {
    await permission(open());
    await pass(60 * minuteMs);
    // Somebody else's question puts the versions on lease again; what lay under them is gone.
    await permission(open(), 'another');
    asked.length = 0;
    await permission(open());
    expect(asked).toEqual(['lookUp', 'getPermissions', 'load', 'putPermissions', 'raise']);
  });

  test('grants keep the end of their assignment: the check compares it with its own now', async () => {
    const until = 1_900_000_000_000;
    const load = postgres.source.load;
    const cache = new VersionedPermissionCache({
      source: {
        ...postgres.source,
        load: async (...args) => {
          const loaded = await load(...args);
          return { ...loaded, grants: loaded.grants.map((grant) => ({ ...grant, until })) };
        },
      },
      clock: () => now,
      wall: () => now,
      jitter: () => 0,
      meter: { answered() {}, storeFailed() {}, denied() {} },
    });
    for (let n = 0; n < 3; n++) {
      expect((await settled(cache.getUserPermissions(tenant, user, 'm'))).grants[0]!.until).toBe(until);
    }
  });

  test('a name that is no text has no grants, and nobody is asked', async () => {
    expect((await settled(open().getUserPermissions(tenant, '\ud800', 'm'))).grants).toEqual([]);
    expect(asked).toEqual([]);
  });
});

describe('a place that is down', () => {
  test('Valkey: Postgres answers, and Valkey is left alone for a second', async () => {
    const cache = open();
    down.valkey = true;
    await permission(cache);
    expect(asked).toEqual(['lookUp', 'load']);
    await pass(951);
    asked.length = 0;
    await permission(cache);
    expect(asked).toEqual(['versions']);
    await pass(951);
    down.valkey = false;
    asked.length = 0;
    await permission(cache);
    expect(asked).toEqual(['lookUp', 'versions', 'raise']);
  });

  test('Postgres: what is known is known for less than a second, then checks are denied', async () => {
    const cache = open();
    await permission(cache);
    down.postgres = true;
    await pass(500);
    await permission(cache);
    await pass(451);
    await expect(permission(cache)).rejects.toThrow(Unavailable);
  });

  test('both: denied; and a failure is not remembered', async () => {
    const cache = open();
    down = { postgres: true, valkey: true };
    await expect(permission(cache)).rejects.toThrow(Unavailable);
    down = { postgres: false, valkey: false };
    expect(await permission(cache)).toBe('granted.0');
  });

  test('an invalidation fails no change', async () => {
    const cache = open();
    for (down of [
      { postgres: true, valkey: false },
      { postgres: false, valkey: true },
      { postgres: true, valkey: true },
    ]) {
      await settled(cache.invalidateUserCache(tenant, user));
      await settled(cache.invalidateRoleCache(tenant, 'r'));
    }
  });
});

describe('after a change', () => {
  test.each(['user', 'tenant'] as const)('of the %s, its invalidation shows it here at once', async (whose) => {
    for (const cache of [open(), open({ valkey: false })]) {
      await permission(cache);
      const state = postgres.commit(false, whose);
      const invalidated =
        whose === 'user' ? cache.invalidateUserCache(tenant, user) : cache.invalidateRoleCache(tenant, 'r');
      await settled(invalidated);
      expect(await permission(cache)).toBe(`denied.${state}`);
    }
  });

  test('and without it within two seconds, in every instance', async () => {
    const caches = [open(), open(), open({ valkey: false })];
    for (const cache of caches) await permission(cache);
    postgres.commit(false, 'user');
    await pass(2_000);
    for (const cache of caches) expect(await permission(cache)).toBe('denied.1');
  });

  test('roles by the same rules, for an hour', async () => {
    const cache = open({ valkey: false });
    await settled(cache.getRoles(tenant));
    await settled(cache.getRoles(tenant));
    expect(asked).toEqual(['roles']);
    await pass(951);
    await settled(cache.getRoles(tenant));
    expect(asked).toEqual(['roles', 'versions']);
    postgres.commit(true, 'tenant');
    await settled(cache.invalidateRoleCache(tenant, 'r'));
    asked.length = 0;
    await settled(cache.getRoles(tenant));
    expect(asked).toEqual(['versions', 'roles']);
  });
});

describe('filling it', () => {
  test('what is cached is used as soon as its versions are known to hold', async () => {
    const cache = open({ valkey: false });
    const loaded = await settled(postgres.source.load(tenant, user, 'm'));
    await settled(cache.cacheUserPermissions(loaded));
    await permission(cache);
    expect(asked).toEqual(['versions']);
  });

  test('what was cached under versions that no longer hold is not used', async () => {
    const cache = open();
    const loaded = await settled(postgres.source.load(tenant, user, 'm'));
    postgres.commit(false, 'user');
    await settled(cache.cacheUserPermissions(loaded));
    expect(await permission(cache)).toBe('denied.1');
  });

  test('warming up and preloading say how many, and then nothing is asked', async () => {
    const cache = open();
    expect(await settled(cache.warmUpCache(tenant, ['a', 'b', 'c', 'd', 'e', 'f'], 'm'))).toBe(6);
    expect(await settled(cache.preloadModulePermissions(tenant, 'm'))).toBe(1);
    asked.length = 0;
    for (const who of ['a', 'f', user]) await permission(cache, 'm', who);
    expect(asked).toEqual([]);
  });
});

test('the least recently used goes first', () => {
  const recent = new Recent<number>(2);
  recent.set('a', 1);
  recent.set('b', 2);
  recent.get('a');
  recent.set('c', 3);
  expect([recent.get('a'), recent.get('b'), recent.get('c'), recent.size]).toEqual([1, undefined, 3, 2]);
});

test('a steady clock goes with whichever clock went further, and never back', () => {
  let monotonic = 0;
  let wall = 5_000;
  const clock = steadyClock(
    () => monotonic,
    () => wall,
  );
  const step = (byMonotonic: number, byWall: number) => {
    monotonic += byMonotonic;
    wall += byWall;
    return clock();
  };
  expect(step(10, 10)).toBe(10);
  // Frozen: the monotonic clock stood still.
  expect(step(0, 60_000)).toBe(60_010);
  // The wall clock was set back.
  expect(step(5, -3_600_000)).toBe(60_015);
});
