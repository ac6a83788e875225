/**
 * The registry in Postgres: tenants, their keys, projects and policy. Each comment is the promise its driver keeps.
 *
 * Every method runs in one transaction and is durable when it resolves. All reject with `Unavailable` when the
 * database is down. Repeating a write after an unknown outcome is safe: it either finds its own row (`conflict`)
 * or does the same again. Lists are pages in ascending order of their key: pass the last key of the page before.
 */
import type { RetentionPolicy } from '../archive/retention.ts';
import type { Scope, TenantPolicy } from './access.ts';
import type { Claims } from './claims.ts';
import type { Issuer } from './issuer.ts';

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}

/** The platform's verbs only: it sees all tenants. */
export interface TenantRegistry {
  /** Rejects with Problem `conflict` when the id exists. */
  create(tenant: Tenant): Promise<void>;
  get(id: string): Promise<Tenant | undefined>;
  /** By id, ascending (ids are UUIDv7: oldest first). */
  list(after: string | undefined, limit: number): Promise<readonly Tenant[]>;
  /** Resolves with the tenant as it is now, or undefined when there is none. */
  rename(id: string, name: string): Promise<Tenant | undefined>;
}

export interface ApiKey {
  readonly keyId: string;
  readonly tenant: string;
  readonly name: string;
  /** Hex SHA-256 of the secret; the secret itself is stored nowhere. */
  readonly secretHash: string;
  /** Hex SHA-256 of the secret before the last rotation, accepted until `previousUntil`. */
  readonly previousHash?: string;
  readonly previousUntil?: Date;
  readonly scopes: readonly Scope[];
  /** `service:<name>`: the key acts with that account's roles and has no scopes. */
  readonly serviceAccount?: string;
  readonly project?: string;
  readonly environment?: string;
  readonly eventsPerSecond: number;
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  /** Written by the ledger, at most once a minute. */
  readonly lastUsedAt?: Date;
}

/** Keys of one tenant; the platform's own keys have the tenant `platformTenant`. A foreign key id looks like a missing one. */
export interface KeyRegistry {
  /** Rejects with Problem `conflict` when the tenant has a key of this id. `lastUsedAt` is ignored. */
  create(key: ApiKey): Promise<void>;
  get(tenant: string, keyId: string): Promise<ApiKey | undefined>;
  /** By key id, ascending; revoked and expired keys too. */
  list(tenant: string, after: string | undefined, limit: number): Promise<readonly ApiKey[]>;
  /** Revokes for ever. The first time counts: revoking again changes nothing. Undefined when there is no such key. */
  revoke(tenant: string, keyId: string, at: Date): Promise<ApiKey | undefined>;
  /**
   * Replaces the secret; the old one is good until `previousUntil`. A secret that an earlier rotation left
   * behind ends at once: there are never three. Undefined when there is no such key or it is revoked.
   */
  rotate(
    tenant: string,
    keyId: string,
    secret: { readonly secretHash: string; readonly previousUntil: Date },
  ): Promise<ApiKey | undefined>;
}

export interface Project {
  /** Chosen by the tenant, unique within it; what keys and events name. */
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}

export interface Environment {
  /** Unique within its project. */
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}

export interface ProjectRegistry {
  /** Rejects with Problem `conflict` when the tenant has a project of this id. */
  create(tenant: string, project: Project): Promise<void>;
  get(tenant: string, projectId: string): Promise<Project | undefined>;
  list(tenant: string, after: string | undefined, limit: number): Promise<readonly Project[]>;
  /** Rejects with Problem `conflict` when the project has it; resolves with false when there is no such project. */
  createEnvironment(tenant: string, projectId: string, environment: Environment): Promise<boolean>;
  /** Undefined when there is no such project. */
  listEnvironments(
    tenant: string,
    projectId: string,
    after: string | undefined,
    limit: number,
  ): Promise<readonly Environment[] | undefined>;
}

/** What a tenant sets itself; with `v`, `tenant` and `name` added it is the published TenantPolicy. */
export type TenantSettings = Pick<
  TenantPolicy,
  'catalogue' | 'tiers' | 'schemaMode' | 'schemas' | 'purposes' | 'processing' | 'mergeDelaySeconds'
>;

export interface PolicyRegistry {
  /**
   * The settings and their version; version 0 and the empty settings when none were ever put. `retention` is what is
   * approved of it, which has versions of its own.
   */
  get(
    tenant: string,
  ): Promise<{ readonly version: number; readonly settings: TenantSettings; readonly retention?: RetentionPolicy }>;
  /**
   * Puts the whole document when its version is still `version`, and resolves with the new version.
   * Rejects with Problem `conflict` when somebody else put one meanwhile: read again and retry.
   */
  put(tenant: string, settings: TenantSettings, version: number): Promise<number>;
  /** The purposes that the tenant lists; undefined when any word is one. */
  purposes(tenant: string): Promise<readonly string[] | undefined>;
}

/** Monthly partitions of critical events. */
export interface Partitions {
  /** Makes the partition of `from`'s month and of `months` further ones; resolves with those that were new. Idempotent; safe to run at once. */
  ensure(from: Date, months: number): Promise<readonly string[]>;
}

/** Issuers by tenant; the platform's verbs only. A foreign id looks like a missing one. */
export interface IssuerRegistry {
  /**
   * Rejects with Problem `conflict` when the tenant has this issuer or another one of the same subject prefix, and
   * when the issuer is another tenant's own or shared under another claim.
   */
  create(issuer: Issuer): Promise<void>;
  get(tenant: string, id: string): Promise<Issuer | undefined>;
  list(tenant: string, after: string | undefined, limit: number): Promise<readonly Issuer[]>;
  /** Resolves with what was removed; undefined when there is none. */
  remove(tenant: string, id: string): Promise<Issuer | undefined>;
  /** All tenants' registrations of one issuer, in order of tenant; what is published. */
  allOf(issuer: string): Promise<readonly Issuer[]>;
}

/** Reads tokens of OIDC issuers (RFC 7515, RFC 7519, OpenID Connect Core 1.0). */
export interface TokenVerifier {
  /**
   * The claims of a token that `issuer` signed, by the keys it publishes, and that is good at `now`; undefined for any
   * other token. Who the token is meant for is the caller's to judge. Rejects with `Unavailable` when the issuer does
   * not answer and its keys are not known from before.
   */
  verify(token: string, issuer: string, now: Date): Promise<Claims | undefined>;
}
