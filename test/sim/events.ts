/** Events that the simulated producers send: of services only, so that no personal field costs a key. */

import { canonical } from '#core/event/canonical.ts';
import type { Json } from '#core/event/event.ts';
import { type Event, type EventInput, ownProducer, type Tier } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import type { Random } from './random.ts';

/** A new event of a tenant as the queue carries it. */
export function newLine(random: Random, tenant: string, tier: Tier, timeMs: number): { id: string; line: string } {
  const time = new Date(timeMs).toISOString();
  const id = uuidv7(timeMs, random.bytes(10));
  const event: Event = {
    action: tier === 'critical' ? 'role.assign' : 'job.run',
    actor: { id: `service-${random.below(9)}`, type: 'service' },
    category: tier === 'critical' ? 'critical' : 'system',
    crud: 'u',
    data_class: 'none',
    id,
    occurred_at: time,
    outcome: { result: 'success' },
    producer: { key: 'aaaaaaaaaaaaaaaaaaaa' },
    received_at: time,
    schema_version: 1,
    severity: 'info',
    tenant,
  };
  return { id, line: JSON.stringify(event) };
}

/** An event of Trailkeep's own as the recorder queues it. */
export function ownLine(tenant: string, input: EventInput, timeMs: number): { id: string; line: string } {
  const time = new Date(timeMs).toISOString();
  const { id, ...rest } = input;
  if (id === undefined) throw new TypeError(`${input.action} has no id of its own`);
  const event: Event = {
    category: 'critical',
    crud: 'u',
    data_class: 'none',
    outcome: { result: 'success' },
    schema_version: 1,
    severity: 'medium',
    occurred_at: time,
    ...rest,
    id,
    producer: { key: ownProducer },
    received_at: time,
    tenant,
  };
  return { id, line: canonical(event as unknown as Json) };
}
