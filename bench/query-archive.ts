/**
 * Questions over compacted archive: ten typical ones and look-ups by id, beside DuckDB over the very same files and beside a
 * Postgres table that holds everything.
 *
 * `--events N` (100,000; 10,000,000 with --full), `--days N` they are spread over (so many that a tenant's day is about
 * 1,500 events, a year at most), `--critical N` (a hundredth), `--tenants N` (3), `--repeats N` (40), `--no-postgres` leaves
 * that peer out, which needs 1 GB a million events. Loading streams, so memory stays flat.
 */
import { createHash, createHmac } from 'node:crypto';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Event } from '#core/event/event.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { compactTenant } from '#functions/archive/compact.queue.ts';
import { type SearchPorts, search } from '#functions/query/search.http.ts';
import { show } from '#functions/query/show.http.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { random } from '#local/random.ts';
import { createArchiveFiles, createArchiveLedger } from '#stores/postgres/archive.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { objectsByKey, SegmentBlocks } from '#stores/s3/block-reader.ts';
import { keyGuard } from '#test/support/reading.ts';
import { type Generated, generate } from './generate.ts';
import { contextKey, newId, startPlace } from './place.ts';
import { accepted, tenantId } from './prepared.ts';
import { percentile } from './report.ts';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean' },
    events: { type: 'string' },
    days: { type: 'string' },
    critical: { type: 'string' },
    tenants: { type: 'string' },
    repeats: { type: 'string' },
    'no-postgres': { type: 'boolean' },
  },
});
const events = Number(values.events ?? (values.full ? 10_000_000 : 100_000));
const criticalShare = Number(values.critical ?? events / 100) / events;
const tenants = Number(values.tenants ?? 3);
const allDays = Number(values.days ?? Math.min(365, Math.max(20, Math.round(events / tenants / 1500))));
const repeats = Number(values.repeats ?? 40);
const withPostgres = values['no-postgres'] !== true;
const slice = 10_000;
const dayMs = 86_400_000;
const hotDays = Math.round(allDays / 6);

const place = await startPlace();
const { ownerSql } = place;
const sql = place.login(2);
const ledger = createLedger(sql, contextKey);
const toMs = Math.floor(Date.now() / dayMs) * dayMs;
const fromMs = toMs - allDays * dayMs;
await ownerSql`select record.ensure_partitions((now() - interval '13 months')::date, 15)`;
if (withPostgres) {
  await ownerSql`create unlogged table everything (tenant uuid, id uuid, occurred_at timestamptz, actor text, action text,
    outcome text, target text, ip text, body text)`;
}

const draw = random(7);
const wanted: { readonly tenant: string; readonly id: string }[] = [];
const seconds = (since: number) => (performance.now() - since) / 1000;

async function load(): Promise<number> {
  let raw = 0;
  const slices = Math.ceil(events / slice);
  const width = (toMs - fromMs) / slices;
  for (let n = 0; n < slices; n++) {
    const now = new Date(fromMs + (n + 1) * width);
    const times = { fromMs: now.getTime() - width, toMs: now.getTime() };
    const traffic = generate({ seed: n + 1, tenants, ...times, criticalShare });
    const messages = await accepted(
      Array.from({ length: Math.min(slice, events - n * slice) }, () => inBulk(traffic.next().value!)),
      now,
    );
    for (const tier of ['critical', 'bulk'] as const) {
      const lines = messages[tier].flatMap(({ body }) => {
        const opened = openEnvelope(body);
        return opened.ok ? opened.value.lines : [];
      });
      if (lines.length === 0) continue;
      const plan = planSegment(lines, { id: newId(now), tier, now });
      const ordered = plan.blocks.flatMap((block) => block.lines);
      await ledger.commit(await place.segments.write(plan), ordered, leavesOf(ordered));
      for (const { event, line } of lines) {
        raw += line.length + 1;
        if (tier === 'bulk' && draw() < 2_000 / events) wanted.push({ tenant: event.tenant, id: event.id });
      }
      if (withPostgres) {
        const rows = lines.map(({ event, line }) => ({ ...columnsOf(event), line }));
        await ownerSql`insert into everything select * from json_to_recordset(${JSON.stringify(rows)}::text::json)
          as r (tenant uuid, id uuid, occurred_at timestamptz, actor text, action text, outcome text, target text, ip text, line text)`;
      }
    }
  }
  return raw;
}
/** Reports of ours are critical; those of a product are not, and here the share of critical events is to be the one that is asked for. */
const inBulk = ({ tenant, input }: Generated): Generated =>
  input.action === 'report.read' ? { tenant, input: { ...input, action: 'page.read' } } : { tenant, input };

