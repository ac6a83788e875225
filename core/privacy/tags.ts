/**
 * What a tenant says of its own fields: keywords in the JSON Schema that it registered for an action.
 *
 * `x-privacy` at a property is `none` (stays clear), `pii`, `phi`, `chd` (sealed) or `secret` (dropped). `x-subject` at
 * the schema's root is the pointer of the value that names whose data the payload is. Without a schema our defaults hold.
 */
import type { RegisteredSchema, TenantPolicy } from '#core/access/access.ts';
import type { Json, JsonObject } from '#core/event/event.ts';
import { escapeToken } from '#core/event/pointer.ts';

export const privacyClasses = ['none', 'pii', 'phi', 'chd', 'secret'] as const;
export type PrivacyClass = (typeof privacyClasses)[number];

export interface Tags {
  /** Class by RFC 6901 pointer of a property. */
  readonly classes: ReadonlyMap<string, PrivacyClass>;
  /** Pointer of the value that names the subject of the payload. */
  readonly subject?: string;
}

const compiled = new WeakMap<TenantPolicy, ReadonlyMap<string, Tags>>();

/** The tags of an action, or undefined when its schema has none. Read once for each policy object. */
export function tagsOf(policy: TenantPolicy | undefined, action: string): Tags | undefined {
  if (!policy || policy.schemas.length === 0) return undefined;
  let byAction = compiled.get(policy);
  if (!byAction) {
    byAction = new Map(policy.schemas.flatMap((one) => entryOf(one)));
    compiled.set(policy, byAction);
  }
  return byAction.get(action);
}

function entryOf({ action, schema }: RegisteredSchema): [string, Tags][] {
  const classes = new Map<string, PrivacyClass>();
  collect(schema as JsonObject, '', classes);
  const subject = schema['x-subject'];
  if (classes.size === 0 && typeof subject !== 'string') return [];
  return [[action, { classes, ...(typeof subject === 'string' ? { subject } : {}) }]];
}

/** Properties of properties; what lies in arrays is sealed as a whole. Schemas are at most 32 deep. */
function collect(schema: JsonObject, pointer: string, classes: Map<string, PrivacyClass>): void {
  const own = schema['x-privacy'];
  if (pointer !== '' && privacyClasses.includes(own as PrivacyClass)) classes.set(pointer, own as PrivacyClass);
  const properties = schema.properties;
  if (!isObject(properties)) return;
  for (const [name, inner] of Object.entries(properties)) {
    if (isObject(inner)) collect(inner, `${pointer}/${escapeToken(name)}`, classes);
  }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
