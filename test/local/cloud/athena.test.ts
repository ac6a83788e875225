/** Athena's API on DuckDB, through the real SDK client, over files as compaction names them. */
import {
  GetQueryExecutionCommand,
  GetQueryResultsCommand,
  GetWorkGroupCommand,
  ListQueryExecutionsCommand,
  type QueryExecution,
  StartQueryExecutionCommand,
  type StartQueryExecutionCommandInput,
  StopQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { categories, type Event } from '#core/event/event.ts';
import { athenaStatement, literalOf } from '#core/query/athena-sql.ts';
import type { Filter } from '#core/query/filter.ts';
import { matcher } from '#core/query/matches.ts';
import { comparePositions, positionOf } from '#core/query/merge.ts';
import { projectedCategories } from '#lib/parts/event-tables.ts';
import { database, makeTables, putFile, workGroup } from '#test/support/archive-tables.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { refusal, type TestCloud, testCloud } from './cloud.ts';

let cloud: TestCloud;
let events: Event[];

/** Deterministic: event `n` of a tenant, each member in some of them. */
function eventOf(n: number, tenant: string): Event {
  const day = 1 + (n % 3);
  return {
    id: `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    tenant,
    ...(n % 4 === 0 ? { project: 'shop', environment: n % 8 === 0 ? 'prod' : 'test' } : {}),
    occurred_at: `2026-03-0${day}T${String(n % 24).padStart(2, '0')}:00:00.${String(n % 1000).padStart(3, '0')}Z`,
    received_at: '2026-03-04T00:00:00.000Z',
    action: n % 7 === 0 ? 'audit_log.search' : ['user.login', 'user.logout', 'iam.role.create'][n % 3]!,
    schema_version: 1,
    category: categories[n % categories.length]!,
    crud: n % 2 === 0 ? 'r' : 'u',
    severity: n % 5 === 0 ? 'high' : 'info',
    outcome: n % 9 === 0 ? { result: 'denied', reason: 'quote " \\ and, comma\n' } : { result: 'success' },
    actor: {
      type: 'user',
      id: `u${n % 10}`,
      ...(n % 3 === 0 ? { email: n % 2 === 0 ? 'Ann@Example.com' : '~AAAABBBBCCCCDDDD' } : {}),
    },
    ...(n % 6 === 0 ? { on_behalf_of: [{ type: 'user', id: 'boss' }] } : {}),
    ...(n % 5 === 0
      ? {
          targets: [
            { type: 'doc', id: `d${n % 4}` },
            { type: 'app', id: "O'Brien" },
          ],
        }
      : {}),
    ...(n % 2 === 0 ? { context: { ip: `192.0.2.${n % 4}` } } : {}),
    ...(n % 11 === 0 ? { operation_id: `o${n}`, external_id: `x${n}`, subject: 'u3' } : {}),
    metadata: { amount: 1.5, deep: [{ text: 'ünïcode ✓' }] },
    data_class: n % 10 === 0 ? 'pii' : 'none',
    producer: { key: n % 7 === 0 ? 'trailkeep' : 'aaaaaaaaaaaaaaaaaaaa', seq: n },
  };
}

beforeAll(async () => {
  cloud = await testCloud();
  const { s3 } = cloud.clients;
  for (const Bucket of ['archive', 'control']) await s3.send(new CreateBucketCommand({ Bucket }));
  await makeTables(cloud.url, { archive: 'archive', results: 'control' });
  events = [tenantA, tenantB].flatMap((tenant) => Array.from({ length: 300 }, (_, n) => eventOf(n, tenant)));
  const placed = Map.groupBy(events, (one) => `${one.tenant} ${one.category} ${one.occurred_at.slice(0, 10)}`);
  for (const group of placed.values()) {
    // The first day of March is in a month file: days and months are read together.
    await putFile(s3, 'archive', group, group[0]!.occurred_at.startsWith('2026-03-01') ? 'month' : 'day');
  }
});
afterAll(() => cloud.end());

async function start(QueryString: string, more: Partial<StartQueryExecutionCommandInput> = {}): Promise<string> {
  const asked = { QueryString, WorkGroup: workGroup, QueryExecutionContext: { Database: database }, ...more };
  return (await cloud.clients.athena.send(new StartQueryExecutionCommand(asked))).QueryExecutionId!;
}

async function ended(QueryExecutionId: string): Promise<QueryExecution> {
  for (;;) {
    const { QueryExecution } = await cloud.clients.athena.send(new GetQueryExecutionCommand({ QueryExecutionId }));
    if (!['QUEUED', 'RUNNING'].includes(QueryExecution!.Status!.State!)) return QueryExecution!;
    await new Promise((done) => setTimeout(done, 5));
  }
}

const run = async (query: string, more: Partial<StartQueryExecutionCommandInput> = {}) =>
  ended(await start(query, more));

async function rowsOf(QueryExecutionId: string, MaxResults?: number): Promise<(string | undefined)[][]> {
  const rows: (string | undefined)[][] = [];
  let NextToken: string | undefined;
  do {
    const page = await cloud.clients.athena.send(
      new GetQueryResultsCommand({ QueryExecutionId, NextToken, MaxResults }),
    );
    rows.push(...page.ResultSet!.Rows!.map(({ Data }) => Data!.map(({ VarCharValue }) => VarCharValue)));
    NextToken = page.NextToken;
  } while (NextToken);
  return rows;
}

/** Rows without the header; fails when the query did. */
async function ask(query: string, more: Partial<StartQueryExecutionCommandInput> = {}) {
  const { Status, QueryExecutionId } = await run(query, more);
  expect(Status).toMatchObject({ State: 'SUCCEEDED' });
  return (await rowsOf(QueryExecutionId!)).slice(1);
}

test('the categories that the tables project are the categories there are', () => {
  expect(projectedCategories).toEqual([...categories]);
});

describe('the SQL of a typed filter', () => {
  const filters: Filter[] = [
    {},
    { from: Date.parse('2026-03-01T12:00:00Z'), to: Date.parse('2026-03-02T20:00:00.050Z') },
    { action: ['user.login', 'iam.*'] },
    { action: ['audit_log.*'] },
    { category: ['critical', 'auth_events'], severity: ['high'] },
    { crud: ['r'], outcome: ['denied'] },
    { actor: ['u1', 'u3'] },
    { actorEmail: ['ann@example.COM'] },
    { actorEmail: ['~AAAABBBBCCCCDDDD'] },
    { subject: ['u3'] },
    { subject: ['boss', 'd2'] },
    { target: ["O'Brien"] },
    { target: ['d1', 'd2'], targetType: ['app'] },
    { targetType: ['nothing'] },
    { ip: ['192.0.2.0'] },
    { dataClass: ['pii'], project: ['shop'], environment: ['prod'] },
    { operationId: ['o11', 'o22'], externalId: ['x22'] },
    { actor: ["' or 1=1 --"] },
    { project: [] },
  ];
  for (const filter of filters) {
    for (const readsToo of [true, false]) {
      test(`${JSON.stringify(filter)}${readsToo ? ', records of reading too' : ''}`, async () => {
        const { text, parameters } = athenaStatement({
          tenant: tenantA,
          filter,
          days: { from: '2026-03-01', to: '2026-03-31' },
          months: { from: '2026-03', to: '2026-03' },
          readsToo,
          limit: 200,
          version: 1n,
        });
        const rows = await ask(text, { ExecutionParameters: parameters.map(literalOf) });
        const matches = matcher(filter);
        const wanted = events
          .filter((one) => one.tenant === tenantA && matches(one))
          .filter((one) => readsToo || one.producer.key !== 'trailkeep' || !one.action.startsWith('audit_log.'))
          .sort((a, b) => comparePositions(positionOf(a), positionOf(b)))
          .slice(0, 200);
        expect(rows.map(([line]) => line)).toEqual(wanted.map((one) => JSON.stringify(one)));
      });
    }
  }
});

describe('columns', () => {
  test('hold what the event holds, and JSON where its shape is free', async () => {
    const rows = await ask(
      `select id, actor.id, outcome.reason, cardinality(targets), json_extract_scalar(metadata, '$.amount'), producer.seq, dt, category
       from events where tenant = '${tenantA}' and dt = '2026-03-02' and operation_id = 'o220'`,
    );
    expect(rows).toEqual([
      ['01890000-0000-7000-8000-000000000220', 'u0', undefined, '2', '1.5', '220', '2026-03-02', 'critical'],
    ]);
  });

  test('a line that is no JSON fails the query, not the count', async () => {
    const { s3 } = cloud.clients;
    const Key = `audit-logs/dt=2026-05-01/tenant=${tenantA}/category=system/bulk-x.jsonl.gz`;
    const { gzipSync } = await import('node:zlib');
    await s3.send(new PutObjectCommand({ Bucket: 'archive', Key, Body: gzipSync('{"id":"a"}\n{"id":\n') }));
    const { Status } = await run(`select count(*) from events where tenant = '${tenantA}' and dt = '2026-05-01'`);
    expect(Status).toMatchObject({ State: 'FAILED', StateChangeReason: expect.stringContaining('HIVE_BAD_DATA') });
    await s3.send(new DeleteObjectCommand({ Bucket: 'archive', Key }));
  });
});

describe('a statement that is refused', () => {
  const failing: Record<string, [string, string]> = {
    'names no tenant': [
      `select count(*) from events where dt = '2026-03-02'`,
      'CONSTRAINT_VIOLATION: For the injected',
    ],
    'compares tenants by something else than equality': [
      `select count(*) from events where tenant > 'a'`,
      'CONSTRAINT_VIOLATION',
    ],
    'names a tenant for one of two tables': [
      `select count(*) from events e join events_monthly m on e.id = m.id where e.tenant = '${tenantA}'`,
      'CONSTRAINT_VIOLATION',
    ],
    'names it inside an OR': [
      `select count(*) from events where tenant = '${tenantA}' or dt = '2026-03-02'`,
      'CONSTRAINT_VIOLATION',
    ],
    'reads a table that is not there': [`select 1 from elsewhere`, 'TABLE_NOT_FOUND'],
    'reads a file': [`select * from read_text('/etc/passwd')`, 'FUNCTION_NOT_FOUND'],
    'reads a file by its name': [`select * from '/etc/passwd'`, 'TABLE_NOT_FOUND'],
    'calls what Trino does not have': [`select list_zip([1], [2])`, 'FUNCTION_NOT_FOUND'],
    writes: [`create table t as select 1`, 'SYNTAX_ERROR'],
    'is two': ['select 1; select 2', 'Only one'],
    'does not parse': ['selec 1', 'SYNTAX_ERROR'],
  };
  for (const [what, [query, reason]] of Object.entries(failing)) {
    test(what, async () => {
      const { Status, QueryExecutionId } = await run(query);
      expect(Status).toMatchObject({ State: 'FAILED', StateChangeReason: expect.stringContaining(reason) });
      expect(await refusal(rowsOf(QueryExecutionId!))).toEqual({ status: 400, name: 'InvalidRequestException' });
    });
  }

  test('what the local platform does not do is said with 501', async () => {
    const call = cloud.clients.athena.send(new ListQueryExecutionsCommand({}));
    expect(await refusal(call)).toMatchObject({ status: 501 });
  });
});

describe('an execution', () => {
  const count = `select count(*) as n from events where tenant = '${tenantA}' and dt = '2026-03-02'`;

  test('counts the bytes of the files that its partitions select', async () => {
    const all = await run(`select count(*) from events where tenant = '${tenantA}'`);
    const one = await run(`${count} and category = 'critical'`);
    const none = await run(`select count(*) from events where tenant = '${tenantA}' and dt = '2026-04-01'`);
    expect(one.Statistics!.DataScannedInBytes).toBeGreaterThan(0);
    expect(all.Statistics!.DataScannedInBytes).toBeGreaterThan(one.Statistics!.DataScannedInBytes! * 2);
    expect(none.Statistics!.DataScannedInBytes).toBe(0);
    expect((await rowsOf(none.QueryExecutionId!)).slice(1)).toEqual([['0']]);
  });

  test('pages its results, header first, and leaves them as CSV in the bucket of the workgroup', async () => {
    const { QueryExecutionId, ResultConfiguration } = await run(
      `select id, outcome.reason, project from events_monthly where tenant = '${tenantA}' and month = '2026-03' and id < '01890000-0000-7000-8000-000000000010' order by id`,
    );
    const reason = 'quote " \\ and, comma\n';
    expect(await rowsOf(QueryExecutionId!)).toEqual([
      ['id', 'reason', 'project'],
      ['01890000-0000-7000-8000-000000000000', reason, 'shop'],
      ['01890000-0000-7000-8000-000000000003', undefined, undefined],
      ['01890000-0000-7000-8000-000000000006', undefined, undefined],
      ['01890000-0000-7000-8000-000000000009', reason, undefined],
    ]);
    const { Body } = await cloud.clients.s3.send(
      new GetObjectCommand({ Bucket: 'control', Key: `athena/results/${QueryExecutionId}.csv` }),
    );
    expect(ResultConfiguration!.OutputLocation).toBe(`s3://control/athena/results/${QueryExecutionId}.csv`);
    expect(await Body!.transformToString()).toContain(
      '"01890000-0000-7000-8000-000000000000","quote "" \\ and, comma\n","shop"\n"01890000-0000-7000-8000-000000000003",,\n',
    );
    const more = await run(`select id from events where tenant = '${tenantA}' and dt = '2026-03-02' order by id`);
    const rows = await rowsOf(more.QueryExecutionId!, 7);
    expect(rows).toHaveLength(101);
    expect(rows[0]).toEqual(['id']);
    expect(rows).toEqual(await rowsOf(more.QueryExecutionId!));
  });

  test('is the same for the same token, and refused when the token is of another', async () => {
    const ClientRequestToken = 'token-token-token-token-token-token';
    const first = await start(count, { ClientRequestToken });
    expect(await start(count, { ClientRequestToken })).toBe(first);
    expect(await refusal(start('select 1', { ClientRequestToken }))).toMatchObject({ status: 400 });
  });

  test('answers from a result that is young enough, when asked to', async () => {
    const again = {
      ResultReuseConfiguration: { ResultReuseByAgeConfiguration: { Enabled: true, MaxAgeInMinutes: 60 } },
    };
    const query = `${count} and category = 'api_calls'`;
    const first = await run(query, again);
    const second = await run(query, again);
    expect(second.Statistics).toMatchObject({
      DataScannedInBytes: 0,
      ResultReuseInformation: { ReusedPreviousResult: true },
    });
    expect(await rowsOf(second.QueryExecutionId!)).toEqual(await rowsOf(first.QueryExecutionId!));
    expect((await run(query)).Statistics!.ResultReuseInformation).toEqual({ ReusedPreviousResult: false });
  });

  test('ends when it would scan more than the workgroup allows', async () => {
    await makeTables(cloud.url, { archive: 'archive', results: 'control' }, 100);
    const { Status } = await run(`${count} and data_class = 'none'`);
    await makeTables(cloud.url, { archive: 'archive', results: 'control' });
    expect(Status).toMatchObject({ State: 'CANCELLED', StateChangeReason: 'Bytes scanned limit was exceeded' });
    const { WorkGroup } = await cloud.clients.athena.send(new GetWorkGroupCommand({ WorkGroup: workGroup }));
    expect(WorkGroup!.Configuration!.BytesScannedCutoffPerQuery).toBe(1024 ** 3);
  });

  test('can be stopped, and goes on no longer', async () => {
    const tables = ['a', 'b', 'c', 'd', 'e'];
    // Two million million rows: it ends because it is stopped, whenever that comes.
    const query = `select count(*) from ${tables.map((name) => `events ${name}`).join(', ')}
      where ${tables.map((name) => `${name}.tenant = '${tenantA}'`).join(' and ')} and length(concat(a.id, e.id)) > 1`;
    const id = await start(query);
    await cloud.clients.athena.send(new StopQueryExecutionCommand({ QueryExecutionId: id }));
    expect((await ended(id)).Status).toMatchObject({ State: 'CANCELLED' });
    // The cloud waits for what still runs.
    cloud = await cloud.restart();
  });

  test('skips what lies in Glacier, and reads the copy that was restored', async () => {
    const { s3 } = cloud.clients;
    const key = await putFile(s3, 'archive', [{ ...eventOf(1, tenantA), occurred_at: '2026-06-01T00:00:00.000Z' }]);
    const query = `select count(*) from events where tenant = '${tenantA}' and dt = '2026-06-01'`;
    expect(await ask(query)).toEqual([['1']]);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'archive', Key: key }));
    const body = await Body!.transformToByteArray();
    await s3.send(new PutObjectCommand({ Bucket: 'archive', Key: key, Body: body, StorageClass: 'DEEP_ARCHIVE' }));
    expect(await ask(query)).toEqual([['0']]);
  });

  test('outlives a restart', async () => {
    const { QueryExecutionId } = await run(count);
    const rows = await rowsOf(QueryExecutionId!);
    cloud = await cloud.restart();
    expect(await rowsOf(QueryExecutionId!)).toEqual(rows);
    expect(await ask(count)).toEqual(rows.slice(1));
  });
});
