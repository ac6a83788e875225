/** From the text of one item to the stored event: every rule between a caller and the queue, in order. */
import type { TenantPolicy } from '../access/access.ts';
import { canonical } from '../event/canonical.ts';
import { classify } from '../event/catalogue.ts';
import {
  type Event,
  type EventInput,
  eventBytesMax,
  idFutureMsMax,
  idPastMsMax,
  type Json,
  occurredFutureMsMax,
  type Tier,
} from '../event/event.ts';
import { parseJson, utf8Length } from '../event/json.ts';
import { fail, ok, type Result } from '../event/problem.ts';
import { normaliseTime } from '../event/time.ts';
import { isUuidv7, uuidTime } from '../event/uuid.ts';
import { validateInput } from '../event/validate.ts';
import { fromCloudEvent } from './cloudevents.ts';

/** Who sends, when, and by which rules. */
export interface PrepareContext {
  readonly tenant: string;
  readonly keyId: string;
  /** Set when the key is bound to them; they win over the body. */
  readonly project?: string;
  readonly environment?: string;
  readonly receivedAt: Date;
  readonly cloudEvents?: boolean;
  readonly policy: TenantPolicy | undefined;
  /** Why an event breaks its action's registered schema. */
  readonly violation?: (input: EventInput) => string | undefined;
  readonly newId: () => string;
  /** The id that follows from a producer's idempotency key and a time (ms). */
  readonly derivedId?: (idempotencyKey: string, timeMs: number) => string;
}

export interface Prepared {
  readonly event: Event;
  /** Canonical text of the event. */
  readonly line: string;
  readonly tier: Tier;
}

/** The stored form of one item, or the first fault. Never throws for bad input. */
export function prepareEvent(itemText: string, by: PrepareContext): Result<Prepared> {
  // No character takes more than three bytes, so most items need no count.
  if (itemText.length > eventBytesMax / 3 && utf8Length(itemText) > eventBytesMax) {
    return fail('event_too_large', `The event has more than ${eventBytesMax} bytes.`);
  }
  const parsed = parseJson(itemText);
  if (!parsed.ok) return parsed;
  const unwrapped = by.cloudEvents ? fromCloudEvent(parsed.value) : parsed;
  if (!unwrapped.ok) return unwrapped;
  const validated = validateInput(unwrapped.value);
  if (!validated.ok) return validated;
  const input = validated.value;

  const receivedMs = by.receivedAt.getTime();
  const occurred = input.occurred_at === undefined ? ok(by.receivedAt.toISOString()) : normaliseTime(input.occurred_at);
  if (!occurred.ok) return occurred;
  const occurredMs = Date.parse(occurred.value);
  if (occurredMs > receivedMs + occurredFutureMsMax) {
    return fail('event_time_invalid', '/occurred_at lies more than 24 hours in the future.', '/occurred_at');
  }

  const violation = by.violation?.(input);
  if (violation !== undefined && by.policy?.schemaMode === 'refuse') return fail('event_schema_violated', violation);

  const { category, tier, crud, severity } = classify(input.action, input, by.policy);
  const { producer, ...rest } = input;
  const identity = identify(input, occurredMs, by);
  const project = by.project ?? input.project;
  const environment = by.environment ?? input.environment;
  const event: Event = {
    ...rest,
    ...identity,
    tenant: by.tenant,
    occurred_at: occurred.value,
    received_at: by.receivedAt.toISOString(),
    schema_version: input.schema_version ?? 1,
    category,
    crud,
    severity,
    outcome: input.outcome ?? { result: 'success' },
    data_class: input.data_class ?? 'none',
    producer: producer?.seq === undefined ? { key: by.keyId } : { key: by.keyId, seq: producer.seq },
    ...(project === undefined ? {} : { project }),
    ...(environment === undefined ? {} : { environment }),
    ...(violation === undefined ? {} : { schema_violation: violation.slice(0, 1000) }),
  };
  return ok({ event, line: canonical(event as unknown as Json), tier });
}

/**
 * The event's id. A client's own UUIDv7 is kept when its time is near ours (it is the partition key); any other id
 * becomes the external id, unless there is one. A producer's idempotency key with a recent time fixes the id, so
 * that a repeat is a duplicate; with an older time the key is kept as data and the Idempotency-Key header is the
 * way to repeat safely.
 */
function identify(input: EventInput, occurredMs: number, by: PrepareContext): Pick<Event, 'id' | 'external_id'> {
  const receivedMs = by.receivedAt.getTime();
  const isNear = (ms: number) => ms >= receivedMs - idPastMsMax && ms <= receivedMs + idFutureMsMax;
  const own = input.id?.toLowerCase();
  if (own !== undefined && isUuidv7(own) && isNear(uuidTime(own))) return { id: own };
  const external = input.external_id ?? input.id;
  const derived =
    by.derivedId && input.idempotency_key !== undefined && input.occurred_at !== undefined && isNear(occurredMs)
      ? by.derivedId(input.idempotency_key, occurredMs)
      : undefined;
  return { id: derived ?? by.newId(), ...(external === undefined ? {} : { external_id: external }) };
}
