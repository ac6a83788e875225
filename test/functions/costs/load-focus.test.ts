/** FOCUS files: to the last decimal, and whatever happens to a file twice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFolder, noticeSkip } from '../../support/data.ts';
import { type Loading, openLoading } from './loading.ts';

let loading: Loading;
beforeAll(async () => {
  loading = await openLoading('load_focus');
});
afterAll(() => loading.close());

const header =
  'BilledCost,EffectiveCost,ContractedCost,ListCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ProviderName,ServiceCategory,ServiceName,SubAccountName,Tags';
const row = (billed: string, more: Partial<{ day: string; currency: string; tags: string }> = {}) =>
  `${billed},1,1,1,${more.currency ?? 'USD'},Usage,${more.day ?? '2024-09-01'} 00:00:00,AWS,Compute,EC2,Prod,"${(more.tags ?? '').replaceAll('"', '""')}"`;
const fileOf = (...rows: string[]) => [header, ...rows, ''].join('\n');

const sums = async (tenant: string) =>
  (
    await loading.db.ownerSql`select currency, count(*)::int as rows, sum(billed)::text as billed from costs.cost_daily
      where tenant_id = ${tenant} group by currency order by currency`
  ).map(({ currency, rows, billed }) => `${rows} ${currency} ${billed}`);

async function tenantWith(settings = {}) {
  const tenant = loading.newTenant();
  return { tenant, source: await loading.addSource(tenant, 'focus', settings) };
}

const sample = dataFolder('focus-costs');
if (!sample) noticeSkip('focus-costs');
test.runIf(sample)('roll-ups of the FinOps sample are what they should be, to the last decimal', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'focus_1.0_sample.csv', readFileSync(join(sample!, 'focus_1.0_sample.csv')));
  const ran = await loading.run(tenant);
  expect(ran).toMatchObject({ faults: {}, rows: { read: 514, written: 514, rejected: 0 } });
  const found = await loading.db.ownerSql`select provider, sub_account, service_category, sum(billed)::text as billed,
      sum(effective)::text as effective, count(*)::int as rows
    from costs.cost_daily where tenant_id = ${tenant}
    group by grouping sets ((provider, sub_account, service_category), ())`;
  const lines = readFileSync(join(sample!, 'expected_rollup.csv'), 'utf8').trim().split(/\r?\n/).slice(1);
  const wanted = await loading.db.ownerSql`select e->>0 as provider, e->>1 as sub_account, e->>2 as service_category,
      (e->>3)::numeric::text as billed, (e->>4)::numeric::text as effective, (e->>5)::int as rows
    from json_array_elements(${JSON.stringify(lines.map((line) => line.split(',')))}::text::json) e`;
  const shown = (rows: readonly object[]) =>
    rows.map((one) => Object.values(one).join(' | ').replace(/^ \| /, 'TOTAL | ')).sort();
  expect(found.length).toBe(lines.length);
  expect(shown(found)).toEqual(shown(wanted));
});

test('the same file again is nothing, by another name it is told as a duplicate', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'a.csv', fileOf(row('1.5'), row('2.25', { currency: 'EUR' })));
  expect((await loading.run(tenant)).rows.written).toBe(2);
  expect((await loading.run(tenant)).parts).toBe(0);
  await loading.put(source, 'b.csv', fileOf(row('1.5'), row('2.25', { currency: 'EUR' })));
  expect(await loading.run(tenant)).toMatchObject({ faults: {}, result: { 'duplicate b.csv': 'a.csv' } });
  expect((await loading.run(tenant)).parts).toBe(0);
  expect(await sums(tenant)).toEqual(['1 EUR 2.25', '1 USD 1.5']);
});

test('a month that is loaded again takes the place of what it was', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, '2024-09.csv', fileOf(row('1.5'), row('2'), row('oops')));
  expect((await loading.run(tenant)).rows).toEqual({ read: 3, written: 2, rejected: 1 });
  const before = await loading.sources.quarantine(tenant, source.id, { before: undefined, limit: 10, all: false });
  expect(before).toMatchObject([{ place: 'row 3', code: 'amount_invalid', slice: '2024-09.csv' }]);
  await loading.put(source, '2024-09.csv', fileOf(row('1.5'), row('2'), row('3')));
  await loading.run(tenant);
  expect(await sums(tenant)).toEqual(['3 USD 6.5']);
  expect(await loading.sources.quarantine(tenant, source.id, { before: undefined, limit: 10, all: false })).toEqual([]);
  const loads = await loading.db
    .ownerSql`select id, replaced_by from costs.load where tenant_id = ${tenant} order by id`;
  expect(loads.map((one) => one.replaced_by)).toEqual([loads[1]!.id, null]);
});

test('a file of which most cannot be read leaves what was there, and shows its rows', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'm.csv', fileOf(row('1'), row('2')));
  await loading.run(tenant);
  await loading.put(source, 'm.csv', fileOf(row('x'), row('y'), row('2')));
  expect((await loading.run(tenant)).faults).toEqual({ [`${source.id}/file/m.csv`]: 'rows_rejected' });
  expect(await sums(tenant)).toEqual(['2 USD 3']);
  expect(
    await loading.sources.quarantine(tenant, source.id, { before: undefined, limit: 10, all: false }),
  ).toHaveLength(2);
});

test.each([
  ['nothing at all', '', 'file_invalid'],
  ['another table', 'a,b\n1,2\n', 'file_columns_missing'],
  ['a quote without an end', `${fileOf(row('1'))}"${'x'.repeat(100)}`, 'file_invalid'],
])('%s is no file of costs', async (_, content, code) => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'x.csv', content);
  expect((await loading.run(tenant)).faults).toEqual({ [`${source.id}/file/x.csv`]: code });
  expect(await sums(tenant)).toEqual([]);
});

test('gzip and Parquet hold the same as CSV, and decimals of Parquet stay exact', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'a.csv.gz', gzipSync(fileOf(row('0.1'), row('0.2'))));
  const columns = header.split(',').slice(0, 10);
  const values = ['', '1', '1', '1', 'USD', 'Usage', '2024-09-01T00:00:00Z', 'AWS', 'Compute', 'EC2'];
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: [
      { name: 'root', num_children: columns.length },
      ...columns.map((name, index) =>
        index === 0
          ? ({
              name,
              type: 'INT64',
              converted_type: 'DECIMAL',
              scale: 10,
              precision: 18,
              repetition_type: 'REQUIRED',
            } as const)
          : ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' } as const),
      ),
    ],
  });
  const exact = [1_234_567_890_123_456_789n, -3n];
  parquet.write({
    columnData: columns.map((name, index) => ({
      name,
      data: index === 0 ? BigInt64Array.from(exact) : exact.map(() => values[index]!),
    })),
  });
  parquet.finish();
  await loading.put(source, 'b.parquet', new Uint8Array(writer.getBuffer()));
  expect((await loading.run(tenant)).faults).toEqual({});
  const amounts = await loading.db.ownerSql`select billed::text as billed from costs.cost_daily
    where tenant_id = ${tenant} order by billed`;
  expect(amounts.map(({ billed }) => billed)).toEqual(['-0.0000000003', '0.1', '0.2', '123456789.0123456789']);
});

test('what is no Parquet is told as such', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'x.parquet', 'PAR1 and then nothing of it PAR1');
  expect((await loading.run(tenant)).faults).toEqual({ [`${source.id}/file/x.parquet`]: 'file_invalid' });
});

test('rows find their application by a tag, and the rest stays visible as nobody’s', async () => {
  const { tenant, source } = await tenantWith({ application_tag: 'app' });
  await loading.put(
    source,
    'a.csv',
    fileOf(row('1', { tags: '{"app": "Shop"}' }), row('2', { tags: '{"app": "Shop"}' }), row('4')),
  );
  await loading.run(tenant);
  const found = await loading.db.ownerSql`select a.name, sum(billed)::text as billed from costs.cost_daily c
    join costs.application a on a.tenant_id = c.tenant_id and a.id = c.application_id
    where c.tenant_id = ${tenant} group by a.name order by a.name`;
  expect(found.map(({ name, billed }) => `${name} ${billed}`)).toEqual(['(unmapped) 4', 'Shop 3']);
  // Other settings are other content.
  await loading.sources.change(tenant, source.id, {}, new Date());
  await loading.put(source, 'a.csv', `${fileOf(row('1', { tags: '{"app": "Shop"}' }))}`);
  await loading.run(tenant);
  expect(await sums(tenant)).toEqual(['1 USD 1']);
});

test('a file that is changed while it is read is begun again', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'a.csv', fileOf(row('1')));
  const { inbox } = loading.ports;
  const list: typeof inbox.list = async (...args) =>
    (await inbox.list(...args)).map((one) => ({ ...one, version: '"00000000000000000000000000000000"' }));
  const read: typeof inbox.read = (...args) => inbox.read(...args);
  const ran = await loading.run(tenant, {}, { inbox: { list, read } });
  expect(ran.faults).toEqual({ [`${source.id}/file/a.csv`]: 'file_changed' });
});

test('one tenant’s files are never another’s', async () => {
  const { tenant, source } = await tenantWith();
  await loading.put(source, 'a.csv', fileOf(row('1')));
  const other = loading.newTenant();
  expect((await loading.run(other)).parts).toBe(0);
  await expect(loading.run(other, { sources: [source.id] })).resolves.toMatchObject({
    faults: { plan: 'source_missing' },
  });
  expect(await sums(tenant)).toEqual([]);
});
