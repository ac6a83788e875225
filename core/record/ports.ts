/** The places that accept and write lean on. Each comment is the promise its driver keeps. */
import type { PublishedKey, TenantPolicy } from '#core/access/access.ts';
import type { PublishedIssuer } from '#core/access/issuer.ts';
import type { EventInput, Tier } from '#core/event/event.ts';
import type { ProblemCode } from '../event/problem.ts';
import type { Leaf } from '../proof/entry.ts';
import type { EventLine } from './envelope.ts';
import type { Segment, SegmentPart, SegmentPlan } from './segment.ts';
import type { Shape } from './shape.ts';

/** A queue that producers put messages on. */
export interface Outlet {
  /**
   * Sends messages. When the promise resolves, every message is durable. When it rejects, any
   * part of them may have been sent, so senders must be able to send all of them again: readers
   * drop duplicates by event id. Rejects with `Unavailable` when the place is down or throttled.
   * Safe to call concurrently. `group` is the tenant (SQS fair queues).
   */
  send(messages: readonly { readonly body: string; readonly group: string }[]): Promise<void>;
}

/** A dead-letter queue: a message that nobody can read, with the reason it was put aside. */
export interface DeadLetters {
  /** Durable on return. Sending the same message twice shows it twice, which does no harm. */
  bury(message: {
    readonly body: string;
    readonly source: string;
    readonly messageId: string;
    readonly code: string;
    readonly reason: string;
  }): Promise<void>;
}

/** A dead letter as the admin sees it. */
export interface DeadLetter {
  readonly messageId: string;
  readonly sentAt: string;
  /** How often it was received from the dead-letter queue, looks included. */
  readonly receivedCount: number;
  /** Why it was put aside, when a verb did; SQS itself gives no reason after the last delivery failed. */
  readonly code?: ProblemCode;
  /** What the code means. The sentence that the verb wrote may quote the message and is not shown. */
  readonly reason?: string;
  /** Name of the queue it came from, and goes back to. */
  readonly source?: string;
  /** Length of the body, in bytes of UTF-8. */
  readonly bytes: number;
  /** Of a body that is JSON: its keys and types, and no value that a producer sent. */
  readonly shape?: Shape;
}

/** The admin's view of the dead-letter queues. An unknown queue name rejects with `Problem` `not_found`. */
export interface DeadLetterDesk {
  /** Every queue by name, with how many messages wait and how many someone holds (both approximate). */
  list(): Promise<readonly { readonly queue: string; readonly visible: number; readonly inFlight: number }[]>;
  /** Up to `limit` messages, which stay where they are. Messages that someone holds at the moment are not shown. */
  peek(queue: string, limit: number): Promise<readonly DeadLetter[]>;
  /**
   * Sends up to `limit` messages (default: all that are there) back to the queues they came from, and resolves
   * with how many. Each is sent before it is deleted, so a crash repeats one and loses none; asking again is safe.
   */
  redrive(queue: string, limit?: number): Promise<number>;
}

/** A queue of a tenant's own that producers inside AWS may send to. */
export interface IntakeQueue {
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly queueName: string;
}

export interface IntakeQueues {
  /** Makes the tenant's queue and plugs intake into it. Asking again answers the same queue and finishes what a crash left. */
  open(tenant: string): Promise<IntakeQueue>;
  /** The tenant's queue, or undefined when it was never opened. */
  find(tenant: string): Promise<IntakeQueue | undefined>;
}

/**
 * Small versioned documents that admin verbs publish and that accept and the authorizer read. While S3 is down they
 * may be up to ten minutes old instead of 60 s: events keep coming in, and a key revoked in those minutes still works.
 */
export interface Control {
  /** The key, or undefined when there is none. At most a second old. Rejects with `Unavailable` when S3 is down and nothing is cached. */
  key(keyId: string): Promise<PublishedKey | undefined>;
  /** The tenant's policy, or undefined. At most 60 s old. */
  tenant(tenantId: string): Promise<TenantPolicy | undefined>;
  /** The tenant that owns an intake queue, by queue name, or undefined. At most 60 s old. */
  intakeTenant(queueName: string): Promise<string | undefined>;
  /** Whom an issuer, named to the letter as in `iss`, may serve; or undefined. At most 60 s old. */
  issuer(iss: string): Promise<PublishedIssuer | undefined>;
}

/** The writing side of Control; only admin verbs have it. Durable on return; last writer wins. */
export interface Publisher {
  putKey(key: PublishedKey): Promise<void>;
  putTenant(policy: TenantPolicy): Promise<void>;
  putIntake(queueName: string, tenantId: string): Promise<void>;
  putIssuer(issuer: PublishedIssuer): Promise<void>;
}

/** What an Idempotency-Key stands for. Everything the receipt is made of follows from it and the body. */
export interface Claim {
  readonly v: 1;
  readonly bodySha256: string;
  /** The first request's time; repeats reuse it so that events come out byte for byte the same. */
  readonly receivedAt: string;
  /** Seed of the event ids, 32 hex digits. */
  readonly seed: string;
}

export interface Claims {
  /**
   * Claims a key for a tenant. Resolves with the claim that holds: ours, or the one that was
   * there first. Exactly one of any number of concurrent callers wins. Kept for at least 24 h.
   */
  claim(tenant: string, idempotencyKey: string, claim: Claim): Promise<Claim>;
}

