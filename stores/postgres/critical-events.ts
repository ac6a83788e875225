/** Critical events in Postgres, newest first. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { categories, type Event, results, severities } from '#core/event/event.ts';
import { isToken } from '#core/event/token.ts';
import type { Filter } from '#core/query/filter.ts';
import type { CriticalEvents, Position } from '#core/query/ports.ts';
import { actorsAsked } from './actor-column.ts';
import { isUuid, type Transactions, withTenants } from './connect.ts';
import { hotFloorNow } from './hot-floor.ts';

/** What timestamptz and RFC 3339 both can say. */
const timeMin = Date.parse('0001-01-01T00:00:00Z');
const timeMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const timestamp = (ms: number) => new Date(Math.min(timeMax, Math.max(timeMin, ms))).toISOString();

/** Opens the critical events; what each method promises is in core/query/ports.ts. */
export function createCriticalEvents(sql: Transactions, contextKey: Uint8Array): CriticalEvents {
  return {
    async page(tenant, filter, after, limit) {
      const [rows, hotFloor] = await withTenants(
        sql,
        contextKey,
        [tenant],
        new Date(),
        (tx) => {
          // Sent first: rows that were dropped before they were read are below the floor that is read after them.
          const page = pageQuery(tx, tenant, filter, after, limit).execute();
          return Promise.all([page, hotFloorNow(tx)]);
        },
        'read only',
      );
      const bodies = rows.map((row) => row.body as string);
      return {
        events: bodies.map((body) => JSON.parse(body) as Event),
        bytes: bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0),
        exhausted: bodies.length < limit,
        hotFloor,
      };
    },

    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await withTenants(
        sql,
        contextKey,
        [tenant],
        new Date(),
        async (tx) => tx`select body from record.event where tenant_id = ${tenant} and id = ${id}`,
        'read only',
      );
      return row && (JSON.parse(row.body as string) as Event);
    },
  };
}

/**
 * One page by keyset. Every condition is an equality or an order of leakproof operators: with others, row-level
 * security would keep the planner from its indexes.
 */
export function pageQuery(
  tx: Sql | TransactionSql,
  tenant: string,
  filter: Filter,
  after: Position | undefined,
  limit: number,
): PendingQuery<Row[]> {
  const all = tx``;
  const among = (column: string, words: readonly string[], wanted: readonly string[] | undefined) =>
    wanted ? tx`and ${tx(column)} in ${tx(wanted.map((word) => words.indexOf(word)))}` : all;
  const tokens = tokensAsked(filter);
  // A token is rarer than any other condition: its index gives the order, and the rest is looked at row by row.
  const found = tokens && tx`e.id in (${tokenQuery(tx, tenant, filter, tokens)}) and`;
  return tx`select body from record.event e
    where ${found ?? all} tenant_id = ${tenant}
    ${filter.from === undefined ? all : tx`and occurred_at >= ${timestamp(filter.from)}`}
    ${filter.to === undefined ? all : tx`and occurred_at < ${timestamp(filter.to)}`}
    ${after ? tx`and (occurred_at, id) < (${timestamp(after.time)}, ${after.id})` : all}
    ${filter.actor ? tx`and actor in ${tx(actorsAsked(filter.actor))}` : all}
    ${filter.action ? tx`and (${filter.action.map(actionCondition).reduce((a, b) => tx`${a} or ${b}`)})` : all}
    ${among('category', categories, filter.category)}
    ${among('outcome', results, filter.outcome)}
    ${among('severity', severities, filter.severity)}
    order by occurred_at desc, id desc limit ${limit}`;

  function actionCondition(action: string) {
    if (!action.endsWith('*')) return tx`action = ${action}`;
    const prefix = action.slice(0, -1);
    const end = prefixEnd(prefix);
    return end === undefined ? tx`action >= ${prefix}` : tx`(action >= ${prefix} and action < ${end})`;
  }
}

interface TokensAsked {
  readonly tokens: readonly string[];
  /** Actors that answer as well. */
  readonly actors?: readonly string[];
}

/** The one condition that the token index answers, or undefined. Values that are no tokens were never sealed. */
function tokensAsked(filter: Filter): TokensAsked | undefined {
  const { subject, actorEmail, ip } = filter;
  const all = (field: string, values: readonly string[] | undefined) =>
    values?.some(isToken) ? values.map((value) => `${field}:${value}`) : undefined;
  const tokens = all('email', actorEmail) ?? all('person', subject) ?? all('ip', ip);
  if (!tokens) return undefined;
  return tokens[0]!.startsWith('person:') ? { tokens, actors: subject! } : { tokens };
}

/** Ids of the events that the tokens find. */
const tokenQuery = (
  tx: Sql | TransactionSql,
  tenant: string,
  { from, to }: Filter,
  { tokens, actors }: TokensAsked,
): PendingQuery<Row[]> => {
  const times = tx`${from === undefined ? tx`` : tx`and occurred_at >= ${timestamp(from)}`}
    ${to === undefined ? tx`` : tx`and occurred_at < ${timestamp(to)}`}`;
  return tx`select event_id from record.event_token
    where tenant_id = ${tenant} and token in ${tx([...tokens])} ${times}
    ${actors ? tx`union all select id from record.event where tenant_id = ${tenant} and actor in ${tx(actorsAsked(actors))} ${times}` : tx``}`;
};

/** The first text, by bytes, after all that begin with `prefix`; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = [...prefix].map((char) => char.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    if (last === 0x10ffff) continue;
    // UTF-8 knows no surrogates.
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}
