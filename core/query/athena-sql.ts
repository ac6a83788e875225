/**
 * Athena's SQL for a typed filter: the only place that writes SQL for the archive.
 *
 * Values are execution parameters, never part of the text, and Athena takes them in WHERE alone. What it selects is the
 * stored line to the byte, so an answer opens, masks and proves as any other. Only functions are used that Trino has and
 * that DuckDB has as well, by name or by a macro: json_extract, json_extract_scalar, lower, starts_with, transform,
 * arrays_overlap.
 */
import { ownProducer } from '#core/event/event.ts';
import { isToken } from '#core/event/token.ts';
import type { Filter } from './filter.ts';

/** Tables whose one column `line` is a stored event, by the day and by the month. */
export const lineTables = { day: 'event_lines', month: 'event_lines_monthly' } as const;
/** Tables with columns, for people who ask in SQL. */
export const eventTables = { day: 'events', month: 'events_monthly' } as const;

/** First and last partition, both included: `2026-03-01` of days, `2026-03` of months. */
export interface Partitions {
  readonly from: string;
  readonly to: string;
}

export interface AthenaQuestion {
  /** The caller's own: there is no question without. */
  readonly tenant: string;
  /** In the words of stored events (core/privacy/search.ts). Its `text` and shared tokens are looked at after opening. */
  readonly filter: Filter;
  /** Where the archive has files for it; what has none is left out. At least one is there. */
  readonly days?: Partitions | undefined;
  readonly months?: Partitions | undefined;
  /** Whether records of reading are events like others. */
  readonly readsToo: boolean;
  /** Rows. */
  readonly limit: number;
  /** Which archive is asked, a number: results of an older one are another question's, and are not used again. */
  readonly version: bigint;
}

export interface AthenaStatement {
  readonly text: string;
  /** One for each `?`, in order: plain values, see `literalOf`. */
  readonly parameters: readonly string[];
}

/** The statement: newest first by (occurred_at, id), as every answer is. Throws when there is no partition to read. */
export function athenaStatement(question: AthenaQuestion): AthenaStatement {
  const { tenant, filter, days, months, limit, version } = question;
  if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`limit ${limit}`);
  const parameters: string[] = [];
  const bind = (...values: readonly string[]): string => {
    parameters.push(...values);
    return values.map(() => '?').join(', ');
  };
  const read = (table: string, partition: 'dt' | 'month', { from, to }: Partitions): string => {
    const conditions = [`tenant = ${bind(tenant)}`, `${partition} between ${bind(from)} and ${bind(to)}`];
    if (filter.category) conditions.push(oneOf('category', filter.category, bind));
    return `  select line from ${table} where ${conditions.join(' and ')}`;
  };
  const tables = [
    ...(days ? [read(lineTables.day, 'dt', days)] : []),
    ...(months ? [read(lineTables.month, 'month', months)] : []),
  ];
  if (tables.length === 0) throw new RangeError('no partition to read');
  const where = conditionsOf(filter, question.readsToo, bind);
  const text = [
    'select line',
    'from (',
    tables.join('\n  union all\n'),
    ') as archived',
    ...where.map((condition, index) => `${index === 0 ? 'where' : '  and'} ${condition}`),
    `order by ${at('occurred_at')} desc, ${at('id')} desc`,
    `limit ${limit}`,
    `-- archive ${version}`,
  ].join('\n');
  return { text, parameters };
}

type Bind = (...values: readonly string[]) => string;

/** A member of the line as text; null when it is not there. */
const at = (path: string): string => `json_extract_scalar(line, '$.${path}')`;

/** An empty list matches nothing. */
const oneOf = (value: string, values: readonly string[], bind: Bind): string =>
  values.length === 0 ? 'false' : `${value} in (${bind(...values)})`;

/** Whether an object of a list has a member with one of these values. */
const anyHas = (list: string, member: string, values: readonly string[], bind: Bind): string =>
  values.length === 0
    ? 'false'
    : `arrays_overlap(transform(cast(json_extract(line, '$.${list}') as array(json)), one -> json_extract_scalar(one, '$.${member}')), array[${bind(...values)}])`;

/** Fields that are one text of the event. */
const plainFields = [
  ['crud', 'crud'],
  ['severity', 'severity'],
  ['outcome', 'outcome.result'],
  ['actor', 'actor.id'],
  ['ip', 'context.ip'],
  ['dataClass', 'data_class'],
  ['project', 'project'],
  ['environment', 'environment'],
  ['operationId', 'operation_id'],
  ['externalId', 'external_id'],
] as const satisfies readonly (readonly [keyof Filter, string])[];

/** The filter's conditions, each of which must hold: matches.ts in SQL. */
function conditionsOf(filter: Filter, readsToo: boolean, bind: Bind): readonly string[] {
  const conditions: string[] = [];
  const { from, to, action, actorEmail, subject, target, targetType } = filter;
  // Stored times have one form and one length, so their order as texts is their order.
  if (from !== undefined) conditions.push(`${at('occurred_at')} >= ${bind(timeText(from))}`);
  if (to !== undefined) conditions.push(`${at('occurred_at')} < ${bind(timeText(to))}`);
  for (const [name, path] of plainFields) {
    const values = filter[name];
    if (values) conditions.push(oneOf(at(path), values, bind));
  }
  if (action) conditions.push(actionCondition(action, bind));
  if (actorEmail) conditions.push(emailCondition(actorEmail, bind));
  if (target) conditions.push(anyHas('targets', 'id', target, bind));
  if (targetType) conditions.push(anyHas('targets', 'type', targetType, bind));
  if (subject) {
    const places = [
      oneOf(at('actor.id'), subject, bind),
      oneOf(at('subject'), subject, bind),
      anyHas('on_behalf_of', 'id', subject, bind),
      anyHas('targets', 'id', subject, bind),
    ];
    conditions.push(`(${places.join(' or ')})`);
  }
  if (!readsToo) {
    conditions.push(
      `not (${at('producer.key')} = ${bind(ownProducer)} and starts_with(${at('action')}, ${bind('audit_log.')}))`,
    );
  }
  return conditions;
}

function actionCondition(actions: readonly string[], bind: Bind): string {
  const exact = actions.filter((action) => !action.endsWith('*'));
  const prefixes = actions.filter((action) => action.endsWith('*')).map((action) => action.slice(0, -1));
  const tests = [
    ...(exact.length > 0 ? [oneOf(at('action'), exact, bind)] : []),
    ...prefixes.map((prefix) => `starts_with(${at('action')}, ${bind(prefix)})`),
  ];
  return tests.length === 0 ? 'false' : `(${tests.join(' or ')})`;
}

/** Tokens as they are; addresses whatever their case. */
function emailCondition(emails: readonly string[], bind: Bind): string {
  const clear = emails.filter((email) => !isToken(email)).map((email) => email.toLowerCase());
  const tokens = emails.filter(isToken);
  const tests = [
    ...(tokens.length > 0 ? [oneOf(at('actor.email'), tokens, bind)] : []),
    ...(clear.length > 0 ? [oneOf(`lower(${at('actor.email')})`, clear, bind)] : []),
  ];
  return tests.length === 0 ? 'false' : `(${tests.join(' or ')})`;
}

const timeText = (ms: number): string => new Date(ms).toISOString();

/** What Athena's API takes for one execution parameter, quotes included. */
export const parameterCharsMax = 1024;

/** A value as Athena's API takes it: parameters are SQL literals there, and a quote is the only character with a meaning. */
export const literalOf = (value: string): string => `'${value.replaceAll("'", "''")}'`;
