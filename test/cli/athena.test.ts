/** Questions to the whole archive at the terminal, and where an analyst asks it in SQL. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventJsonSchema } from '#core/event/schema.ts';
import { athenaTables, eventColumns } from '#core/query/athena-tables.ts';
import { eventTables } from '#lib/parts/event-tables.ts';
import { tenantA } from '#test/support/events.ts';
import { eventAt } from '#test/support/lines.ts';
import { trinoFaults } from '#test/support/trino.ts';
import { trailkeep } from './run-cli.ts';
import { type StubApi, startStub } from './stub-api.ts';

const coverage = { complete: true, commit: '7' };
const view = {
  id: 'q-1',
  asked_at: '2026-05-01T00:00:00.000Z',
  limit: 5,
  scanned_bytes: 2e6,
  cost_usd: 0.00005,
  coverage,
};
let api: StubApi;
let states: string[] = [];
let pages: object[] = [];

beforeAll(async () => {
  api = await startStub(({ path, method }) => {
    if (path === '/v1/whoami') return { body: { tenant: tenantA, scopes: [] } };
    if (method === 'DELETE') return { status: 204 };
    if (path.includes('/results')) return { body: pages.shift() ?? { events: [], next_cursor: null } };
    return { status: method === 'POST' ? 202 : 200, body: { ...view, state: states.shift() ?? 'succeeded' } };
  });
});
afterAll(() => api.close());
beforeEach(() => {
  states = [];
  pages = [];
  api.received.length = 0;
});
const run = (...args: string[]) => trailkeep([...args, '--url', api.url, '--key', 'tk_k'], { cwd: '/' });

describe('queries', () => {
  test('are asked with the filters of query, and shown and cancelled by id', async () => {
    states = ['queued'];
    const asked = await run('queries', 'ask', '--actor', 'ada', '--from', '2019-01-01', '--limit', '100000');
    expect(asked).toMatchObject({ code: 0, out: expect.stringContaining('q-1  queued') });
    expect(asked.err).toContain('trailkeep queries results q-1');
    expect(JSON.parse(api.received[0]!.body)).toEqual({
      actor: ['ada'],
      from: '2019-01-01T00:00:00.000Z',
      limit: 100_000,
    });
    expect((await run('queries', 'show', 'q-1')).out).toContain('2.0 MB scanned, 0.00005 US$');
    expect(await run('queries', 'cancel', 'q-1')).toMatchObject({ code: 0 });
    expect(api.received.at(-1)).toMatchObject({ method: 'DELETE', path: '/v1/queries/q-1' });
  });

  test('wait for their results and print all pages', async () => {
    states = ['queued', 'running', 'succeeded'];
    pages = [
      { events: [eventAt(1)], next_cursor: 'c-1', complete: true, limited: false, coverage },
      { events: [eventAt(2)], next_cursor: null, complete: true, limited: false, coverage },
    ];
    const ran = await run('queries', 'ask', '--wait', '--json');
    expect(ran.code).toBe(0);
    expect(
      ran.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).toEqual([eventAt(1).id, eventAt(2).id]);
    expect(api.received.at(-1)!.path).toBe('/v1/queries/q-1/results?cursor=c-1&limit=1000');
  });

  test('say what is not in the answer, and that it is not all', async () => {
    const archived = [{ day: '2019-02-03', category: 'system', events: 12, bytes: 99 }];
    const pending = { events: 3, from: '2026-04-30T22:00:00.000Z' };
    pages = [{ events: [], next_cursor: null, complete: false, limited: true, coverage }];
    const limited = await run('queries', 'results', 'q-1');
    expect(limited).toMatchObject({ code: 1, err: expect.stringContaining('There is more: the query asked for 5') });
    const api2 = await startStub(({ path }) =>
      path.includes('/results')
        ? { body: { events: [], next_cursor: null, complete: false, limited: false } }
        : { body: { ...view, state: 'succeeded', coverage: { complete: false, commit: '7', archived, pending } } },
    );
    const ran = await trailkeep(['queries', 'results', 'q-1', '--url', api2.url, '--key', 'tk_k'], { cwd: '/' });
    await api2.close();
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('2019-02-03 system, up to 12 events');
    expect(ran.err).toContain('trailkeep query --from 2026-04-30T22:00:00.000Z');
  });

  test('that were too large have no results', async () => {
    states = ['too_large'];
    expect(await run('queries', 'results', 'q-1')).toMatchObject({
      code: 1,
      err: expect.stringContaining('too_large'),
    });
  });

  test('are one of four words', async () => {
    expect(await run('queries', 'asks')).toMatchObject({ code: 2, err: expect.stringContaining('ask') });
    expect(await run('queries', 'ask', '--limit', '100001')).toMatchObject({ code: 2 });
  });
});

describe('athena', () => {
  const offline = (...args: string[]) => trailkeep(['athena', ...args], { cwd: '/' });

  test('prints workgroup, database, tables and columns, and asks nobody when it is told the tenant', async () => {
    const { code, out } = await offline('--stage', 'prod', '--tenant', tenantA);
    expect(code).toBe(0);
    expect(out).toContain('trailkeep-prod');
    expect(out).toContain('trailkeep_prod');
    for (const { name } of athenaTables) expect(out).toContain(name);
    for (const [name] of eventColumns) expect(out).toMatch(new RegExp(`^${name} `, 'm'));
  });

  test('takes the tenant of the key otherwise', async () => {
    expect((await run('athena')).out).toContain(`tenant = '${tenantA}'`);
    expect(await offline('--tenant', "x' or '1'='1")).toMatchObject({ code: 2 });
    expect(await offline('--stage', 'Prod;', '--tenant', tenantA)).toMatchObject({ code: 2 });
  });

  test("gives examples that Trino's grammar takes, each with its tenant", async () => {
    const { out } = await offline('--json', '--tenant', tenantA);
    const { examples } = JSON.parse(out) as { examples: { sql: string }[] };
    expect(examples.length).toBeGreaterThan(2);
    for (const { sql } of examples) {
      expect(trinoFaults(sql)).toEqual([]);
      expect(sql).toContain(`tenant = '${tenantA}'`);
    }
  });
});

describe('what it prints is what is deployed', () => {
  const deployed = eventTables('bucket');

  test('tables, partitions, columns, types and what they hold', () => {
    const made = deployed.map(({ name, partitionKeys, storageDescriptor }) => ({
      name,
      partitions: (partitionKeys as { name: string }[]).map((key) => key.name),
      columns: (storageDescriptor as { columns: { name: string; type: string; comment?: string }[] }).columns.map(
        ({ name: column, type, comment }) => (comment === undefined ? [column, type] : [column, type, comment]),
      ),
    }));
    expect(made).toEqual(athenaTables.map(({ name, partitions, columns }) => ({ name, partitions, columns })));
  });

  test('every member of an event is a column or a partition, but what is sealed', () => {
    const { properties } = eventJsonSchema() as { properties: Record<string, unknown> };
    const columns = new Set([...eventColumns.map(([name]) => name), 'tenant', 'category']);
    expect([...columns].sort()).toEqual(
      Object.keys(properties)
        .filter((name) => name !== 'redacted')
        .sort(),
    );
  });
});
