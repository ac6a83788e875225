/** Events spread over both tiers with small blocks, as a test wants them, and the ports that read them. */
import type { ArchiveChunk } from '#core/archive/file.ts';
import { Archived } from '#core/archive/ports.ts';
import type { Event } from '#core/event/event.ts';
import { type BlockReader, type Catalogue, Damaged } from '#core/query/ports.ts';
import { buildFilter, keysOf } from '#core/record/membership.ts';
import { Missing } from '#core/record/ports.ts';
import type { Block, Part, SegmentPart } from '#core/record/segment.ts';
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
  readonly #frozen = new Set<string>();
  readonly #damaged = new Set<string>();
  now = at0;

  get ports(): AnswerPorts & { readonly catalogue: Catalogue } {
    return { critical: this.ledger, catalogue: this.ledger, blocks: this, clock: () => this.now };
  }

  addCritical(...events: readonly Event[]): void {
    for (const event of events) this.ledger.events.set(`${event.tenant}/${event.id}`, event);
  }

  /** One part whose blocks hold these events, in this order. */
  addPart(blocks: readonly (readonly Event[])[], tier: 'bulk' | 'critical' = 'bulk'): SegmentPart {
    const key = `s${this.ledger.committed.length}`;
    const { tenant } = blocks[0]![0]!;
    const seq = BigInt(this.ledger.committed.filter((other) => other.tenant === tenant).length + 1);
    const part: SegmentPart = { ...this.#stored(key, blocks, tier), segment: key, seq };
    this.ledger.committed.push(part);
    return part;
  }

  /** A chunk of an archive file, which is in the catalogue once somebody puts it there. */
  chunkOf(key: string, blocks: readonly (readonly Event[])[], tier: 'bulk' | 'critical' = 'bulk'): ArchiveChunk {
    return { ...this.#stored(key, blocks, tier), file: key, number: 0, leaves: [] };
  }

  #stored(key: string, blocks: readonly (readonly Event[])[], tier: 'bulk' | 'critical'): Part {
    const events = blocks.flat();
    const { tenant } = events[0]!;
    let offset = 10;
    const made = blocks.map((block): Block => {
      const text = block.map((event) => `${JSON.stringify(event)}\n`).join('');
      const start = offset;
      offset += text.length;
      this.#texts.set(`${key}/${start}`, text);
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
    return {
      tenant,
      tier,
      key,
      events: events.length,
      ...timesOf(events),
      minId: ids[0]!,
      maxId: ids.at(-1)!,
      blocks: made,
    };
  }

  /** All events of some parts. */
  eventsIn(parts: readonly Part[]): Event[] {
    return parts.flatMap(({ key, blocks }) =>
      blocks.flatMap(({ offset }) =>
        this.#texts
          .get(`${key}/${offset}`)!
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Event),
      ),
    );
  }

  /** What lies there is something else from now on. */
  damage(key: string, offset: number, text: string | undefined): void {
    if (text === undefined) this.#damaged.add(`${key}/${offset}`);
    else this.#texts.set(`${key}/${offset}`, text);
  }

  /** The object moves to Glacier. */
  freeze(key: string): void {
    this.#frozen.add(key);
  }

  /** The segment vanishes from S3 while the catalogue still names it. */
  lose(key: string): void {
    this.#gone.add(key);
  }

  async read(part: Pick<Part, 'key'>, blocks: readonly Block[]): Promise<readonly string[]> {
    if (this.#gone.has(part.key)) throw new Missing(part.key);
    if (this.#frozen.has(part.key)) throw new Archived(part.key);
    for (const { offset } of blocks) {
      if (this.#damaged.has(`${part.key}/${offset}`)) throw new Damaged(part.key, 'the block cannot be inflated');
    }
    this.reads.push({ key: part.key, blocks: blocks.length });
    return blocks.map(({ offset }) => this.#texts.get(`${part.key}/${offset}`)!);
  }
}

function timesOf(events: readonly Event[]): { readonly minTime: number; readonly maxTime: number } {
  const times = events.map(({ occurred_at }) => Date.parse(occurred_at));
  return { minTime: Math.min(...times), maxTime: Math.max(...times) };
}
