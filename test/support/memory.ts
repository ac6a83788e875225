/** Every place of the record path in memory: for tests of verbs, and held to the same contract suites as the drivers. */
import { createHash } from 'node:crypto';
import type { PublishedKey, TenantPolicy } from '#core/access/access.ts';
import type { PublishedIssuer } from '#core/access/issuer.ts';
import type { Event } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import type { Catalogue, CriticalEvents, FeedPage, PartPage, PartPosition, Position } from '#core/query/ports.ts';
import type { EventLine } from '#core/record/envelope.ts';
import {
  type Announcer,
  type Claim,
  type Claims,
  type CommitResult,
  type Control,
  type DeadLetters,
  type IntakeQueue,
  type IntakeQueues,
  type Known,
  type Ledger,
  Missing,
  type Outlet,
  type Publisher,
  type Segments,
  Unavailable,
} from '#core/record/ports.ts';
import type { Part, Segment, SegmentPart, SegmentPlan } from '#core/record/segment.ts';
import { compress } from '#stores/s3/seekable-gzip.ts';
import { segmentOf } from '#stores/s3/segment-index.ts';

/** A place that a test can take down: every call rejects with `Unavailable` while `down` is true. */
export class MemoryPlace {
  down = false;

  protected reach(): void {
    if (this.down) throw new Unavailable(this.constructor.name);
  }
}

export class MemoryOutlet extends MemoryPlace implements Outlet {
  readonly messages: { readonly body: string; readonly group: string }[] = [];

  async send(messages: readonly { readonly body: string; readonly group: string }[]): Promise<void> {
    this.reach();
    this.messages.push(...messages);
  }
}

export class MemoryDeadLetters extends MemoryPlace implements DeadLetters {
  readonly buried: Parameters<DeadLetters['bury']>[0][] = [];

  async bury(message: Parameters<DeadLetters['bury']>[0]): Promise<void> {
    this.reach();
    this.buried.push(message);
  }
}

export class MemoryControl extends MemoryPlace implements Control, Publisher {
  readonly keys = new Map<string, PublishedKey>();
  readonly tenants = new Map<string, TenantPolicy>();
  readonly intakes = new Map<string, string>();
  readonly issuers = new Map<string, PublishedIssuer>();

  async key(keyId: string): Promise<PublishedKey | undefined> {
    this.reach();
    return this.keys.get(keyId);
  }

  async tenant(tenantId: string): Promise<TenantPolicy | undefined> {
    this.reach();
    return this.tenants.get(tenantId);
  }

  async intakeTenant(queueName: string): Promise<string | undefined> {
    this.reach();
    return this.intakes.get(queueName);
  }

  async issuer(iss: string): Promise<PublishedIssuer | undefined> {
    this.reach();
    return this.issuers.get(iss);
  }

  async putIssuer(issuer: PublishedIssuer): Promise<void> {
    this.reach();
    this.issuers.set(issuer.issuer, issuer);
  }

  async putKey(key: PublishedKey): Promise<void> {
    this.reach();
    this.keys.set(key.keyId, key);
  }

  async putTenant(policy: TenantPolicy): Promise<void> {
    this.reach();
    this.tenants.set(policy.tenant, policy);
  }

  async putIntake(queueName: string, tenantId: string): Promise<void> {
    this.reach();
    this.intakes.set(queueName, tenantId);
  }
}

export class MemoryClaims extends MemoryPlace implements Claims {
  readonly claims = new Map<string, Claim>();

  async claim(tenant: string, idempotencyKey: string, claim: Claim): Promise<Claim> {
    this.reach();
    const name = JSON.stringify([tenant, idempotencyKey]);
    const held = this.claims.get(name) ?? claim;
    this.claims.set(name, held);
    return held;
  }
}

export class MemorySegments extends MemoryPlace implements Segments {
  readonly objects = new Map<string, Uint8Array>();
  readonly #written = new Map<string, { segment: Segment; lines: EventLine[] }>();

