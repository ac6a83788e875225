/**
 * What a user may do, from memory, else Valkey, else Postgres; and never on the word of something stale.
 *
 * Permissions lie under the versions they follow from, so what lies there never changes and nothing is ever deleted.
 * The versions come from Postgres alone: a trigger raises them in the transaction of each change. So the only
 * question is how old a *version* may be that a reader goes by, and the answer is 2 s, by construction:
 *
 * 1. Memory goes by a version for 950 ms from the START of the question that confirmed it.
 * 2. Valkey holds a version on lease, until 950 ms after the time (Valkey's own) at which somebody found the lease
 *    missing. That moment is taken BEFORE Postgres is asked, so a version that a change made old at C was asked for
 *    before C, and its lease ends before C + 950 ms: however slow its reader was, however late the server ran its
 *    command, whatever was lost, reordered, flushed or brought back by a failover.
 * 3. A question that such a lease answered began before it ended, so memory lets go before C + 1.9 s.
 * 4. A check joins another one under way only while the oldest question of that one, which may be the one that
 *    confirmed the versions it goes by, began less than 950 ms ago: 3 then holds for both.
 *
 * A lease carries a second age, of the readers' clocks, and the reader refuses it when either says it is too old.
 * 100 ms are left for clocks that run at different rates and hosts that disagree; if Valkey's clock is right the
 * hosts' may be wrong by hours, and the other way round.
 *
 * `invalidate…` makes a change visible sooner (here at once, elsewhere within 950 ms); nothing depends on it.
 */
import { Unavailable } from '#core/record/ports.ts';
import { permissionsName, rolesName, tenantVersionKey, userVersionKey } from './permission-keys.ts';
import {
  freshMs,
  type Lease,
  type LeaseTerm,
  leaseMs,
  type PermissionMeter,
  type PermissionStore,
} from './permission-ports.ts';
import { Recent } from './recent.ts';
import type { EffectivePermissions, PermissionCache, PermissionSource, PermissionVersion, Role } from './roles.ts';

export interface PermissionCachePorts {
  readonly source: PermissionSource;
  /** Valkey; without it there is memory and Postgres. */
  readonly store?: PermissionStore;
  /** Ms that never run backwards nor slower than time passes: see steady-clock.ts. */
  readonly clock: () => number;
  /** Ms since 1970. */
  readonly wall: () => number;
  /** From 0 to 1, by chance: what was put together does not run out together. */
  readonly jitter: () => number;
  readonly meter: PermissionMeter;
}

/** Upper bounds; versions decide long before. Jitter takes up to a tenth off. */
const memoryTtlMs = 15 * 60_000;
const storeTtlMs = 60 * 60_000;
const rolesTtlMs = 60 * 60_000;
const heldMax = 20_000;
const preloadMax = 5_000;
const pageSize = 500;
const loadsAtOnce = 4;
/** How long a store that failed is left alone. */
const restMs = 1_000;
/** Hosts whose clocks differ by more do not believe each other's leases. */
const aheadMsMax = 50;
/** The principal whose version is the tenant's. */
const everyone = '*';

/** Something that follows from versions: a user's permissions, or, without a user, the tenant's roles. */
interface Wanted<T> {
  readonly tenant: string;
  readonly user: string | undefined;
  readonly name: string;
  readonly memoryTtlMs: number;
  load(): Promise<{ readonly version: PermissionVersion; readonly value: T }>;
  find(store: PermissionStore, version: PermissionVersion): Promise<T | undefined>;
  keep(store: PermissionStore, version: PermissionVersion, value: T): Promise<void>;
}

interface Held {
  readonly version: PermissionVersion;
  readonly value: unknown;
  readonly expiresAt: number;
}

interface Confirmed {
  readonly version: bigint;
  /** When the question began that this was the answer to. */
  readonly askedAt: number;
}

/** Versions, and when the question began that they were the answer to. */
interface Known {
  readonly version: PermissionVersion;
  readonly askedAt: number;
}

