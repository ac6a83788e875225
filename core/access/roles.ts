/** Roles and permissions as data: what a tenant grants, to whom, until when. */
import type { Category, DataClass } from '#core/event/event.ts';
import type { NetworkClass } from './principal.ts';
import type { FieldGroup, FieldMode } from './view.ts';

/** The module of Trailkeep's own permissions; every other module belongs to the tenant's applications. */
export const ownModule = 'trailkeep';

/** A permission that a tenant's application knows: `invoice.approve` of module `billing`. */
export interface Permission {
  readonly module: string;
  readonly name: string;
  readonly description?: string;
}

/** One line of a role. `*` as the name stands for every permission of the module. */
export interface Grant {
  readonly module: string;
  readonly permission: string;
  /** Only events of these; absent means all. Read for permissions over events only. */
  readonly categories?: readonly Category[];
  readonly dataClasses?: readonly DataClass[];
  /** How much of each field group `events:read` shows at most; absent groups follow the default view. */
  readonly fields?: Partial<Record<FieldGroup, FieldMode>>;
  /** The grant counts only in these circumstances. Read for Trailkeep's own permissions only. */
  readonly when?: GrantConditions;
}

/** Every condition that is there must hold. */
export interface GrantConditions {
  /** The request names one of these purposes. */
  readonly purposes?: readonly string[];
  /** The request comes from such a network: `private` (RFC 1918, RFC 4193, loopback) or `public`. */
  readonly networks?: readonly NetworkClass[];
  /** The person proved a second factor at most so long ago. */
  readonly mfaWithinSeconds?: number;
  /** Hours of the day in UTC, 0 to 24: from included, to not. From 22 to 6 means over midnight. */
  readonly hours?: { readonly from: number; readonly to: number };
  /** The request names a ticket. */
  readonly ticket?: boolean;
}

export interface Role {
  /** Unique within the tenant; templates begin with `trailkeep:`. */
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  /** Roles whose grants this one has too. Cycles are refused when a role is put. */
  readonly inherits: readonly string[];
  readonly grants: readonly Grant[];
}

export interface Assignment {
  /** UUIDv7 */
  readonly id: string;
  /** A person's `sub`, or `service:<name>` for a service account. */
  readonly user: string;
  readonly role: string;
  /** Only the grants of this module count; absent means all. */
  readonly module?: string;
  readonly reason?: string;
  readonly grantedBy: string;
  readonly createdAt: Date;
  /** Ends by itself. */
  readonly expiresAt?: Date;
  /** Was ended. */
  readonly revokedAt?: Date;
}

/** A grant as a user holds it. */
export interface HeldGrant extends Grant {
  /** The role it came from, for explanations. */
  readonly role: string;
  /** Ms since 1970 when the assignment ends; a check compares it with its own now. */
  readonly until?: number;
}

/** Versions of what a user's permissions follow from. They come from Postgres and only grow. */
export interface PermissionVersion {
  readonly tenant: bigint;
  readonly user: bigint;
}

/** What one user may do in one module; what the permission cache holds. */
export interface EffectivePermissions {
  readonly tenantId: string;
  readonly user: string;
  readonly module: string;
  readonly version: PermissionVersion;
  readonly grants: readonly HeldGrant[];
}

/**
 * Told of a change inside its transaction, just before it commits. When it rejects, the change does not happen: so
 * nothing changes unrecorded. What it recorded may in turn not have happened, when the commit itself failed.
 */
export type Witness<T> = (before: T | undefined, after: T | undefined) => Promise<void>;

/**
 * Roles, permissions and assignments in Postgres. Lists are pages in ascending order of their key. What changes
 * nothing (the same put again, an end of what has ended) succeeds, calls no witness and raises no version.
 */
