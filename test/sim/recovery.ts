/** Recovery over the simulated database: what stores/postgres/log-recovery.ts does, each method one transaction. */
import { sameBytes } from '#core/proof/bytes.ts';
import type { FoundPart, KnownPart, LogRecovery, RebuildPlan, Rebuilt } from '#core/proof/ports.ts';
import type { Segment } from '#core/record/segment.ts';
import type { Database, LogRow, OutboxRow, PartRow } from './database.ts';
import type { Immediate } from './ledger.ts';

export class ImmediateRecovery implements Immediate<LogRecovery> {
  protected readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /** Asked for anew each time: a restore brings other tables. */
  get #begun(): Map<string, number> {
    return this.database.tables.recovering;
  }

  renewIncarnation(incarnation: string): void {
    this.database.incarnation = incarnation;
  }

  partsFrom(tenant: string, from: number): readonly KnownPart[] {
    const outbox = new Map(this.database.outboxOf(tenant).map((row) => [row.firstLeaf, row] as const));
    return this.database
      .partsOf(tenant)
      .filter(({ firstLeaf }) => firstLeaf >= from)
      .sort((a, b) => a.firstLeaf - b.firstLeaf)
      .map(({ seq, tier, firstLeaf, events, segment, key }) => {
        const waiting = outbox.get(firstLeaf);
        const rest = waiting ? { outbox: { time: waiting.time, leaves: waiting.leaves } } : {};
        return { seq, tier, firstLeaf, events, segment, key, ...rest };
      });
  }

  begin(tenant: string, epoch: number, lastsMs: number): boolean {
    const { now } = this.database;
    if (!this.#frozen(tenant, epoch)) return false;
    if ((this.#begun.get(tenant) ?? Number.NEGATIVE_INFINITY) > now - lastsMs) return false;
    this.#begun.set(tenant, now);
    return true;
  }

  end(tenant: string, epoch: number): void {
    if (this.database.tables.logs.get(tenant)?.epoch === epoch) this.#begun.delete(tenant);
  }

  unfreeze(tenant: string, epoch: number, bound?: { readonly size: number; readonly root: Uint8Array }): boolean {
    const log = this.#frozen(tenant, epoch);
    if (!log) return false;
    this.#activate(log);
    const { checkpoints } = this.database.tables;
    const name = `${tenant}/${bound?.size}`;
    const there = checkpoints.get(name);
    if (bound && !(there && sameBytes(there.root, bound.root))) {
      checkpoints.set(name, { root: bound.root, epoch: epoch + 1 });
    }
    return true;
  }

  rebuild(tenant: string, epoch: number, plan: RebuildPlan): Rebuilt {
    const { database } = this;
    const { tables } = database;
    const log = this.#frozen(tenant, epoch);
    if (!log) return 'not_frozen';
    const parts = database.partsOf(tenant);
    const above = parts.filter(({ firstLeaf }) => firstLeaf >= plan.agreed);
    const planned = new Set([...plan.moved, ...plan.dropped]);
    if (above.length !== planned.size || above.some(({ seq }) => !planned.has(seq))) return 'parts_changed';

    const kept = parts.filter(({ seq }) => !planned.has(seq));
    let seq = kept.reduce((most, part) => (part.seq > most ? part.seq : most), 0n);
    const found = plan.found.map((part) => this.#find(tenant, part, ++seq));
    let leaves = plan.size;
    const outbox = new Map(database.outboxOf(tenant).map((row) => [row.seq, row] as const));
    const left: OutboxRow[] = database.outboxOf(tenant).filter((row) => !planned.has(row.seq));
    const moved = above
      .filter((part) => plan.moved.includes(part.seq))
      .sort((a, b) => (a.seq < b.seq ? -1 : 1))
      .map((part): PartRow => {
        const row = { ...part, seq: ++seq, firstLeaf: leaves };
        const waiting = outbox.get(part.seq);
        if (waiting) left.push({ ...waiting, seq, firstLeaf: leaves, time: Math.max(waiting.time, plan.time) });
        leaves += part.events;
        return row;
      });
    const counter = tables.counters.get(tenant) ?? { seq: 0n, leaves: 0, lastTime: 0 };
    const rewritten = plan.rewritten.map(({ segment, lines, leaves: own }): PartRow => {
      this.#catalogue(tenant, segment);
      const row = { ...partOf(segment, tenant), seq: ++seq, firstLeaf: leaves };
      const time = Math.max(plan.time, database.now, counter.lastTime);
      const { tier } = segment;
      left.push({ seq, firstLeaf: leaves, tier, time, leaves: own, committedAt: database.now });
      leaves += lines.length;
      return row;
    });
    const waiting = left.filter((row) => row.firstLeaf + row.leaves.length > plan.size);
    tables.parts.set(tenant, [...kept, ...found, ...moved, ...rewritten]);
    tables.outbox.set(tenant, waiting);
    const lastTime = Math.max(counter.lastTime, plan.time, ...waiting.map(({ time }) => time));
    tables.counters.set(tenant, { seq, leaves, lastTime });
    const { size, root, edge } = plan;
    const rebuilt = { ...log, size, root, edge };
    tables.logs.set(tenant, rebuilt);
    if (!plan.last) return 'done';
    if (size > 0) {
      const note = plan.note === undefined ? {} : { note: plan.note };
      tables.checkpoints.set(`${tenant}/${size}`, { root, epoch: epoch + 1, ...note });
    }
    this.#activate({ ...rebuilt, archivedSize: plan.archived });
    return 'done';
  }

  #frozen(tenant: string, epoch: number): LogRow | undefined {
    const log = this.database.tables.logs.get(tenant);
    return log?.state === 'frozen' && log.epoch === epoch ? log : undefined;
  }

  #activate({ frozenAt: _, frozenReason: __, ...log }: LogRow): void {
    const state = log.archivedSize === 0 ? 'initializing' : 'active';
    this.database.tables.logs.set(log.tenant, { ...log, state, epoch: log.epoch + 1 });
    this.#begun.delete(log.tenant);
    this.database.history.recoveries++;
  }

  /** A part that the database lost, with its rows and messages. */
  #find(tenant: string, { segment, lines, firstLeaf }: FoundPart, seq: bigint): PartRow {
    const { tables, now } = this.database;
    this.#catalogue(tenant, segment);
    const part = segment.parts.find((one) => one.tenant === tenant)!;
    for (const digest of part.messages ?? []) {
      if (!tables.messages.has(digest)) tables.messages.set(digest, { at: now, key: segment.key });
    }
    if (segment.tier === 'critical') {
      for (const { event, line } of lines) {
        tables.events.set(`${tenant}/${event.id}`, { tenant, id: event.id, body: line });
      }
    }
    return { ...partOf(segment, tenant), seq, firstLeaf };
  }

  /** The row of a segment, with this tenant among its own. */
  #catalogue(tenant: string, segment: Segment): void {
    const { tables, now } = this.database;
    const { id, key, tier, parts } = segment;
    const before = tables.segments.get(id);
    const tenants = before ? [...new Set([...before.tenants, tenant])] : [tenant];
    const partial = before ? before.partial && tenants.length < parts.length : parts.length > 1;
    const committedAt = before?.committedAt ?? now;
    tables.segments.set(id, { segment: { id, key, tier }, tenants, partial, committedAt, announced: false });
  }
}

function partOf(segment: Segment, tenant: string): Omit<PartRow, 'seq' | 'firstLeaf'> {
  const { messages: _, ...part } = segment.parts.find((one) => one.tenant === tenant)!;
  return part;
}
