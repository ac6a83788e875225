/**
 * The columns of CSV and Parquet: what tables are asked about, and the whole event as JSON in the last one.
 *
 * Adding a column changes what people have built on: new ones go before `event`, and none goes away.
 */
import { csvLine } from '../privacy/csv.ts';
import type { ShownEvent } from '../privacy/open.ts';

export interface Column {
  readonly name: string;
  readonly about: string;
  /** Ms since 1970 in Parquet, RFC 3339 in CSV; everything else is text. */
  readonly type: 'time' | 'text';
  /** Undefined: the event does not say, or the reader may not see it. */
  readonly of: (event: ShownEvent) => string | undefined;
}

const text = (name: string, about: string, of: Column['of']): Column => ({ name, about, type: 'text', of });
const time = (name: string, about: string, of: Column['of']): Column => ({ name, about, type: 'time', of });

export const columns: readonly Column[] = [
  text('id', 'UUIDv7 of the event', (event) => event.id),
  time('occurred_at', 'When it happened', (event) => event.occurred_at),
  time('received_at', 'When it was accepted', (event) => event.received_at),
  text('action', 'What was done', (event) => event.action),
  text('category', 'auth_events, api_calls, user_activity, operations, critical or system', (event) => event.category),
  text('crud', 'c, r, u or d', (event) => event.crud),
  text('severity', 'info, low, medium, high or critical', (event) => event.severity),
  text('outcome', 'success, failure or denied', (event) => event.outcome.result),
  text('outcome_reason', 'Why, when it says so', (event) => event.outcome.reason),
  text('actor_type', 'user, service, system, agent, …', (event) => event.actor.type),
  text('actor_id', 'Who did it', (event) => event.actor.id),
  text('actor_name', 'As it was called then', (event) => event.actor.name),
  text('actor_email', 'As it was then', (event) => event.actor.email),
  text('target_type', 'Of the first target', (event) => event.targets?.[0]?.type),
  text('target_id', 'Of the first target', (event) => event.targets?.[0]?.id),
  text('target_name', 'Of the first target', (event) => event.targets?.[0]?.name),
  text('ip', 'Where it came from', (event) => event.context?.ip),
  text('user_agent', 'By what', (event) => event.context?.user_agent),
  text('service', 'Which service of yours saw it', (event) => event.context?.service),
  text('project', 'Of the event', (event) => event.project),
  text('environment', 'Of the event', (event) => event.environment),
  text('data_class', 'none, pii, phi, chd or financial', (event) => event.data_class),
  text('subject', 'The person it is about', (event) => event.subject),
  text('operation_id', 'Pairs attempt and result', (event) => event.operation_id),
  text('external_id', 'What its producer calls it', (event) => event.external_id),
  text('event', 'The whole event as JSON, as GET /v1/events/{id} shows it', (event) => JSON.stringify(event)),
];

export const csvHeader: string = csvLine(columns.map(({ name }) => name));

/**
 * The event as a line of CSV. A cell that a spreadsheet would calculate begins with an apostrophe, which is not in the
 * event; the last cell begins with a brace and is exact.
 */
export const csvRow = (event: ShownEvent): string => csvLine(columns.map(({ of }) => of(event) ?? ''));
