/**
 * Loading a FOCUS file: rows a second from CSV in the inbox to charges, with tags that find applications; against COPY of
 * the same rows into the same table, which row-level security refuses to who loads.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { InboxFile } from '#core/costs/fetch-ports.ts';
import type { Source } from '#core/costs/source.ts';
import { chunksOf } from '#functions/costs/load-file.ts';
import { createLoads } from '#stores/postgres/loads.ts';
import { createSources } from '#stores/postgres/sources.ts';
import { contextKey, startPlace } from './place.ts';
import { type Line, median, report } from './report.ts';

const rowsEach = process.argv.includes('--full') ? 500_000 : 100_000;
const rounds = 3;
const header =
  'BilledCost,EffectiveCost,ContractedCost,ListCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ProviderName,ServiceCategory,ServiceName,SubAccountName,RegionId,ResourceId,Tags';

const place = await startPlace();
const loader = place.login(2, 'trailkeep_loader');
const tenant = randomUUID();
const at = new Date();
const source: Source = {
  ...{ tenant, id: randomUUID(), kind: 'focus', name: 'bills', settings: { application_tag: 'app' } },
  ...{ createdBy: 'bench', createdAt: at, changedAt: at },
};
await createSources(place.login(1, 'trailkeep_app'), contextKey).create(source);
const loads = createLoads(loader, contextKey);

/** The same amounts in every round, and another file each time. */
function fileOf(round: number): Buffer {
  const lines = [header];
  for (let row = 0; row < rowsEach; row += 1) {
    const cost = `0.${String(row * 7919 + round).padStart(11, '0')}`;
    const day = `2026-09-${String(1 + (row % 30)).padStart(2, '0')}`;
    lines.push(
      `${cost},${cost},${cost},${cost},USD,Usage,${day} 00:00:00,AWS,Compute,EC2,Account ${row % 40},us-west-2,arn:aws:ec2:i-${row % 5000},"{""app"": ""app-${row % 300}""}"`,
    );
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}

const parsed: number[] = [];
const loaded: number[] = [];
const copied: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  const bytes = fileOf(round);
  const file: InboxFile = { name: `${round}.csv`, bytes: bytes.length, version: String(round), at };
  const inbox = {
    read: async function* () {
      for (let from = 0; from < bytes.length; from += 8 << 20) yield bytes.subarray(from, from + (8 << 20));
    },
  };
  const whole = { inbox, tenant, source: source.id, file };
  const chunks = () => chunksOf(whole, source, () => false);

  let began = performance.now();
  for await (const _ of chunks());
  parsed.push(rowsEach / ((performance.now() - began) / 1000));

  began = performance.now();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const slice = { tenant, source, run: randomUUID(), stream: 'files', slice: file.name, sha256, isFile: true };
  const done = await loads.load({ ...slice, day: '2026-10-01', at }, chunks());
  loaded.push(rowsEach / ((performance.now() - began) / 1000));
  if (done.is !== 'loaded' || done.rows.written !== rowsEach) throw new Error(`loaded ${JSON.stringify(done)}`);

  copied.push(await copyOf(done.load));
}

/** Rows a second of the same rows by COPY, as the owner, whom policies do not bind. */
async function copyOf(load: number): Promise<number> {
  const sql = place.ownerSql;
  const chunks: Buffer[] = [];
  const out = await sql`copy (select tenant_id, -load_id as load_id, line, day, application_id, controller_id,
      charge_category, charge_class, provider, service_category, service_name, sub_account, region, resource, currency,
      billed, effective, contracted, list
    from costs.cost_daily where load_id = ${sql.unsafe(String(load))}) to stdout`.readable();
  for await (const chunk of out) chunks.push(chunk as Buffer);
  const began = performance.now();
  await pipeline(Readable.from(chunks), await sql`copy costs.cost_daily from stdin`.writable());
  return rowsEach / ((performance.now() - began) / 1000);
}

const lines: Line[] = [
  { path: 'read the CSV, no database', figure: median(parsed), unit: 'rows/s' },
  {
    path: `load ${rowsEach.toLocaleString('en-GB')} rows`,
    figure: median(loaded),
    unit: 'rows/s',
    against: { name: 'COPY', figure: median(copied) },
  },
];
report('load', lines);
await place.close();
