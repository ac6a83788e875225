import fc from 'fast-check';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { categories, type Event, results, severities } from '#core/event/event.ts';
import type { Filter } from '#core/query/filter.ts';
import type { Position } from '#core/query/ports.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createCriticalEvents, pageQuery, prefixEnd } from '#stores/postgres/critical-events.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { batchOf, made, march, tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let app: Sql;
const actions = ['user.login', 'user.logout', 'user.login.x', 'userx', 'iam.role.create', 'é.z', 'User.login'];
const actors = ['ada', 'bob', 'Ada', 'ä', "o'neil"];
const hour = 3_600_000;
// Many ties in time, several months of ids: the order must hold across partitions.
const all = Array.from({ length: 400 }, (_, i) =>
  made({
    tenant: i % 5 === 0 ? tenantB : tenantA,
    id: uuid7(march + ((i * 37) % 90) * 24 * hour),
    occurred_at: new Date(march + ((i * 13) % 40) * hour + (i % 3)).toISOString(),
    action: actions[i % actions.length]!,
    actor: { type: 'user', id: actors[(i * 3) % actors.length]! },
    category: categories[i % categories.length]!,
    outcome: { result: results[(i >> 2) % results.length]! },
    severity: severities[(i >> 1) % severities.length]!,
  }),
);
beforeAll(async () => {
  db = await testDatabase('critical');
  app = db.login('trailkeep_app');
  await createLedger(app, contextKey).commit(...batchOf(all));
});
afterAll(() => db.drop());

const newest = (a: Event, b: Event) => Date.parse(b.occurred_at) - Date.parse(a.occurred_at) || (a.id < b.id ? 1 : -1);
const matchesAction = (pattern: string, action: string) =>
  pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : action === pattern;

/** The same in memory. */
function model(filter: Filter): Event[] {
  return all
    .map((one) => one.event)
    .filter((event) => {
      const time = Date.parse(event.occurred_at);
      return (
        event.tenant === tenantA &&
        (filter.from === undefined || time >= filter.from) &&
        (filter.to === undefined || time < filter.to) &&
        (!filter.action || filter.action.some((pattern) => matchesAction(pattern, event.action))) &&
        (!filter.actor || filter.actor.includes(event.actor.id)) &&
        (!filter.category || filter.category.includes(event.category)) &&
        (!filter.outcome || filter.outcome.includes(event.outcome.result)) &&
        (!filter.severity || filter.severity.includes(event.severity))
      );
    })
    .sort(newest);
}

const time = fc.integer({ min: march - hour, max: march + 41 * hour });
const some = <T>(values: readonly T[]) => fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined });
const filters = fc
  .record({
    from: fc.option(time, { nil: undefined }),
    to: fc.option(time, { nil: undefined }),
    action: some([...actions, 'user.*', 'user*', 'iam.*', 'é*', '*', 'none.*']),
    actor: some(actors),
    category: some(categories),
    outcome: some(results),
    severity: some(severities),
  })
  .map((drawn) => Object.fromEntries(Object.entries(drawn).filter(([, value]) => value !== undefined)) as Filter);

describe('page', () => {
  test('any filter, page by page, gives what the model gives', async () => {
    const events = createCriticalEvents(app, contextKey);
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 120 }), async (filter, limit) => {
        const got: Event[] = [];
        for (let after: Position | undefined, exhausted = false; !exhausted; ) {
          const page = await events.page(tenantA, filter, after, limit);
          got.push(...page.events);
          const last = page.events.at(-1);
          if (last) after = { time: Date.parse(last.occurred_at), id: last.id };
          exhausted = page.exhausted;
        }
        expect(got).toEqual(model(filter));
      }),
      { numRuns: 60 },
    );
  });

  test('it counts the bytes of the rows it read', async () => {
    const { bytes, events } = await createCriticalEvents(app, contextKey).page(tenantA, {}, undefined, 3);
    expect(bytes).toBe(events.reduce((sum, event) => sum + Buffer.byteLength(JSON.stringify(event)), 0));
  });

  test('times no event can have are no error', async () => {
    const events = createCriticalEvents(app, contextKey);
    expect((await events.page(tenantA, { from: 8e15 }, undefined, 5)).events).toEqual([]);
    expect((await events.page(tenantA, { from: -8e15, to: 8e15 }, undefined, 5)).events).toHaveLength(5);
  });

  test('a foreign or malformed id is missing', async () => {
    const events = createCriticalEvents(app, contextKey);
    const foreign = all.find((one) => one.event.tenant === tenantB)!.event.id;
    expect(await events.get(tenantA, foreign)).toBeUndefined();
    expect(await events.get(tenantA, 'not-an-id')).toBeUndefined();
    expect(await events.get(tenantB, foreign)).toMatchObject({ id: foreign });
  });

  test('a prefix ends before the next text that does not begin with it', () => {
    expect(prefixEnd('user.')).toBe('user/');
    expect(prefixEnd('a\u{10ffff}')).toBe('b');
    expect(prefixEnd('\ud7ff')).toBe('\ue000');
    expect(prefixEnd('')).toBeUndefined();
  });
});