export interface RoleRegistry {
  /** A role of the tenant or a template; undefined when there is none. */
  getRole(tenant: string, id: string): Promise<Role | undefined>;
  /** Templates too. */
  listRoles(tenant: string, after: string | undefined, limit: number): Promise<readonly Role[]>;
  /** Makes or replaces. Rejects with Problem `role_invalid` for an unknown parent, a cycle or a template's id. Resolves with whether it was new. */
  putRole(tenant: string, role: Role, now: Date, witness?: Witness<Role>): Promise<boolean>;
  /** False when there is none. Rejects with Problem `conflict` while an assignment or a role names it. */
  deleteRole(tenant: string, id: string, witness?: Witness<Role>): Promise<boolean>;
  /** Ids of the roles that a user's live assignments lead to, inherited ones too. */
  rolesHeld(tenant: string, user: string): Promise<ReadonlySet<string>>;
  /** The same of all service accounts together. */
  rolesOfServices(tenant: string): Promise<ReadonlySet<string>>;

  /** In ascending order of module and name; of the tenant's own modules only. */
  listPermissions(
    tenant: string,
    module: string | undefined,
    after: Pick<Permission, 'module' | 'name'> | undefined,
    limit: number,
  ): Promise<readonly Permission[]>;
  /** Resolves with whether it was new. */
  putPermission(tenant: string, permission: Permission, witness?: Witness<Permission>): Promise<boolean>;
  deletePermission(tenant: string, module: string, name: string, witness?: Witness<Permission>): Promise<boolean>;

  /**
   * Resolves with the assignment that holds: a live one of the same user, role, module and end is found again and
   * not made twice. Rejects with Problem `not_found` when there is no such role, `conflict` when the user has too many.
   */
  assign(tenant: string, assignment: Assignment, witness?: Witness<Assignment>): Promise<Assignment>;
  getAssignment(tenant: string, id: string): Promise<Assignment | undefined>;
  /** By id, ascending: oldest first. Ended ones only when they are asked for. */
  listAssignments(
    tenant: string,
    filter: { readonly user?: string; readonly role?: string; readonly ended?: boolean },
    after: string | undefined,
    limit: number,
  ): Promise<readonly Assignment[]>;
  /** Ends it at `now`. Undefined when there is none. */
  revoke(tenant: string, id: string, now: Date, witness?: Witness<Assignment>): Promise<Assignment | undefined>;
}

/** The database behind the permission cache. */
export interface PermissionSource {
  /** ONE snapshot: versions and what follows from them. A user nobody knows has no grants and version 0. */
  load(tenant: string, user: string, module: string): Promise<EffectivePermissions>;
  versions(tenant: string, user: string): Promise<PermissionVersion>;
  /** Users with an assignment that counts in the module, ascending. */
  usersOf(tenant: string, module: string, after: string | undefined, limit: number): Promise<readonly string[]>;
  roles(tenant: string): Promise<{ readonly version: bigint; readonly roles: readonly Role[] }>;
}

/** The six operations of the specification; core/access/permission-cache.ts keeps them. */
export interface PermissionCache {
  /** Puts what was just loaded under the versions it was loaded with. */
  cacheUserPermissions(permissions: EffectivePermissions): Promise<void>;
  /** From memory, else Valkey, else Postgres; rejects with `Unavailable` when none answers: then the check denies. */
  getUserPermissions(tenant: string, user: string, module: string): Promise<EffectivePermissions>;
  /** After a commit that changed a user's assignments: this instance sees it at once, others within 1 s where Valkey answers, else within 2 s. */
  invalidateUserCache(tenant: string, user: string): Promise<void>;
  /** After a commit that changed a role: as above, for all users of the tenant. */
  invalidateRoleCache(tenant: string, role: string): Promise<void>;
  /** Loads these users; resolves with how many. */
  warmUpCache(tenant: string, users: readonly string[], module: string): Promise<number>;
  /** Loads every user of a module, up to a bound; resolves with how many. */
  preloadModulePermissions(tenant: string, module: string): Promise<number>;
}
