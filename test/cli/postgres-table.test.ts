/** Somebody's table on a real PostgreSQL: keys of several columns, keys that are not unique, and what is said when it goes wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bounds, type TableRow, withTable } from '#cli/postgres-table.ts';
import { readTableMapping, type TableMapping } from '#core/record/formats/table-mapping.ts';
import { type TestDatabase, testDatabase } from '#test/support/postgres.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase('postgres_table');
  await db.ownerSql.unsafe(`
    create table "Audit Logs" ("Region" text, n integer, at timestamptz not null, what text, who text, doc jsonb,
      primary key ("Region", n));
    insert into "Audit Logs" select (array['eu', 'EU', 'ü', 'a"b'])[1 + n % 4], n, '2026-01-01Z'::timestamptz + n * interval '1 minute',
      'x.y', 'u-' || n, jsonb_build_object('n', n) from generate_series(1, 1003) n;
    create table loose (day date, what text, at bigint);
    insert into loose select '2026-01-01'::date + n / 400, 'same', 1767225600 + n from generate_series(0, 999) n;
    insert into loose values (null, 'no day', 0), (null, 'no day', 1);
    create view latest as select * from "Audit Logs" where n > 1000`);
});
afterAll(() => db.drop());

const url = () => `postgres://postgres@${db.host}:${db.port}/${db.database}`;
const mappingOf = (given: object): TableMapping => {
  const fields = { action: 'what', 'actor.id': 'who', occurred_at: 'at' };
  const read = readTableMapping(JSON.stringify({ fields, ...given }));
  if (!read.ok) throw new Error(read.fault.detail);
  return read.value;
};
const readAll = (given: object, bounds: Bounds = {}, after?: readonly string[]) =>
  withTable(url(), mappingOf(given), async (table) => {
    const rows: TableRow[] = [];
    let most = 0;
    for await (const page of table.pages(bounds, after)) {
      rows.push(...page);
      most = Math.max(most, page.length);
    }
    return { rows, most, table, counts: await table.count(bounds) };
  });
const failure = (given: object, address = url()) =>
  withTable(address, mappingOf(given), async () => undefined).then(
    () => undefined,
    (error: Error & { next?: string }) => `${error.message} ${error.next ?? ''}`,
  );

describe('rows', () => {
  test('come by a key of several columns, each once, a page at a time', async () => {
    const { rows, most, table, counts } = await readAll({ table: '"Audit Logs"' });
    expect(table).toMatchObject({ name: '"Audit Logs"', key: ['Region', 'n'], isKeyUnique: true });
    expect([rows.length, new Set(rows.map(({ key }) => key.join())).size, most]).toEqual([1003, 1003, 250]);
    expect(counts).toEqual({ rows: 1003, withoutKey: 0 });
    const middle = rows[500]!.key;
    const rest = await readAll({ table: '"Audit Logs"' }, {}, middle);
    expect(rest.rows.map(({ key }) => key)).toEqual(rows.slice(501).map(({ key }) => key));
  });

  test('of a time are those whose events have it', async () => {
    const bounds = { from: '2026-01-01T10:00:00Z', to: '2026-01-01T11:00:00Z' };
    const { rows, counts } = await readAll({ table: '"Audit Logs"' }, bounds);
    expect([rows.length, counts.rows]).toEqual([60, 60]);
    const seconds = { action: 'what', 'actor.id': "'system'", occurred_at: { column: 'at', as: 'unix_seconds' } };
    const found = await readAll({ table: 'loose', key: ['day'], fields: seconds }, { to: '2026-01-01T00:01:00Z' });
    expect(found.rows).toHaveLength(60);
  });

  test('with one key stay together and are told apart, and those without a key are counted', async () => {
    const given = {
      table: 'loose',
      key: ['day'],
      fields: { action: 'what', 'actor.id': "'system'", occurred_at: 'at' },
    };
    const { rows, table, counts } = await readAll(given);
    expect(table.isKeyUnique).toBe(false);
    expect(rows).toHaveLength(1000);
    expect(new Set(rows.map(({ key, nth }) => `${key}#${nth}`)).size).toBe(1000);
    expect(counts).toEqual({ rows: 1002, withoutKey: 2 });
    const again = await readAll(given);
    expect(again.rows.map(({ cells }) => [...cells])).toEqual(rows.map(({ cells }) => [...cells]));
  });

  test('of a view need a key that is named', async () => {
    expect(await failure({ table: 'latest' })).toContain('latest has no primary key');
    expect((await readAll({ table: 'latest', key: ['n'] })).rows).toHaveLength(3);
  });
});

describe('what cannot be read', () => {
  test.each([
    [{ table: 'nowhere' }, 'There is no table nowhere'],
    [{ table: '"Audit Logs"', key: ['nowhere'] }, 'has no column nowhere. Its columns are Region, n, at'],
    [{ table: '"Audit Logs"', time_zone: "Europe/Berlin'" }, 'Postgres knows no time zone'],
  ])('%j', async (given, told) => {
    expect(await failure(given)).toContain(told);
  });

  test('a password is never told', async () => {
    const secret = 'geheim-0815';
    const wrong = [
      `postgres://nobody:${secret}@${db.host}:${db.port}/none`,
      `postgres://a:${secret}@127.0.0.1:1/none`,
      secret,
    ];
    for (const address of wrong) {
      const told = await failure({ table: 'loose', key: ['day'] }, address);
      expect(told).toBeTruthy();
      expect(told).not.toContain(secret);
    }
  });
});