/** A check under way. */
interface Flight {
  /** When its oldest question began, which may be the one that confirmed the versions it goes by. */
  readonly asOf: number;
  readonly answer: Promise<unknown>;
}

const same = (a: PermissionVersion, b: PermissionVersion) => a.tenant === b.tenant && a.user === b.user;

/** The six operations, and roles by the same rules. One for an execution environment. */
export class VersionedPermissionCache implements PermissionCache {
  readonly #ports: PermissionCachePorts;
  readonly #held = new Recent<Held>(heldMax);
  readonly #confirmed = new Recent<Confirmed>(heldMax);
  readonly #flights = new Map<string, Flight>();
  /** Raised by every invalidation: what was asked before it confirms nothing after it. */
  #generation = 0;
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(ports: PermissionCachePorts) {
    this.#ports = ports;
  }

  async getUserPermissions(tenant: string, user: string, module: string): Promise<EffectivePermissions> {
    // Postgres holds no such text, so nobody is called that.
    if (![tenant, user, module].every((text) => text.isWellFormed())) {
      return { tenantId: tenant, user, module, version: { tenant: 0n, user: 0n }, grants: [] };
    }
    return this.#get(this.#permissionsOf(tenant, user, module));
  }

  /** The tenant's roles and the templates. Rejects with `Unavailable` when nobody can tell. */
  async getRoles(tenant: string): Promise<readonly Role[]> {
    return this.#get(this.#rolesOf(tenant));
  }

  async cacheUserPermissions(permissions: EffectivePermissions): Promise<void> {
    const wanted = this.#permissionsOf(permissions.tenantId, permissions.user, permissions.module);
    await this.#keep(wanted, permissions.version, permissions);
  }

  async invalidateUserCache(tenant: string, user: string): Promise<void> {
    await this.#invalidate(tenant, user);
  }

  async invalidateRoleCache(tenant: string, _role: string): Promise<void> {
    await this.#invalidate(tenant, undefined);
  }

  async warmUpCache(tenant: string, users: readonly string[], module: string): Promise<number> {
    const waiting = users.values();
    const work = async () => {
      for (const user of waiting) await this.getUserPermissions(tenant, user, module);
    };
    await Promise.all(Array.from({ length: loadsAtOnce }, work));
    return users.length;
  }

  async preloadModulePermissions(tenant: string, module: string): Promise<number> {
    let loaded = 0;
    let after: string | undefined;
    while (loaded < preloadMax) {
      const limit = Math.min(pageSize, preloadMax - loaded);
      const users = await this.#ports.source.usersOf(tenant, module, after, limit);
      loaded += await this.warmUpCache(tenant, users, module);
      if (users.length < limit) break;
      after = users.at(-1);
    }
    return loaded;
  }

