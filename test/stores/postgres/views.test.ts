/** Materialized views: what they sum, who may read them, and when they are refreshed. */
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CostViewName, type CostViews, costViews } from '#core/costs/views.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createCostViews } from '#stores/postgres/views.ts';
import { type CostsMaker, costsMaker } from '#test/support/costs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { batchOf, made, march, tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let app: Sql;
let views: CostViews;
let maker: CostsMaker;
let shop: number;
let till: number;
const minute = 60_000;
const names = costViews.map(({ name }) => name);
const refreshAll = async () => {
  const refreshed: string[] = [];
  for (const name of names) if ((await views.refresh(name, minute)).refreshed) refreshed.push(name);
  return refreshed;
};
const seen = async (query: string, tenants = [tenantA]) =>
  withTenants(app, contextKey, tenants, new Date(), async (tx) => [...(await tx.unsafe(query))]);
const own = async (query: string) => [...(await db.ownerSql.unsafe(query))];

beforeAll(async () => {
  db = await testDatabase('views');
  app = db.login('trailkeep_app', 4);
  views = createCostViews(db.login('trailkeep_loader', 4));
  maker = await costsMaker(db.ownerSql, tenantA);
  const other = await costsMaker(db.ownerSql, tenantB);
  shop = await maker.application('shop');
  till = await maker.application('till');
  const controller = await maker.member('controller', 'north');
  await maker.map(shop, { sector: 'Retail', owner: 'Ann', architecture: 'Java', h_code: 'H-1' }, { to: '2026-10-16' });
  await maker.map(
    shop,
    { sector: 'Online', owner: 'Ann', architecture: 'Java', h_code: 'H-2' },
    { from: '2026-10-16' },
  );
  const load = await maker.load([
    { day: '2026-10-05', application: shop, controller, billed: '10.25', effective: '9' },
    { day: '2026-10-06', application: shop, controller, billed: '0.1' },
    { day: '2026-10-20', application: shop, controller, billed: '20.5' },
    { day: '2026-10-20', application: shop, billed: '3', currency: 'USD' },
    { day: '2026-10-20', application: till, billed: '5' },
    { day: '2026-10-20', billed: '7', category: 'Credit' },
  ]);
  for (const [day, nodes] of [
    ['2026-07-01', '90'],
    ['2026-10-05', '4'],
    ['2026-10-06', '6'],
    ['2026-10-20', '5'],
  ] as const) {
    await maker.usage(load, day, shop, 'nodes', nodes);
    await maker.usage(load, day, shop, 'vcpu', '8');
    await maker.usage(load, day, shop, 'calls', '1000');
  }
  await db.ownerSql`insert into costs.licence_daily values
    (${tenantA}, ${load}, '2026-10-05', ${controller}, 'APM', 100, 80, 120, false),
    (${tenantA}, ${load}, '2026-10-06', ${controller}, 'APM', 100, 60, 90, true)`;
  const foreign = await other.load([{ day: '2026-10-05', billed: '1000' }]);
  const theirs = await other.application('theirs');
  await other.map(theirs, { sector: 'Secret sector' });
  await other.load([{ day: '2026-10-05', application: theirs, billed: '1', currency: 'GBP' }]);
  await other.usage(foreign, '2026-10-05', theirs, 'nodes', '1');
  await db.ownerSql`insert into costs.cmdb_item values (${tenantA}, 1, 's1', 'cmdb_ci_appl', 'shop', '{}', '', now()),
    (${tenantA}, 2, 's2', 'cmdb_ci_appl', 'orphan', '{}', '', now())`;
  await db.ownerSql`update costs.application set cmdb_item_id = 1, cmdb_rule = 'exact-name', cmdb_confidence = 0.9
    where tenant_id = ${tenantA} and id = ${shop}`;
  await refreshAll();
});
afterAll(() => db?.drop());

