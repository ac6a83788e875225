/**
 * Export: all events of a tenant, both tiers, opened and written as JSONL, CSV and Parquet, at two sizes: events and
 * megabytes of JSON a second, and how much memory it takes, which must not grow with the size. Against reading the same
 * pages and opening them without writing anything.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { S3Client } from '@aws-sdk/client-s3';
import { exportFormats } from '#core/export/ports.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { answer } from '#functions/query/answer.ts';
import { askExport } from '#functions/query/ask-export.http.ts';
import { type BuildExportPorts, buildExport } from '#functions/query/build-export.queue.ts';
import { Viewer } from '#functions/query/reader.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import { seal } from '#functions/record/seal.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createEventExports } from '#stores/postgres/event-exports.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { SegmentBlocks } from '#stores/s3/block-reader.ts';
import { S3EventParts } from '#stores/s3/event-parts.ts';
import { keyGuard } from '#test/support/reading.ts';
import { generate } from './generate.ts';
import { contextKey, newId, startPlace } from './place.ts';
import { accepted, tenantId } from './prepared.ts';
import { type Line, report } from './report.ts';

const full = process.argv.includes('--full');
const sizes = full ? [100_000, 400_000] : [20_000, 80_000];
const slice = 5_000;
const dayMs = 86_400_000;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const place = await startPlace();
const sql = place.login(2);
const ledger = createLedger(sql, contextKey);
const sealing = place.sealPorts(sql);
const tenant = tenantId(0);
const toMs = Date.now();
const fromMs = toMs - 20 * dayMs;

/** Events number `from` to `to` of the tenant, through the write path, in the order of time. */
async function load(from: number, to: number): Promise<void> {
  const width = (toMs - fromMs) / (sizes.at(-1)! / slice);
  for (let at = from; at < to; at += slice) {
    const start = fromMs + (at / slice) * width;
    const now = new Date(start + width);
    const traffic = generate({ seed: at + 1, tenants: 1, fromMs: start, toMs: now.getTime(), criticalShare: 0.05 });
    const messages = await accepted(
      Array.from({ length: slice }, () => traffic.next().value!),
      now,
    );
    for (const tier of ['critical', 'bulk'] as const) {
      const clear = messages[tier].flatMap(({ body }) => {
        const opened = openEnvelope(body);
        return opened.ok ? opened.value.lines : [];
      });
      const plan = planSegment(await seal(sealing, clear), { id: newId(now), tier, now });
      const ordered = plan.blocks.flatMap((block) => block.lines);
      await ledger.commit(await place.segments.write(plan), ordered, leavesOf(ordered));
    }
  }
  await place.ownerSql`vacuum analyze`;
}

const queue: string[] = [];
const ports: BuildExportPorts = {
  ...sealing,
  critical: createCriticalEvents(sql, contextKey),
  catalogue: createCatalogue(sql, contextKey),
  blocks: new SegmentBlocks(place.segments),
  clock: Date.now,
  exports: createEventExports(sql, contextKey),
  parts: new S3EventParts(new S3Client(clientSettings), 'segments'),
  exportQueue: { send: async (messages) => void queue.push(...messages.map(({ body }) => body)) },
  newId,
};
const caller = {
  tenant,
  kind: 'key',
  keyId: 'k',
  scopes: ['events:read', 'events:export'],
  eventsPerSecond: 1,
} as const;

const used = () => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/**
 * Seconds of some work, by the clock and of the processor, and the most memory that it had above what was there before,
 * waste included that nobody had collected yet.
 */
async function measured(work: () => Promise<void>) {
  collect();
  const before = used();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, used());
  }, 10);
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(timer);
  return { seconds, cpuSeconds: (user + system) / 1e6, mb: (most - before) / 2 ** 20 };
}

async function exported(format: string) {
  const request = {
    ...{ method: 'POST', path: '/v1/exports', params: {}, query: new URLSearchParams(), headers: {} },
    ...{ body: Buffer.from(JSON.stringify({ format })), caller, requestId: 'bench', sourceIp: '127.0.0.1' },
    now: new Date(),
  };
  // What is alive when a part has been noted; collecting takes time, which is left out of nothing: it is little.
  const alive: number[] = [];
  const exports: typeof ports.exports = {
    ...ports.exports,
    advance: async (...step) => {
      const noted = await ports.exports.advance(...step);
      collect();
      alive.push(used() / 2 ** 20);
      return noted;
    },
  };
  const asking = { ...ports, guard: keyGuard, recorder: { record: async () => {} } };
  const { id } = (await askExport(asking, request)).body as { id: string };
  const spent = await measured(async () => {
    for (let body = queue.shift(); body; body = queue.shift()) {
      const message = { messageId: 'm', body, queue: 'q', receiveCount: 1, sentAt: 0 };
      await buildExport({ ...ports, exports }, [message], { now: new Date() });
    }
  });
  const { state, events, bytes, parts } = (await ports.exports.get(tenant, id))!;
  if (state !== 'ready') throw new Error(`the export is ${state}`);
  return { ...spent, events, bytes, parts, kept: alive.at(-1)! - alive[0]! };
}

/** The same pages, opened as the export opens them and written nowhere. */
async function read() {
  const sight = await keyGuard.sight(caller, { sourceIp: '127.0.0.1', now: new Date() });
  let [events, json] = [0, 0];
  const spent = await measured(async () => {
    let after: { readonly time: number; readonly id: string } | undefined;
    do {
      const viewer = new Viewer(ports, tenant, sight);
      const page = await answer(
        ports,
        { tenant, filter: {}, after, limit: 4000, sees: (event) => viewer.sees(event) },
        { bytesMax: Number.POSITIVE_INFINITY, until: Number.POSITIVE_INFINITY },
      );
      for (const one of await viewer.show(page.events)) json += JSON.stringify(one).length + 1;
      events += page.events.length;
      after = page.next;
    } while (after);
  });
  return { ...spent, events, json };
}

for (const [at, size] of sizes.entries()) {
  await load(at === 0 ? 0 : sizes[at - 1]!, size);
  const lines: Line[] = [];
  const peer = await read();
  if (peer.events !== size) throw new Error(`${peer.events} events of ${size} were read`);
  const opened = 'read and opened';
  for (const format of exportFormats) {
    const { seconds, cpuSeconds, events, bytes, parts, mb, kept } = await exported(format);
    if (events !== size) throw new Error(`${events} events of ${size} were exported`);
    lines.push(
      {
        path: format,
        figure: events / seconds,
        unit: 'events/s',
        against: { name: opened, figure: peer.events / peer.seconds },
      },
      {
        path: `${format}, of the processor alone`,
        figure: events / cpuSeconds,
        unit: 'events/s',
        against: { name: opened, figure: peer.events / peer.cpuSeconds },
      },
      { path: `${format}, of JSON`, figure: peer.json / 1e6 / seconds, unit: 'MB/s' },
      {
        path: `${format}, ${parts === 1 ? 'one part' : `${parts} parts`}`,
        figure: bytes / events,
        unit: 'bytes/event',
        against: { name: 'JSON', figure: peer.json / events },
      },
      { path: `${format}, peak memory`, figure: mb, unit: 'MB', against: { name: opened, figure: peer.mb } },
      { path: `${format}, kept from the first part to the last`, figure: kept, unit: 'MB', goal: 'nothing' },
    );
  }
  report(`Export of ${size.toLocaleString('en')} events`, lines);
}
await place.close();
