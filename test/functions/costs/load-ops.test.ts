/** AppDynamics, ServiceNow and a file of H-codes, from their HTTP to figures and to whom they belong. */
import type { Row } from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type OpsServer, startOps } from '#local/ops/server.ts';
import { oldestDay, smallOps } from '../../local/ops/small.ts';
import { type Loading, openLoading } from './loading.ts';

let loading: Loading;
let ops: OpsServer;
beforeAll(async () => {
  loading = await openLoading('load_ops');
  ops = await startOps({ dataset: smallOps, now: () => new Date('2026-11-21T01:00:00Z') });
});
afterAll(async () => {
  await ops.close();
  await loading.close();
});

let tenant: string;
beforeEach(() => {
  tenant = loading.newTenant();
});
const price = (amount: string, fromDay = '2026-01-01') =>
  loading.prices.set(tenant, {
    ...{ package: 'ENTERPRISE', fromDay, currency: 'EUR', amount, setBy: 'ann', setAt: new Date() },
  });
const acme = (more = {}) =>
  loading.addSource(
    tenant,
    'appdynamics',
    { url: `${ops.url}/acme`, client_id: 'etl@acme', from_day: '2026-11-16', ...more },
    'secret of acme',
  );
const cmdb = () =>
  loading.addSource(
    tenant,
    'servicenow',
    { url: `${ops.url}/servicenow`, client_id: 'etl', tables: ['cmdb_ci_appl'] },
    'secret of servicenow',
  );
const own = async (query: string): Promise<Row[]> => [
  ...(await loading.db.ownerSql.unsafe(query.replaceAll(':tenant', `'${tenant}'`))),
];
const mapping = async () =>
  (
    await own(`select a.name, s.name as sector, o.name as owner, h.code, m.h_code_rule as rule, a.cmdb_rule,
        m.from_day::text, m.to_day::text
      from costs.mapping m
      join costs.application a on a.tenant_id = m.tenant_id and a.id = m.application_id
      join costs.sector s on s.tenant_id = m.tenant_id and s.id = m.sector_id
      join costs.owner o on o.tenant_id = m.tenant_id and o.id = m.owner_id
      join costs.h_code h on h.tenant_id = m.tenant_id and h.id = m.h_code_id
      where m.tenant_id = :tenant order by a.name, m.from_day`)
  ).map((row) => Object.values(row).join(' | '));

test('usage, licences and charges of each day; applications add up to their account', async () => {
  await price('1.25');
  await acme();
  const ran = await loading.run(tenant);
  expect(ran).toMatchObject({ faults: {}, parts: 2, rows: { rejected: 0 } });
  const days = await own(`select day::text, sum(billed)::text as billed, count(*)::int as rows from costs.cost_daily
    where tenant_id = :tenant group by day order by day`);
  // 6 or 7 nodes with two vCPUs each.
  expect(days.map(({ day, billed, rows }) => `${day} ${Number(billed)} ${rows}`)).toEqual([
    '2026-11-16 15 3',
    '2026-11-17 17.5 3',
    '2026-11-18 15 3',
    '2026-11-19 17.5 3',
    '2026-11-20 15 3',
  ]);
  const [{ same }] = (await own(`select bool_and(u.amount = l.used_avg) as same from (
      select day, sum(amount) as amount from costs.usage_daily
      where tenant_id = :tenant and measure = 'licence_units' group by day) u
    join costs.licence_daily l on l.tenant_id = :tenant and l.day = u.day`)) as [Row];
  expect(same).toBe(true);
});

test('the next run asks for what is missing and what may have come in late, and nothing of it is new', async () => {
  await price('1');
  const source = await acme();
  await loading.run(tenant);
  const before = await own(
    'select * from costs.usage_daily where tenant_id = :tenant order by load_id, day, application_id, measure',
  );
  const asked = ops.requests.length;
  const again = await loading.run(tenant);
  expect(again).toMatchObject({ faults: {}, parts: 2, rows: { written: 0 } });
  expect(ops.requests.slice(asked).filter((one) => one.includes('metric-data')).length).toBe(6);
  expect(
    await own(
      'select * from costs.usage_daily where tenant_id = :tenant order by load_id, day, application_id, measure',
    ),
  ).toEqual(before);
  const marks = await loading.sources.watermarks(tenant, source.id);
  expect(marks).toMatchObject([{ stream: 'usage', position: '2026-11-20' }]);
});

