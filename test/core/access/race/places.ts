/** Postgres and Valkey in virtual time, as slow, forgetful and wrong about the time as a world makes them. */
import { permissionsKey, rolesKey, tenantVersionKey, userVersionKey } from '#core/access/permission-keys.ts';
import { type Lease, type LeaseTerm, leaseMs, type PermissionStore } from '#core/access/permission-ports.ts';
import type { EffectivePermissions, PermissionSource, PermissionVersion, Role } from '#core/access/roles.ts';
import { Unavailable } from '#core/record/ports.ts';
import type { Schedule } from './schedule.ts';

/** One state of the truth, and when it was the truth. */
interface Era {
  readonly state: number;
  readonly granted: boolean;
  readonly from: number;
  to: number;
}

export const tenant = 't';
export const user = 'u';
/** What one of them learns of versions, the others go by. */
export const modules = ['m', 'n', 'o'] as const;

/** How long the way to a place and back takes, and whether the place fails; drawn anew for each call. */
export interface Trouble {
  there(): number;
  back(): number;
  fails(): boolean;
}

export class SimulatedPostgres {
  readonly eras: Era[] = [{ state: 0, granted: true, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }];
  readonly #version = { tenant: 1n, user: 1n };
  readonly #schedule: Schedule;
  readonly #trouble: Trouble;
  queries = 0;

  constructor(schedule: Schedule, trouble: Trouble) {
    this.#schedule = schedule;
    this.#trouble = trouble;
  }

  /** Commits the next state; its trigger raises the version of the tenant or of the user. */
  commit(granted: boolean, whose: 'tenant' | 'user'): number {
    const last = this.eras.at(-1)!;
    last.to = this.#schedule.now;
    this.#version[whose]++;
    this.eras.push({ state: last.state + 1, granted, from: this.#schedule.now, to: Number.POSITIVE_INFINITY });
    return last.state + 1;
  }

  get source(): PermissionSource {
    const version = () => ({ ...this.#version });
    const permission = () => `${this.eras.at(-1)!.granted ? 'granted' : 'denied'}.${this.eras.at(-1)!.state}`;
    return {
      load: (tenantId, who, module) =>
        this.#ask(() => ({
          tenantId,
          user: who,
          module,
          version: version(),
          grants: [{ module, permission: permission(), role: 'r' }],
        })),
      versions: () => this.#ask(version),
      usersOf: () => this.#ask(() => [user]),
      roles: () => this.#ask(() => ({ version: this.#version.tenant, roles: [] })),
    };
  }

  async #ask<T>(answer: () => T): Promise<T> {
    this.queries++;
    await this.#schedule.sleep(this.#trouble.there());
    if (this.#trouble.fails()) throw new Unavailable('Postgres');
    const answered = answer();
    await this.#schedule.sleep(this.#trouble.back());
    return answered;
  }
}

interface Kept<T> {
  readonly value: T;
  readonly expiresAt: number;
}

interface Memory {
  readonly leases: Map<string, Kept<Lease>>;
  readonly rest: Map<string, Kept<unknown>>;
}

/** What a test takes away, to see what it was there for. */
export interface Missing {
  /** A lower version replaces a higher one. */
  readonly onlyRaise?: true;
  /** A lease runs from when it is put, however old its reader's answer is. */
  readonly deadline?: true;
  /** Leases never end by the store's clock. */
  readonly expiry?: true;
}

const timeoutMs = 250;
const late = Symbol('late');

export class SimulatedValkey {
  readonly #schedule: Schedule;
  readonly #trouble: Trouble;
  readonly #missing: Missing;
  /** The node's time is true time and this. */
  #clockOff: number;
  #memory: Memory = { leases: new Map(), rest: new Map() };
  /** What a replica may have got to, by when it was no longer so. */
  readonly #past: { readonly until: number; readonly memory: Memory }[] = [];

  constructor(schedule: Schedule, trouble: Trouble, clockOff: number, missing: Missing) {
    this.#schedule = schedule;
    this.#trouble = trouble;
    this.#clockOff = clockOff;
    this.#missing = missing;
  }

  flush(): void {
    this.#memory = { leases: new Map(), rest: new Map() };
  }

