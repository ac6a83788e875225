/** Events spread over both tiers with small blocks, as a test wants them, and the ports that read them. */
import type { Event } from '#core/event/event.ts';
import type { BlockReader, Catalogue } from '#core/query/ports.ts';
import { buildFilter, keysOf } from '#core/record/membership.ts';
import { Missing } from '#core/record/ports.ts';
import type { Block, SegmentPart } from '#core/record/segment.ts';
import type { AnswerPorts } from '#functions/query/answer.ts';
import { tenantA } from '#test/support/events.ts';
import { MemoryLedger } from '#test/support/memory.ts';

export const at0 = Date.parse('2026-03-01T00:00:00.000Z');

/** The n-th event; all its fields follow from n, time and tenant. */
export function eventOf(n: number, time = n, tenant = tenantA): Event {
  const iso = new Date(at0 + time * 1000).toISOString();
  return {
    id: `01890000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
    tenant,
    occurred_at: iso,
    received_at: iso,
    action: ['user.login', 'user.logout', 'doc.read', 'doc.share'][n % 4]!,
    schema_version: 1,
    category: n % 2 ? 'auth_events' : 'user_activity',
    crud: 'r',
    severity: 'info',
    outcome: { result: n % 3 ? 'success' : 'failure' },
    actor: { type: 'user', id: `u${n % 5}`, name: `Person ${n % 5}` },
    targets: [{ type: 'doc', id: `d${n % 7}` }],
    context: { ip: `192.0.2.${n % 3}` },
    metadata: { note: `Note ${n}` },
    data_class: 'none',
    ...(n % 6 ? { project: 'shop' } : {}),
    producer: { key: 'k' },
  };
}

export class World implements BlockReader {
  readonly ledger = new MemoryLedger();
  /** Every read: its segment and how many blocks. */
  readonly reads: { readonly key: string; readonly blocks: number }[] = [];
  readonly #texts = new Map<string, string>();
  readonly #gone = new Set<string>();
  now = at0;

  get ports(): AnswerPorts & { readonly catalogue: Catalogue } {
    return { critical: this.ledger, catalogue: this.ledger, blocks: this, clock: () => this.now };
  }

  addCritical(...events: readonly Event[]): void {
    for (const event of events) this.ledger.events.set(`${event.tenant}/${event.id}`, event);
  }

  /** One part whose blocks hold these events, in this order. */
  addPart(blocks: readonly (readonly Event[])[], tier: 'bulk' | 'critical' = 'bulk'): SegmentPart {
    const events = blocks.flat();
    const { tenant } = events[0]!;
    const segment = `s${this.ledger.committed.length}`;
    let offset = 10;
    const made = blocks.map((block): Block => {
      const text = block.map((event) => `${JSON.stringify(event)}\n`).join('');
      const start = offset;
      offset += text.length;
      this.#texts.set(`${segment}/${start}`, text);
      return {
        tenant,
        offset: start,
        bytes: text.length,
        events: block.length,
        ...timesOf(block),
        filter: buildFilter([...new Set(block.flatMap(keysOf))]),
      };
    });
    const ids = events.map(({ id }) => id).sort();
    const part: SegmentPart = {
      tenant,
      segment,
      seq: BigInt(this.ledger.committed.filter((other) => other.tenant === tenant).length + 1),
      tier,
      key: segment,
      events: events.length,
      ...timesOf(events),
      minId: ids[0]!,
      maxId: ids.at(-1)!,
      blocks: made,
    };
    this.ledger.committed.push(part);
    return part;
  }

  /** The segment vanishes from S3 while the catalogue still names it. */
  lose(key: string): void {
    this.#gone.add(key);
  }

  async read(part: SegmentPart, blocks: readonly Block[]): Promise<readonly string[]> {
    if (this.#gone.has(part.key)) throw new Missing(part.key);
    this.reads.push({ key: part.key, blocks: blocks.length });
    return blocks.map(({ offset }) => this.#texts.get(`${part.key}/${offset}`)!);
  }
}

function timesOf(events: readonly Event[]): { readonly minTime: number; readonly maxTime: number } {
  const times = events.map(({ occurred_at }) => Date.parse(occurred_at));
  return { minTime: Math.min(...times), maxTime: Math.max(...times) };
}