test('a window that failed leaves a hole, and the next run fills it', async () => {
  await price('1');
  await acme({ from_day: oldestDay });
  ops.fail({ path: /metric-data/, status: 404 });
  const ran = await loading.run(tenant);
  expect(Object.values(ran.faults)).toEqual(['source_refused']);
  const again = await loading.run(tenant);
  expect(again.faults).toEqual({});
  const [{ days }] = (await own(
    'select count(distinct day)::int as days from costs.cost_daily where tenant_id = :tenant',
  )) as [Row];
  expect(days).toBe(51);
});

test('without a price a day is loaded and told of; with one it is charged when it is loaded again', async () => {
  const source = await acme();
  const ran = await loading.run(tenant);
  expect(ran.rows.rejected).toBe(5);
  const aside = await loading.sources.quarantine(tenant, source.id, { before: undefined, limit: 10, all: false });
  expect(new Set(aside.map(({ code }) => code))).toEqual(new Set(['price_missing']));
  await price('2');
  await loading.run(tenant, { reload: { from: '2026-11-16', to: '2026-11-20' } });
  const [{ billed }] = (await own(
    'select sum(billed)::float as billed from costs.cost_daily where tenant_id = :tenant',
  )) as [Row];
  expect(billed).toBe(128);
  expect(await loading.sources.quarantine(tenant, source.id, { before: undefined, limit: 10, all: false })).toEqual([]);
});

test('a file goes before tags, tags before the CMDB, rules for names come last, and the rest is unmapped', async () => {
  await acme();
  await cmdb();
  const hCodes = await loading.addSource(tenant, 'h-code', { names: [{ like: 'ware*', h_code: 'H900' }] });
  await loading.run(tenant);
  const open = '2015-01-01 | infinity';
  const unmapped = '(unmapped) | (unmapped)';
  expect(await mapping()).toEqual([
    `Checkout | Retail | Payments Team | H100 | tag | name | ${open}`,
    `Warehouse | ${unmapped} | H900 | name | none | ${open}`,
    `payment-gateway-prod | Finance | Payments Team | H300 | cmdb | normalised | ${open}`,
  ]);
  const row = 'Checkout,H7,CC7,Mo,2026-10-01,2026-10-31';
  await loading.put(hCodes, 'map.csv', `application,h_code,cost_centre,owner,valid_from,valid_to\n${row}\n`);
  expect((await loading.run(tenant)).faults).toEqual({});
  expect((await mapping()).slice(0, 3)).toEqual([
    'Checkout | Retail | Payments Team | H100 | tag | name | 2015-01-01 | 2026-10-01',
    'Checkout | Retail | Mo | H7 | explicit | name | 2026-10-01 | 2026-11-01',
    'Checkout | Retail | Payments Team | H100 | tag | name | 2026-11-01 | infinity',
  ]);
  // The file is taken back: nothing of it is left.
  await loading.put(hCodes, 'map.csv', 'application,h_code\n');
  await loading.run(tenant);
  expect((await mapping())[0]).toBe(`Checkout | Retail | Payments Team | H100 | tag | name | ${open}`);
});

test('whatever is loaded first, it belongs to the same', async () => {
  const orders: ((parts: readonly string[]) => readonly string[])[] = [(parts) => parts, (parts) => parts.toReversed()];
  const seen: string[][] = [];
  for (const order of orders) {
    tenant = loading.newTenant();
    await price('1');
    await acme();
    await cmdb();
    const hCodes = await loading.addSource(tenant, 'h-code', {});
    await loading.put(hCodes, 'a.csv', 'application,h_code\nWarehouse,H5\n');
    await loading.run(tenant, {}, {}, undefined, order);
    seen.push(await mapping());
  }
  expect(seen[1]).toEqual(seen[0]);
});

test('what a run did not change is not written again', async () => {
  await acme();
  await cmdb();
  await loading.run(tenant);
  const state = () =>
    own('select xmin::text, application_id from costs.mapping where tenant_id = :tenant order by application_id');
  const before = await state();
  await loading.run(tenant, { reload: { from: '2026-11-16', to: '2026-11-20' } });
  expect(await state()).toEqual(before);
});

test('lineage names the source, the tables and their columns, and no secret', async () => {
  loading.lineage.length = 0;
  await price('1');
  await acme();
  await loading.run(tenant);
  const usage = loading.lineage.filter(({ job }) => job === 'etl.appdynamics.usage');
  expect(usage).toHaveLength(5);
  expect(usage[0]!.outputs.map(({ name }) => name)).toEqual([
    'costs.usage_daily',
    'costs.licence_daily',
    'costs.cost_daily',
  ]);
  expect(usage[0]!.inputs[0]!.namespace).toBe(ops.url);
  expect(JSON.stringify(loading.lineage)).not.toContain('secret');
});