/** A place that keeps segments: written once, never changed. */
export interface Segments {
  /**
   * Compresses the plan, writes the segment and its index sidecar (`.idx`) and resolves with what was
   * written. Durable on return. The key is fresh for each try, so a retry never meets an older object;
   * a key that exists rejects with `Problem` `conflict`.
   */
  write(plan: SegmentPlan): Promise<Segment>;
  /** The compressed bytes [offset, offset + bytes) of a segment. Rejects with `Missing` when it is gone. */
  read(key: string, offset: number, bytes: number): Promise<Uint8Array>;
  /** A segment from its sidecar, with all its lines in its order. Undefined when either of its objects is not there. */
  load(key: string): Promise<{ readonly segment: Segment; readonly lines: readonly EventLine[] } | undefined>;
  /** Keys written between two times, oldest first; for the sweeper. */
  list(from: Date, to: Date): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  /** Removes a segment and its sidecar. Removing what is gone succeeds. Only the sweeper may call it. */
  remove(key: string): Promise<void>;
}

/** What is committed already. */
export interface Known {
  /** Critical events, as `tenant/id`. */
  readonly events: ReadonlySet<string>;
  /** Queue messages, by the hex SHA-256 of their bodies, with the key of the segment that has their events. */
  readonly messages: ReadonlyMap<string, string>;
}

/** Either everything was stored, or nothing was because some of it is known already. */
export type CommitResult =
  | {
      readonly stored: true;
      /** The parts with the sequence numbers and leaves they were given. */
      readonly parts: readonly (SegmentPart & { readonly firstLeaf: number })[];
    }
  | { readonly stored: false; readonly known: Known };

/** The ledger in Postgres: what is committed is visible, what is not is garbage. */
/** Tenants by the cluster they live on: a batch is of tenants whose rows one transaction can write. */
export type Together = (tenants: readonly string[]) => Promise<readonly (readonly string[])[]>;

export interface Ledger {
  /** Which of these critical events and messages (hex digests) are committed already; `tenants` are the messages'. */
  known(
    events: readonly { readonly tenant: string; readonly id: string }[],
    messages: readonly string[],
    tenants: readonly string[],
  ): Promise<Known>;
  /**
   * ONE transaction: critical rows, the segment's catalogue row, one part per tenant, its leaves in the outbox, the
   * messages they came by, last use of the producers' keys. `lines` are the segment's, in its order, and `leaves` are
   * theirs. When the promise resolves with `stored` it is durable and visible, and the order of the leaves is fixed for
   * ever. When a critical event or a message is known already, nothing is stored, so that no event ever has two leaves;
   * a repeated segment id rejects with `conflict`. Sequence numbers and leaf indexes are handed out under a per-tenant
   * row lock, in tenant order, so commits become visible in sequence order and never deadlock. Rejects with
   * `Unavailable` when the database is down.
   */
  commit(segment: Segment, lines: readonly EventLine[], leaves: readonly Leaf[]): Promise<CommitResult>;
  /**
   * Commits some tenants' parts of a segment that was written and is not catalogued, or not with these parts. As
   * `commit`; `parts` of the segment are those to adopt, `partsOfAll` counts those it has.
   */
  adopt(
    segment: Segment,
    lines: readonly EventLine[],
    leaves: readonly Leaf[],
    partsOfAll: number,
  ): Promise<CommitResult>;
  /** Forgets messages that were committed before `before`: no queue holds them any longer. Resolves with how many. */
  forgetMessages(before: Date): Promise<number>;
  /** Marks segments as announced. */
  announced(segmentIds: readonly string[]): Promise<void>;
  /** Committed segments older than `before` that nobody announced. */
  unannounced(
    before: Date,
    limit: number,
  ): Promise<
    readonly {
      readonly segment: string;
      readonly key: string;
      readonly tier: Tier;
      readonly tenants: readonly string[];
    }[]
  >;
  /** Which of these segment keys have a catalogue row; `partial` when recovery has adopted some of their parts only. */
  catalogued(keys: readonly string[]): Promise<ReadonlyMap<string, 'whole' | 'partial'>>;
}

/** The topic that later stages subscribe to: one message per committed batch (claim check). */
export interface Announcer {
  /** At least once. Rejects with `Unavailable`; the sweep announces again what was missed. */
  announce(batch: {
    readonly segment: string;
    readonly key: string;
    readonly tier: Tier;
    readonly tenants: readonly string[];
  }): Promise<void>;
}

/** A place is down, throttled or too slow. The whole batch fails and is delivered again; no item is to blame. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  readonly place: string;
  constructor(place: string, cause?: unknown) {
    super(`${place} is unavailable`, { cause });
    this.place = place;
  }
}

/** What was asked for is not there (a segment that a sweep or an expiry removed). */
export class Missing extends Error {
  override readonly name = 'Missing';
}

/** Trailkeep's own events, which tell of what happened to the trail itself. */
export interface Recorder {
  /** Durable on return, like a receipt of accept; rejects with `Unavailable`, and then what was to be recorded must not happen. */
  record(tenant: string, events: readonly EventInput[], now: Date): Promise<void>;
}
