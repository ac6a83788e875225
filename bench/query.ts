/**
 * Query: pages, filters, point look-ups and the feed over a month of events that went through the write path,
 * each against a limit in milliseconds; the critical page also against the plain keyset SQL of the same rows.
 */
import { createHmac } from 'node:crypto';
import type { Event } from '#core/event/event.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { feed } from '#functions/query/feed.http.ts';
import { type SearchPorts, search } from '#functions/query/search.http.ts';
import { show } from '#functions/query/show.http.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import { seal } from '#functions/record/seal.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { random } from '#local/random.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { SegmentBlocks } from '#stores/s3/block-reader.ts';
import { keyGuard } from '#test/support/reading.ts';
import { generate } from './generate.ts';
import { contextKey, newId, startPlace } from './place.ts';
import { accepted, tenantId } from './prepared.ts';
import { percentile } from './report.ts';

const full = process.argv.includes('--full');
const events = full ? 1_000_000 : 100_000;
const repeats = full ? 100 : 40;
const tenants = 100;
/** What 20 s of a busy hour leave in one segment. */
const slice = 5_000;
const dayMs = 86_400_000;

const place = await startPlace();
const sql = place.login(2);
const ledger = createLedger(sql, contextKey);
const toMs = Date.now();
const fromMs = toMs - 30 * dayMs;

/** Ids to look for, of the tenants as they come. */
const wanted: Record<'critical' | 'bulk', { tenant: string; id: string }[]> = { critical: [], bulk: [] };
const draw = random(7);

const sealing = place.sealPorts(sql);

async function load(): Promise<void> {
  const slices = Math.ceil(events / slice);
  const width = (toMs - fromMs) / slices;
  for (let n = 0; n < slices; n++) {
    const now = new Date(fromMs + (n + 1) * width);
    const traffic = generate({
      seed: n + 1,
      tenants,
      fromMs: now.getTime() - width,
      toMs: now.getTime(),
      criticalShare: 0.05,
    });
    const messages = await accepted(
      Array.from({ length: slice }, () => traffic.next().value!),
      now,
    );
    for (const tier of ['critical', 'bulk'] as const) {
      const clear = messages[tier].flatMap(({ body }) => {
        const opened = openEnvelope(body);
        return opened.ok ? opened.value.lines : [];
      });
      const lines = await seal(sealing, clear);
      const plan = planSegment(lines, { id: newId(now), tier, now });
      const ordered = plan.blocks.flatMap((block) => block.lines);
      await ledger.commit(await place.segments.write(plan), ordered, leavesOf(ordered));
      for (const { event } of lines) {
        if (draw() < 0.002) wanted[tier].push({ tenant: event.tenant, id: event.id });
      }
    }
  }
}

const started = performance.now();
await load();
const seconds = (performance.now() - started) / 1000;
await place.ownerSql`vacuum analyze`;

const reads = { count: 0, bytes: 0 };
const blocks: BlockReader = new SegmentBlocks({
  async read(key, offset, bytes) {
    reads.count++;
    reads.bytes += bytes;
    return place.segments.read(key, offset, bytes);
  },
});
const ports: SearchPorts = {
  ...sealing,
  guard: keyGuard,
  recorder: { record: async () => {} },
  critical: createCriticalEvents(sql, contextKey),
  catalogue: createCatalogue(sql, contextKey),
  blocks,
  clock: Date.now,
  cursorKey: Buffer.alloc(32, 9),
  hmac: (key, data) => createHmac('sha256', key).update(data).digest(),
};

const request = (tenant: string, path: string, query: string, params: Record<string, string> = {}): HttpRequest => ({
  method: 'GET',
  path,
  params,
  query: new URLSearchParams(query),
  headers: {},
  body: Buffer.alloc(0),
  caller: { tenant, kind: 'key', keyId: 'k', scopes: ['events:read'], eventsPerSecond: 1000 },
  requestId: 'bench',
  sourceIp: '127.0.0.1',
  now: new Date(),
});

interface Row {
  readonly name: string;
  readonly ms: number[];
  readonly counts: number[];
  readonly bytes: number[];
  readonly rows: number[];
  readonly goal?: string;
}

