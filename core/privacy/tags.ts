/**
 * What a tenant says of its own fields: keywords in the JSON Schema that it registered for an action.
 *
 * `x-privacy` at a property is `none` (stays clear), `pii`, `phi`, `chd` (sealed) or `secret` (dropped). `x-subject` at
 * the schema's root is the pointer of the value that names whose data the payload is. Without a schema our defaults hold.
 */
import type { RegisteredSchema, TenantPolicy } from '#core/access/access.ts';
import type { Json, JsonObject } from '#core/event/event.ts';
import { escapeToken, placeOf } from '#core/event/pointer.ts';
import type { Fault } from '#core/event/problem.ts';
import { clearTexts, mayNameSubject, placeFault } from './tag-places.ts';

export const privacyClasses = ['none', 'pii', 'phi', 'chd', 'secret'] as const;
export type PrivacyClass = (typeof privacyClasses)[number];

export interface Tags {
  /** Class by RFC 6901 pointer of a property. */
  readonly classes: ReadonlyMap<string, PrivacyClass>;
  /** Pointers at or below which there are tags. */
  readonly spoken: ReadonlySet<string>;
  /** Pointers below which something is personal or secret. */
  readonly above: ReadonlySet<string>;
  /** Fields to seal that stay clear by default. */
  readonly also: readonly string[];
  /** Pointer of the value that names the subject of the payload. */
  readonly subject?: string;
}

/** Whether the tags say that a field is personal. */
export const sealsAt = (tags: Tags | undefined, at: string): boolean => isPersonal(tags?.classes.get(at));

const isPersonal = (is: PrivacyClass | undefined): boolean => is !== undefined && is !== 'none' && is !== 'secret';

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
  const isSubject = typeof subject === 'string' && mayNameSubject(subject);
  if (classes.size === 0 && !isSubject) return [];
  const spoken = new Set<string>();
  const above = new Set<string>();
  for (const [tagged, is] of classes) {
    spoken.add(tagged);
    for (let at = placeOf(tagged).parent; at !== ''; at = placeOf(at).parent) {
      spoken.add(at);
      if (is !== 'none') above.add(at);
    }
  }
  const also = [...clearTexts].filter((at) => isPersonal(classes.get(at)));
  return [[action, { classes, spoken, above, also, ...(isSubject ? { subject } : {}) }]];
}

/** Tags that cannot work are passed over: `tagFault` refuses them when the schema is registered. Schemas are at most 32 deep. */
function collect(schema: JsonObject, pointer: string, classes: Map<string, PrivacyClass>): void {
  const own = schema['x-privacy'];
  if (isClass(own) && placeFault(pointer, own) === undefined) classes.set(pointer, own);
  const properties = schema.properties;
  if (!isObject(properties)) return;
  for (const [name, inner] of Object.entries(properties)) {
    if (isObject(inner)) collect(inner, `${pointer}/${escapeToken(name)}`, classes);
  }
}

/** Keywords whose members are named by the tenant, so that a property may be called `x-privacy`. */
const named = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords that hold data, not schemas. */
const data = new Set(['const', 'enum', 'examples', 'default']);

/** Why the tags of a schema would not do what they say, with the place in the schema; or undefined. */
export const tagFault = (schema: JsonObject): Fault | undefined => faultIn(schema, '', '', schema);

/**
 * `at` is the place in an event that a schema is about, or undefined where it may be about several or none. What lies
 * there is sealed with the property above it.
 */
function faultIn(schema: Json, here: string, at: string | undefined, root: JsonObject): Fault | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  for (const [name, item] of Object.entries(schema)) {
    const place = `${here}/${escapeToken(name)}`;
    let fault: Fault | undefined;
    if (name === 'x-privacy') fault = privacyFault(item, at, place);
    else if (name === 'x-subject') fault = subjectFault(item, here, place, root);
    else if (!data.has(name) && named.has(name) && isObject(item)) {
      for (const [key, inner] of Object.entries(item)) {
        const step = `/${escapeToken(key)}`;
        fault ??= faultIn(inner, place + step, name === 'properties' && at !== undefined ? at + step : undefined, root);
      }
    } else if (!data.has(name)) fault = faultIn(item, place, undefined, root);
    if (fault) return fault;
  }
  return undefined;
}

function privacyFault(is: Json, at: string | undefined, place: string): Fault | undefined {
  if (!isClass(is)) return invalid(`x-privacy is one of ${privacyClasses.join(', ')}.`, place);
  if (at === undefined) {
    return invalid(
      'x-privacy works at "properties" from the root on, and nowhere else: tag the property above.',
      place,
    );
  }
  const why = placeFault(at, is);
  return why === undefined ? undefined : invalid(`x-privacy: ${at || 'this'} ${why}.`, place);
}

function subjectFault(pointer: Json, here: string, place: string, root: JsonObject): Fault | undefined {
  if (here !== '') return invalid('x-subject stands at the root of the schema.', place);
  if (typeof pointer !== 'string' || !mayNameSubject(pointer)) {
    return invalid('x-subject is the JSON pointer of a text in the event, as /metadata/patient_id.', place);
  }
  const classes = new Map<string, PrivacyClass>();
  collect(root, '', classes);
  for (let above = pointer; above !== ''; above = placeOf(above).parent) {
    if (classes.get(above) === 'secret') return invalid('x-subject points at a value that is dropped.', place);
  }
  return undefined;
}

const invalid = (detail: string, pointer: string): Fault => ({ code: 'schema_invalid', detail, pointer });

const isClass = (value: Json | undefined): value is PrivacyClass => privacyClasses.includes(value as PrivacyClass);

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
