/** That the catalogue is read along its indexes, whatever else is in it. */
import type { Sql, TransactionSql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { partsQuery, partsWithIdQuery } from '#stores/postgres/catalogue.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { type TestDatabase, testDatabase } from '../../support/postgres.ts';
import { tenantA, tenantB } from './made.ts';

const dayMs = 86_400_000;

describe('the plan, under row-level security', () => {
  let db: TestDatabase;
  let app: Sql;
  beforeAll(async () => {
    db = await testDatabase('catalogue_plan');
    app = db.login('trailkeep_app');
    // Many chunks and parts of one tenant among others', so that a plan without the index would be dearer.
    await db.ownerSql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`insert into archive.file select t, f, 'k', 1, 0, 'day', '2026-01-01', 1, 1, 1, decode(repeat('ab', 32), 'hex'),
          decode(repeat('ab', 32), 'hex'), 0, 0, f, f, 0, 0, 'standard', now()
        from (select ('01890000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid as f,
          case when g % 2 = 0 then ${tenantA}::uuid else ${tenantB}::uuid end as t from generate_series(1, 200) g) made`;
      await tx`insert into archive.chunk select tenant_id, file_id, n, 1, 10, n * 86400000::bigint, n * 86400000::bigint + 500,
          ('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
          ('01890000-0000-7000-8000-' || lpad(to_hex(n + 5), 12, '0'))::uuid, n, n + 9, '\\x0100', '\\x0100'
        from archive.file, generate_series(1, 100) n where key = 'k'`;
      await tx`insert into record.segment (segment_id, key, tier, bytes, sha256, tenants)
        select ('01890000-0000-7000-9000-' || lpad(to_hex(g), 12, '0'))::uuid, 'k' || g, 1, 1, decode(repeat('ab', 32), 'hex'), '{}'
        from generate_series(1, 20000) g`;
      await tx`insert into record.segment_part select tenant_id, n,
          ('01890000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, 10, n * 86400::bigint, n * 86400::bigint + 500, min_id, max_id,
          '\\x0100', n * 10 from (select *, row_number() over (partition by tenant_id) as n from archive.chunk) c`;
    });
    await db.ownerSql`vacuum analyze archive.chunk, archive.file, record.segment_part, record.segment`;
  });
  afterAll(() => db.drop());

  const planOf = (query: (tx: TransactionSql) => ReturnType<typeof partsQuery>) =>
    withTenants(app, db.contextKey, [tenantA], new Date(), async (tx) => {
      const rows = await tx`explain (costs off) ${query(tx)}`;
      return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
    });
  const before = { maxTime: 40 * dayMs, place: `c01890000-0000-7000-8000-000000000002${'5'.padStart(10, '0')}` };

  test.each([
    ['the newest page', { from: 0, to: 8e15 }, undefined],
    ['a page of a time', { from: 20 * dayMs, to: 22 * dayMs }, undefined],
    ['a later page', { from: 0, to: 8e15 }, before],
    ['a later page behind a segment', { from: 0, to: 8e15 }, { maxTime: 40 * dayMs, place: 's00000000000000000007' }],
  ] as const)('%s goes along both indexes of time and reads no more than the page', async (_, range, position) => {
    const plan = await planOf((tx) => partsQuery(tx, tenantA, range, '7', position, 65));
    expect(plan).toMatch(/Index Scan using chunk_by_time on chunk/);
    expect(plan).toMatch(/Index Scan using segment_part_by_time on segment_part/);
    expect(plan).not.toMatch(/Seq Scan on (chunk|segment_part|file)/);
    // The index is entered where chunks can be that begin by the end of the question.
    expect(plan).toMatch(/chunk_by_time[\s\S]*?Index Cond: .*max_time >= .*max_time <= /);
  });

  test('an id is looked for in both indexes of ids', async () => {
    const plan = await planOf((tx) => partsWithIdQuery(tx, tenantA, '01890000-0000-7000-8000-000000000060', '7'));
    expect(plan).toMatch(/chunk_by_id/);
    expect(plan).toMatch(/segment_part_by_any_id/);
    expect(plan).not.toMatch(/Seq Scan on (chunk|segment_part)/);
  });
});