  /** Forgets about half of what it has. */
  evict(draw: () => number): void {
    for (const map of [this.#memory.leases, this.#memory.rest]) {
      for (const key of map.keys()) if (draw() < 0.5) map.delete(key);
    }
  }

  /** A replica takes over that knows nothing of the last `lagMs`, with a clock of its own. */
  failOver(lagMs: number, clockOff: number): void {
    const known = this.#past.find(({ until }) => until > this.#schedule.now - lagMs)?.memory ?? this.#memory;
    this.#memory = { leases: new Map(known.leases), rest: new Map(known.rest) };
    this.#clockOff = clockOff;
  }

  get store(): PermissionStore {
    return {
      lookUp: (t, u) =>
        this.#command(() => {
          const ofTenant = this.#lease(tenantVersionKey(t));
          const ofUser = u === undefined ? undefined : this.#lease(userVersionKey(t, u));
          return { time: this.#time(), ...(ofTenant && { tenant: ofTenant }), ...(ofUser && { user: ofUser }) };
        }),
      raise: (t, u, version, term) => this.#command(() => this.#raise(t, u, version, term)),
      getPermissions: (t, u, module, version) =>
        this.#command(() => this.#get<EffectivePermissions>(permissionsKey(t, u, module, version))),
      putPermissions: (one, ttlMs) =>
        this.#command(() => this.#put(permissionsKey(one.tenantId, one.user, one.module, one.version), one, ttlMs)),
      getRoles: (t, version) => this.#command(() => this.#get<readonly Role[]>(rolesKey(t, version))),
      putRoles: (t, version, roles, ttlMs) => this.#command(() => this.#put(rolesKey(t, version), roles, ttlMs)),
    };
  }

  /** The caller gives up after its time limit; the server may run the command all the same, and later, and twice. */
  async #command<T>(run: () => T): Promise<T> {
    const work = async () => {
      await this.#schedule.sleep(this.#trouble.there());
      if (this.#trouble.fails()) throw new Unavailable('Valkey');
      if (this.#trouble.fails()) {
        run();
        await this.#schedule.sleep(this.#trouble.there());
      }
      const answer = run();
      await this.#schedule.sleep(this.#trouble.back());
      return answer;
    };
    const answer = await Promise.race([work(), this.#schedule.sleep(timeoutMs).then(() => late)]);
    if (answer === late) throw new Unavailable('Valkey');
    return answer as T;
  }

  /** What it knew until now, which a replica may still be at. */
  #remember(): void {
    const { leases, rest } = this.#memory;
    this.#past.push({ until: this.#schedule.now, memory: this.#memory });
    if (this.#past.length > 40) this.#past.shift();
    this.#memory = { leases: new Map(leases), rest: new Map(rest) };
  }

  #time(): number {
    return this.#schedule.now + this.#clockOff;
  }

  #lease(key: string): Lease | undefined {
    const kept = this.#memory.leases.get(key);
    return kept && (this.#missing.expiry || this.#time() < kept.expiresAt) ? kept.value : undefined;
  }

  #get<T>(key: string): T | undefined {
    const kept = this.#memory.rest.get(key);
    return kept && this.#time() < kept.expiresAt ? (kept.value as T) : undefined;
  }

  #put(key: string, value: unknown, ttlMs: number): void {
    this.#remember();
    this.#memory.rest.set(key, { value, expiresAt: this.#time() + ttlMs });
  }

  #raise(t: string, u: string | undefined, version: PermissionVersion, term: LeaseTerm): void {
    this.#remember();
    const put = (key: string, one: bigint) => {
      const before = this.#lease(key);
      if (before && before.version > one && !this.#missing.onlyRaise) return;
      if (this.#missing.deadline) {
        this.#memory.leases.set(key, {
          value: { version: one, readAt: term.readAt },
          expiresAt: this.#time() + leaseMs,
        });
        return;
      }
      if (this.#time() >= term.deadline) {
        if (before && before.version < one) this.#memory.leases.delete(key);
        return;
      }
      if (before?.version === one && this.#memory.leases.get(key)!.expiresAt >= term.deadline) return;
      this.#memory.leases.set(key, { value: { version: one, readAt: term.readAt }, expiresAt: term.deadline });
    };
    put(tenantVersionKey(t), version.tenant);
    if (u !== undefined) put(userVersionKey(t, u), version.user);
  }
}
