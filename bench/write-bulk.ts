/**
 * Write, bulk: events a second from lines to a stored segment (plan, filters, compress, index, digest, put),
 * against gzip -6 of the same bytes on one core. Wall time and CPU time of this process, both.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { EventLine } from '#core/record/envelope.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import { compress } from '#stores/s3/seekable-gzip.ts';
import { encodeSidecar, segmentOf } from '#stores/s3/segment-index.ts';
import { newId, startPlace } from './place.ts';
import { batchesOf } from './prepared.ts';
import { type Line, median, report } from './report.ts';

const rounds = process.argv.includes('--full') ? 15 : 7;
const events = 20_000;

const lines: EventLine[] = (await batchesOf('bulk', { count: events, batch: events, tenants: 20, seed: 1 }))
  .flat()
  .flatMap(({ body }) => {
    const opened = openEnvelope(body);
    return opened.ok ? opened.value.lines : [];
  });
const raw = Buffer.from(lines.map(({ line }) => `${line}\n`).join(''));
const place = await startPlace();

interface Spent {
  /** Milliseconds. */
  readonly wall: number;
  readonly cpu: number;
  readonly bytes: number;
}

async function timed(work: () => number | Promise<number>): Promise<Spent> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const bytes = await work();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { wall, cpu: (user + system) / 1000, bytes };
}

const planned = () => planSegment(lines, { id: newId(new Date()), tier: 'bulk', now: new Date() });
const works = {
  gzip: () => gzipSync(raw, { level: 6 }).length,
  plan: () => planned().blocks.length,
  made: async () => {
    const plan = planned();
    const { bytes, offsets } = await compress(plan.blocks.map((block) => block.text));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const sidecar = encodeSidecar(segmentOf(plan, { bytes: bytes.length, sha256, offsets }));
    createHash('sha256').update(sidecar).digest();
    return bytes.length + sidecar.length;
  },
  stored: async () => (await place.segments.write(planned())).bytes,
};
const spent: Record<keyof typeof works, Spent[]> = { gzip: [], plan: [], made: [], stored: [] };
// Two rounds warm up; the works take turns, so that a busy neighbour disturbs all of them alike.
for (let round = -2; round < rounds; round++) {
  for (const name of Object.keys(works) as (keyof typeof works)[]) {
    const one = await timed(works[name]);
    if (round >= 0) spent[name].push(one);
  }
}
await place.close();

const rate = (name: keyof typeof works, by: 'wall' | 'cpu') =>
  (events / median(spent[name].map((one) => one[by]))) * 1000;
const line = (path: string, name: keyof typeof works, by: 'wall' | 'cpu', goal?: string): Line => ({
  path,
  figure: rate(name, by),
  unit: 'events/s',
  against: { name: `gzip -6, ${by}`, figure: rate('gzip', by) },
  ...(goal ? { goal } : {}),
});
const perEvent = (bytes: number) => (bytes / events).toFixed(1);
report(
  `Write bulk, ${events.toLocaleString('en-GB')} events of ${perEvent(raw.length)} bytes: ` +
    `gzip -6 ${perEvent(spent.gzip[0]!.bytes)}, segment and index ${perEvent(spent.made[0]!.bytes)} bytes an event`,
  [
    line('plan and filters alone, wall', 'plan', 'wall'),
    line('plan, filters, compress, index, digest, wall', 'made', 'wall', '≥ 0.6'),
    line('the same, CPU', 'made', 'cpu', '≥ 0.6'),
    line('with both puts to the local S3, wall', 'stored', 'wall', '≥ 0.6'),
    line('the same, CPU of this process', 'stored', 'cpu', '≥ 0.6'),
  ],
);
