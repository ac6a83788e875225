/** `trailkeep export events` against an API and an S3 that answer as they are told. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { partName } from '#core/export/ports.ts';
import { partWriter } from '#functions/query/part-writers.ts';
import { eventOf } from '#test/functions/query/world.ts';
import { trailkeep } from './run-cli.ts';

const id = '01890000-0000-7000-8000-000000000001';
const csv = ['"id",x\r\n1,"a\nb"\r\n2,"say ""hi"""\r\n', '3,c\r\n'].map((text) => gzipSync(text));
const counts = [2, 1];
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Stand {
  objects: Uint8Array[];
  format: string;
  counts: number[];
  state: Record<string, unknown>;
  /** Answers of S3 before it answers as it should. */
  broken: ('403' | 'cut' | 'other')[];
  readonly asked: { readonly method: string; readonly path: string; readonly range?: string; readonly body: string }[];
  looks: number;
}
let stand: Stand;
let server: Server;
let url: string;
let folder: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const { range } = headers;
      stand.asked.push({ method, path, ...(range ? { range } : {}), body: Buffer.concat(chunks).toString() });
      const json = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      };
      const { searchParams, pathname } = new URL(path, 'http://x');
      if (method === 'POST') return json(202, view('building'));
      if (pathname.startsWith('/s3/')) {
        const bytes = stand.objects[Number(pathname.slice(4)) - 1]!;
        const from = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
        const how = stand.broken.shift();
        if (how === '403') return json(403, {});
        const sent = how === 'other' ? Buffer.alloc(bytes.length - from, 1) : bytes.subarray(from);
        response.writeHead(range ? 206 : 200, { 'content-length': sent.length });
        if (how === 'cut') return void response.write(sent.subarray(0, 10), () => response.destroy());
        return response.end(sent);
      }
      if (pathname.endsWith('/content')) {
        const bytes = stand.objects[Number(searchParams.get('part')) - 1]!;
        const offset = Number(searchParams.get('offset'));
        response.writeHead(200, { 'content-type': 'application/gzip' });
        return response.end(bytes.subarray(offset, offset + 20));
      }
      stand.looks++;
      return json(200, view(stand.looks === 1 ? 'building' : 'ready', Number(searchParams.get('after') ?? 0)));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-export-'));
  stand = { objects: csv, format: 'csv', counts, state: {}, broken: [], asked: [], looks: 1 };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function view(state: string, after = 0) {
  const total = stand.counts.reduce((sum, one) => sum + one, 0);
  const files = stand.objects.map((bytes, at) => ({
    ...{
      part: at + 1,
      name: partName(id, stand.format as 'csv', at + 1),
      events: stand.counts[at]!,
      bytes: bytes.length,
    },
    ...{
      sha256: sha256(bytes),
      url: `${url}/s3/${at + 1}?signed=${stand.asked.length}`,
      url_expires_at: '2026-01-01T00:00:00Z',
    },
  }));
  // One file a page.
  const ready = { files: files.slice(after, after + 1), next_after: after + 1 };
  return {
    ...{ id, kind: 'events', state, format: stand.format, asked_at: '2026-01-01T00:00:00Z', parts: files.length },
    ...{ events: total, bytes: 1, ...(state === 'ready' ? ready : {}), ...stand.state },
  };
}

const run = (...words: string[]) =>
  trailkeep(['export', 'events', ...words], { env: { TRAILKEEP_URL: url, TRAILKEEP_API_KEY: 'tk_x' }, cwd: folder });
const fileOf = (part: number, to = 'got') => join(folder, to, partName(id, 'csv', part));

