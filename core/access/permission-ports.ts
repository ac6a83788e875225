/** What the permission cache leans on, each with the promise its driver keeps. */
import type { EffectivePermissions, PermissionVersion, Role } from './roles.ts';

/** How old what a reader goes by may be. Twice 950 ms leaves 100 ms of the promised 2 s for clocks that disagree. */
export const freshMs = 950;
/** How long a version may lie in the shared store, counted from before Postgres was asked for it. */
export const leaseMs = 950;

/**
 * A version that someone read in Postgres, good for `leaseMs`.
 *
 * Its age is told twice, by clocks that know nothing of each other: the store forgets it at a time of its own clock,
 * and the reader compares `readAt` with its own. Either alone keeps the bound, so a failover to a node with another
 * time, or a host with a wrong time, costs hits and never freshness.
 */
export interface Lease {
  readonly version: bigint;
  /** Ms since 1970 at the reader that took it out, from before it asked Postgres. */
  readonly readAt: number;
}

/** Until when a version may be put on lease. */
export interface LeaseTerm {
  readonly readAt: number;
  /** Ms of the store's clock: its time when the lease was found missing, and `leaseMs`. */
  readonly deadline: number;
}

/**
 * The second layer, shared by all instances: Valkey. Everything in it may vanish or be lost at any time.
 * Every method rejects within a fraction of a second when the store does not answer; a rejected write may still
 * happen later, and then does no harm.
 */
export interface PermissionStore {
  /** The versions on lease and the store's time, in one step. Without a user only the tenant's. */
  lookUp(
    tenant: string,
    user: string | undefined,
  ): Promise<{ readonly time: number; readonly tenant?: Lease; readonly user?: Lease }>;
  /**
   * Puts versions on lease. A lower version never replaces a higher one; the same one takes the later deadline; after
   * its deadline nothing is put, and a lower one that lies there goes. Repeating and reordering are safe.
   */
  raise(tenant: string, user: string | undefined, version: PermissionVersion, term: LeaseTerm): Promise<void>;
  /** What was put under exactly these versions, or undefined. */
  getPermissions(
    tenant: string,
    user: string,
    module: string,
    version: PermissionVersion,
  ): Promise<EffectivePermissions | undefined>;
  /** Under its own versions, for `ttlMs`. What lies under a version never changes. */
  putPermissions(permissions: EffectivePermissions, ttlMs: number): Promise<void>;
  getRoles(tenant: string, version: bigint): Promise<readonly Role[] | undefined>;
  putRoles(tenant: string, version: bigint, roles: readonly Role[], ttlMs: number): Promise<void>;
}

/** Who answered a check: this instance's memory, another check under way, the shared store, or Postgres. */
export const permissionLayers = ['memory', 'flight', 'store', 'database'] as const;
export type PermissionLayer = (typeof permissionLayers)[number];

export interface PermissionMeter {
  /** `queries`: how often Postgres was asked for this answer; none is one saved. */
  answered(layer: PermissionLayer, queries: number): void;
  /** The shared store did not answer. */
  storeFailed(): void;
  /** Nobody could tell: the check was denied. */
  denied(): void;
}