const columnsOf = ({ tenant, id, occurred_at, actor, action, outcome, targets, context }: Event) => ({
  ...{ tenant, id, occurred_at, actor: actor.id, action, outcome: outcome.result },
  ...{ target: targets?.[0]?.id, ip: context?.ip },
});

let start = performance.now();
const raw = await load();
const loadSeconds = seconds(start);
// What sealing leaves behind.
await ownerSql`truncate proof.outbox`;
start = performance.now();
const blocks = new SegmentBlocks(objectsByKey(place.segments, place.archive));
const archiver = place.login(2, 'trailkeep_archiver');
const compactPorts = {
  ledger: createArchiveLedger(archiver, contextKey),
  files: createArchiveFiles(archiver, contextKey),
  ...{
    objects: place.archive,
    blocks,
    control: { tenant: async () => undefined },
    recorder: { record: async () => {} },
  },
  ...{ compactQueue: { send: async () => {} }, feedDays: 35, newId, clock: () => new Date() },
  digest: (line: string): Uint8Array => createHash('sha256').update(line).digest(),
};
const never = new Date(8.64e15);
for (let n = 0; n < tenants; n++) while (!(await compactTenant(compactPorts, tenantId(n), never)));
const compactSeconds = seconds(start);

// What ageing leaves: critical events of the hot window in Postgres, older ones in the archive alone.
const floorMs = toMs - hotDays * dayMs;
const floor = `${floorMs
  .toString(16)
  .padStart(12, '0')
  .replace(/^(.{8})/, '$1-')}-0000-0000-000000000000`;
await ownerSql`delete from record.event where id < ${floor}`;
await ownerSql`update archive.hot_floor set floor = ${floor}`;
if (withPostgres) {
  await ownerSql`create index on everything (id)`;
  await ownerSql`create index on everything (tenant, occurred_at desc, id desc)`;
  await ownerSql`create index on everything (tenant, actor, occurred_at desc)`;
  await ownerSql`create index on everything (tenant, action, occurred_at desc)`;
  await ownerSql`create index on everything (tenant, target, occurred_at desc)`;
}
await ownerSql`vacuum analyze`;

const reads = { count: 0, bytes: 0 };
const counted = (from: { read(key: string, offset: number, bytes: number): Promise<Uint8Array> }) => ({
  read: async (key: string, offset: number, bytes: number) => {
    reads.count++;
    reads.bytes += bytes;
    return from.read(key, offset, bytes);
  },
});
const reader: BlockReader = new SegmentBlocks(objectsByKey(counted(place.segments), counted(place.archive)));
const ports: SearchPorts = {
  ...place.sealPorts(sql),
  guard: keyGuard,
  recorder: { record: async () => {} },
  critical: createCriticalEvents(sql, contextKey),
  catalogue: createCatalogue(sql, contextKey),
  blocks: reader,
  clock: Date.now,
  cursorKey: Buffer.alloc(32, 9),
  hmac: (key, data) => createHmac('sha256', key).update(data).digest(),
};
const request = (tenant: string, query: string, params: Record<string, string> = {}): HttpRequest => ({
  ...{ method: 'GET', path: '/v1/events', params, query: new URLSearchParams(query), headers: {} },
  ...{ body: Buffer.alloc(0), requestId: 'bench', sourceIp: '127.0.0.1', now: new Date() },
  caller: { tenant, kind: 'key', keyId: 'k', scopes: ['events:read'], eventsPerSecond: 1000 },
});

const big = tenantId(0);
const iso = (ms: number) => new Date(ms).toISOString();
/** A day of the older part, with room for some days after it. */
const day = (n: number) => fromMs + ((n * 37) % Math.ceil(allDays * 0.7)) * dayMs;

