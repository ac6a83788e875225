/**
 * The typed filter of a query. It has no tenant: that comes from the caller's key alone.
 *
 * Reading is strict: what we do not know is refused and named, because a filter that is
 * silently ignored shows more than was asked for.
 */
import {
  type Category,
  type Crud,
  categories,
  crudLetters,
  type DataClass,
  dataClasses,
  type Json,
  type OutcomeResult,
  results,
  type Severity,
  severities,
} from '#core/event/event.ts';
import { escapeToken } from '#core/event/pointer.ts';
import { fail, ok, type Result } from '#core/event/problem.ts';
import { nearest } from './nearest.ts';

export interface Filter {
  /** occurred_at >= from, ms since 1970 */
  readonly from?: number;
  /** occurred_at < to, ms since 1970 */
  readonly to?: number;
  /** Any of these; an action may end in `*`: `user.*`. */
  readonly action?: readonly string[];
  readonly category?: readonly Category[];
  readonly crud?: readonly Crud[];
  readonly severity?: readonly Severity[];
  readonly outcome?: readonly OutcomeResult[];
  /** actor.id, exact */
  readonly actor?: readonly string[];
  /** actor.email, whatever its case */
  readonly actorEmail?: readonly string[];
  /** id of a person, wherever the event names one: actor, delegator, target, subject */
  readonly subject?: readonly string[];
  /** id of any target, exact */
  readonly target?: readonly string[];
  readonly targetType?: readonly string[];
  /** context.ip, exact */
  readonly ip?: readonly string[];
  readonly dataClass?: readonly DataClass[];
  readonly project?: readonly string[];
  readonly environment?: readonly string[];
  readonly operationId?: readonly string[];
  readonly externalId?: readonly string[];
  /** A part of any string value of the event, case-insensitive. */
  readonly text?: string;
}

/** One question: the filter, the page size and where the page before ended. */
export interface Search {
  readonly filter: Filter;
  readonly limit: number;
  readonly cursor?: string;
}

/** A page of a thousand events of 5 KB each still fits Lambda's 6 MB answer. */
export const limitMax = 1000;
export const limitDefault = 50;
/** Each value is compared with each event read: 100 keep a scan at the speed of parsing. */
export const valuesMax = 100;
/** As long as any id of an event may be. */
export const valueCharsMax = 1024;
/** Longer than any phrase that people look for; each event's strings are searched for it. */
export const textCharsMax = 256;
/** A cursor is about 120 characters; more is not ours. */
const cursorCharsMax = 512;
/** The years that RFC 3339 can write: 0001 to 9999. */
export const timeMin = -62_135_596_800_000;
export const timeMax = 253_402_300_799_999;

type ListKey = Exclude<keyof Filter, 'from' | 'to' | 'text'>;

/** Every list parameter: its name on the wire, its place in the filter and what it may hold. */
export const listParameters: Readonly<
  Record<string, { readonly key: ListKey; readonly about: string; readonly values?: readonly string[] }>
> = {
  action: { key: 'action', about: 'An action, or a prefix that ends in *: user.login, user.*' },
  category: { key: 'category', about: 'The category of the event', values: categories },
  crud: { key: 'crud', about: 'Create, read, update or delete', values: crudLetters },
  severity: { key: 'severity', about: 'The severity of the event', values: severities },
  outcome: { key: 'outcome', about: 'The result of the action', values: results },
  actor: { key: 'actor', about: 'The id of the actor, exactly' },
  actor_email: { key: 'actorEmail', about: 'The e-mail address of the actor; also spelled actor.email' },
  subject: { key: 'subject', about: 'The id of a person, wherever the event names one: actor, target, subject' },
  target: { key: 'target', about: 'The id of a target, exactly' },
  target_type: { key: 'targetType', about: 'The type of a target, exactly' },
  ip: { key: 'ip', about: 'The IP address of the context, exactly' },
  data_class: { key: 'dataClass', about: 'The class of the data concerned', values: dataClasses },
  project: { key: 'project', about: 'The project of the event' },
  environment: { key: 'environment', about: 'The environment of the event' },
  operation_id: { key: 'operationId', about: 'The operation that pairs attempt and result' },
  external_id: { key: 'externalId', about: 'The id that the producer gave the event' },
};