test('asks, waits, fetches every file by its address, and counts', async () => {
  stand.looks = 0;
  const ran = await run(
    '--format',
    'csv',
    '--action',
    'user.*',
    '--from',
    '2026-01-01',
    '--skip-archived',
    '--out',
    'got',
  );
  expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(/^events +3$/m) });
  expect(JSON.parse(stand.asked[0]!.body)).toEqual({
    ...{ format: 'csv', skip_archived: true, action: ['user.*'], from: '2026-01-01T00:00:00.000Z' },
  });
  for (const [at, bytes] of csv.entries()) expect(readFileSync(fileOf(at + 1)).equals(bytes)).toBe(true);
  expect(statSync(fileOf(1)).mode & 0o777).toBe(0o600);
  const manifest = JSON.parse(readFileSync(join(folder, 'got/manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({
    id,
    events: 3,
    files: [{ part: 1, events: 2, sha256: sha256(csv[0]!) }, { part: 2 }],
  });
  expect(JSON.stringify(manifest)).not.toContain('signed=');
});

test('takes a broken download up where it ended, with a fresh address', async () => {
  stand.broken = ['cut', '403'];
  const ran = await run('--id', id, '--out', 'got');
  expect(ran.code).toBe(0);
  expect(readFileSync(fileOf(1)).equals(csv[0]!)).toBe(true);
  const s3 = stand.asked.filter(({ path }) => path.startsWith('/s3/1'));
  expect(s3.map(({ range }) => range)).toEqual([undefined, 'bytes=10-', 'bytes=10-']);
  expect(new Set(s3.map(({ path }) => path)).size).toBe(3);
  expect(readdirSync(join(folder, 'got')).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('keeps what is whole, and goes on with what is not', async () => {
  expect((await run('--id', id, '--out', 'got')).code).toBe(0);
  rmSync(fileOf(2));
  writeFileSync(`${fileOf(2)}.part`, csv[1]!.subarray(0, 7));
  stand.asked.length = 0;
  expect((await run('--id', id, '--out', 'got')).code).toBe(0);
  expect(stand.asked.filter(({ path }) => path.startsWith('/s3/')).map(({ range }) => range)).toEqual(['bytes=7-']);
  expect(readFileSync(fileOf(2)).equals(csv[1]!)).toBe(true);
});

test('through the API in slices, where S3 cannot be reached', async () => {
  expect((await run('--id', id, '--out', 'got', '--through-api')).code).toBe(0);
  expect(readFileSync(fileOf(1)).equals(csv[0]!)).toBe(true);
  expect(stand.asked.some(({ path }) => path.startsWith('/s3/'))).toBe(false);
  expect(stand.asked.filter(({ path }) => path.includes('/content?part=1')).length).toBe(
    Math.ceil(csv[0]!.length / 20),
  );
});

test('what is not what was built does not stay', async () => {
  stand.broken = ['other', 'other', 'other', 'other', 'other'];
  const ran = await run('--id', id, '--out', 'got');
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('is not what was built') });
  expect(existsSync(fileOf(1))).toBe(false);
});

test('a file with fewer rows than the API says is told', async () => {
  stand.counts = [3, 1];
  expect(await run('--id', id, '--out', 'got')).toMatchObject({
    code: 1,
    err: expect.stringContaining('has 2 events of 3'),
  });
});

test('JSONL and Parquet are counted too', async () => {
  for (const format of ['jsonl', 'parquet'] as const) {
    const writer = partWriter(format, 1);
    await writer.add(Array.from({ length: 40 }, (_, n) => eventOf(n)));
    stand = { ...stand, format, objects: [(await writer.finish()).bytes], counts: [40] };
    const ran = await run('--id', id, '--out', format, '--json');
    expect(ran.code, ran.err).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({ format, files: 1, events: 40, unread: [] });
  }
});

test('a failed export says why', async () => {
  stand.state = {
    state: 'failed',
    problem: 'export_incomplete',
    unread: [{ why: 'archived', day: '2026-03-01', category: 'system' }],
  };
  const ran = await run('--id', id);
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('export_incomplete: 2026-03-01 system') });
  expect(await run('--format', 'xlsx')).toMatchObject({ code: 2 });
});