  async write(plan: SegmentPlan): Promise<Segment> {
    this.reach();
    if (this.objects.has(plan.key)) throw new Problem('conflict', `${plan.key} exists already.`);
    const { bytes, offsets } = await compress(plan.blocks.map((block) => block.text));
    this.objects.set(plan.key, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const segment = segmentOf(plan, { bytes: bytes.length, sha256, offsets });
    this.#written.set(plan.key, { segment, lines: plan.blocks.flatMap((block) => [...block.lines]) });
    return segment;
  }

  async load(key: string): Promise<{ segment: Segment; lines: EventLine[] } | undefined> {
    this.reach();
    return this.#written.get(key);
  }

  async read(key: string, offset: number, bytes: number): Promise<Uint8Array> {
    this.reach();
    const object = this.objects.get(key);
    if (!object) throw new Missing(key);
    return object.subarray(offset, offset + bytes);
  }

  async *list(from: Date, to: Date): AsyncIterable<{ readonly key: string; readonly bytes: number }> {
    this.reach();
    for (const [key, object] of [...this.objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const time = Number.parseInt(key.split('/').at(-1)!.replaceAll('-', '').slice(0, 12), 16);
      if (time >= from.getTime() && time < to.getTime()) yield { key, bytes: object.length };
    }
  }

  async remove(key: string): Promise<void> {
    this.reach();
    this.objects.delete(key);
    this.#written.delete(key);
  }
}

export class MemoryAnnouncer extends MemoryPlace implements Announcer {
  readonly announcements: Parameters<Announcer['announce']>[0][] = [];

  async announce(batch: Parameters<Announcer['announce']>[0]): Promise<void> {
    this.reach();
    this.announcements.push(batch);
  }
}

export class MemoryIntakeQueues extends MemoryPlace implements IntakeQueues {
  readonly queues = new Map<string, IntakeQueue>();

  async open(tenant: string): Promise<IntakeQueue> {
    this.reach();
    const queueName = `intake-${this.queues.size + 1}`;
    const made = { queueName, queueUrl: `http://127.0.0.1/0/${queueName}`, queueArn: `arn:aws:sqs:x:0:${queueName}` };
    const queue = this.queues.get(tenant) ?? made;
    this.queues.set(tenant, queue);
    return queue;
  }

  async find(tenant: string): Promise<IntakeQueue | undefined> {
    this.reach();
    return this.queues.get(tenant);
  }
}

/** The ledger, the critical events and the catalogue over one state, as Postgres holds them. */
export class MemoryLedger extends MemoryPlace implements Ledger, CriticalEvents, Catalogue {
  /** By `tenant/id`. */
  readonly events = new Map<string, Event>();
  /** Keys of segments by the digests of messages. */
  readonly messages = new Map<string, string>();
  /** In commit order. */
  readonly committed: SegmentPart[] = [];
  readonly segments = new Map<string, { readonly segment: Segment; readonly at: number; announced: boolean }>();
  /** ms since 1970; commits are stamped with it. */
  now = Date.now;
  /** Parts of archive files. */
  archived: Part[] = [];
  compactedSeq = 0n;
  releasedSeq = 0n;
  since: Date | undefined;
  version = 0;
  hotFloor = '00000000-0000-0000-0000-000000000000';

  async known(
    events: readonly { readonly tenant: string; readonly id: string }[],
    messages: readonly string[],
  ): Promise<Known> {
    this.reach();
    return {
      events: new Set(events.map(({ tenant, id }) => `${tenant}/${id}`).filter((name) => this.events.has(name))),
      messages: new Map([...this.messages].filter(([digest]) => messages.includes(digest))),
    };
  }

  async commit(segment: Segment, lines: readonly EventLine[]): Promise<CommitResult> {
    this.reach();
    if (this.segments.has(segment.id)) throw new Problem('conflict', `Segment ${segment.id} is committed already.`);
    return this.adopt(segment, lines);
  }

  async adopt(segment: Segment, lines: readonly EventLine[]): Promise<CommitResult> {
    this.reach();
    const digests = segment.parts.flatMap(({ messages }) => messages ?? []);
    const known = await this.known(segment.tier === 'critical' ? lines.map(({ event }) => event) : [], digests);
    if (known.events.size > 0 || known.messages.size > 0) return { stored: false, known };
    this.segments.set(segment.id, { segment, at: this.now(), announced: false });
    for (const digest of digests) this.messages.set(digest, segment.key);
    for (const { event } of segment.tier === 'critical' ? lines : [])
      this.events.set(`${event.tenant}/${event.id}`, event);
    const parts = segment.parts.map(({ messages: _, ...part }) => {
      const before = this.committed.filter((other) => other.tenant === part.tenant);
      const firstLeaf = before.reduce((sum, { events }) => sum + events, 0);
      return { ...part, seq: BigInt(before.length + 1), firstLeaf };
    });
    this.committed.push(...parts);
    return { stored: true, parts };
  }

  async forgetMessages(): Promise<number> {
    this.reach();
    return 0;
  }

  async announced(segmentIds: readonly string[]): Promise<void> {
    this.reach();
    for (const id of segmentIds) {
      const row = this.segments.get(id);
      if (row) row.announced = true;
    }
  }

  async unannounced(before: Date, limit: number): ReturnType<Ledger['unannounced']> {
    this.reach();
    return [...this.segments.values()]
      .filter((row) => !row.announced && row.at < before.getTime())
      .slice(0, limit)
      .map(({ segment: { id, key, tier, parts } }) => ({
        segment: id,
        key,
        tier,
        tenants: parts.map((part) => part.tenant),
      }));
  }

  async catalogued(keys: readonly string[]): Promise<Map<string, 'whole' | 'partial'>> {
    this.reach();
    const held = new Set([...this.segments.values()].map(({ segment }) => segment.key));
    return new Map(keys.filter((key) => held.has(key)).map((key) => [key, 'whole']));
  }

  async page(
    tenant: string,
    filter: { readonly from?: number; readonly to?: number },
    after: Position | undefined,
    limit: number,
  ): ReturnType<CriticalEvents['page']> {
    this.reach();
    const rows = [...this.events.values()]
      .filter((event) => event.tenant === tenant)
      .map((event) => ({ event, time: Date.parse(event.occurred_at), id: event.id }))
      .filter(({ time }) => time >= (filter.from ?? -Infinity) && time < (filter.to ?? Infinity))
      .filter((row) => after === undefined || newestFirst(after, row) < 0)
      .sort(newestFirst);
    const events = rows.slice(0, limit).map(({ event }) => event);
    const bytes = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
    return { events, bytes, exhausted: rows.length <= limit, hotFloor: this.hotFloor };
  }

  async get(tenant: string, id: string): Promise<Event | undefined> {
    this.reach();
    return this.events.get(`${tenant}/${id}`);
  }

  async parts(
    tenant: string,
    range: { readonly from: number; readonly to: number },
    before: PartPosition | undefined,
    limit: number,
  ): Promise<PartPage> {
    this.reach();
    const positionOf = ({ maxTime, key, minId, ...part }: Part) => ({
      maxTime,
      place: 'seq' in part ? String(part.seq).padStart(12, '0') : `${key} ${minId}`,
    });
    const latestFirst = (a: PartPosition, b: PartPosition) =>
      b.maxTime - a.maxTime || (a.place === b.place ? 0 : a.place > b.place ? -1 : 1);
    const listed = [...this.committed.filter(({ seq }) => seq > this.compactedSeq), ...this.archived]
      .filter((part) => part.tenant === tenant && (part.tier === 'bulk' || this.#isCold(part)))
      .filter((part) => part.maxTime >= range.from && part.minTime <= range.to)
      .filter((part) => before === undefined || latestFirst(before, positionOf(part)) < 0)
      .sort((a, b) => latestFirst(positionOf(a), positionOf(b)));
    const parts = listed.slice(0, limit);
    const next = listed.length > limit ? positionOf(parts.at(-1)!) : undefined;
    return { parts, next, version: String(this.version), hotFloor: this.hotFloor };
  }

  #isCold = (part: Part): boolean => !('seq' in part) && part.minId < this.hotFloor;

  async partsWithId(tenant: string, id: string): Promise<readonly Part[]> {
    this.reach();
    return [
      ...this.committed.filter(({ seq, tier }) => seq > this.compactedSeq && tier === 'bulk'),
      ...this.archived,
    ].filter((part) => part.tenant === tenant && part.minId <= id && id <= part.maxId);
  }

  async partsAfter(tenant: string, after: bigint, limit: number): Promise<FeedPage> {
    this.reach();
    const { releasedSeq } = this;
    const left = this.committed.filter((part) => part.tenant === tenant && part.seq > releasedSeq);
    return { parts: left.filter(({ seq }) => seq > after).slice(0, limit), releasedSeq };
  }

  async feedSince(): Promise<Date | undefined> {
    return this.since;
  }

  async bytesWithin(tenant: string, { from, to }: { readonly from: number; readonly to: number }): Promise<number> {
    return [...this.committed.filter(({ seq }) => seq > this.compactedSeq), ...this.archived]
      .filter((part) => part.tenant === tenant && part.maxTime >= from && part.minTime <= to)
      .reduce((sum, { blocks }) => sum + blocks.reduce((all, { bytes }) => all + bytes, 0), 0);
  }
}

function newestFirst(a: Position, b: Position): number {
  if (a.time !== b.time) return b.time - a.time;
  return a.id === b.id ? 0 : a.id > b.id ? -1 : 1;
}
