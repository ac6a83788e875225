/** Loads that die: wherever it happens, what is there in the end is what a clean load leaves. */
import type { TransactionSql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '#core/event/event.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type OpsServer, startOps } from '#local/ops/server.ts';
import type { Transactions } from '#stores/postgres/connect.ts';
import { createLoads } from '#stores/postgres/loads.ts';
import { smallOps } from '../../local/ops/small.ts';
import { type Loading, openLoading } from './loading.ts';

let loading: Loading;
let ops: OpsServer;
let clean: string;
beforeAll(async () => {
  loading = await openLoading('load_faults');
  ops = await startOps({ dataset: smallOps, now: () => new Date('2026-11-21T01:00:00Z') });
  const tenant = await newTenant();
  expect((await loading.run(tenant)).faults).toEqual({});
  clean = await stateOf(tenant);
  expect(clean.split('\n').length).toBeGreaterThan(60);
});
afterAll(async () => {
  await ops.close();
  await loading.close();
});

const bill =
  'BilledCost,EffectiveCost,ContractedCost,ListCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ProviderName,ServiceCategory,ServiceName,Tags';
const row = (amount: string) => `${amount},1,1,1,USD,Usage,2026-11-02,AWS,Compute,EC2,"{""app"": ""Shop""}"`;

async function newTenant(): Promise<string> {
  const tenant = loading.newTenant();
  await loading.prices.set(tenant, {
    ...{
      package: 'ENTERPRISE',
      fromDay: '2026-01-01',
      currency: 'EUR',
      amount: '1.3',
      setBy: 'ann',
      setAt: new Date(),
    },
  });
  const settings = { url: `${ops.url}/acme`, client_id: 'etl@acme', from_day: '2026-11-18' };
  await loading.addSource(tenant, 'appdynamics', settings, 'secret of acme');
  const cmdb = { url: `${ops.url}/servicenow`, client_id: 'etl', tables: ['cmdb_ci_appl'] };
  await loading.addSource(tenant, 'servicenow', cmdb, 'secret of servicenow');
  const bills = await loading.addSource(tenant, 'focus', { application_tag: 'app' });
  await loading.put(bills, 'a.csv', [bill, row('1.5'), row('0.25'), row('oops'), ''].join('\n'));
  const codes = await loading.addSource(tenant, 'h-code', {});
  await loading.put(codes, 'b.csv', 'application,h_code\nWarehouse,H5\nShop,H6\n');
  return tenant;
}

/** Everything that counts, by names and not by numbers. */
async function stateOf(tenant: string): Promise<string> {
  const rows = await loading.db.ownerSql.unsafe(`
    with app as (select tenant_id, id, controller_id || ' ' || key as key from costs.application)
    select 'usage ' || concat_ws(' ', u.day, a.key, measure, amount, estimated) as line
      from costs.usage_daily u join app a on (a.tenant_id, a.id) = (u.tenant_id, u.application_id) where u.tenant_id = '${tenant}'
    union all select 'cost ' || concat_ws(' ', c.day, a.key, line, service_name, currency, billed, effective)
      from costs.cost_daily c join app a on (a.tenant_id, a.id) = (c.tenant_id, c.application_id) where c.tenant_id = '${tenant}'
    union all select 'licence ' || concat_ws(' ', day, package, provisioned, used_avg, used_max)
      from costs.licence_daily where tenant_id = '${tenant}'
    union all select 'item ' || concat_ws(' ', sys_id, name, gone_at is null) from costs.cmdb_item where tenant_id = '${tenant}'
    union all select 'mapping ' || concat_ws(' ', a.key, m.from_day, m.to_day, s.name, o.name, h.code, m.h_code_rule)
      from costs.mapping m join app a on (a.tenant_id, a.id) = (m.tenant_id, m.application_id)
      join costs.sector s on (s.tenant_id, s.id) = (m.tenant_id, m.sector_id)
      join costs.owner o on (o.tenant_id, o.id) = (m.tenant_id, m.owner_id)
      join costs.h_code h on (h.tenant_id, h.id) = (m.tenant_id, m.h_code_id) where m.tenant_id = '${tenant}'
    union all select 'aside ' || concat_ws(' ', slice, place, code) from costs.quarantine
      where tenant_id = '${tenant}' and resolved_at is null
    union all select 'load ' || concat_ws(' ', stream, slice, rows_written, rows_rejected) from costs.load
      -- Windows of a CMDB are named after where they begin, which a retry moves.
      where tenant_id = '${tenant}' and replaced_by is null and stream not like 'table/%'
    union all select 'mark ' || concat_ws(' ', split_part(stream, '/', 1), case when stream like 'files/%' then '' else position end)
      from costs.watermark where tenant_id = '${tenant}'
    order by 1`);
  return rows.map(({ line }) => String(line)).join('\n');
}

/** The next call of a port dies each time, before what it does or after it, until each call of a part died once. */
function dying<T extends object>(port: T, die: () => 'before' | 'after' | undefined): T {
  return new Proxy(port, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        const when = die();
        if (when === 'before') throw new Unavailable('a place', new Error('killed'));
        const result = method.apply(target, args);
        if (when !== 'after') return result;
        return Promise.resolve(result).then(() => {
          throw new Unavailable('a place', new Error('killed'));
        });
      };
    },
  });
}

