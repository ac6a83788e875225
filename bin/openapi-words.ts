/** The words in which the API description is written: small JSON Schemas, parameters and answers. */
import * as z from 'zod';
import type { ProblemCode } from '#core/event/problem.ts';

export type Schema = Record<string, unknown>;

export interface Operation {
  readonly summary: string;
  readonly description?: string;
  /** Undefined: no key needed. */
  readonly scope?: string | null;
  readonly parameters?: readonly Schema[];
  readonly body?: Schema;
  readonly answers: Readonly<
    Record<number, { readonly description: string; readonly content?: Schema; readonly headers?: Schema }>
  >;
  /** Codes beyond those that every operation may answer. */
  readonly problems?: readonly ProblemCode[];
}

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const json = (schema: Schema): Schema => ({ 'application/json': { schema } });
export const text: Schema = { type: 'string' };
export const time: Schema = { type: 'string', format: 'date-time' };
export const maybe = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
export const object = (properties: Schema, optional: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
export const array = (items: Schema): Schema => ({ type: 'array', items });
export const schemaOf = (schema: z.ZodType): Schema =>
  withoutDialect(z.toJSONSchema(schema, { io: 'input' }) as Schema);

export function withoutDialect({ $schema: _dialect, ...schema }: Schema): Schema {
  return schema;
}

export const pathParameter = (name: string, about: string): Schema => ({
  name,
  in: 'path',
  required: true,
  description: about,
  schema: text,
});
export const queryParameter = (name: string, schema: Schema, about: string): Schema => ({
  name,
  in: 'query',
  description: about,
  schema,
});
export const paging = [
  queryParameter('after', text, 'The `next` of the page before.'),
  queryParameter('limit', { type: 'integer', minimum: 1, maximum: 1000 }, 'How many at most.'),
];

export const list = (name: string, items: Schema) => object({ [name]: array(items), next: maybe(text) });
export const ok = (description: string, schema: Schema) => ({ 200: { description, content: json(schema) } });
export const body = (schema: Schema, required = true): Schema => ({ required, content: json(schema) });
