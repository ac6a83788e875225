/** Events and their lines, the same ones every time. */
import type { Event } from '#core/event/event.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { tenantA } from './events.ts';

/** A UUIDv7 at a time, with a number in its random part. */
export function idAt(timeMs: number, n: number): string {
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export const someTime = Date.parse('2026-03-01T12:00:00.000Z');

/** The n-th event, with fields to replace. */
export function eventAt(n: number, overrides: Partial<Event> = {}): Event {
  const time = new Date(someTime + n * 7);
  return {
    id: idAt(time.getTime(), n),
    tenant: tenantA,
    occurred_at: time.toISOString(),
    received_at: time.toISOString(),
    action: n % 3 ? 'document.read' : 'document.update',
    schema_version: 1,
    category: n % 2 ? 'user_activity' : 'api_calls',
    crud: 'r',
    severity: 'info',
    outcome: { result: 'success' },
    actor: { type: 'user', id: `user-${n % 50}`, name: `Ada ${n % 50}` },
    targets: [{ type: 'document', id: `doc-${(n * 7919) % 1000}` }],
    context: { ip: `203.0.113.${n % 200}`, request_id: `req-${(n * 2654435761) % 4294967296}` },
    data_class: 'none',
    producer: { key: 'aaaaaaaaaaaaaaaaaaaa' },
    ...overrides,
  };
}

export const lineOf = (event: Event): EventLine => ({ event, line: JSON.stringify(event) });

export const linesOf = (count: number, overrides: (n: number) => Partial<Event> = () => ({})): EventLine[] =>
  Array.from({ length: count }, (_, n) => lineOf(eventAt(n, overrides(n))));
