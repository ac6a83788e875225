/**
 * The shape of a message that could not be stored: enough to see what is wrong with it, and nothing that its producer
 * wrote. A value shows as its type, a text with its length; a key shows only when Trailkeep itself gave it its name.
 */

export type Shape = string | readonly Shape[] | { readonly [key: string]: Shape };

/** Every key that an event, its envelope, a CloudEvent or the record of a failed invocation has by definition. */
export const ownKeys: ReadonlySet<string> = new Set(
  [
    'id tenant project environment occurred_at received_at action schema_version category crud severity outcome actor',
    'on_behalf_of targets context operation_id authorization changes metadata data_class subject idempotency_key',
    'external_id component version producer schema_violation redacted',
    'type name email ip user_agent location session_id request_id trace_id service module permission resource granted',
    'path before after result reason key seq',
    'v tier n zst sealed group at box',
    'specversion source time datacontenttype dataschema data data_base64',
    'requestContext requestPayload responseContext responsePayload timestamp',
  ].flatMap((line) => line.split(' ')),
);

const depthMax = 6;
const keysMax = 60;
const itemsMax = 5;

/** Undefined when the text is not JSON. */
export function shapeOf(text: string): Shape | undefined {
  try {
    return shape(JSON.parse(text), 0);
  } catch {
    return undefined;
  }
}

function shape(value: unknown, depth: number): Shape {
  if (value === null) return 'null';
  if (typeof value === 'string') return `string(${value.length})`;
  if (typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) {
    if (depth === depthMax) return `array(${value.length})`;
    const shown: Shape[] = value.slice(0, itemsMax).map((item) => shape(item, depth + 1));
    return value.length > itemsMax ? [...shown, `${value.length - itemsMax} more`] : shown;
  }
  const members = Object.entries(value);
  if (depth === depthMax) return `object(${members.length})`;
  let foreign = 0;
  const shown = members
    .slice(0, keysMax)
    .map(([key, item]): [string, Shape] => [ownKeys.has(key) ? key : `?${++foreign}`, shape(item, depth + 1)]);
  if (members.length > keysMax) shown.push(['…', `${members.length - keysMax} more`]);
  return Object.fromEntries(shown);
}
