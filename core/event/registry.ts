/**
 * The schema registry: a tenant's own JSON Schema for an action.
 *
 * ajv compiles a schema to code in which every text of the schema is quoted. Patterns run on RE2 (linear time), so
 * a pattern of one tenant cannot stall the events of the others. Schemas cannot refer to other documents.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import type { RegisteredSchema, TenantPolicy } from '../access/access.ts';
import { canonical } from './canonical.ts';
import type { Json } from './event.ts';
import { utf8Length } from './json.ts';
import { escapeToken } from './pointer.ts';
import type { Fault } from './problem.ts';

/** A schema is compiled at each cold start: 32 KB compile in a few milliseconds. */
export const schemaBytesMax = 32 * 1024;

const invalid = (detail: string, pointer?: string): Fault => ({
  code: 'schema_invalid',
  detail,
  ...(pointer === undefined ? {} : { pointer }),
});

/** Why a schema cannot be registered, or undefined. */
export function checkSchema(schema: unknown): Fault | undefined {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return invalid('A schema is a JSON object.');
  }
  try {
    if (utf8Length(canonical(schema as Json)) > schemaBytesMax) return invalid('The schema is larger than 32 KB.');
  } catch {
    return invalid('The schema is nested too deeply.');
  }
  const foreign = foreignReference(schema as Json, '');
  if (foreign !== undefined) {
    return invalid('A schema may refer to its own parts only (#/$defs/…) and may not name itself.', foreign);
  }
  try {
    newAjv().compile(schema as object);
    return undefined;
  } catch (error) {
    return invalid(`The schema does not compile: ${(error as Error).message.slice(0, 300)}.`);
  }
}

const compiled = new WeakMap<TenantPolicy, (event: { readonly action: string }) => string | undefined>();

/**
 * A judge for the events of a tenant: why an event breaks the schema of its action, or undefined. Compiled once
 * for each policy object. A registered schema that no longer compiles breaks no event.
 */
export function compileSchemas(policy: TenantPolicy): (event: { readonly action: string }) => string | undefined {
  const known = compiled.get(policy);
  if (known) return known;
  const ajv = newAjv();
  const judges = new Map(policy.schemas.map((one) => [one.action, compileOne(ajv, one)]));
  const judge = (event: { readonly action: string }) => judges.get(event.action)?.(event);
  compiled.set(policy, judge);
  return judge;
}

function compileOne(ajv: Ajv2020, registered: RegisteredSchema): (event: object) => string | undefined {
  try {
    const validate = ajv.compile(registered.schema);
    return (event) => {
      if (validate(event)) return undefined;
      const error = validate.errors![0]!;
      return `${error.instancePath || 'The event'} ${error.message} (schema version ${registered.version}).`;
    };
  } catch {
    return () => undefined;
  }
}

function newAjv(): Ajv2020 {
  const regExp = Object.assign((pattern: string) => re2(pattern), { code: 'undefined' });
  return new Ajv2020({
    strict: false,
    // A schema without an id of its own never meets another in a cache.
    addUsedSchema: false,
    validateFormats: false,
    logger: false,
    code: { regExp: regExp as never },
  });
}

/** ajv tells patterns apart by their text, so two patterns with one text would be one pattern. */
function re2(pattern: string): { test: (text: string) => boolean; toString: () => string } {
  const compiledPattern = RE2JS.compile(pattern);
  return { test: (text) => compiledPattern.matcher(text).find(), toString: () => pattern };
}

/** Keywords whose members are named by the tenant, so that a property may be called `$ref`. */
const named = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords that hold data, not schemas. */
const data = new Set(['const', 'enum', 'examples', 'default']);

/** A pointer to the first reference that leaves the schema, or to an id that it gives itself. */
function foreignReference(value: Json, pointer: string, isNames = false): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, item] of Object.entries(value)) {
    const here = `${pointer}/${escapeToken(name)}`;
    if (!isNames) {
      if (data.has(name)) continue;
      const reference = name === '$ref' || name === '$dynamicRef';
      if (reference && typeof item === 'string' && !item.startsWith('#')) return here;
      if ((name === '$id' || name === '$anchor' || name === '$dynamicAnchor') && typeof item === 'string') return here;
    }
    const deeper = foreignReference(item, here, !isNames && named.has(name));
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}