describe('the plan, under row-level security', () => {
  beforeAll(async () => {
    // Enough rows, skewed, that a plan without the index would be dearer.
    await db.ownerSql`insert into record.event
      select ${tenantB}, (substr(id::text, 1, 24) || lpad(to_hex(g), 12, 'a'))::uuid, occurred_at + g * interval '1 second',
        category, outcome, severity, action, 'actor' || g, body
      from record.event, generate_series(1, 400) g where tenant_id = ${tenantA} and actor = 'ada'`;
    await db.ownerSql`insert into record.event_token
      select tenant_id, 'ip:~' || lpad(to_hex((row_number() over (partition by tenant_id order by id)) % 200), 4, '0'), occurred_at, id from record.event`;
    await db.ownerSql`insert into record.event_token
      select ${tenantB}, 'ip:~z' || g, now(), gen_random_uuid() from generate_series(1, 20000) g`;
    await db.ownerSql`analyze record.event`;
    await db.ownerSql`analyze record.event_token`;
  });

  const planOf = (filter: Filter, after?: Position) =>
    withTenants(app, contextKey, [tenantB], new Date(), async (tx) => {
      // What the indexes can do, whatever a small table's statistics suggest.
      await tx`set local enable_seqscan = off`;
      if (!filter.action) await tx`set local enable_sort = off`;
      await tx`set local enable_bitmapscan = off`;
      const plan = await tx`explain (costs off) ${pageQuery(tx, tenantB, filter, after, 50)}`;
      return plan.map((row) => String(row['QUERY PLAN'])).join('\n');
    });

  test.each([
    ['time', {}, undefined, /occurred_at_id_idx|by_time/],
    ['after', {}, { time: march, id: uuid7(march) }, /Index Cond: .*ROW\(occurred_at, id\) </],
    ['actor', { actor: ['actor7'] }, undefined, /Index Cond: .*actor = /],
    ['action', { action: ['none'] }, undefined, /Index Cond: .*action = /],
    ['prefix', { action: ['none.*'] }, undefined, /Index Cond: .*action >= .*action < /],
  ] as const)('%s is an index condition', async (_, filter, after, condition) => {
    const plan = await planOf(filter, after);
    expect(plan).toMatch(condition);
    expect(plan).not.toMatch(/Seq Scan/);
  });

  // Here the planner is free: the index of tokens must be what it chooses by itself.
  test.each([
    ['ip', { ip: ['192.0.2.1', '~0007'] }],
    ['e-mail', { actorEmail: ['a@x.org', '~AAAAAAAAAAAAAAAA'] }],
    ['person', { subject: ['u1', '~AAAAAAAAAAAAAAAA'] }],
    ['ip in a range', { ip: ['192.0.2.1', '~0007'], from: march - 1e9, to: march + 1e9 }],
  ] as const)('%s is found by its token', async (_, filter) => {
    const plan = await withTenants(app, contextKey, [tenantB], new Date(), async (tx) => {
      const rows = await tx`explain (costs off) ${pageQuery(tx, tenantB, filter, undefined, 50)}`;
      return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
    });
    expect(plan).toMatch(/event_token_pkey/);
    expect(plan).toMatch(/Index Cond: .*token = /);
    expect(plan).not.toMatch(/Seq Scan on event_token/);
  });

  test('what a token finds is what the tenant may see', async () => {
    const events = createCriticalEvents(app, contextKey);
    const found = await events.page(tenantB, { ip: ['192.0.2.1', '~0007'] }, undefined, 500);
    expect(found.events.length).toBeGreaterThan(0);
    expect(found.events.length).toBeLessThan(10);
    await db.ownerSql`update record.event_token set tenant_id = ${tenantA} where token = 'ip:~0007'
      and tenant_id = ${tenantB}`;
    expect((await events.page(tenantB, { ip: ['192.0.2.1', '~0007'] }, undefined, 500)).events).toEqual([]);
    const theirs = await events.page(tenantA, { ip: ['192.0.2.1', '~0007'] }, undefined, 500);
    expect(theirs.events.every(({ tenant }) => tenant === tenantA)).toBe(true);
  });
});