describe('sums', () => {
  test('of costs go to whom an application belonged on the day, and currencies stay apart', async () => {
    expect(
      await seen(`select month::text, sector, controller, currency, charges::int, billed, effective
        from costs.cost_by_sector_controller order by sector collate "C", currency, controller collate "C"`),
    ).toEqual([
      {
        month: '2026-10-01',
        sector: '(unmapped)',
        controller: '(unmapped)',
        currency: 'EUR',
        charges: 2,
        billed: '12',
        effective: '12',
      },
      {
        month: '2026-10-01',
        sector: 'Online',
        controller: 'north',
        currency: 'EUR',
        charges: 1,
        billed: '20.5',
        effective: '20.5',
      },
      {
        month: '2026-10-01',
        sector: 'Online',
        controller: '(unmapped)',
        currency: 'USD',
        charges: 1,
        billed: '3',
        effective: '3',
      },
      {
        month: '2026-10-01',
        sector: 'Retail',
        controller: 'north',
        currency: 'EUR',
        charges: 2,
        billed: '10.35',
        effective: '9.1',
      },
    ]);
    expect(
      await seen(`select h_code, cost_centre, currency, billed, effective_credits from costs.monthly_chargeback_summary
        order by h_code collate "C", currency`),
    ).toEqual([
      { h_code: '(unmapped)', cost_centre: '', currency: 'EUR', billed: '12', effective_credits: '7' },
      { h_code: 'H-1', cost_centre: 'CC H-1', currency: 'EUR', billed: '10.35', effective_credits: '0' },
      { h_code: 'H-2', cost_centre: 'CC H-2', currency: 'EUR', billed: '20.5', effective_credits: '0' },
      { h_code: 'H-2', cost_centre: 'CC H-2', currency: 'USD', billed: '3', effective_credits: '0' },
    ]);
  });

  test.each(['mv_cost_by_sector_controller', 'mv_cost_by_owner_controller', 'mv_monthly_chargeback_summary'])(
    'of %s are those of the facts, by tenant, month and currency',
    async (view) => {
      const by = `group by 1, 2, 3 order by 1, 2, 3`;
      const money =
        'sum(billed) as billed, sum(effective) as effective, sum(contracted) as contracted, sum(list) as list';
      expect(await own(`select tenant_id, month::text, currency, ${money} from costs.${view} ${by}`)).toEqual(
        await own(`select tenant_id, date_trunc('month', day::timestamp)::date::text as month, currency, ${money}
          from costs.cost_daily ${by}`),
      );
    },
  );

  test('of usage and costs are made apart: joined as facts they would inflate each other', async () => {
    const [joined] = await own(`select sum(effective) as effective from costs.cost_daily c
      join costs.usage_daily u using (tenant_id, application_id) where tenant_id = '${tenantA}' and currency = 'EUR'`);
    expect(Number(joined!.effective)).toBe(355.2);
    expect(
      await seen(`select application, architecture, from_day::text, to_day::text, days::int, nodes_avg, nodes_max, vcpu_avg,
        calls, effective from costs.architecture_metrics_90d order by application collate "C"`),
    ).toEqual([
      // Costs without an application are shown as what they are.
      expect.objectContaining({ application: '(unmapped)', days: 0, effective: { EUR: '7' } }),
      {
        application: 'shop',
        architecture: 'Java',
        from_day: '2026-07-23',
        to_day: '2026-10-20',
        days: 3,
        nodes_avg: '5.000000',
        nodes_max: '6',
        vcpu_avg: '8.000000',
        calls: '3000',
        effective: { EUR: '29.6', USD: '3' },
      },
      expect.objectContaining({ application: 'till', days: 0, effective: { EUR: '5' } }),
    ]);
  });

  test('of usage have a row for each application and day', async () => {
    expect(
      await seen(`select day::text, application, nodes, vcpu, licence_units, calls, overridden
        from costs.daily_usage_by_application where day > '2026-10-05' order by day`),
    ).toEqual([
      {
        day: '2026-10-06',
        application: 'shop',
        nodes: '6',
        vcpu: '8',
        licence_units: null,
        calls: '1000',
        overridden: false,
      },
      {
        day: '2026-10-20',
        application: 'shop',
        nodes: '5',
        vcpu: '8',
        licence_units: null,
        calls: '1000',
        overridden: false,
      },
    ]);
  });

  test('of licences keep days on which too much was used', async () => {
    expect(
      await seen(`select controller, package, days::int, days_estimated::int, days_over::int, used_max, utilization_avg,
        utilization_max from costs.license_utilization`),
    ).toEqual([
      {
        controller: 'north',
        package: 'APM',
        days: 2,
        days_estimated: 1,
        days_over: 1,
        used_max: '120',
        utilization_avg: '0.700000',
        utilization_max: '1.200000',
      },
    ]);
  });

  test('of the CMDB have both sides', async () => {
    expect(
      await seen(
        `select side, class, rule, things::int, confidence_avg from costs.cmdb_match_quality order by side, rule`,
      ),
    ).toEqual([
      { side: 'application', class: '', rule: 'exact-name', things: 1, confidence_avg: '0.900000' },
      { side: 'application', class: '', rule: 'none', things: 1, confidence_avg: '0.000000' },
      { side: 'item', class: 'cmdb_ci_appl', rule: 'matched', things: 1, confidence_avg: '0' },
      { side: 'item', class: 'cmdb_ci_appl', rule: 'none', things: 1, confidence_avg: '0' },
    ]);
  });

  test('of events come from the catalogue; what is archived is not counted twice', async () => {
    const ledger = createLedger(app, contextKey);
    await ledger.commit(...batchOf([made(), made()]));
    await ledger.commit(...batchOf([made({ tenant: tenantB })]));
    const activity = `select day::text, span, category, category_id, tier, events::int from costs.audit_activity_daily`;
    expect(await refreshAll()).toEqual(['mv_audit_activity_daily']);
    expect(await seen(activity)).toEqual([
      { day: '2026-03-01', span: 'day', category: '(not archived yet)', category_id: -1, tier: 'critical', events: 2 },
    ]);
    await db.ownerSql`insert into archive.file values (${tenantA}, ${uuid7(march)}, 'k', 0, 1, 'day', '2026-03-01', 2, 9, 99,
      ${Buffer.alloc(32)}, ${Buffer.alloc(32)}, ${march}, ${march}, ${uuid7(march)}, ${uuid7(march)}, null, null, 'standard', now())`;
    await db.ownerSql`update archive.progress set compacted_seq = 1 where tenant_id = ${tenantA}`;
    expect(await refreshAll()).toEqual(['mv_audit_activity_daily']);
    expect(await seen(activity)).toEqual([
      { day: '2026-03-01', span: 'day', category: 'api_calls', category_id: 1, tier: 'critical', events: 2 },
    ]);
  });
});

