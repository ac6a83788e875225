/**
 * The mapping file of `import postgres`: which column of somebody's table fills which field of an event.
 *
 * Fields are named as in `--map` of the other formats (actor.id, targets.0.type, metadata.anything). Cells are texts with
 * a word for their kind, as the reader of the table has them; what they become is judged like every event.
 */
import * as z from 'zod';
import { canonical } from '../../event/canonical.ts';
import { type EventInput, eventBytesMax, type Json, type JsonObject } from '../../event/event.ts';
import { parseJson } from '../../event/json.ts';
import { escapeToken, valueAt } from '../../event/pointer.ts';
import { fail, ok, type Result } from '../../event/problem.ts';
import { clip } from './format.ts';
import { eventRoots, type MapPair, mapRow } from './mapping.ts';

/** What a cell is, for what it becomes in metadata; everything travels as text. */
export type CellKind = 'text' | 'bool' | 'number' | 'json';
export interface Cell {
  readonly kind: CellKind;
  readonly text: string | null;
  /** Set when the cell holds more than an event may, and this is its beginning. */
  readonly isCut?: boolean;
}

const rule = z
  .strictObject({
    column: z.string().min(1).optional().meta({ description: 'The column that fills the field' }),
    value: z.union([z.string(), z.number(), z.boolean()]).optional().meta({ description: 'A fixed value instead' }),
    path: z
      .string()
      .regex(/^\//)
      .optional()
      .meta({ description: 'A place in the JSON that the column holds, as /request/ip (RFC 6901)' }),
    map: z.record(z.string(), z.string()).optional().meta({ description: 'By the text of the cell: what it becomes' }),
    unmapped: z
      .enum(['keep', 'refuse', 'omit'])
      .default('keep')
      .meta({ description: 'What becomes of a text that map does not name' }),
    as: z
      .enum(['action', 'unix_seconds', 'unix_milliseconds'])
      .optional()
      .meta({ description: 'action: spaces and signs become _; unix_…: a number is a time' }),
    prefix: z.string().max(64).optional().meta({ description: 'Stands before a text that map does not name' }),
    default: z
      .union([z.string(), z.number(), z.boolean()])
      .optional()
      .meta({ description: 'For cells that are NULL or empty' }),
    max: z.int().min(1).max(16_384).optional().meta({ description: 'A longer text is cut to so many characters' }),
    invalid: z
      .enum(['refuse', 'omit', 'text'])
      .default('refuse')
      .meta({ description: 'What becomes of a cell that should be JSON and is not: text keeps it as a text' }),
  })
  .refine((one) => (one.column === undefined) !== (one.value === undefined), 'name a column or a value')
  .refine((one) => one.path === undefined || one.column !== undefined, 'path needs a column');
const field = z.union([z.string().min(1), rule]);

/** Two columns of JSON objects, or of one row before and after it changed. */
const changes = z.strictObject({
  before: z.string().min(1).optional(),
  after: z.string().min(1).optional(),
  invalid: z.enum(['refuse', 'omit']).default('refuse'),
});

export const tableMapping = z
  .strictObject({
    $schema: z.string().optional(),
    table: z.string().min(1).meta({ description: 'As SQL names it: audit_logs, app.audit_logs, "AuditLogs"' }),
    key: z
      .array(z.string().min(1))
      .min(1)
      .max(8)
      .optional()
      .meta({ description: 'Columns that order the rows and tell them apart; else the primary key' }),
    time_zone: z
      .string()
      .default('UTC')
      .meta({ description: 'Of timestamps without a zone, as Postgres names it: Europe/Berlin' }),
    fields: z
      .record(z.string(), field)
      .meta({ description: "By field of the event: a column, a fixed text ('user'), or a rule" }),
    changes: changes.optional().meta({ description: 'Columns with the values before and after' }),
  })
  .superRefine(({ fields }, context) => {
    for (const name of Object.keys(fields)) {
      const problem = problemOfField(name);
      if (problem) context.addIssue({ code: 'custom', message: problem, path: ['fields', name] });
    }
    for (const name of ['action', 'actor.id', 'occurred_at'].filter((one) => fields[one] === undefined)) {
      context.addIssue({ code: 'custom', message: `nothing fills ${name}`, path: ['fields'] });
    }
  });

export type TableMapping = z.infer<typeof tableMapping>;
type Rule = z.infer<typeof rule>;

/** Ours to fill: what makes a second run add nothing, and what the server says. */
const ourOwn = ['id', 'external_id', 'idempotency_key', 'changes'];

function problemOfField(name: string): string | undefined {
  const steps = name.split('.');
  const root = steps[0]!;
  if (ourOwn.includes(root)) return `${root} is not filled by a column; see the guide`;
  if (!eventRoots.includes(root)) return `an event has no field ${root}; its fields are ${eventRoots.join(', ')}`;
  if (steps.some((step) => step === '' || step === '__proto__')) return `${JSON.stringify(name)} is no path`;
  if (name === 'metadata' || name === 'metadata.import' || name.startsWith('metadata.import.')) {
    return 'metadata is filled by its members, and metadata.import says where the event came from';
  }
  return undefined;
}

/** A mapping file, or the first thing that is wrong with it. */
export function readTableMapping(text: string): Result<TableMapping> {
  const parsed = parseJson(text);
  if (!parsed.ok) return parsed;
  const read = tableMapping.safeParse(parsed.value);
  if (read.success) return ok(read.data);
  const issue = read.error.issues[0]!;
  const place = issue.path.join('.');
  return fail('request_invalid', `${place === '' ? 'The mapping' : place}: ${issue.message}.`);
}

/** The JSON Schema of a mapping file, for editors. */
export const mappingSchema = (): Record<string, unknown> => ({ ...z.toJSONSchema(tableMapping, { io: 'input' }) });

const fixedText = /^'(.*)'$/s;

/** A field's rule, whichever way it is written. */
export function ruleOf(given: string | Rule): Rule {
  if (typeof given !== 'string') return given;
  const fixed = fixedText.exec(given)?.[1];
  const usual = { unmapped: 'keep', invalid: 'refuse' } as const;
  return fixed === undefined ? { column: given, ...usual } : { value: fixed, ...usual };
}

/** The columns that a mapping reads, without the key. */
export function columnsOf({ fields, changes }: TableMapping): string[] {
  const named = Object.values(fields).flatMap((one) => ruleOf(one).column ?? []);
  return [
    ...new Set([...named, ...(changes?.before ? [changes.before] : []), ...(changes?.after ? [changes.after] : [])]),
  ];
}

/** The event of a row, judged; cells by the names of their columns. */
export function mapTableRow(row: ReadonlyMap<string, Cell>, mapping: TableMapping): Result<EventInput> {
  const cells: Record<string, Json> = {};
  const pairs: MapPair[] = [];
  for (const [name, given] of Object.entries(mapping.fields)) {
    const value = valueFor(name, ruleOf(given), row);
    if (!value.ok) return value;
    if (value.value === undefined || value.value === null || value.value === '') continue;
    cells[name] = value.value;
    pairs.push({ path: name.split('.'), column: name });
  }
  if (cells.occurred_at === undefined) {
    // Else the time of the import would stand there as if it had been the event's.
    return fail('event_time_invalid', 'The row has no time.', '/occurred_at');
  }
  if (mapping.changes) {
    const made = changesOf(mapping.changes, row);
    if (!made.ok) return made;
    if (made.value.length > 0) {
      cells.changes = made.value;
      pairs.push({ path: ['changes'], column: 'changes' });
    }
  }
  return mapRow(cells, pairs);
}

/** The value that a rule makes of a row; undefined leaves the field out. */
function valueFor(name: string, rule: Rule, row: ReadonlyMap<string, Cell>): Result<Json | undefined> {
  if (rule.value !== undefined) return ok(rule.value);
  const cell = row.get(rule.column!);
  const found = cell === undefined || cell.text === null ? ok(undefined) : cellValue(name, rule, cell);
  if (!found.ok) return found;
  const value = found.value;
  if (value === undefined || value === null || value === '') return ok(rule.default);
  if (typeof value === 'object') return ok(value);
  const text = String(value);
  if (rule.map && Object.hasOwn(rule.map, text)) return ok(rule.map[text]);
  if (rule.map && rule.unmapped === 'omit') return ok(rule.default);
  if (rule.map && rule.unmapped === 'refuse') {
    const shown = JSON.stringify(clip(text, 80));
    return fail('event_invalid', `${rule.column} is ${shown}, and the mapping of ${name} does not name it.`);
  }
  if (rule.as === 'unix_seconds' || rule.as === 'unix_milliseconds') return timeOfNumber(text, rule);
  const worded = rule.as === 'action' ? actionWord(text) : text;
  const full = `${rule.prefix ?? ''}${worded}`;
  if (rule.max !== undefined && full.length > rule.max) return ok(`${clip(full, rule.max - 1)}…`);
  return ok(full === String(value) ? value : full);
}

function cellValue(name: string, rule: Rule, cell: Cell): Result<Json | undefined> {
  const text = cell.text!;
  if (cell.isCut && rule.max === undefined) return tooLarge(rule.column!);
  if (rule.path === undefined) {
    if (cell.kind === 'bool') return ok(text === 'true');
    if (cell.kind === 'number') return ok(numberOf(text));
    if (cell.kind === 'text') return ok(text);
  }
  const parsed = parseJson(text);
  if (parsed.ok) return ok(rule.path === undefined ? parsed.value : valueAt(parsed.value, rule.path));
  if (rule.invalid === 'omit') return ok(undefined);
  if (rule.invalid === 'text') return ok(text);
  return fail(
    parsed.fault.code,
    `${rule.column}, which fills ${name}, is no JSON that can be kept: ${parsed.fault.detail}`,
  );
}

/** A number where it says the same as the text, and else the text: numerics are longer than doubles. */
function numberOf(text: string): number | string {
  const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return String(Number(short)) === short ? Number(short) : text;
}

const tooLarge = (column: string) =>
  fail('event_too_large', `${column} alone has more than ${eventBytesMax} characters; "max" cuts a text.`);

function timeOfNumber(text: string, { as, column }: Rule): Result<Json> {
  const ms = Number(text) * (as === 'unix_seconds' ? 1000 : 1);
  const time = new Date(ms);
  if (text.trim() !== '' && !Number.isNaN(time.getTime())) return ok(time.toISOString());
  return fail('event_time_invalid', `${column} is ${JSON.stringify(clip(text, 40))} and no number that tells a time.`);
}

/** `User Updated` as `user_updated`: one word, as actions are. */
const actionWord = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, '_')
    .replace(/\.{2,}/g, '.')
    .replace(/^[_.]+|[_.]+$/g, '');

