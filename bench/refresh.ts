/**
 * Refreshes of the materialized views, each on its own: the first time, again when nothing in it changed, and after a
 * day was loaded. Beside each the plain refresh, which rewrites the view and keeps its readers out meanwhile.
 *
 * The small size is ten times the demo; `--full` is what methods like these were measured at before: 1.24 M charges.
 */
import type { Sql } from 'postgres';
import { costViews } from '#core/costs/views.ts';
import { createCostViews } from '#stores/postgres/views.ts';
import { startPlace } from './place.ts';
import { type Line, median, report } from './report.ts';

const full = process.argv.includes('--full');
const size = full
  ? { tenants: 20, applications: 150, chargesEach: 1, chargeDays: 413, usageDays: 98, licenceDays: 366, packages: 9 }
  : { tenants: 2, applications: 600, chargesEach: 1, chargeDays: 180, usageDays: 180, licenceDays: 180, packages: 9 };
const rounds = full ? 2 : 3;
const lastDay = '2026-09-30';

const place = await startPlace();
const owner = place.ownerSql;
await seed(owner);
const [counts] = await owner`select (select count(*) from costs.cost_daily)::int as charges,
  (select count(*) from costs.usage_daily)::int as usage, (select count(*) from costs.licence_daily)::int as licences`;
const views = createCostViews(place.login(1, 'trailkeep_loader'));
const hourMs = 3_600_000;

const timed = async (work: () => Promise<unknown>) => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};
const forced = (name: string) => owner`select costs.refresh_view(${name}, true)`;

const lines: Line[] = [];
for (const { name } of costViews) {
  await timed(() => views.refresh(name, hourMs));
  const again: number[] = [];
  for (let n = 0; n < rounds; n++) again.push(await timed(() => forced(name)));
  await loadDay(owner, lines.length);
  const loaded = await timed(() => forced(name));
  const plain: number[] = [];
  for (let n = 0; n < rounds; n++)
    plain.push(await timed(() => owner`refresh materialized view ${owner(`costs.${name}`)}`));
  const [rows] = await owner`select count(*)::int as n from ${owner(`costs.${name}`)}`;
  const against = { name: 'plain', figure: median(plain) };
  const goal = name === 'mv_architecture_metrics_90d' ? '< 5,000 ms' : undefined;
  const told = { unit: 'ms', against, ...(goal ? { goal } : {}) };
  lines.push({
    path: `${name}, ${rows!.n.toLocaleString('en-GB')} rows, nothing changed`,
    figure: median(again),
    ...told,
  });
  lines.push({ path: `${name}, a day loaded`, figure: loaded, ...told });
}
for (const { name } of costViews) await views.refresh(name, hourMs);
lines.push({ path: 'all eight, nothing moved', figure: await timed(() => inOrder()), unit: 'ms' });
await loadDay(owner, 99);
lines.push({ path: 'all eight, a day loaded', figure: await timed(() => inOrder()), unit: 'ms' });

async function inOrder(): Promise<void> {
  for (const { name } of costViews) await views.refresh(name, hourMs);
}

report(
  `Refresh of views (${counts!.charges.toLocaleString('en-GB')} charges, ${counts!.usage.toLocaleString('en-GB')} amounts of usage, ${counts!.licences.toLocaleString('en-GB')} of licences, ${size.tenants} tenants)`,
  lines,
);
await place.close();