describe('who may read', () => {
  test('no login of ours has any right on a materialized view', async () => {
    const rows = await own(`select r.rolname, c.relname, p.privilege from pg_class c, pg_roles r,
        unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) p (privilege)
      where c.relkind = 'm' and r.rolname like 'trailkeep_%' and r.rolcanlogin
        and has_table_privilege(r.oid, c.oid, p.privilege)`);
    expect(rows).toEqual([]);
    expect(await own(`select count(*)::int as n from pg_class where relkind = 'm'`)).toEqual([{ n: 8 }]);
    const members = `select rolname from pg_roles where rolname like 'trailkeep_%' and rolname <> 'trailkeep_views'
      and pg_has_role(oid, 'trailkeep_views', 'member')`;
    expect(await own(members)).toEqual([]);
    expect(
      await own(`select rolcanlogin, rolbypassrls, rolsuper from pg_roles where rolname = 'trailkeep_views'`),
    ).toEqual([{ rolcanlogin: false, rolbypassrls: false, rolsuper: false }]);
    for (const name of names) {
      await expect(app.unsafe(`select * from costs.${name}`), name).rejects.toMatchObject({ code: '42501' });
    }
  });

  test.each(names.map((name) => name.slice(3)))('%s shows the tenants of the context', async (view) => {
    const tenants = `select distinct tenant_id from costs.${view} order by 1`;
    const a = [{ tenant_id: tenantA }];
    expect(await own(`select count(distinct tenant_id) > 0 as some from costs.mv_${view}`)).toEqual([{ some: true }]);
    expect(await seen(tenants)).toEqual(a);
    expect([...(await app.unsafe(tenants))]).toEqual([]);
    if (view === 'license_utilization') return;
    expect(await seen(tenants, [tenantA, tenantB])).toEqual([...a, { tenant_id: tenantB }]);
  });

  test.each(names.map((name) => name.slice(3)))(
    'a condition of the caller sees no row of others in %s',
    async (view) => {
      const told = async (tenants: readonly string[]) =>
        withTenants(app, contextKey, tenants, new Date(), async (tx) => {
          // Cheaper than the tenants' own condition, and no index for that: a planner that may would ask it first.
          await tx`select set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true)`;
          await tx.unsafe(`create or replace function pg_temp.tells(uuid) returns boolean language plpgsql cost 0.0000001 as $$ begin
          if $1 = '${tenantB}' then raise exception 'it says %', $1 using errcode = '22000'; end if; return true; end $$`);
          return tx.unsafe(`select * from costs.${view} where pg_temp.tells(tenant_id)`);
        });
      expect((await told([tenantA])).length).toBeGreaterThan(0);
      if (view !== 'license_utilization') await expect(told([tenantB])).rejects.toThrow(`it says ${tenantB}`);
    },
  );

  test('who may refresh cannot read, and the application cannot refresh', async () => {
    const loader = db.login('trailkeep_loader', 1);
    const refresh = `select costs.refresh_view('mv_license_utilization', true)`;
    await expect(app.unsafe(refresh)).rejects.toMatchObject({ code: '42501' });
    await expect(loader.unsafe('select * from costs.license_utilization')).rejects.toMatchObject({ code: '42501' });
    await expect(loader.unsafe('delete from costs.movement')).rejects.toMatchObject({ code: '42501' });
    await loader.unsafe(refresh);
  });
});

