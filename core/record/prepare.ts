/** From the text of one item to the stored event: every rule between a caller and the queue, in order. */
import type { TenantPolicy } from '../access/access.ts';
import { canonical, inOrder } from '../event/canonical.ts';
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
import { type JsonItem, parseItem, utf8Length } from '../event/json.ts';
import { fail, ok, type Result } from '../event/problem.ts';
import { normaliseTime } from '../event/time.ts';
import { isUuidv7, uuidTime } from '../event/uuid.ts';
import { validateInput } from '../event/validate.ts';
import { fromCloudEvent, isCloudEvent } from './cloudevents.ts';

/** Who sends, when, and by which rules. */
export interface PrepareContext {
  readonly tenant: string;
  readonly keyId: string;
  /** Set when the key is bound to them; they win over the body. */
  readonly project?: string;
  readonly environment?: string;
  readonly receivedAt: Date;
  readonly cloudEvents?: boolean | 'marked';
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
export function prepareEvent(item: JsonItem, by: PrepareContext): Result<Prepared> {
  const { text } = item;
  // No character takes more than three bytes, so most items need no count.
  if (text.length > eventBytesMax / 3 && utf8Length(text) > eventBytesMax) {
    return fail('event_too_large', `The event has more than ${eventBytesMax} bytes.`);
  }
  const parsed = parseItem(item);
  if (!parsed.ok) return parsed;
  const wrapped = by.cloudEvents === 'marked' ? isCloudEvent(parsed.value) : by.cloudEvents;
  const unwrapped = wrapped ? fromCloudEvent(parsed.value) : parsed;
  if (!unwrapped.ok) return unwrapped;
  const validated = validateInput(unwrapped.value);
  if (!validated.ok) return validated;
  const ordered = inOrder(validated.value);
  const input = ordered ?? validated.value;

  const received = clockOf(by.receivedAt.getTime());
  const occurred = input.occurred_at === undefined ? ok(received.text) : normaliseTime(input.occurred_at);
  if (!occurred.ok) return occurred;
  // Times in this form compare as their texts do.
  if (occurred.value > received.latest) {
    return fail('event_time_invalid', '/occurred_at lies more than 24 hours in the future.', '/occurred_at');
  }

  const violation = by.violation?.(input);
  if (violation !== undefined && by.policy?.schemaMode === 'refuse') return fail('event_schema_violated', violation);

  const identity = identify(input, occurred.value, by);
  if (!identity.ok) return identity;
  const { category, tier, crud, severity } = classify(input.action, input, by.policy);
  const seq = input.producer?.seq;
  // Every field, in canonical order: one hidden class for all events, whose keys need no sorting. Absent ones are undefined.
  const event = {
    action: input.action,
    actor: input.actor,
    authorization: input.authorization,
    category,
    changes: input.changes,
    component: input.component,
    context: input.context,
    crud,
    data_class: input.data_class ?? 'none',
    environment: by.environment ?? input.environment,
    external_id: identity.value.external ?? input.external_id,
    id: identity.value.id,
    idempotency_key: input.idempotency_key,
    metadata: input.metadata,
    occurred_at: occurred.value,
    on_behalf_of: input.on_behalf_of,
    operation_id: input.operation_id,
    outcome: input.outcome ?? { result: 'success' },
    producer: seq === undefined ? { key: by.keyId } : { key: by.keyId, seq },
    project: by.project ?? input.project,
    received_at: received.text,
    schema_version: input.schema_version ?? 1,
    schema_violation: violation?.slice(0, 1000),
    severity,
    subject: input.subject,
    targets: input.targets,
    tenant: by.tenant,
    version: input.version,
  } satisfies { readonly [K in keyof Required<Omit<Event, 'sealed' | 'salt'>>]: Event[K] | undefined } as Event;
  // With what came in in order, and the fields above in order, this is the canonical text.
  const line = ordered ? JSON.stringify(event) : canonical(event as unknown as Json);
  return ok({ event, line, tier });
}

/** A time of receipt as text, and the latest time that an event of it may name. */
interface Clock {
  readonly ms: number;
  readonly text: string;
  readonly latest: string;
}
let clock: Clock | undefined;

/** The same for all events of a batch, so the last one is kept. */
function clockOf(ms: number): Clock {
  if (clock?.ms === ms) return clock;
  clock = { ms, text: new Date(ms).toISOString(), latest: new Date(ms + occurredFutureMsMax).toISOString() };
  return clock;
}

/**
 * The event's id. A client's own UUIDv7 is kept when its time is near ours (it is the partition key); any other id
 * becomes the external id, and is refused when that is taken: it would vanish. A producer's idempotency key with a
 * recent time fixes the id, so that a repeat is a duplicate; with an older time the key is kept as data and the
 * Idempotency-Key header is the way to repeat safely.
 */
function identify(
  input: EventInput,
  occurredAt: string,
  by: PrepareContext,
): Result<{ id: string; external?: string }> {
  const receivedMs = by.receivedAt.getTime();
  const isNear = (ms: number) => ms >= receivedMs - idPastMsMax && ms <= receivedMs + idFutureMsMax;
  const { id, external_id, idempotency_key } = input;
  if (id !== undefined && isUuidv7(id) && isNear(uuidTime(id))) return ok({ id: id.toLowerCase() });
  if (id !== undefined && external_id !== undefined && id !== external_id) {
    return fail(
      'event_id_invalid',
      'The id is no UUIDv7 of the last seven days, and external_id is taken by another. Send one of them.',
      '/id',
    );
  }
  const timed = by.derivedId && idempotency_key !== undefined && input.occurred_at !== undefined;
  const occurredMs = timed ? Date.parse(occurredAt) : Number.NaN;
  const derived = timed && isNear(occurredMs) ? by.derivedId(idempotency_key, occurredMs) : undefined;
  return ok({ id: derived ?? by.newId(), ...(id === undefined ? {} : { external: id }) });
}