/** Members, mappings of two ranges, and facts without a draw: the same rows each time. */
async function seed(sql: Sql): Promise<void> {
  const { tenants, applications, chargesEach, chargeDays, usageDays, licenceDays, packages } = size;
  const tenant = `(select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid as id from generate_series(1, ${tenants}) n) t`;
  const members = (table: string, most: number, more = '') =>
    `insert into costs.${table} select id, i, '${table} ' || i ${more} from ${tenant}, generate_series(0, ${most}) i`;
  const days = (count: number) =>
    `generate_series('${lastDay}'::date - ${count - 1}, '${lastDay}'::date, interval '1 day') d`;
  await sql.unsafe(`
    ${members('controller', 3, `, 'Controller ' || i`)};
    ${members('sector', 10)};
    ${members('owner', 40)};
    ${members('architecture', 4)};
    ${members('h_code', 24, `, 'CC ' || i / 2`)};
    insert into costs.cmdb_item select id, i, 's' || i, 'cmdb_ci_appl', 'Item ' || i, '{}', '', now(), null
      from ${tenant}, generate_series(0, ${applications}) i;
    insert into costs.application
      select id, i, case i when 0 then 0 else 1 + i % 3 end, 'a' || i, 'Application ' || i, 3, 6, '{}',
        case when i % 10 < 7 then i else 0 end, case when i % 10 < 7 then 'exact-name' else 'none' end,
        case when i % 10 < 7 then 0.9 else 0 end, now()
      from ${tenant}, generate_series(0, ${applications}) i;
    insert into costs.mapping select id, i, f, t2, 1 + i % 10, 1 + i % 40, 1 + i % 4,
        case when i % 20 < 17 then 1 + i % 24 else 0 end, 'tag', 0
      from ${tenant}, generate_series(1, ${applications}) i,
        (values ('2020-01-01'::date, '${lastDay}'::date - 60), ('${lastDay}'::date - 60, 'infinity')) r (f, t2);
    insert into costs.usage_daily
      select id, 1, d::date, a, m, (a * 37 + extract(doy from d)::int * 11) % 100 + 0.25, false
      from ${tenant}, generate_series(1, ${applications}) a, ${days(usageDays)},
        unnest(array['nodes', 'vcpu', 'licence_units', 'calls']) m;
    insert into costs.licence_daily select id, 1, d::date, c, 'P' || p, 100, 50 + p, 60 + p * 5, false
      from ${tenant}, ${days(licenceDays)}, generate_series(1, 3) c, generate_series(1, ${packages}) p;
    insert into costs.cost_daily
      select id, 1, row_number() over (partition by id), d::date, a, case a when 0 then 0 else 1 + a % 3 end, 'Usage', '',
        'AppDynamics', 'Management', 'APM', '', '', '', case a % 7 when 0 then 'USD' else 'EUR' end, x, x * 0.9, x * 0.95, x * 1.2
      from ${tenant}, generate_series(0, ${applications}) a, generate_series(1, ${chargesEach}), ${days(chargeDays)},
        lateral (select ((a * 13 + extract(doy from d)::int * 7) % 1000 / 7.0)::numeric(20, 6) as x) q;
    insert into archive.file
      select id, gen_random_uuid(), 'k', tier, category, 'day', d::date, 100, 9, 99, sha256(''), sha256(''), 0, 0,
        gen_random_uuid(), gen_random_uuid(), null, null, 'standard', now()
      from ${tenant}, ${days(365)}, generate_series(0, 5) category, generate_series(0, 1) tier;
    analyze`);
}

/** A day more of one tenant. */
async function loadDay(sql: Sql, n: number): Promise<void> {
  const id = '00000000-0000-7000-8000-000000000001';
  await sql`insert into costs.cost_daily
    select tenant_id, ${n + 2}::int, line, day + 1, application_id, controller_id, charge_category, charge_class, provider,
      service_category, service_name, sub_account, region, resource, currency, billed, effective, contracted, list
    from costs.cost_daily where tenant_id = ${id} and load_id = 1 and day = ${lastDay}`;
  await sql`insert into costs.usage_daily select tenant_id, ${n + 2}::int, day + 1, application_id, measure, amount, estimated
    from costs.usage_daily where tenant_id = ${id} and load_id = 1 and day = ${lastDay}`;
  await sql`insert into costs.licence_daily
    select tenant_id, ${n + 2}::int, day + 1, controller_id, package, provisioned, used_avg, used_max, estimated
    from costs.licence_daily where tenant_id = ${id} and load_id = 1 and day = ${lastDay}`;
}