/** Other spellings: as the event itself has it. */
const spellings: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  'actor.email': 'actor_email',
});

export const parameterNames: readonly string[] = [
  'from',
  'to',
  ...Object.keys(listParameters),
  'text',
  'limit',
  'cursor',
];

/** Reads `GET /v1/events?…`. A list repeats its parameter or separates values by commas; other parameters come once. */
export function parseFilter(params: URLSearchParams): Result<Search> {
  // No prototype: a parameter called __proto__ is one more that we do not know.
  const body: Record<string, Json> = Object.create(null);
  for (const spelled of new Set(params.keys())) {
    const name = spellings[spelled] ?? spelled;
    const given = params.getAll(spelled);
    if (Object.hasOwn(listParameters, name)) {
      body[name] = given.flatMap((value) => value.split(','));
    } else if (given.length > 1) {
      return refuse(name, `The parameter ${quote(name)} is there ${given.length} times; send it once.`);
    } else {
      body[name] = name === 'limit' && /^\d{1,9}$/.test(given[0]!) ? Number(given[0]) : given[0]!;
    }
  }
  return parseSearch(body);
}

/** Reads the body of `POST /v1/events/search`: the same names, lists as arrays or single values. */
export function parseSearch(body: Json): Result<Search> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return fail('filter_invalid', 'The body must be an object of filters.', '');
  }
  const filter: { -readonly [K in keyof Filter]: Filter[K] } = {};
  let limit = limitDefault;
  let cursor: string | undefined;
  for (const [spelled, value] of Object.entries(body)) {
    const name = spellings[spelled] ?? spelled;
    if (name === 'from' || name === 'to') {
      const time = timeOf(value);
      if (time === undefined) {
        return refuse(name, `${name} must be an RFC 3339 time with a zone, as 2026-03-01T00:00:00Z, or ms since 1970.`);
      }
      filter[name] = time;
    } else if (name === 'text') {
      if (typeof value !== 'string' || value === '' || value.length > textCharsMax) {
        return refuse(name, `text must be 1 to ${textCharsMax} characters.`);
      }
      filter.text = value;
    } else if (name === 'limit') {
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > limitMax) {
        return refuse(name, `limit must be a whole number from 1 to ${limitMax}.`);
      }
      limit = value;
    } else if (name === 'cursor') {
      if (typeof value !== 'string' || value === '' || value.length > cursorCharsMax) {
        return fail('cursor_invalid', 'The cursor is not one of ours.', '/cursor');
      }
      cursor = value;
    } else if (Object.hasOwn(listParameters, name)) {
      const list = listOf(name, value);
      if (!list.ok) return list;
      (filter as Record<string, readonly string[]>)[listParameters[name]!.key] = list.value;
    } else {
      const guess = nearest(name, parameterNames);
      return refuse(
        name,
        `There is no filter ${quote(name)}${guess === undefined ? '' : `; did you mean ${guess}?`} We know ${parameterNames.join(', ')}.`,
      );
    }
  }
  if (filter.from !== undefined && filter.to !== undefined && filter.from >= filter.to) {
    return refuse('from', 'from must be before to: from is included, to is not.');
  }
  return ok({ filter, limit, ...(cursor === undefined ? {} : { cursor }) });
}