/** The members that differ, in the order of their names. Equal ones are no change. */
function changesOf(
  { before, after, invalid }: NonNullable<TableMapping['changes']>,
  row: ReadonlyMap<string, Cell>,
): Result<JsonObject[]> {
  const sides: JsonObject[] = [];
  for (const column of [before, after]) {
    const cell = column === undefined ? undefined : row.get(column);
    if (cell?.isCut) return tooLarge(column!);
    const text = cell?.text ?? null;
    const parsed: Result<Json> = text === null || text.trim() === '' ? ok(null) : parseJson(text);
    if (!parsed.ok && invalid === 'refuse') {
      return fail(
        parsed.fault.code,
        `${column}, which fills changes, is no JSON that can be kept: ${parsed.fault.detail}`,
      );
    }
    const value = parsed.ok ? parsed.value : null;
    sides.push(typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {});
  }
  const [old, now] = sides as [JsonObject, JsonObject];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return ok(
    names.flatMap((name): JsonObject[] => {
      const [was, is] = [old[name], now[name]];
      if (was !== undefined && is !== undefined && canonical(was) === canonical(is)) return [];
      return [
        {
          path: `/${escapeToken(name)}`,
          ...(was === undefined ? {} : { before: was }),
          ...(is === undefined ? {} : { after: is }),
        },
      ];
    }),
  );
}