interface Question {
  readonly name: string;
  readonly query: (n: number) => string;
  /** The same for SQL peers: a condition on the columns of `everything`. */
  readonly where: (n: number) => string;
  readonly from?: (n: number) => number;
  readonly days?: number;
}
const during = (n: number, days: number) => `from=${iso(day(n))}&to=${iso(day(n) + days * dayMs)}`;
const year = `from=${iso(fromMs)}`;
const questions: readonly Question[] = [
  { name: 'newest page', query: () => '', where: () => 'true' },
  { name: 'newest page of a day', query: (n) => during(n, 1), where: () => 'true', from: day, days: 1 },
  {
    name: 'one actor, all days, common',
    query: (n) => `${year}&actor=user-${n % 10}`,
    where: (n) => `actor = 'user-${n % 10}'`,
  },
  {
    name: 'one actor, all days, rare',
    query: (n) => `${year}&actor=user-${3000 + n}`,
    where: (n) => `actor = 'user-${3000 + n}'`,
  },
  {
    name: 'one action in a month',
    query: (n) => `${during(n, 30)}&action=page.read`,
    where: () => `action = 'page.read'`,
    from: day,
    days: 30,
  },
  {
    name: 'one document, all days',
    query: (n) => `${year}&target=doc-${n * 101}`,
    where: (n) => `target = 'doc-${n * 101}'`,
  },
  {
    name: 'one critical action in a quarter',
    query: (n) => `${during(n, 90)}&action=role.assign`,
    where: () => `action = 'role.assign'`,
    from: day,
    days: 90,
  },
  {
    name: 'denied in a week',
    query: (n) => `${during(n, 7)}&outcome=denied`,
    where: () => `outcome = 'denied'`,
    from: day,
    days: 7,
  },
  {
    name: 'text over a day',
    query: (n) => `${during(n, 1)}&text=person ${n % 40}`,
    where: (n) => `body ilike '%person ${n % 40}%'`,
    from: day,
    days: 1,
  },
  {
    name: 'text over a day, nowhere',
    query: (n) => `${during(n, 1)}&text=zebra`,
    where: () => `body ilike '%zebra%'`,
    from: day,
    days: 1,
  },
];

interface Row {
  readonly name: string;
  readonly ms: number[];
  readonly gets: number[];
  readonly bytes: number[];
  readonly found: number[];
  duckMs?: number;
  postgresMs?: number;
  readonly goal?: string;
}
async function measured(name: string, ask: (n: number) => Promise<number>, goal?: string): Promise<Row> {
  const row: Row = { name, ms: [], gets: [], bytes: [], found: [], ...(goal ? { goal } : {}) };
  for (let n = -3; n < repeats; n++) {
    Object.assign(reads, { count: 0, bytes: 0 });
    const begun = performance.now();
    const found = await ask(n + 3);
    if (n < 0) continue;
    row.ms.push(performance.now() - begun);
    row.gets.push(reads.count);
    row.bytes.push(reads.bytes);
    row.found.push(found);
  }
  return row;
}

