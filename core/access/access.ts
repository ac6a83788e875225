/** Who may call what. Keys, scopes, tenants and the policy a tenant sets. */
import type { Category, Crud, Severity, Tier } from '#core/event/event.ts';
import type { RetentionPolicy } from '../archive/retention.ts';
import type { ProcessingStatements } from '../privacy/package.ts';
import { ownPermissions } from './guard.ts';
import type { Person, PrincipalKind } from './principal.ts';

/** What a key may do: the permissions of guard.ts, and `admin`, the platform's own: tenants and dead letters, never events. */
export const scopes = [...ownPermissions, 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** The caller, as the authorizer hands it to every verb. The tenant comes from here and nowhere else. */
export interface Caller {
  readonly tenant: string;
  readonly kind: PrincipalKind;
  /** Id of the API key; of a person `person:<sub>`. */
  readonly keyId: string;
  /** Of a key. A person and a service account have none: their rights are their roles. */
  readonly scopes: readonly Scope[];
  /** Of a person. */
  readonly person?: Person;
  /** Of a key of a service account: `service:<name>`, which assignments name. */
  readonly serviceAccount?: string;
  readonly project?: string;
  readonly environment?: string;
  /** Sustained events a second this key may send; bursts of ten seconds' worth are allowed. */
  readonly eventsPerSecond: number;
}

/**
 * A key as published to S3 at `keys/<keyId>.json`: what the authorizer and accept read, so that
 * they need no database.
 */
export interface PublishedKey {
  readonly v: 1;
  readonly keyId: string;
  readonly tenant: string;
  /** Hex SHA-256 of the secret. The secret has 256 random bits, so a slow hash adds nothing. */
  readonly secretHash: string;
  /** Hex SHA-256 of the secret before the last rotation, accepted until `previousUntil`. */
  readonly previousHash?: string;
  readonly previousUntil?: string;
  readonly scopes: readonly Scope[];
  /** `service:<name>`: the key acts with that account's roles and has no scopes. */
  readonly serviceAccount?: string;
  readonly project?: string;
  readonly environment?: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
  readonly eventsPerSecond: number;
}

/** One line of an action catalogue: the first pattern that matches the action decides. */
export interface CatalogueRule {
  /** An action, or a prefix ending in `*`: `user.login`, `iam.*`. */
  readonly action: string;
  readonly category?: Category;
  readonly tier?: Tier;
  readonly crud?: Crud;
  readonly severity?: Severity;
}

/** A JSON Schema (draft 2020-12) for one action. */
export interface RegisteredSchema {
  readonly action: string;
  readonly version: number;
  readonly schema: Record<string, unknown>;
}

/** What a tenant decides for itself; published to S3 at `tenants/<tenant>.json`. */
export interface TenantPolicy {
  readonly v: 1;
  readonly tenant: string;
  readonly name: string;
  /** Rules that come before the default catalogue. */
  readonly catalogue: readonly CatalogueRule[];
  /** Tier by category, before the defaults. */
  readonly tiers: Partial<Record<Category, Tier>>;
  /** What happens to an event that breaks its action's schema. */
  readonly schemaMode: 'refuse' | 'flag';
  /** What readers may say that they read for; absent means any word. */
  readonly purposes?: readonly string[];
  /** What data subjects are told of the processing, with a copy of their data. */
  readonly processing?: ProcessingStatements;
  /** Seconds from the commit of an event to the checkpoint that covers it, at most; see core/proof/seal-due.ts. */
  readonly mergeDelaySeconds?: Partial<Record<Tier, number>>;
  /** Approved ages of its events; absent means core/archive/retention.ts's default, under which nothing is purged. */
  readonly retention?: RetentionPolicy;
  readonly schemas: readonly RegisteredSchema[];
}

/** The context of platform-wide verbs (the tenant registry); never a real tenant. */
export const platformTenant = '00000000-0000-0000-0000-000000000000';