describe('keys', () => {
  test.each(names)('of %s are plain columns without NULL, so that a refresh can be concurrent', async (name) => {
    const keys = await own(`select i.indexprs is null and i.indpred is null as plain,
        (select array_agg(a.attname::text order by k.n) from unnest(i.indkey) with ordinality k (attnum, n)
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum) as columns
      from pg_index i where i.indrelid = 'costs.${name}'::regclass and i.indisunique`);
    expect(keys).toHaveLength(1);
    expect(keys[0]!.plain).toBe(true);
    expect(keys[0]!.columns[0]).toBe('tenant_id');
    const isNull = (keys[0]!.columns as string[]).map((column) => `${column} is null`).join(' or ');
    expect(await own(`select count(*)::int as nulls from costs.${name} where ${isNull}`)).toEqual([{ nulls: 0 }]);
  });

  test('names, order and what moves them are what core says', async () => {
    expect(await own('select name, moved_by from costs.view order by place')).toEqual(
      costViews.map(({ name, madeFrom }) => ({ name, moved_by: madeFrom })),
    );
    for (const [index, { madeFrom }] of costViews.entries()) {
      const later = names.slice(index) as readonly string[];
      expect(madeFrom.filter((from) => later.includes(from))).toEqual([]);
    }
  });
});

/** A change that a view sums. */
const charge = (sql: Sql, line: number) =>
  sql`insert into costs.cost_daily values (${tenantA}, 999, ${line}, '2026-10-21', ${shop}, 0, 'Usage', '', 'AWS', 'Compute', 'EC2',
    '', '', '', 'EUR', 1, 1, 1, 1)`;
/** Ends what is open on a session, also when a test fails in between. */
async function reserved(work: (session: Sql) => Promise<void>): Promise<void> {
  const session = await db.ownerSql.reserve();
  try {
    await work(session);
  } finally {
    await session`rollback`;
    await session`select pg_advisory_unlock_all()`;
    session.release();
  }
}
const ofCosts = [
  'mv_cost_by_sector_controller',
  'mv_cost_by_owner_controller',
  'mv_monthly_chargeback_summary',
  'mv_architecture_metrics_90d',
];