  async #get<T>(wanted: Wanted<T>): Promise<T> {
    const { clock, meter } = this.#ports;
    const now = clock();
    const known = this.#known(wanted, now);
    const held = known && this.#heldUnder(wanted, known.version, now);
    if (held) {
      meter.answered('memory', 0);
      return held.value as T;
    }
    const flight = this.#flights.get(wanted.name);
    if (flight && now - flight.asOf < freshMs) {
      const answer = await flight.answer;
      meter.answered('flight', 0);
      return answer as T;
    }
    return this.#fly(wanted, known, now);
  }

  async #fly<T>(wanted: Wanted<T>, known: Known | undefined, now: number): Promise<T> {
    const answer = this.#find(wanted, known?.version);
    const flight = { asOf: known?.askedAt ?? now, answer };
    this.#flights.set(wanted.name, flight);
    try {
      return await answer;
    } catch (error) {
      this.#ports.meter.denied();
      throw error;
    } finally {
      if (this.#flights.get(wanted.name) === flight) this.#flights.delete(wanted.name);
    }
  }

  /** Asks what must be asked, in the cheapest order. `known` is what memory goes by, if it is fresh. */
  async #find<T>(wanted: Wanted<T>, known: PermissionVersion | undefined): Promise<T> {
    const { clock, meter } = this.#ports;
    const { tenant, user } = wanted;
    const generation = this.#generation;
    let queries = 0;
    let version = known;
    let term: LeaseTerm | undefined;
    if (!version) {
      const askedAt = clock();
      ({ version, term } = await this.#lookUp(tenant, user));
      if (version) this.#confirm(wanted, version, askedAt, generation);
    }
    // Memory has it, if only Postgres says that its versions still hold: that is the smaller question.
    if (!version && this.#heldAt(wanted, clock())) {
      const askedAt = clock();
      queries++;
      version = await this.#versions(tenant, user);
      this.#confirm(wanted, version, askedAt, generation);
      await this.#raise(tenant, user, version, term);
    }
    if (version) {
      const asked = version;
      const held = this.#heldUnder(wanted, asked, clock());
      if (held) {
        meter.answered('memory', queries);
        return held.value as T;
      }
      const found = await this.#ask((store) => wanted.find(store, asked));
      if (found !== undefined) {
        this.#hold(wanted, asked, found);
        meter.answered('store', queries);
        return found;
      }
    }
    const askedAt = clock();
    queries++;
    const loaded = await wanted.load();
    this.#confirm(wanted, loaded.version, askedAt, generation);
    await Promise.all([
      this.#keep(wanted, loaded.version, loaded.value),
      this.#raise(tenant, user, loaded.version, term),
    ]);
    meter.answered('database', queries);
    return loaded.value;
  }

  /** The versions on lease, if both are there and believed; and the term on which new ones may be put there. */
  async #lookUp(
    tenant: string,
    user: string | undefined,
  ): Promise<{ version?: PermissionVersion | undefined; term?: LeaseTerm }> {
    const readAt = this.#ports.wall();
    const found = await this.#ask((store) => store.lookUp(tenant, user));
    if (!found) return {};
    const term = { readAt, deadline: found.time + leaseMs };
    const now = this.#ports.wall();
    const believed = (lease: Lease | undefined) =>
      lease && now - lease.readAt <= leaseMs && now - lease.readAt >= -aheadMsMax ? lease.version : undefined;
    const ofTenant = believed(found.tenant);
    const ofUser = user === undefined ? 0n : believed(found.user);
    if (ofTenant === undefined || ofUser === undefined) return { term };
    return { version: { tenant: ofTenant, user: ofUser }, term };
  }

  async #raise(
    tenant: string,
    user: string | undefined,
    version: PermissionVersion,
    term: LeaseTerm | undefined,
  ): Promise<void> {
    if (term) await this.#ask((store) => store.raise(tenant, user, version, term));
  }

  async #versions(tenant: string, user: string | undefined): Promise<PermissionVersion> {
    const version = await this.#ports.source.versions(tenant, user ?? everyone);
    return user === undefined ? { tenant: version.tenant, user: 0n } : version;
  }

  /** After a commit. The bound holds without it, so a place that is down does not fail the change. */
  async #invalidate(tenant: string, user: string | undefined): Promise<void> {
    this.#forget(tenant, user);
    const { term } = await this.#lookUp(tenant, user);
    if (term) {
      try {
        await this.#raise(tenant, user, await this.#versions(tenant, user), term);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
      }
    }
    // Again: what was asked in between may have met the old lease.
    this.#forget(tenant, user);
  }

  #forget(tenant: string, user: string | undefined): void {
    this.#generation++;
    this.#flights.clear();
    this.#confirmed.delete(user === undefined ? tenantVersionKey(tenant) : userVersionKey(tenant, user));
  }

  /** Remembers since when versions are known; while a higher one is fresh, a lower one is an older answer that came late. */
  #confirm(wanted: Wanted<unknown>, version: PermissionVersion, askedAt: number, generation: number): void {
    if (generation !== this.#generation) return;
    const remember = (key: string, one: bigint) => {
      const before = this.#confirmed.get(key);
      if (before && before.version > one && this.#ports.clock() - before.askedAt < freshMs) return;
      const latest = before?.version === one ? Math.max(before.askedAt, askedAt) : askedAt;
      this.#confirmed.set(key, { version: one, askedAt: latest });
    };
    remember(tenantVersionKey(wanted.tenant), version.tenant);
    if (wanted.user !== undefined) remember(userVersionKey(wanted.tenant, wanted.user), version.user);
  }

  /** The versions to go by without a question. */
  #known(wanted: Wanted<unknown>, now: number): Known | undefined {
    const fresh = (key: string) => {
      const confirmed = this.#confirmed.get(key);
      return confirmed && now - confirmed.askedAt < freshMs ? confirmed : undefined;
    };
    const tenant = fresh(tenantVersionKey(wanted.tenant));
    if (!tenant) return undefined;
    if (wanted.user === undefined) return { version: { tenant: tenant.version, user: 0n }, askedAt: tenant.askedAt };
    const user = fresh(userVersionKey(wanted.tenant, wanted.user));
    if (!user) return undefined;
    const version = { tenant: tenant.version, user: user.version };
    return { version, askedAt: Math.min(tenant.askedAt, user.askedAt) };
  }

  #heldAt(wanted: Wanted<unknown>, now: number): Held | undefined {
    const held = this.#held.get(wanted.name);
    return held && now < held.expiresAt ? held : undefined;
  }

  #heldUnder(wanted: Wanted<unknown>, version: PermissionVersion, now: number): Held | undefined {
    const held = this.#heldAt(wanted, now);
    return held && same(held.version, version) ? held : undefined;
  }

  #hold(wanted: Wanted<unknown>, version: PermissionVersion, value: unknown): void {
    const expiresAt = this.#ports.clock() + this.#shortened(wanted.memoryTtlMs);
    this.#held.set(wanted.name, { version, value, expiresAt });
  }

  async #keep<T>(wanted: Wanted<T>, version: PermissionVersion, value: T): Promise<void> {
    this.#hold(wanted, version, value);
    await this.#ask((store) => wanted.keep(store, version, value));
  }

  #shortened(ttlMs: number): number {
    return Math.floor(ttlMs * (1 - this.#ports.jitter() / 10));
  }

  /** Asks the store, if there is one and it is not resting after a failure; undefined when it does not answer. */
  async #ask<T>(question: (store: PermissionStore) => Promise<T>): Promise<T | undefined> {
    const { store, clock, meter } = this.#ports;
    if (!store || clock() < this.#restUntil) return undefined;
    try {
      return await question(store);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      this.#restUntil = clock() + restMs;
      meter.storeFailed();
      return undefined;
    }
  }

  #permissionsOf(tenant: string, user: string, module: string): Wanted<EffectivePermissions> {
    return {
      tenant,
      user,
      name: permissionsName(tenant, user, module),
      memoryTtlMs,
      load: async () => {
        const value = await this.#ports.source.load(tenant, user, module);
        return { version: value.version, value };
      },
      find: (store, version) => store.getPermissions(tenant, user, module, version),
      keep: (store, _, value) => store.putPermissions(value, this.#shortened(storeTtlMs)),
    };
  }

  #rolesOf(tenant: string): Wanted<readonly Role[]> {
    return {
      tenant,
      user: undefined,
      name: rolesName(tenant),
      memoryTtlMs: rolesTtlMs,
      load: async () => {
        const { version, roles } = await this.#ports.source.roles(tenant);
        return { version: { tenant: version, user: 0n }, value: roles };
      },
      find: (store, version) => store.getRoles(tenant, version.tenant),
      keep: (store, version, roles) => store.putRoles(tenant, version.tenant, roles, this.#shortened(rolesTtlMs)),
    };
  }
}