/** Runs one question after the other, `repeats` times after five that warm up. */
async function measured(name: string, ask: (n: number) => Promise<number>, goal?: string): Promise<Row> {
  const row: Row = { name, ms: [], counts: [], bytes: [], rows: [], ...(goal ? { goal } : {}) };
  for (let n = -5; n < repeats; n++) {
    Object.assign(reads, { count: 0, bytes: 0 });
    const start = performance.now();
    const rows = await ask(n + 5);
    if (n < 0) continue;
    row.ms.push(performance.now() - start);
    row.counts.push(reads.count);
    row.bytes.push(reads.bytes);
    row.rows.push(rows);
  }
  return row;
}

/** An answer's events; its body is text already, as the caller would get it. */
function eventsIn(response: HttpResponse): Event[] {
  const body = typeof response.body === 'string' ? JSON.parse(response.body) : response.body;
  return (body as { events: Event[] }).events;
}

const big = tenantId(0);
const asked = (query: string) => async () => eventsIn(await search(ports, request(big, '/v1/events', query))).length;
const iso = (ms: number) => new Date(ms).toISOString();
const day = (n: number) => `from=${iso(toMs - (3 + (n % 20)) * dayMs)}&to=${iso(toMs - (2 + (n % 20)) * dayMs)}`;
const found = (ids: readonly { tenant: string; id: string }[]) => async (n: number) => {
  const { tenant, id } = ids[(n * 7) % ids.length]!;
  const { body } = await show(ports, request(tenant, `/v1/events/${id}`, '', { eventId: id }));
  if ((body as Event).id !== id) throw new Error('another event was found');
  return 1;
};

const rows = [
  await measured('plain SQL: newest 50 critical', async () => {
    const page = await place.ownerSql`select body from record.event where tenant_id = ${big}
      order by occurred_at desc, id desc limit 50`;
    return page.map((row) => JSON.parse(row.body as string)).length;
  }),
  await measured(
    'newest 50 critical rows (the store)',
    async () => (await ports.critical.page(big, {}, undefined, 50)).events.length,
    'p95 < 100 ms',
  ),
  await measured('newest page, category auth_events', asked('category=auth_events'), 'p95 < 100 ms'),
  await measured('newest page, both tiers', asked(''), 'p95 < 500 ms'),
  await measured('newest page of a day', async (n) => asked(day(n))(), 'p95 < 500 ms'),
  await measured('one actor, common', async (n) => asked(`actor=user-${n % 10}`)(), 'p95 < 500 ms'),
  await measured('one actor, rare', async (n) => asked(`actor=user-${2_000 + n}`)()),
  await measured('one action', asked('action=report.read'), 'p95 < 500 ms'),
  await measured('outcome denied', asked('outcome=denied')),
  await measured('text in a day, found nowhere', async (n) => asked(`text=zebra-crossing&${day(n)}`)()),
  await measured('by id, critical', found(wanted.critical)),
  await measured('by id, archive', found(wanted.bulk), '≤ 3 GETs, ≤ 256 KB'),
  await measured(
    'feed, first page',
    async () => eventsIn(await feed(ports, request(big, '/v1/events/feed', ''))).length,
  ),
];
const stored = await place.ownerSql`select (select count(*) from record.event) as critical,
  (select count(*) from record.segment) as segments, (select sum(bytes) from record.segment where tier = 1) as bytes`;
await place.close();

const { critical, segments, bytes } = stored[0]!;
console.log(`\n### Query, ${events.toLocaleString('en-GB')} events of ${tenants} tenants over 30 days\n`);
console.log(
  `${iso(Date.now()).slice(0, 10)} · ${critical} critical, ${segments} segments, ${Math.round(Number(bytes) / 1024)} KB ` +
    `of bulk segments, loaded in ${seconds.toFixed(0)} s · ${repeats} of each, the biggest tenant\n`,
);
console.log(
  '| question | p50 ms | p95 ms | events | S3 reads p50 / max | KB read p50 / max | goal |\n|---|---|---|---|---|---|---|',
);
for (const row of rows) {
  const kb = (p: number) => (percentile(row.bytes, p) / 1024).toFixed(0);
  console.log(
    `| ${row.name} | ${percentile(row.ms, 50).toFixed(1)} | ${percentile(row.ms, 95).toFixed(1)} | ${percentile(row.rows, 50)} | ` +
      `${percentile(row.counts, 50)} / ${percentile(row.counts, 100)} | ${kb(50)} / ${kb(100)} | ${row.goal ?? '–'} |`,
  );
}
