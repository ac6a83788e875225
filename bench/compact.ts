/**
 * Compaction: MB of lines a second from segments to verified archive files, against gzip -6 of the same bytes on one core;
 * bytes an event against what others make of the same lines; and the memory that it takes for two sizes of input.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { archiveIndexKey } from '#core/archive/file.ts';
import { compactStep, stepLimits } from '#functions/archive/compact-step.ts';
import { folderPorts, writeSegments } from './compact-place.ts';
import { tenantId } from './prepared.ts';
import { type Line, median, report } from './report.ts';

const full = process.argv.includes('--full');
const tenant = tenantId(0);
const megabyte = 1e6;

/** Compacts all there is in a folder, in steps. */
async function compactAll(folder: string, events: number) {
  const place = folderPorts(folder);
  const cpu = process.cpuUsage();
  const start = performance.now();
  let rawBytes = 0;
  for (;;) {
    const done = await compactStep(place.ports, tenant, () => 'standard', { ...stepLimits, events });
    rawBytes += done.rawBytes;
    if (done.outcome !== 'more') break;
  }
  const { user, system } = process.cpuUsage(cpu);
  return { ...place, rawBytes, wallMs: performance.now() - start, cpuMs: (user + system) / 1000 };
}

// A process of its own, whose memory nothing else has used.
const [, , mode, measured] = process.argv;
if (mode === '--measure') {
  await compactAll(measured!, 20_000);
  console.log(process.resourceUsage().maxRSS);
  process.exit();
}

async function parquetBytes(folder: string, lines: Buffer): Promise<number> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const { writeFileSync } = await import('node:fs');
  const source = join(folder, 'lines.jsonl');
  const target = join(folder, 'lines.parquet');
  writeFileSync(source, lines);
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(
    `copy (from read_json_auto('${source}', format = 'newline_delimited', sample_size = -1, maximum_object_size = 1000000))
     to '${target}' (format parquet, compression zstd)`,
  );
  connection.closeSync();
  instance.closeSync();
  return statSync(target).size;
}

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-compact-'));
try {
  const events = full ? 400_000 : 50_000;
  for (const sealed of [false, true]) {
    const own = join(folder, sealed ? 'sealed' : 'clear');
    await writeSegments(own, { events, batch: 7_000, sealed });
    const rounds = full ? 5 : 3;
    const rates: { wall: number; cpu: number; gzip: number }[] = [];
    let last = await compactAll(own, stepLimits.events);
    const text = Buffer.concat(last.files.map(({ key }) => gunzipSync(readFileSync(last.pathOf(key)))));
    for (let round = 0; round < rounds; round++) {
      const cpu = process.cpuUsage();
      gzipSync(text, { level: 6 });
      const { user, system } = process.cpuUsage(cpu);
      last = await compactAll(own, stepLimits.events);
      const { rawBytes, wallMs, cpuMs } = last;
      rates.push({
        wall: rawBytes / megabyte / (wallMs / 1000),
        cpu: rawBytes / megabyte / (cpuMs / 1000),
        gzip: text.length / megabyte / ((user + system) / 1e6),
      });
    }
    const gzip = median(rates.map((one) => one.gzip));
    const speed = (path: string, name: 'wall' | 'cpu'): Line => ({
      path,
      figure: median(rates.map((one) => one[name])),
      unit: 'MB/s',
      against: { name: 'gzip -6, CPU', figure: gzip },
    });
    const file = last.files.reduce((sum, { bytes }) => sum + bytes, 0);
    const index = last.files.reduce((sum, { key }) => sum + statSync(last.pathOf(archiveIndexKey(key))).size, 0);
    const raw = text.length;
    const parquet = await parquetBytes(own, text);
    const against = (name: string, figure: number, goal?: string): Line => ({
      path: `file, against ${name}`,
      figure: file / events,
      unit: 'B/event',
      against: { name, figure: figure / events },
      ...(goal === undefined ? {} : { goal }),
    });
    const zstd = zstdCompressSync(text, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }).length;
    report(
      `Compact, ${events.toLocaleString('en-GB')} events of one tenant, ${sealed ? 'people sealed' : 'not sealed'}, ` +
        `${last.parts.length} segments → ${last.files.length} files`,
      [
        speed('read, merge, filter, compress, write, read again, wall', 'wall'),
        speed('the same, CPU', 'cpu'),
        against('raw JSONL', raw, '≤ 0.2'),
        against('gzip -9', gzipSync(text, { level: 9 }).length),
        against('zstd -19', zstd),
        against('Parquet-zstd by DuckDB', parquet, '≤ 1.45'),
        {
          path: 'file and index',
          figure: (file + index) / events,
          unit: 'B/event',
          against: { name: 'Parquet-zstd by DuckDB', figure: parquet / events },
        },
      ],
    );
  }

  const sizes = full ? [100_000, 800_000] : [40_000, 160_000];
  const peaks: Line[] = [];
  for (const size of sizes) {
    const own = join(folder, `memory-${size}`);
    await writeSegments(own, { events: size, batch: 7_000, sealed: false });
    // A small heap: what V8 would leave lying about because nobody needs the room is not what it takes.
    const heap = ['--max-old-space-size=128', '--max-semi-space-size=8'];
    const args = [...heap, import.meta.filename, '--measure', own];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (!Number(stdout)) throw new Error(stderr);
    const first = peaks[0];
    peaks.push({
      path: `peak memory, ${size.toLocaleString('en-GB')} events in steps of 20,000`,
      figure: Number(stdout) / 1024,
      unit: 'MiB',
      ...(first ? { against: { name: 'the smaller input', figure: first.figure } } : {}),
    });
    rmSync(own, { recursive: true });
  }
  report('Compact, memory', peaks);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
