/** What every ArchiveObjects promises. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { archiveKey } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { ArchiveLine } from '#core/archive/merge.ts';
import { cutBlocks, type PlannedBlock } from '#core/archive/plan.ts';
import { Archived, type ArchiveObjects } from '#core/archive/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { Missing } from '#core/record/ports.ts';
import { inflateBlock } from '#stores/s3/seekable-gzip.ts';
import { tenantA } from '#test/support/events.ts';
import { eventAt, idAt } from '#test/support/lines.ts';

const someDay = Date.parse('2026-03-01T00:00:00.000Z');
let count = 0;

/** A file that was never written before. */
export const newFile = (changes: object = {}) => ({
  id: idAt(someDay, ++count),
  tenant: tenantA,
  tier: 'bulk' as const,
  category: 'api_calls' as const,
  span: 'day' as const,
  day: '2026-03-01',
  ladder: 'standard',
  writtenAt: new Date(someDay),
  ...changes,
});

export const archiveLines = (events: number): ArchiveLine[] =>
  Array.from({ length: events }, (_, n) => {
    const event = eventAt(n);
    const text = JSON.stringify(event);
    const digest = new Uint8Array(createHash('sha256').update(text).digest());
    return { text, event, time: Date.parse(event.occurred_at), leaf: n % 10 === 3 ? undefined : 1000 + n, digest };
  });

/** Blocks of so many events; 5000 make 12 blocks, which are two chunks. */
export const blocksOf = (lines: readonly ArchiveLine[]): Promise<PlannedBlock[]> => Array.fromAsync(cutBlocks([lines]));

/** `freeze` moves an object to DEEP_ARCHIVE, as a lifecycle rule does. */
export function archiveObjectsContract(
  open: () => Promise<{ readonly objects: ArchiveObjects; readonly freeze: (key: string) => Promise<unknown> }>,
): void {
  test('every block reads back alone, and the object gunzips to all lines', async () => {
    const { objects } = await open();
    const lines = archiveLines(5000);
    const blocks = await blocksOf(lines);
    const { file, chunks } = await objects.write(newFile(), blocks);
    const text = lines.map((line) => `${line.text}\n`).join('');
    const object = await objects.read(file.key, 0, file.bytes);
    expect(gunzipSync(object).toString()).toBe(text);
    expect(createHash('sha256').update(object).digest('hex')).toBe(file.sha256);
    expect(chunks.map((chunk) => chunk.blocks.length)).toEqual([8, blocks.length - 8]);
    for (const [at, { offset, bytes, filter }] of chunks.flatMap((chunk) => chunk.blocks).entries()) {
      const read = await objects.read(file.key, offset, bytes);
      expect(inflateBlock(read, { key: file.key, offset })).toBe(blocks[at]!.text);
      expect(filter).toEqual(blocks[at]!.filter);
    }
  });

  test('the file tells what is in it: events, bytes, times, ids, leaves and the sum of its lines', async () => {
    const { objects } = await open();
    const lines = archiveLines(700);
    const wanted = newFile({ ladder: 'warm-90-cold-365' });
    const { file, chunks } = await objects.write(wanted, await blocksOf(lines));
    const sum = new LinesSum();
    for (const { digest } of lines) sum.add(digest);
    expect(file).toEqual({
      ...wanted,
      key: archiveKey(wanted),
      events: 700,
      bytes: file.bytes,
      rawBytes: lines.reduce((all, { text }) => all + Buffer.byteLength(text) + 1, 0),
      sha256: file.sha256,
      linesSum: sum.hex,
      minTime: lines[0]!.time,
      maxTime: lines.at(-1)!.time,
      minId: lines[0]!.event.id,
      maxId: lines.at(-1)!.event.id,
      minLeaf: 1000,
      maxLeaf: 1699,
    });
    expect(chunks.flatMap((chunk) => chunk.leaves.flat())).toEqual(lines.map(({ leaf }) => leaf));
    expect(await objects.state(file.key)).toMatchObject({ bytes: file.bytes, storageClass: 'STANDARD' });
  });

  test('the sidecar says what write said, and files are listed by it', async () => {
    const { objects } = await open();
    const written = await objects.write(newFile({ day: '2026-04-02' }), await blocksOf(archiveLines(3000)));
    await objects.write(newFile({ span: 'month', day: '2026-04-01' }), await blocksOf(archiveLines(3)));
    expect(await objects.index(written.file.key)).toEqual(written);
    expect(await Array.fromAsync(objects.list('audit-logs/dt=2026-04-02/'))).toEqual([written.file.key]);
    expect(await Array.fromAsync(objects.list('audit-logs-monthly/month=2026-04/'))).toHaveLength(1);
    expect(await Array.fromAsync(objects.list('audit-logs/dt=2026-05-'))).toEqual([]);
  });

  test('a key is written once: the second rejects with conflict and the first stays', async () => {
    const { objects } = await open();
    const wanted = newFile();
    const { file } = await objects.write(wanted, await blocksOf(archiveLines(5)));
    const refused = await objects.write(wanted, await blocksOf(archiveLines(6))).catch((error: unknown) => error);
    expect((refused as Problem).fault.code).toBe('conflict');
    expect(refused).toBeInstanceOf(Problem);
    expect((await objects.index(file.key))?.file.events).toBe(5);
  });

  test('what is removed is gone with its sidecar, and removing it again succeeds', async () => {
    const { objects } = await open();
    const { file } = await objects.write(newFile({ day: '2026-06-02' }), await blocksOf(archiveLines(5)));
    await objects.remove(file.key);
    await objects.remove(file.key);
    await expect(objects.read(file.key, 0, 10)).rejects.toBeInstanceOf(Missing);
    expect(await objects.state(file.key)).toBeUndefined();
    expect(await objects.index(file.key)).toBeUndefined();
    expect(await Array.fromAsync(objects.list('audit-logs/dt=2026-06-02/'))).toEqual([]);
  });

  test('a key of another shape never reaches S3', async () => {
    const { objects } = await open();
    for (const key of ['../x', 'segments/v1/x', `audit-logs/dt=2026-03-01/../${idAt(someDay, 1)}.jsonl.gz`]) {
      await expect(objects.read(key, 0, 1)).rejects.toBeInstanceOf(TypeError);
      await expect(objects.remove(key)).rejects.toBeInstanceOf(TypeError);
    }
  });

  test('what is in Deep Archive is told as archived, can be asked for twice, and its sidecar is read at once', async () => {
    const { objects, freeze } = await open();
    const written = await objects.write(newFile(), await blocksOf(archiveLines(5)));
    const { key } = written.file;
    await objects.restore(key, 1, 'bulk');
    await freeze(key);
    await expect(objects.read(key, 0, 10)).rejects.toBeInstanceOf(Archived);
    expect(await objects.state(key)).toMatchObject({ bytes: written.file.bytes, storageClass: 'DEEP_ARCHIVE' });
    expect(await objects.index(key)).toEqual(written);
    await objects.restore(key, 1, 'standard');
    await objects.restore(key, 1, 'standard');
    expect((await objects.state(key))?.restore).toBeDefined();
    await expect(objects.restore(archiveKey(newFile()), 1, 'bulk')).rejects.toBeInstanceOf(Missing);
  });
}
