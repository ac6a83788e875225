/**
 * The event: who did what, to what, when, from where and with what result.
 *
 * This is the stored form; every field is as it is written to S3 and Aurora and
 * as the API returns it. Times are RFC 3339 in UTC with milliseconds.
 */

import type { SealedGroup } from '#core/privacy/sealed.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Where an event is kept: Aurora and S3, or S3 only. */
export const tiers = ['critical', 'bulk'] as const;
export type Tier = (typeof tiers)[number];

/** What kind of thing happened; also the archive's folder. */
export const categories = ['auth_events', 'api_calls', 'user_activity', 'operations', 'critical', 'system'] as const;
export type Category = (typeof categories)[number];

export const crudLetters = ['c', 'r', 'u', 'd'] as const;
export type Crud = (typeof crudLetters)[number];

export const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof severities)[number];

export const results = ['success', 'failure', 'denied'] as const;
export type OutcomeResult = (typeof results)[number];

export const dataClasses = ['none', 'pii', 'phi', 'chd', 'financial'] as const;
export type DataClass = (typeof dataClasses)[number];

export interface Party {
  /** `user`, `service`, `system`, `agent`, … */
  readonly type: string;
  readonly id: string;
  readonly name?: string;
  readonly email?: string;
  readonly metadata?: JsonObject;
}

export interface Target {
  readonly type: string;
  readonly id: string;
  readonly name?: string;
  readonly metadata?: JsonObject;
}

export interface Context {
  readonly ip?: string;
  readonly user_agent?: string;
  readonly location?: string;
  readonly session_id?: string;
  readonly request_id?: string;
  readonly trace_id?: string;
  readonly service?: string;
  readonly module?: string;
}

export interface Change {
  /** RFC 6901 pointer, or a dotted path as the producer has it. */
  readonly path: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** The producer of Trailkeep's own events; API keys have 20 characters, so none is called that. */
export const ownProducer = 'trailkeep';

export interface Event {
  /** UUIDv7. Its time lies within [-7 d, +5 min] of `received_at`; it is also the partition key. */
  readonly id: string;
  readonly tenant: string;
  readonly project?: string;
  readonly environment?: string;
  readonly occurred_at: string;
  readonly received_at: string;
  /** `noun.verb`, as `user.login` or `iam.role.create`. */
  readonly action: string;
  readonly schema_version: number;
  readonly category: Category;
  readonly crud: Crud;
  readonly severity: Severity;
  readonly outcome: { readonly result: OutcomeResult; readonly reason?: string };
  readonly actor: Party;
  readonly on_behalf_of?: readonly Party[];
  readonly targets?: readonly Target[];
  readonly context?: Context;
  readonly operation_id?: string;
  readonly authorization?: readonly {
    readonly permission: string;
    readonly resource?: string;
    readonly granted: boolean;
  }[];
  readonly changes?: readonly Change[];
  readonly metadata?: JsonObject;
  readonly data_class: DataClass;
  readonly subject?: string;
  readonly idempotency_key?: string;
  readonly external_id?: string;
  readonly component?: string;
  readonly version?: string;
  readonly producer: { readonly key: string; readonly seq?: number };
  /** Set when the tenant's schema registry flags instead of refusing: why the event broke its schema. */
  readonly schema_violation?: string;
  /** In the stored form only: the personal values, encrypted. See core/privacy/sealed.ts. */
  readonly sealed?: readonly SealedGroup[];
  /** In the stored form only: 128 random bits, base64url, which hide the event behind its leaf. See core/proof/commitment.ts. */
  readonly salt?: string;
}

/**
 * What a caller sends: only `action` and `actor` are required. `category`, `crud`,
 * `severity` are hints that the catalogue overrules; `tenant` and `received_at` are never read.
 */
export type EventInput = Pick<Event, 'action' | 'actor'> &
  Partial<
    Omit<Event, 'tenant' | 'received_at' | 'producer' | 'schema_violation' | 'sealed' | 'salt' | 'action' | 'actor'>
  > & {
    readonly producer?: { readonly seq?: number };
  };

/** SQS carries at most 1 MiB a message; 256 KiB keeps every event far below, base64 included. */
export const eventBytesMax = 256 * 1024;
/** integrity.md §1.3: deeper input overflows recursive canonicalizers. */
export const jsonDepthMax = 32;
/** One event is a record, not a document store; 512 keys index and render well. */
export const jsonKeysMax = 512;
/**
 * Every body travels as base64 (gzip must be binary, and API Gateway decides by content type alone), which costs 4/3
 * of Lambda's 6,291,456 bytes; the rest is for headers. Larger batches go as gzip, up to `inflatedBytesMax`.
 */
export const requestBytesMax = 4_400_000;
/** A gzip body may inflate to this and no more: a 200 KB bomb inflates to 200 MB otherwise. */
export const inflatedBytesMax = 10 * 1024 * 1024;
/** A thousand events is what one Lambda validates and queues well within its 29 s. */
export const batchEventsMax = 1000;
/** How far the time of a client's own UUIDv7 may lie from ours: partitions stay open for a week of late events. */
export const idPastMsMax = 7 * 24 * 3600 * 1000;
export const idFutureMsMax = 5 * 60 * 1000;
/** A client's clock may run ahead by a day (time zones sent as UTC are at most 14 h off). */
export const occurredFutureMsMax = 24 * 3600 * 1000;
