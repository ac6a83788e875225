/** The places that requests of data subjects lean on. Each comment is the promise its driver keeps. */
import type { Event } from '#core/event/event.ts';
import type { ShownEvent } from './open.ts';
import type { PrivacyRequest, RequestState } from './request.ts';

/** Requests of one tenant. All methods reject with `Unavailable` when the database is down. */
export interface PrivacyRequests {
  /** Durable on return. */
  open(request: PrivacyRequest): Promise<void>;
  /** A foreign id looks like a missing one. */
  get(tenant: string, id: string): Promise<PrivacyRequest | undefined>;
  /** By id, ascending (UUIDv7: oldest first). */
  list(
    tenant: string,
    after: string | undefined,
    limit: number,
    state?: RequestState,
  ): Promise<readonly PrivacyRequest[]>;
  /** Those that have not ended, of several tenants at once, by id, ascending. */
  unfinished(tenants: readonly string[], after: string | undefined, limit: number): Promise<readonly PrivacyRequest[]>;
  /**
   * Puts the request when its stored version is the one before; false when somebody was faster. When an erasure ends,
   * `erased` is the subject it was about: every other row forgets it in the same transaction, that is earlier
   * requests, released holds, and deliveries, whose recipients are then to be told.
   */
  put(request: PrivacyRequest, erased?: string): Promise<boolean>;
}

/** What somebody was given of a subject's data. */
export interface Delivery {
  readonly id: string;
  readonly tenant: string;
  readonly subjectRef?: string;
  readonly recipient: string;
  readonly kind: 'package' | 'export' | 'webhook';
  /** What was delivered: the id of a request, an export or an endpoint. */
  readonly reference: string;
  readonly deliveredAt: Date;
}

export interface Deliveries {
  /** Durable on return; to be called before the data goes out. Noting the same id twice changes nothing. */
  note(deliveries: readonly Delivery[]): Promise<void>;
  /** What was given out of a subject's data, oldest first. */
  of(tenant: string, ref: string): Promise<readonly Delivery[]>;
}

/** What a hold covers. Keys open all events of a person, so a filter holds every key of the tenant. */
export type HoldScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'subjects'; readonly refs: readonly string[]; readonly boxes: readonly string[] }
  | { readonly kind: 'filter'; readonly filter: object };

export interface LegalHold {
  readonly tenant: string;
  readonly id: string;
  readonly matter: string;
  readonly custodian: string;
  readonly scope: HoldScope;
  readonly placedBy: string;
  readonly placedAt: Date;
  readonly releaseAsked?: { readonly by: string; readonly at: Date };
  readonly released?: { readonly by: string; readonly at: Date };
}

export interface Holds {
  /** When it resolves, no shred that has not committed yet gets past the hold. */
  place(hold: LegalHold): Promise<void>;
  get(tenant: string, id: string): Promise<LegalHold | undefined>;
  list(tenant: string, after: string | undefined, limit: number): Promise<readonly LegalHold[]>;
  /** The first person asks, the second releases. Undefined when there is no such hold that still counts, or it was taken further meanwhile. */
  askRelease(tenant: string, id: string, by: string, at: Date): Promise<LegalHold | undefined>;
  release(tenant: string, id: string, by: string, at: Date): Promise<LegalHold | undefined>;
  /** The hold that covers a subject now, if any. To look, not to rely on: a shred looks again in its own transaction. */
  covering(tenant: string, ref: string): Promise<string | undefined>;
}

/** A stored event, and the tier it was found in. */
export interface PlacedEvent {
  readonly place: 'critical' | 'bulk';
  readonly event: Event;
}

/** Events of both tiers in which a subject stands, by the subject's tokens; of no others. */
export interface SubjectEvents {
  /** Newest first in each tier, critical before bulk; opened for the subject alone: what is others' is redacted. */
  find(tenant: string, subject: string): AsyncIterable<ShownEvent>;
  /** The same as they are stored, up to `limit` of each tier. */
  stored(tenant: string, subject: string, limit: number): AsyncIterable<PlacedEvent>;
  /** One event as it is stored now, or undefined. */
  again(tenant: string, id: string): Promise<Event | undefined>;
}

/** Sealed parts of packages, for 30 days. */
export interface Packages {
  /** Durable on return; putting again replaces. */
  put(tenant: string, request: string, part: string, sealed: string): Promise<void>;
  /** Undefined when there is none, or its 30 days are over. */
  get(tenant: string, request: string, part: string): Promise<string | undefined>;
}