test.each(['before', 'after'] as const)('killed %s every call of every port', async (when) => {
  const tenant = await newTenant();
  let calls = 0;
  let survived = 0;
  let killed = 0;
  const die = () => {
    calls += 1;
    if (calls <= survived) return undefined;
    // It gets one call further with each try.
    survived += 1;
    calls = 0;
    killed += 1;
    return when;
  };
  const { sources, prices, loads, lineage, pages, inbox, fetches } = loading.ports;
  const over = {
    ...{ sources: dying(sources, die), prices: dying(prices, die), loads: dying(loads, die) },
    ...{ lineage: dying(lineage, die), pages: dying(pages, die), fetches: dying(fetches, die) },
    // What it reads comes as a stream, which has calls of its own.
    inbox: { list: dying({ list: inbox.list.bind(inbox) }, die).list, read: inbox.read.bind(inbox) },
  };
  const ran = await loading.run(tenant, {}, over);
  expect(ran.faults).toEqual({});
  expect(killed).toBeGreaterThan(8);
  expect(await stateOf(tenant)).toBe(clean);
});

test('the database’s session is killed at every statement of every load', { timeout: 60_000 }, async () => {
  const tenant = await newTenant();
  const real = loading.db.login('trailkeep_loader', 2);
  let statements = 0;
  let survived = 0;
  let killed = 0;
  const sql: Transactions = {
    begin: (mode, fn) => {
      statements = 0;
      return real.begin(mode, (tx) =>
        fn(
          new Proxy(tx, {
            apply(target, that, args) {
              statements += 1;
              if (statements === survived + 1 && statements < 60) {
                survived = statements;
                killed += 1;
                return (target as unknown as TransactionSql)`select pg_terminate_backend(pg_backend_pid())`;
              }
              return Reflect.apply(target as (...all: unknown[]) => unknown, that, args);
            },
          }),
        ),
      );
    },
  };
  const ran = await loading.run(tenant, {}, { loads: createLoads(sql, loading.db.contextKey) });
  expect(ran.faults).toEqual({});
  expect(killed).toBeGreaterThan(30);
  expect(await stateOf(tenant)).toBe(clean);
});

test('a chunk that breaks in the middle of a file leaves nothing of it', async () => {
  const tenant = await newTenant();
  const { loads } = loading.ports;
  const breaking: typeof loads = {
    ...loads,
    load: (slice, chunks) =>
      loads.load(
        slice,
        (async function* () {
          for await (const chunk of chunks) {
            yield chunk;
            if (slice.stream === 'files') throw new Error('the power went out');
          }
        })(),
      ),
  };
  await expect(loading.run(tenant, {}, { loads: breaking })).rejects.toThrow('the power went out');
  expect(await stateOf(tenant)).not.toContain('EC2');
  await loading.run(tenant);
  expect(await stateOf(tenant)).toBe(clean);
});

test('a source that fails in every way, and is read again: equal to a clean load', async () => {
  const tenant = await newTenant();
  const faults = [
    { path: /metric-data/, status: 404 },
    { path: /grouped-usage/, body: '{"items": 17}' },
    { path: /usage\/account/, body: '<html>' },
    { path: /tiers/, body: '[{"id": 1, "id": 2}]' },
    { path: /cmdb_ci_appl/, status: 429, retryAfter: '3600' },
    { path: /cmdb_ci_appl/, body: '{"result": {}}' },
    { path: /oauth/, status: 403 },
  ];
  const seen = new Set<string>();
  for (const fault of faults) {
    ops.fail(fault);
    for (const code of Object.values((await loading.run(tenant)).faults)) seen.add(code);
  }
  expect([...seen].sort()).toEqual(['source_busy', 'source_denied', 'source_garbage', 'source_refused']);
  const config: JsonObject = { reload: { from: '2026-11-18', to: '2026-11-20' } };
  expect((await loading.run(tenant, config)).faults).toEqual({});
  expect(await stateOf(tenant)).toBe(clean);
});

test('two runs at once: equal to a clean load', async () => {
  const tenant = await newTenant();
  await Promise.all([loading.run(tenant), loading.run(tenant)]);
  expect(await stateOf(tenant)).toBe(clean);
});
