/** The shape of an event, once: the validator, the OpenAPI document and the types' test follow from it. */
// Lengths count UTF-16 units in the generated validator (its `unicode: false`) and in what its sentences say. zod and JSON
// Schema count code points, so whoever checks by our document may send what we refuse: long texts with emojis, no others.
import * as z from 'zod';
import { categories, crudLetters, dataClasses, results, severities } from './event.ts';

/** Ids and names of other systems: long ARNs and URNs fit, documents do not. */
const idText = z.string().min(1).max(1024);
const nameText = z.string().max(1024);
/** Free text that a person wrote. */
const freeText = z.string().max(4096);
/** Words that Trailkeep or the producer chose, and that indexes hold. */
const word = z.string().min(1).max(128);
const timeText = z.string().min(20).max(64).meta({ description: 'RFC 3339 date-time' });
/** `noun.verb`, more nouns allowed; no white space, so that it is one word in filters. */
const action = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/);
const metadata = z.record(z.string().max(256), z.unknown());

const party = z.strictObject({
  type: word,
  id: idText,
  name: nameText.optional(),
  email: z.string().max(320).optional(),
  metadata: metadata.optional(),
});
const target = z.strictObject({ type: word, id: idText, name: nameText.optional(), metadata: metadata.optional() });
const context = z.strictObject({
  ip: z.string().max(64).optional(),
  user_agent: z.string().max(2048).optional(),
  location: nameText.optional(),
  session_id: nameText.optional(),
  request_id: nameText.optional(),
  trace_id: nameText.optional(),
  service: nameText.optional(),
  module: nameText.optional(),
});
const grant = z.strictObject({ permission: idText, resource: nameText.optional(), granted: z.boolean() });
const change = z.strictObject({ path: nameText, before: z.unknown().optional(), after: z.unknown().optional() });
const outcome = z.strictObject({ result: z.enum(results), reason: freeText.optional() });
const seq = z.int().min(0);

/** The optional fields that are stored as they came. */
const carried = {
  /** A chain of delegation is short; a list is not a place for a crowd. */
  on_behalf_of: z.array(party).max(16).optional(),
  targets: z.array(target).max(100).optional(),
  context: context.optional(),
  operation_id: word.optional(),
  authorization: z.array(grant).max(100).optional(),
  changes: z.array(change).max(200).optional(),
  metadata: metadata.optional(),
  subject: idText.optional(),
  idempotency_key: z.string().min(1).max(255).optional(),
  external_id: word.optional(),
  component: word.optional(),
  version: word.optional(),
};

/** What a caller sends. An unknown key is refused: a field that was misspelt would be lost evidence. */
export const eventInput = z.strictObject({
  action,
  actor: party,
  /** Judged by prepare, which moves a foreign id to external_id. */
  id: z.string().min(1).max(128).optional(),
  project: word.optional(),
  environment: word.optional(),
  occurred_at: timeText.optional(),
  schema_version: z.int().min(1).max(1_000_000).optional(),
  category: z.enum(categories).optional(),
  crud: z.enum(crudLetters).optional(),
  severity: z.enum(severities).optional(),
  outcome: outcome.optional(),
  data_class: z.enum(dataClasses).optional(),
  producer: z.strictObject({ seq: seq.optional() }).optional(),
  ...carried,
});

/** The stored form. */
export const storedEvent = z.strictObject({
  id: z.uuidv7(),
  tenant: z.string(),
  project: word.optional(),
  environment: word.optional(),
  occurred_at: timeText,
  received_at: timeText,
  action,
  schema_version: z.int().min(1),
  category: z.enum(categories),
  crud: z.enum(crudLetters),
  severity: z.enum(severities),
  outcome,
  actor: party,
  data_class: z.enum(dataClasses),
  producer: z.strictObject({ key: z.string(), seq: seq.optional() }),
  schema_violation: z.string().optional(),
  ...carried,
});

/** JSON Schema (draft 2020-12) of what a caller sends. */
export const inputJsonSchema = (): Record<string, unknown> => ({ ...z.toJSONSchema(eventInput) });

/** As the API answers it: what the reader does not see is named. */
const shownEvent = storedEvent.extend({
  redacted: z
    .record(z.string(), z.enum(['masked', 'token', 'omitted', 'erased', 'restricted', 'retained', 'broken']))
    .optional()
    .meta({ description: 'JSON pointers of values that are not shown, and why' }),
});

/** JSON Schema (draft 2020-12) of an event as the API answers it. */
export const eventJsonSchema = (): Record<string, unknown> => ({ ...z.toJSONSchema(shownEvent) });
