/** The queries of docs/guides/athena.md: each parses as Trino, runs over files as compaction writes them, and names its tenant. */
import { readFileSync } from 'node:fs';
import { GetQueryExecutionCommand, GetQueryResultsCommand, StartQueryExecutionCommand } from '@aws-sdk/client-athena';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import { type TestCloud, testCloud } from './local/cloud/cloud.ts';
import { database, makeTables, putFile, workGroup } from './support/archive-tables.ts';
import { tenantA, tenantB } from './support/events.ts';
import { eventAt, idAt } from './support/lines.ts';
import { trinoFaults } from './support/trino.ts';

const guide = readFileSync('docs/guides/athena.md', 'utf8');
const queries = [...guide.matchAll(/^### (\d+\. .+)\n\n```sql\n([\s\S]*?)```/gm)].map(
  ([, name, sql]) => [name!, sql!] as const,
);

/** A month in which everything happens that the guide asks for. */
function eventOf(n: number, tenant: string): Event {
  const time = Date.parse('2026-03-01T00:30:00.000Z') + n * 3 * 3_600_000;
  const iso = new Date(time).toISOString();
  const kind = n % 5;
  return eventAt(n, {
    id: idAt(time, n),
    tenant,
    occurred_at: iso,
    received_at: iso,
    actor: { type: 'user', id: `user-${n % 7}` },
    context: { ip: n > 220 ? '~NEWW' : `~IP${n % 9}_` },
    targets: [{ type: 'invoice', id: `invoice-${n % 12}` }],
    operation_id: `op-${n % 60}`,
    ...(kind === 0 && {
      action: 'user.login',
      category: 'auth_events',
      outcome: { result: n % 2 ? 'failure' : 'denied' },
    }),
    ...(kind === 1 && { action: 'iam.role.create', category: 'critical', crud: 'c' }),
    ...(kind === 2 && { action: 'invoice.pay', category: 'operations', metadata: { amount: n + 0.5 } }),
    ...(kind === 3 && {
      action: 'user.update',
      category: 'user_activity',
      crud: 'u',
      changes: [{ path: '/plan', before: 'a', after: { b: 1 } }, { path: '/name' }],
    }),
  });
}

let cloud: TestCloud;
let events: Event[];
beforeAll(async () => {
  cloud = await testCloud();
  const { s3 } = cloud.clients;
  for (const Bucket of ['archive', 'control']) await s3.send(new CreateBucketCommand({ Bucket }));
  await makeTables(cloud.url, { archive: 'archive', results: 'control' });
  events = [tenantA, tenantB].flatMap((tenant) => Array.from({ length: 240 }, (_, n) => eventOf(n, tenant)));
  for (const group of Map.groupBy(
    events,
    (one) => `${one.tenant}${one.category}${one.occurred_at.slice(0, 10)}`,
  ).values()) {
    await putFile(s3, 'archive', group);
  }
  // The autumn before lies in month files.
  const autumn = events
    .slice(0, 20)
    .map((one) => ({ ...one, occurred_at: one.occurred_at.replace('2026-03', '2025-10') }));
  for (const group of Map.groupBy(autumn, (one) => one.category).values()) await putFile(s3, 'archive', group, 'month');
});
afterAll(() => cloud.end());

async function run(QueryString: string) {
  const { athena } = cloud.clients;
  const context = { WorkGroup: workGroup, QueryExecutionContext: { Database: database } };
  const { QueryExecutionId } = await athena.send(new StartQueryExecutionCommand({ QueryString, ...context }));
  for (;;) {
    const { QueryExecution } = await athena.send(new GetQueryExecutionCommand({ QueryExecutionId }));
    const { State, StateChangeReason } = QueryExecution!.Status!;
    if (State === 'FAILED') return { reason: StateChangeReason ?? '', rows: [] };
    if (State === 'SUCCEEDED') {
      const { ResultSet } = await athena.send(new GetQueryResultsCommand({ QueryExecutionId }));
      const [head = [], ...rows] = ResultSet!.Rows!.map(({ Data }) => Data!.map(({ VarCharValue }) => VarCharValue));
      return { reason: '', rows: rows.map((row) => Object.fromEntries(row.map((value, at) => [head[at], value]))) };
    }
    await new Promise((done) => setTimeout(done, 5));
  }
}

test('there are ten', () => {
  expect(queries).toHaveLength(10);
});

describe.each(queries)('%s', (_, sql) => {
  test("parses by Trino's grammar", () => {
    expect(trinoFaults(sql)).toEqual([]);
  });

  test('finds something', async () => {
    const { reason, rows } = await run(sql);
    expect(reason).toBe('');
    expect(rows.length).toBeGreaterThan(0);
  });

  test('names its tenant for every table, and fails without', async () => {
    const tenants = sql.match(/tenant = '01890000-0000-7000-8000-00000000000a'/g) ?? [];
    expect(tenants).toHaveLength(sql.match(/\bfrom events(_monthly)?\b/g)!.length);
    for (let nth = 0; nth < tenants.length; nth++) {
      let at = -1;
      const without = sql.replace(/tenant = '[^']+'/g, (all) => (++at === nth ? 'true' : all));
      expect((await run(without)).reason).toContain('CONSTRAINT_VIOLATION');
    }
  });

  test('says which days or months it means', () => {
    expect(sql.match(/\b(dt|month) between '/g)).toHaveLength(sql.match(/tenant = '/g)!.length);
  });
});

describe('what they answer is so', () => {
  const mine = () => events.filter((one) => one.tenant === tenantA);
  const queryOf = (n: number) => queries[n - 1]![1];

  test('1: events by day and category', async () => {
    const { rows } = await run(queryOf(1));
    expect(rows.reduce((sum, row) => sum + Number(row.events), 0)).toBe(mine().length);
  });

  test('4: what happened to one thing', async () => {
    const { rows } = await run(queryOf(4));
    const wanted = mine().filter(({ targets }) => targets?.some(({ id }) => id === 'invoice-7'));
    expect(rows.map(({ id }) => id).sort()).toEqual(wanted.map(({ id }) => id).sort());
  });

  test('7: a sum over metadata', async () => {
    const { rows } = await run(queryOf(7));
    const amount = mine().reduce((sum, { metadata }) => sum + Number(metadata?.amount ?? 0), 0);
    expect(rows.reduce((sum, row) => sum + Number(row.amount), 0)).toBe(amount);
  });

  test('9: days and months together', async () => {
    const { rows } = await run(queryOf(9));
    expect(new Set(rows.map(({ month }) => month))).toEqual(new Set(['2025-10', '2026-03']));
  });
});