describe('a refresh', () => {
  test('does nothing when nothing moved, and changes no row that is as it was', async () => {
    await refreshAll();
    const [before] = await own('select count(*)::int as n from costs.refresh_log');
    expect(await refreshAll()).toEqual([]);
    expect((await own('select count(*)::int as n from costs.refresh_log'))[0]).toEqual(before);
    const versions = async () => {
      const of = (name: string) => own(`select ctid::text, xmin::text from costs.${name} order by 1`);
      return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await of(name)])));
    };
    const untouched = await versions();
    for (const name of names) await db.ownerSql`select costs.refresh_view(${name}, true)`;
    expect(await versions()).toEqual(untouched);
  });

  test('refreshes what a change moves, and says when and how long', async () => {
    await charge(db.ownerSql, 1);
    const { refreshed, tookMs } = await views.refresh('mv_cost_by_sector_controller', minute);
    expect(refreshed).toBe(true);
    expect(await refreshAll()).toEqual(ofCosts.slice(1));
    const [log] = await own(`select took_ms, rows::int, error from costs.refresh_log
      where view = 'mv_cost_by_sector_controller' order by id desc limit 1`);
    expect(log).toEqual({ took_ms: expect.anything(), rows: 7, error: null });
    expect(Number(log!.took_ms)).toBe(tookMs);
    expect(await seen(`select refreshed_at is not null as said from costs.view where name = '${ofCosts[0]}'`)).toEqual([
      { said: true },
    ]);
  });

  test('loses no change that commits while it is under way', async () => {
    await reserved(async (loading) => {
      await loading`begin`;
      await charge(loading, 2);
      expect(await refreshAll()).toEqual([]);
      await loading`commit`;
    });
    expect(await refreshAll()).toEqual(ofCosts);
  });

  test('of a view that others are made from moves those', async () => {
    await maker.usage(999, '2026-10-21', shop, 'nodes', '8');
    // Another run takes note of the change, and refreshes what comes later before this one comes to what is earlier.
    expect((await views.refresh('mv_architecture_metrics_90d', minute)).refreshed).toBe(false);
    expect((await views.refresh('mv_daily_usage_by_application', minute)).refreshed).toBe(true);
    expect((await views.refresh('mv_architecture_metrics_90d', minute)).refreshed).toBe(true);
    expect(await seen(`select nodes_max from costs.architecture_metrics_90d where application = 'shop'`)).toEqual([
      { nodes_max: '8' },
    ]);
  });

  test('comes when an override begins to count, and when its time is over', async () => {
    const id = uuid7(march);
    await db.ownerSql`insert into costs.override (tenant_id, id, kind, application_id, from_day, to_day, amount, currency, before,
        after, reason, proposed_by, proposed_at, expires_at)
      values (${tenantA}, ${id}, 'cost', ${shop}, '2026-10-01', '2026-11-01', -2, 'EUR', '{}', '{}', 'rebate', 'ann', '2026-11-01',
        now() + interval '1 hour')`;
    expect(await refreshAll()).toEqual([]);
    await db.ownerSql`insert into costs.override_decision (tenant_id, override_id, decision, proposed_by, decided_by, decided_at)
      values (${tenantA}, ${id}, 'approved', 'ann', 'bob', '2026-11-02')`;
    expect(await refreshAll()).toEqual([
      ...ofCosts.slice(0, 3),
      'mv_daily_usage_by_application',
      'mv_architecture_metrics_90d',
    ]);
    const corrections = `select sum(effective_corrections) as sum from costs.monthly_chargeback_summary`;
    expect(await seen(corrections)).toEqual([{ sum: '-2' }]);
    // An hour later.
    await db.ownerSql`update costs.override set expires_at = now() where id = ${id}`;
    await db.ownerSql`update costs.view set stale_at = stale_at - interval '1 hour'`;
    expect(await refreshAll()).toContain('mv_monthly_chargeback_summary');
    expect(await seen(corrections)).toEqual([{ sum: '0' }]);
  });

  test('lets readers read what was, for as long as it takes', async () => {
    await charge(db.ownerSql, 3);
    const figures = async () =>
      withTenants(app, contextKey, [tenantA], new Date(), async (tx) => {
        await tx`set local lock_timeout = '1ms'`;
        return [
          ...(await tx`select sum(billed) as billed from costs.cost_by_sector_controller where currency = 'EUR'`),
        ];
      });
    const before = await figures();
    await reserved(async (refreshing) => {
      await refreshing`begin`;
      const [done] = await refreshing`select refreshed from costs.refresh_view('mv_cost_by_sector_controller', false)`;
      expect(done!.refreshed).toBe(true);
      for (let n = 0; n < 20; n++) expect(await figures()).toEqual(before);
      await refreshing`commit`;
    });
    expect(await figures()).not.toEqual(before);
    let under = true;
    const loop = (async () => {
      let reads = 0;
      for (; under; reads++) await figures();
      return reads;
    })();
    for (let n = 0; n < 10; n++) await db.ownerSql`select costs.refresh_view('mv_cost_by_sector_controller', true)`;
    under = false;
    expect(await loop).toBeGreaterThan(0);
  });

  test('is done once by those who ask for it together', async () => {
    await charge(db.ownerSql, 4);
    const asked = await Promise.all([1, 2, 3, 4].map(() => views.refresh('mv_cost_by_owner_controller', minute)));
    expect(asked.filter((one) => one.refreshed)).toHaveLength(1);
    expect(new Set(asked.map((one) => one.at.getTime())).size).toBe(1);
  });

  test('that takes too long leaves everything as it was, and is told of', async () => {
    await charge(db.ownerSql, 5);
    const view: CostViewName = 'mv_cost_by_owner_controller';
    await reserved(async (holder) => {
      await holder`select pg_advisory_lock(hashtextextended('costs.refresh_view', 0))`;
      await expect(views.refresh(view, 50)).rejects.toThrow(`${view} was not refreshed`);
    });
    expect(await own('select view, rows, error from costs.refresh_log order by id desc limit 1')).toEqual([
      { view, rows: null, error: '57014' },
    ]);
    expect((await views.refresh(view, minute)).refreshed).toBe(true);
  });
});
