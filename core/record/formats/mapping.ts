/** `--map field=column`: how the columns of somebody's table become the fields of an event. */
import type { EventInput, Json, JsonObject } from '../../event/event.ts';
import { fail, ok, type Result } from '../../event/problem.ts';
import { normaliseTime } from '../../event/time.ts';
import { validateInput } from '../../event/validate.ts';

/** One pair: a dotted path into the event, and the column that fills it, or a fixed text (`='text'`). */
export interface MapPair {
  readonly path: readonly string[];
  readonly column?: string;
  readonly text?: string;
}

/** Fields that hold more than one thing, by the short name that a mapping may use. */
const shortNames: Readonly<Record<string, string>> = {
  actor: 'actor.id',
  outcome: 'outcome.result',
  ip: 'context.ip',
  time: 'occurred_at',
  target: 'targets.0.id',
  target_type: 'targets.0.type',
};
/** The fields of an event that a mapping may fill. */
export const eventRoots: readonly string[] = [
  ...['action', 'actor', 'occurred_at', 'outcome', 'targets', 'context', 'metadata', 'external_id', 'idempotency_key'],
  ...['category', 'crud', 'severity', 'data_class', 'subject', 'operation_id', 'project', 'environment', 'component'],
  ...['version', 'schema_version', 'id'],
];

/** Reads `actor.id=user, action='report.view'`; each argument may hold several pairs, split by commas. */
export function readMapping(texts: readonly string[]): Result<readonly MapPair[]> {
  const pairs: MapPair[] = [];
  for (const pair of texts.flatMap((text) => text.match(/(?:[^,']|'[^']*')+/g) ?? [])) {
    const at = pair.indexOf('=');
    const field = pair.slice(0, at).trim();
    const column = pair.slice(at + 1).trim();
    if (at < 1 || column === '') {
      return fail(
        'request_invalid',
        `${JSON.stringify(pair.trim())} is no mapping; write field=column, as actor.id=user.`,
      );
    }
    const path = (Object.hasOwn(shortNames, field) ? shortNames[field]! : field).split('.');
    if (!eventRoots.includes(path[0]!)) {
      return fail('request_invalid', `An event has no field ${path[0]}; its fields are ${eventRoots.join(', ')}.`);
    }
    if (path.some((step) => step === '' || step === '__proto__')) {
      return fail('request_invalid', `${JSON.stringify(field)} is no path; write it as actor.id.`);
    }
    const fixed = /^'(.*)'$/.exec(column)?.[1];
    pairs.push(fixed === undefined ? { path, column } : { path, text: fixed });
  }
  return ok(pairs);
}

/** An event of a row by a mapping, judged. Cells that are empty or absent leave their field out. */
export function mapRow(row: JsonObject, pairs: readonly MapPair[]): Result<EventInput> {
  const event: Record<string, Json> = {};
  for (const { path, column, text } of pairs) {
    const value = column === undefined ? text! : cellOf(row, column);
    if (value !== undefined && value !== null && value !== '') put(event, path, value);
  }
  withType(event.actor, 'user');
  if (Array.isArray(event.targets)) for (const target of event.targets as Json[]) withType(target, 'resource');
  if (typeof event.occurred_at === 'string') event.occurred_at = withZone(event.occurred_at);
  return validateInput(event);
}

/** Tables often lack the zone (then it is UTC), have a space for the T and no seconds. */
function withZone(text: string): string {
  const parts = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!parts) return text;
  const [, date, minutes, seconds = ':00', zone = 'Z'] = parts;
  const exact = normaliseTime(`${date}T${minutes}${seconds}${zone}`);
  return exact.ok ? exact.value : text;
}

/** A cell by its name, or by a dotted path into a nested row. */
function cellOf(row: JsonObject, column: string): Json | undefined {
  if (Object.hasOwn(row, column)) return row[column];
  let value: Json | undefined = row;
  for (const step of column.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as JsonObject)[step];
  }
  return value;
}

/** A party or target that says nothing of its kind gets the usual one. */
function withType(party: Json | undefined, type: string): void {
  if (typeof party !== 'object' || party === null || Array.isArray(party) || Object.hasOwn(party, 'type')) return;
  (party as Record<string, Json>).type = type;
}

/** Numbers are places in a list (`targets.0.id`), all else names. Only schema_version is a number in an event. */
function put(event: Record<string, Json>, path: readonly string[], value: Json): void {
  let place: Record<string, Json> | Json[] = event;
  for (const [index, step] of path.entries()) {
    const key = Array.isArray(place) ? Math.min(Number(step) || 0, place.length) : step;
    const slot = place as Record<string | number, Json>;
    if (index === path.length - 1) {
      const isText = path[0] !== 'metadata' && path[0] !== 'schema_version';
      slot[key] =
        isText && typeof value !== 'object' ? String(value) : path[0] === 'schema_version' ? Number(value) : value;
      return;
    }
    const next = slot[key];
    if (typeof next !== 'object' || next === null) slot[key] = /^\d+$/.test(path[index + 1]!) ? [] : {};
    place = slot[key] as Record<string, Json> | Json[];
  }
}
