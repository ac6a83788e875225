/** The ledger over the simulated database: what stores/postgres/ledger.ts does, each method one transaction. */
import { Problem } from '#core/event/problem.ts';
import type { Leaf } from '#core/proof/entry.ts';
import type { EventLine } from '#core/record/envelope.ts';
import type { CommitResult, Known, Ledger } from '#core/record/ports.ts';
import type { Segment } from '#core/record/segment.ts';
import type { Database } from './database.ts';

/** A port whose methods answer at once: the scheduler makes calls of them. */
export type Immediate<Port> = {
  [Name in keyof Port]: Port[Name] extends (...args: infer Args) => Promise<infer Answer>
    ? (...args: Args) => Answer
    : Port[Name];
};

export class ImmediateLedger implements Immediate<Ledger> {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  known(events: readonly { readonly tenant: string; readonly id: string }[], messages: readonly string[]): Known {
    const { tables } = this.#database;
    return {
      events: new Set(events.map(({ tenant, id }) => `${tenant}/${id}`).filter((name) => tables.events.has(name))),
      messages: new Map(
        messages.flatMap((digest): [string, string][] => {
          const row = tables.messages.get(digest);
          return row ? [[digest, row.key]] : [];
        }),
      ),
    };
  }

  commit(segment: Segment, lines: readonly EventLine[], leaves: readonly Leaf[]): CommitResult {
    if (this.#database.tables.segments.has(segment.id))
      throw new Problem('conflict', 'the segment is committed already');
    return this.#store(segment, lines, leaves, segment.parts.length);
  }

  adopt(segment: Segment, lines: readonly EventLine[], leaves: readonly Leaf[], partsOfAll: number): CommitResult {
    const own = this.#database.tables.segments.get(segment.id);
    if (own && segment.parts.some(({ tenant }) => own.tenants.includes(tenant))) {
      const known = this.#knownOf(segment, lines);
      if (known.events.size > 0 || known.messages.size > 0) return { stored: false, known };
      throw new Problem('conflict', 'the segment is committed already');
    }
    return this.#store(segment, lines, leaves, partsOfAll);
  }

  forgetMessages(before: Date): number {
    const { messages } = this.#database.tables;
    const old = [...messages].filter(([, { at }]) => at < before.getTime());
    for (const [digest] of old) messages.delete(digest);
    return old.length;
  }

  announced(segmentIds: readonly string[]): void {
    const { segments } = this.#database.tables;
    for (const id of segmentIds) {
      const row = segments.get(id);
      if (row) segments.set(id, { ...row, announced: true });
    }
  }

  unannounced(before: Date, limit: number): Awaited<ReturnType<Ledger['unannounced']>> {
    return [...this.#database.tables.segments.values()]
      .filter((row) => !row.announced && row.committedAt < before.getTime())
      .sort((a, b) => a.committedAt - b.committedAt)
      .slice(0, limit)
      .map(({ segment: { id, key, tier }, tenants }) => ({ segment: id, key, tier, tenants }));
  }

  catalogued(keys: readonly string[]): ReadonlyMap<string, 'whole' | 'partial'> {
    const rows = new Map([...this.#database.tables.segments.values()].map((row) => [row.segment.key, row] as const));
    return new Map(
      keys.flatMap((key): [string, 'whole' | 'partial'][] => {
        const row = rows.get(key);
        return row ? [[key, row.partial ? 'partial' : 'whole']] : [];
      }),
    );
  }

  #knownOf(segment: Segment, lines: readonly EventLine[]): Known {
    const critical = segment.tier === 'critical' ? lines.map(({ event }) => event) : [];
    return this.known(critical, [...new Set(segment.parts.flatMap(({ messages }) => messages ?? []))]);
  }

  #store(segment: Segment, lines: readonly EventLine[], leaves: readonly Leaf[], partsOfAll: number): CommitResult {
    const database = this.#database;
    const known = this.#knownOf(segment, lines);
    if (this.refuses(known)) return { stored: false, known };
    const { tables, now } = database;
    if (leaves.length !== lines.length) throw new RangeError(`${leaves.length} leaves for ${lines.length} events`);
    for (const { messages = [] } of segment.parts)
      for (const digest of messages) tables.messages.set(digest, { at: now, key: segment.key });
    if (segment.tier === 'critical') {
      for (const { event, line } of lines) {
        const name = `${event.tenant}/${event.id}`;
        tables.events.set(name, { tenant: event.tenant, id: event.id, body: line });
      }
    }
    const before = tables.segments.get(segment.id);
    const tenants = [...(before?.tenants ?? []), ...segment.parts.map(({ tenant }) => tenant)];
    const { id, key, tier } = segment;
    const partial = tenants.length < partsOfAll;
    const committedAt = before?.committedAt ?? now;
    tables.segments.set(id, { segment: { id, key, tier }, tenants, partial, committedAt, announced: false });
    let at = 0;
    const parts = segment.parts.map(({ messages, ...part }) => {
      const own = leaves.slice(at, at + part.events);
      at += part.events;
      const counter = tables.counters.get(part.tenant) ?? { seq: 0n, leaves: 0, lastTime: 0 };
      const seq = counter.seq + 1n;
      const firstLeaf = counter.leaves;
      const time = this.timeOf(now, counter.lastTime);
      tables.counters.set(part.tenant, { seq, leaves: firstLeaf + part.events, lastTime: time });
      const outbox = { seq, firstLeaf, tier, time, leaves: own, committedAt: now };
      tables.outbox.set(part.tenant, [...database.outboxOf(part.tenant), outbox]);
      const row = { ...part, seq, firstLeaf };
      tables.parts.set(part.tenant, [...database.partsOf(part.tenant), row]);
      return messages === undefined ? row : { ...row, messages };
    });
    return { stored: true, parts };
  }

  /** `t` of a part's leaves, by the server's clock and the time of the part before. */
  protected timeOf(now: number, lastTime: number): number {
    return Math.max(now, lastTime);
  }

  /** Whether a commit is undone for what is known already. */
  protected refuses(known: Known): boolean {
    return known.events.size > 0 || known.messages.size > 0;
  }
}
