/** The guarantee: whatever a tenant has, in whatever table, is the same where it moves, and the tables' own rules hold there. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TenantMove } from '#stores/postgres/tenant-move.ts';
import { contextKey } from '#test/support/postgres.ts';
import { putFile } from '../archive-files.ts';
import { batchOf, made, march, uuid7 } from '../made.ts';
import { TwoClusters } from './two-clusters.ts';

let clusters: TwoClusters;
beforeAll(async () => {
  clusters = await TwoClusters.start();
}, 60_000);
afterAll(() => clusters.stop());

const move = async (tenant: string, to: number) => {
  await clusters.ask(tenant, to);
  return new TenantMove({ clusters: clusters.movers, contextKey }, tenant).run();
};

/** Rows and digest of every table with the tenant's rows, asked another way than the move does. */
async function contents(shard: number, tenant: string): Promise<Map<string, string>> {
  const { ownerSql } = clusters.dbs[shard]!;
  const tables = await ownerSql`select n.nspname || '.' || c.relname as name from pg_class c
    join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('access', 'sec') order by 1`;
  const found = new Map<string, string>();
  for (const { name } of tables) {
    const [row] = await ownerSql.unsafe(
      `select count(*)::int as rows, string_agg(t::text, E'\\n' order by t::text) as text from ${name} t where tenant_id = $1`,
      [tenant],
    );
    if (row!.rows > 0) found.set(String(name), String(row!.text));
  }
  return found;
}

/** Rows that refer to each other, numbers that the database gives, columns that follow from others. */
async function fill(shard: number, tenant: string): Promise<void> {
  const { ownerSql: sql } = clusters.dbs[shard]!;
  const [source, job, old, run, file, override] = Array.from({ length: 6 }, () => uuid7(march)) as [
    ...[string, string, string, string, string, string],
  ];
  await sql.begin(async (tx) => {
    await tx`insert into costs.source (tenant_id, id, kind, name, settings, created_by, created_at, changed_at)
      values (${tenant}, ${source}, 'focus', 'bills', '{"a":  [1, 2.50]}', 'ada', now(), now())`;
    for (const table of ['sector', 'owner', 'architecture']) {
      await tx.unsafe(`insert into costs.${table} (tenant_id, id, name) values ($1, 0, ''), ($1, 1, 'Ä "x"')`, [
        tenant,
      ]);
    }
    await tx`insert into costs.h_code (tenant_id, id, code, cost_centre) values (${tenant}, 0, '', '')`;
    await tx`insert into costs.controller (tenant_id, id, key, name) values (${tenant}, 0, '', '')`;
    await tx`insert into costs.cmdb_item (tenant_id, id, sys_id, class, name, attributes, hash, seen_at)
      values (${tenant}, 0, '', '', '', '{}', '\\x00ff', '2026-03-01 12:00:00.123456+00')`;
    await tx`insert into costs.application (tenant_id, id, key, name, seen_at)
      values (${tenant}, 0, '', '', now()), (${tenant}, 1, 'shop', 'Shop', now())`;
    await tx`insert into costs.mapping (tenant_id, application_id, from_day, sector_id, h_code_rule, load_id)
      values (${tenant}, 1, '2026-01-01', 1, 'none', 1)`;
    await tx`insert into costs.usage_daily (tenant_id, load_id, day, application_id, measure, amount)
      select ${tenant}, l, '2026-03-01', 1, 'nodes', 0.1 from generate_series(1, 250) l`;
    await tx`insert into costs.override (tenant_id, id, kind, application_id, from_day, sector_id, before, after, reason,
        proposed_by, proposed_at) values (${tenant}, ${override}, 'mapping', 1, '2026-01-01', 1, '{}', '{}', 'why', 'ada', now())`;
    await tx`insert into costs.override_decision (tenant_id, override_id, decision, proposed_by, decided_by, decided_at)
      values (${tenant}, ${override}, 'approved', 'ada', 'bob', now())`;
    await tx`insert into jobs.job (tenant_id, id, name, kind, timing, time_zone, config, overlap, attempts_max,
        backoff_seconds, enabled, created_by, created_at, changed_at, deleted_at)
      select ${tenant}, id::uuid, 'nightly', 'etl', '{}', 'UTC', '{}', 'queue', 1, 1, true, 'ada', now(), now(), gone
      from (values (${old}, now()), (${job}, null)) as v (id, gone)`;
    await tx`insert into jobs.run (tenant_id, id, job_id, kind, config, attempts_max, backoff_seconds, cause, asked_by,
        scheduled_for, state, queued_at)
      values (${tenant}, ${run}, ${job}, 'etl', '{}', 1, 1, 'manual', 'ada', now(), 'queued', now())`;
    await tx`insert into jobs.part (tenant_id, run_id, part, state, next_at, sweep_at)
      values (${tenant}, ${run}, 'plan', 'waiting', now(), now())`;
  });
  await load(shard, tenant, source);
  await putFile(clusters.dbs[shard]!, { tenant, category: 'auth_events', minTime: march, maxTime: march, id: file });
  await sql`insert into archive.chunk (tenant_id, file_id, number, tier, events, min_time, max_time, min_id, max_id, blocks, leaves)
    values (${tenant}, ${file}, 0, 1, 3, ${march}, ${march}, ${file}, ${file}, '\\x01', '\\x02')`;
}

