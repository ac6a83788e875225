/** CloudEvents 1.0 in structured mode: the event is their `data`, and their attributes fill what it leaves open. */
import type { Json, JsonObject } from '../event/event.ts';
import { fail, ok, type Result } from '../event/problem.ts';
import { isUuidv7 } from '../event/uuid.ts';

const required = ['specversion', 'id', 'source', 'type'] as const;

/** True when a value says that it is a CloudEvent; no event of ours has this field. */
export const isCloudEvent = (value: Json): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 'specversion');

/** The event of a CloudEvent, not yet validated. `event_invalid` when an attribute is missing or data is no object. */
export function fromCloudEvent(value: Json): Result<Json> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('event_invalid', 'A CloudEvent is an object.');
  const envelope = value as JsonObject;
  for (const name of required) {
    if (typeof envelope[name] !== 'string' || envelope[name] === '') {
      return fail('event_invalid', `The CloudEvents attribute ${name} is missing.`, `/${name}`);
    }
  }
  if (envelope.specversion !== '1.0')
    return fail('event_invalid', 'The CloudEvents specversion must be 1.0.', '/specversion');
  const { data } = envelope;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    return fail(
      'event_invalid',
      'The data of the CloudEvent must be a JSON object (data_base64 is not read).',
      '/data',
    );
  }
  const event = data as JsonObject;
  const id = String(envelope.id);
  const context =
    typeof event.context === 'object' && event.context !== null ? (event.context as JsonObject) : undefined;
  return ok({
    ...event,
    ...(event.action === undefined ? { action: envelope.type! } : {}),
    ...(event.occurred_at === undefined && envelope.time !== undefined ? { occurred_at: envelope.time } : {}),
    ...(event.id === undefined && isUuidv7(id) ? { id } : {}),
    // Data with a foreign id of its own keeps that one: it will become the external id.
    ...(event.external_id === undefined && !isUuidv7(id) && (event.id === undefined || isUuidv7(String(event.id)))
      ? { external_id: id }
      : {}),
    ...(event.context === undefined || (context && context.service === undefined)
      ? { context: { ...context, service: envelope.source! } }
      : {}),
  });
}
