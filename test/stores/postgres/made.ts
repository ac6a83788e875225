/** Events and segments for the tests of the Postgres drivers. */
import type { Event, tiers } from '#core/event/event.ts';
import type { Segment } from '#core/record/segment.ts';
import { leavesOf } from '#functions/record/leaves.ts';

export const tenantA = '01890000-0000-7000-8000-00000000000a';
export const tenantB = '01890000-0000-7000-8000-00000000000b';
export const march = Date.parse('2026-03-01T12:00:00.000Z');

let serial = 0;

/** A UUIDv7 of this millisecond; unique within a test file. */
export function uuid7(ms: number): string {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${(++serial).toString(16).padStart(12, '0')}`;
}

export interface Line {
  readonly event: Event;
  readonly line: string;
}

export function made(overrides: Partial<Event> = {}): Line {
  const event: Event = {
    id: uuid7(march),
    tenant: tenantA,
    occurred_at: new Date(march).toISOString(),
    received_at: new Date(march).toISOString(),
    action: 'user.login',
    schema_version: 1,
    category: 'auth_events',
    crud: 'c',
    severity: 'info',
    outcome: { result: 'success' },
    actor: { type: 'user', id: 'ada' },
    data_class: 'none',
    producer: { key: 'aaaaaaaaaaaaaaaaaaaa' },
    ...overrides,
  };
  return { event, line: JSON.stringify(event) };
}

/** What a commit takes: the segment of these lines, the lines in its order, and their leaves. */
export function batchOf(
  lines: readonly Line[],
  tier: (typeof tiers)[number] = 'critical',
  messages?: readonly string[],
) {
  const segment = segmentOf(lines, tier, messages);
  const ordered = segment.parts.flatMap(({ tenant }) => lines.filter((one) => one.event.tenant === tenant));
  return [segment, ordered, leavesOf(ordered)] as const;
}

/** The segment of these lines: one block a tenant. */
export function segmentOf(
  lines: readonly Line[],
  tier: (typeof tiers)[number] = 'critical',
  messages?: readonly string[],
): Segment {
  const id = uuid7(march);
  const key = `segments/v1/dt=2026-03-01/hh=12/${id}.jsonl.gz`;
  const tenants = [...new Set(lines.map((one) => one.event.tenant))].sort();
  return {
    id,
    key,
    tier,
    bytes: 1000,
    sha256: 'ab'.repeat(32),
    parts: tenants.map((tenant, index) => {
      const own = lines.filter((one) => one.event.tenant === tenant).map((one) => one.event);
      const times = own.map((event) => Date.parse(event.occurred_at));
      const ids = own.map((event) => event.id).sort();
      const span = { minTime: Math.min(...times), maxTime: Math.max(...times) };
      return {
        ...{ tenant, segment: id, tier, key, events: own.length, ...span, minId: ids[0]!, maxId: ids.at(-1)! },
        blocks: [
          { tenant, offset: index * 100, bytes: 100, events: own.length, ...span, filter: Uint8Array.of(1, 2, 3) },
        ],
        ...(messages ? { messages } : {}),
      };
    }),
  };
}