/** A load that takes the place of the one before; resolves with its number. */
async function load(shard: number, tenant: string, source: string): Promise<number> {
  return clusters.dbs[shard]!.ownerSql.begin(async (tx) => {
    await tx`update costs.load set replaced_by = 1 where tenant_id = ${tenant} and replaced_by is null`;
    const [row] =
      await tx`insert into costs.load (tenant_id, source_id, run_id, stream, slice, sha256, from_day, to_day,
        rows_read, rows_written, rows_rejected, loaded_at)
      values (${tenant}, ${source}, ${source}, 'bills', '2026-03', sha256('x'), '2026-03-01', '2026-03-02', 1, 1, 0, now())
      returning id`;
    return Number(row!.id);
  });
}

test('all of it, there and back with what was changed, added and deleted meanwhile', async () => {
  const [tenant, other] = [await clusters.newTenant(), await clusters.newTenant()];
  const { ledger, close } = clusters.environment();
  await ledger.commit(...batchOf([made({ tenant }), made({ tenant })], 'critical', ['0a'.repeat(32)]));
  for (const one of [tenant, other]) await fill(0, one);
  const before = await contents(0, tenant);
  const others = await contents(0, other);
  expect([...before.keys()]).toEqual(
    expect.arrayContaining([
      'archive.chunk',
      'archive.progress',
      'costs.override_decision',
      'jobs.part',
      'proof.outbox',
    ]),
  );
  expect(await move(tenant, 1)).toBe('moved');
  expect(await contents(1, tenant)).toEqual(before);
  expect(await contents(0, other)).toEqual(others);
  expect(await contents(1, other)).toEqual(new Map());

  // There the tables' rules hold: numbers go on, parents keep their children.
  const { ownerSql: there } = clusters.dbs[1]!;
  const [{ id: source }] = (await there`select id from costs.source where tenant_id = ${tenant}`) as [{ id: string }];
  const [{ most }] = (await there`select max(id) as most from costs.load where tenant_id = ${tenant}`) as [
    { most: number },
  ];
  expect(await load(1, tenant, source)).toBeGreaterThan(most);
  await expect(there`delete from costs.application where tenant_id = ${tenant}`).rejects.toThrow('foreign key');
  await there`update jobs.job set name = 'hourly' where tenant_id = ${tenant} and deleted_at is null`;
  await there`delete from jobs.part where tenant_id = ${tenant}`;
  await there`delete from jobs.run where tenant_id = ${tenant}`;
  await there`delete from archive.file where tenant_id = ${tenant}`;
  await there`delete from costs.usage_daily where tenant_id = ${tenant} and load_id % 2 = 0`;
  await ledger.commit(...batchOf([made({ tenant })], 'bulk'));
  const changed = await contents(1, tenant);
  expect(changed.has('archive.chunk')).toBe(false);

  expect(await move(tenant, 0)).toBe('moved');
  expect(await contents(0, tenant)).toEqual(changed);
  expect(await contents(0, other)).toEqual(others);
  await close();
});

test('a message that came before the move is known after it', async () => {
  const tenant = await clusters.newTenant();
  const { ledger, close } = clusters.environment();
  const digest = '0b'.repeat(32);
  const lines = [made({ tenant })];
  await ledger.commit(...batchOf(lines, 'bulk', [digest]));
  expect(await move(tenant, 1)).toBe('moved');
  const again = await ledger.commit(...batchOf(lines, 'bulk', [digest]));
  expect(again).toMatchObject({ stored: false });
  expect((await clusters.stored(1, tenant)).parts).toHaveLength(1);
  await close();
});

test('what lies below the old hot floor is looked for in the archive there too, and its tokens are forgotten', async () => {
  const tenant = await clusters.newTenant();
  const floor = '01890000-0000-7000-8000-000000000000';
  const [here, there] = clusters.dbs.map(({ ownerSql }) => ownerSql);
  await here!`update archive.hot_floor set floor = ${floor}`;
  await here!`insert into archive.dropped_month (month, dropped_at, events, tenants) values ('2026-02-01', now(), 5, 1)`;
  expect(await move(tenant, 1)).toBe('moved');
  const [row] = await there!`select floor from archive.hot_floor`;
  expect(row!.floor).toBe(floor);
  expect(await there!`select from archive.dropped_month where tokens_gone_at is null`).toHaveLength(1);
  // It never goes back.
  expect(await move(await clusters.newTenant(), 1)).toBe('moved');
  await here!`update archive.hot_floor set floor = '00000000-0000-0000-0000-000000000000'`;
  expect(await move(await clusters.newTenant(), 1)).toBe('moved');
  expect((await there!`select floor from archive.hot_floor`)[0]!.floor).toBe(floor);
});