/** DuckDB over the tenant's own files of those days, as Athena's partitions would choose them. */
async function openDuck() {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const files = globSync(join(place.folder, '**', 'audit-logs*', '**', `tenant=${big}`, '**', '*.jsonl.gz'));
  const inDays = (from: number, days: number) =>
    files.filter((file) => {
      const [, date, month] = /dt=([\d-]{10})|month=([\d-]{7})/.exec(file) ?? [];
      const first = Date.parse(date ?? `${month}-01`);
      return first < from + days * dayMs && first + (date ? 1 : 31) * dayMs > from;
    });
  return {
    files: files.length,
    async ask(where: string, from: number, days: number): Promise<number> {
      const list = inDays(from, days).map((file) => `'${file}'`);
      if (list.length === 0) return 0;
      const source = `read_json([${list.join(',')}], format = 'newline_delimited', maximum_object_size = 1000000, columns = {
        id: 'VARCHAR', occurred_at: 'TIMESTAMP', action: 'VARCHAR', actor: 'STRUCT(id VARCHAR, name VARCHAR)', outcome: 'STRUCT(result VARCHAR)',
        targets: 'STRUCT(id VARCHAR)[]'})`;
      const result = await connection.runAndReadAll(`select * from (select id, occurred_at, action, actor.id as actor,
          outcome.result as outcome, targets[1].id as target, actor.name as body from ${source})
        where occurred_at >= '${iso(from)}' and occurred_at < '${iso(from + days * dayMs)}' and ${where}
        order by occurred_at desc, id desc limit 50`);
      return result.currentRowCount;
    },
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
async function median(times: number, ask: (n: number) => Promise<unknown>): Promise<number> {
  const ms: number[] = [];
  for (let n = 0; n < times; n++) {
    const begun = performance.now();
    await ask(n);
    ms.push(performance.now() - begun);
  }
  return percentile(ms, 50);
}

const duck = await openDuck();
const rows: Row[] = [];
for (const { name, query, where, from = () => fromMs, days = allDays + 1 } of questions) {
  const row = await measured(
    name,
    async (n) => {
      const { body } = await search(ports, request(big, query(n)));
      return (JSON.parse(body as string) as { events: Event[] }).events.length;
    },
    'p95 < 500 ms',
  );
  row.duckMs = await median(3, (n) => duck.ask(where(n), from(n), days));
  if (withPostgres) {
    row.postgresMs = await median(Math.min(repeats, 20), (n) =>
      ownerSql.unsafe(`select body from everything where tenant = '${big}' and occurred_at >= '${iso(from(n))}'
        and occurred_at < '${iso(from(n) + days * dayMs)}' and ${where(n)} order by occurred_at desc, id desc limit 50`),
    );
  }
  rows.push(row);
}
const old = wanted.filter(({ tenant }) => tenant === big);
const idOf = (n: number) => old[(n * 7) % old.length]!;
const byId = await measured(
  'by id, in the archive',
  async (n) => {
    const { tenant, id } = idOf(n);
    const { body } = await show(ports, request(tenant, '', { eventId: id }));
    if ((body as Event).id !== id) throw new Error('another event was found');
    return 1;
  },
  '≤ 3 GETs, ≤ 256 KB',
);
byId.duckMs = await median(3, (n) => duck.ask(`id = '${idOf(n).id}'`, fromMs, allDays + 1));
if (withPostgres) {
  byId.postgresMs = await median(
    20,
    (n) => ownerSql`select body from everything where id = ${idOf(n).id} and tenant = ${big}`,
  );
}
rows.push(byId);
duck.close();

const [stored] = await ownerSql`select (select count(*) from archive.file where tenant_id = ${big}) as files,
  (select count(*) from archive.file) as all_files, (select sum(bytes) from archive.file) as bytes,
  (select sum(events) from archive.file where tenant_id = ${big}) as events,
  (select count(*) from record.event) as hot, pg_total_relation_size('archive.chunk') as catalogue,
  ${withPostgres ? ownerSql`pg_total_relation_size('everything')` : ownerSql`0`} as everything`;
await place.close();

const mb = (bytes: unknown) => `${Math.round(Number(bytes) / 1e6).toLocaleString('en-GB')} MB`;
console.log(
  `\n### Query at depth, ${events.toLocaleString('en-GB')} events of ${tenants} tenants over ${allDays} days\n`,
);
console.log(
  `${iso(Date.now()).slice(0, 10)} · loaded in ${loadSeconds.toFixed(0)} s, compacted in ${compactSeconds.toFixed(0)} s · raw ${mb(raw)}, ` +
    `archive ${mb(stored!.bytes)} in ${stored!.all_files} files, its catalogue ${mb(stored!.catalogue)}` +
    `${withPostgres ? `, Postgres with everything ${mb(stored!.everything)}` : ''} · the biggest tenant: ` +
    `${Number(stored!.events).toLocaleString('en-GB')} events in ${stored!.files} files, ${stored!.hot} critical in Postgres · ${repeats} of each\n`,
);
console.log(
  '| question | p50 ms | p95 ms | events | GETs p50 / max | KB p50 / max | DuckDB, same files, ms | Postgres with everything, ms | goal |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const { name, ms, gets, bytes, found, duckMs, postgresMs, goal } of rows) {
  const kb = (p: number) => (percentile(bytes, p) / 1024).toFixed(0);
  console.log(
    `| ${name} | ${percentile(ms, 50).toFixed(1)} | ${percentile(ms, 95).toFixed(1)} | ${percentile(found, 50)} | ` +
      `${percentile(gets, 50)} / ${percentile(gets, 100)} | ${kb(50)} / ${kb(100)} | ${duckMs?.toFixed(0) ?? '–'} | ` +
      `${postgresMs?.toFixed(1) ?? '–'} | ${goal ?? '–'} |`,
  );
}