function listOf(name: string, value: Json): Result<readonly string[]> {
  const { values } = listParameters[name]!;
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value];
  if (list.length === 0) return refuse(name, `${name} has no value; leave it out to take all.`);
  if (list.length > valuesMax) return refuse(name, `${name} has ${list.length} values; ${valuesMax} is the most.`);
  for (const one of list) {
    if (typeof one !== 'string' || one === '') return refuse(name, `${name} must be text that is not empty.`);
    if (one.length > valueCharsMax) return refuse(name, `${name} has a value longer than ${valueCharsMax} characters.`);
    if (values && !values.includes(one)) {
      const guess = nearest(one, values);
      return refuse(
        name,
        `${name} cannot be ${quote(one)}${guess === undefined ? '' : `; did you mean ${guess}?`} It is one of ${values.join(', ')}.`,
      );
    }
    const star = one.indexOf('*');
    if (name === 'action' && star >= 0 && star !== one.length - 1) {
      return refuse(name, `${quote(one)}: a * may only be the last character of an action.`);
    }
  }
  return ok([...new Set(list as readonly string[])]);
}

/** RFC 3339 with a zone, to the millisecond; or ms since 1970 as a number or its digits. */
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

function timeOf(value: Json): number | undefined {
  let time: number | undefined;
  if (typeof value === 'number') time = value;
  else if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) time = Number(value);
  // A `+` of a zone that was not percent-encoded arrives as a space.
  else if (typeof value === 'string' && rfc3339.test(value.replace(/ (\d{2}:\d{2})$/, '+$1'))) {
    time = Date.parse(
      value
        .replace(/ (\d{2}:\d{2})$/, '+$1')
        .replace(' ', 'T')
        .toUpperCase(),
    );
  }
  return time !== undefined && Number.isInteger(time) && time >= timeMin && time <= timeMax ? time : undefined;
}

const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
const refuse = (name: string, detail: string) => fail('filter_invalid', detail, `/${escapeToken(name.slice(0, 60))}`);

/**
 * The one text of a filter, whatever order its names and values came in: cursors are bound to it.
 */
export function canonicalFilter(filter: Filter): string {
  const entries = Object.entries(filter).filter(([, value]) => value !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries.map(([key, value]) => [key, Array.isArray(value) ? [...value].sort() : value]));
}

/**
 * Narrows a filter to what a key may see: a key of one project or environment reads that one only.
 * Asking for another gives an empty list, which matches nothing.
 */
export function confine(filter: Filter, bounds: { readonly project?: string; readonly environment?: string }): Filter {
  const within = (asked: readonly string[] | undefined, bound: string): readonly string[] =>
    asked === undefined || asked.includes(bound) ? [bound] : [];
  return {
    ...filter,
    ...(bounds.project === undefined ? {} : { project: within(filter.project, bounds.project) }),
    ...(bounds.environment === undefined ? {} : { environment: within(filter.environment, bounds.environment) }),
  };
}

/** Whether no event can pass: a key of one project asked for another. */
export const matchesNothing = (filter: Filter): boolean =>
  Object.values(filter).some((value) => Array.isArray(value) && value.length === 0);

/** The body of `POST /v1/events/search` as JSON Schema, for the API description. */
export function filterJsonSchema(): Record<string, unknown> {
  const time = {
    description: 'RFC 3339 time with a zone, or ms since 1970',
    anyOf: [{ type: 'string', format: 'date-time' }, { type: 'integer' }],
  };
  const lists = Object.entries(listParameters).map(([name, { about, values }]) => {
    const one = values ? { type: 'string', enum: values } : { type: 'string', minLength: 1, maxLength: valueCharsMax };
    return [
      name,
      { description: about, anyOf: [one, { type: 'array', items: one, minItems: 1, maxItems: valuesMax }] },
    ];
  });
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      from: { ...time, description: `Earliest occurred_at, included. ${time.description}` },
      to: { ...time, description: `Latest occurred_at, not included. ${time.description}` },
      ...Object.fromEntries(lists),
      text: {
        description: 'A part of any text value of the event, upper and lower case alike',
        type: 'string',
        minLength: 1,
        maxLength: textCharsMax,
      },
      limit: { type: 'integer', minimum: 1, maximum: limitMax, default: limitDefault },
      cursor: { description: 'next_cursor of the page before', type: 'string', maxLength: cursorCharsMax },
    },
  };
}
