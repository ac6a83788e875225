/**
 * Whoever may write to Postgres and S3 changes the archive of a log whose segments are gone: the verifier says so, and
 * says what it is. The log, the archive and the verifier's login are real.
 */
import { CopyObjectCommand, DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ArchiveFile, archiveIndexKey } from '#core/archive/file.ts';
import { ownProducer } from '#core/event/event.ts';
import { purgeAction } from '#core/proof/purge.ts';
import { verifyArchive } from '#functions/proof/verify-archive.ts';
import { type SharePorts, verifySegments } from '#functions/proof/verify-share.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { createArchiveFiles } from '#stores/postgres/archive.ts';
import { createVerification } from '#stores/postgres/verification.ts';
import { compress } from '#stores/s3/seekable-gzip.ts';
import { tenantA } from '#test/support/events.ts';
import { contextKey } from '#test/support/postgres.ts';
import { eventOf, type WrittenLog, writtenLog } from './written-log.ts';

let world: WrittenLog;
let ports: SharePorts;
let files: readonly ArchiveFile[];
const leaves = 500 + 60 + 200 + 1;
/** An event that comes a second time: its second leaf has no line in the archive, and the log says why. */
const twice = eventOf();

beforeAll(async () => {
  world = await writtenLog('insider_archive');
  const many = (count: number, more = {}) => Array.from({ length: count }, () => eventOf(more));
  await world.commit('bulk', [twice, ...many(499)]);
  await world.commit('critical', many(60, { category: 'critical' }));
  await world.commit('bulk', many(200, { category: 'system' }));
  await world.commit('critical', many(1, { category: 'critical' }));
  await world.seal();
  await world.maker.compact(tenantA);
  await world.maker.ledger.release(tenantA, new Date(Date.now() + 1000), 10);
  files = await world.maker.files.files(tenantA, {}, undefined, 50);
  const sql = world.database.login('trailkeep_verifier');
  ports = {
    verification: createVerification(sql, contextKey),
    archiveFiles: createArchiveFiles(sql, contextKey),
    ...{ logs: world.logs, signer: world.signer, crypto: nodeProofCrypto, blocks: world.maker.blocks },
    ...{ segments: world.segments, archive: world.archive },
  };
}, 60_000);
afterAll(() => world?.end());

const owner = () => world.database.ownerSql;
const s3 = () => world.cloud.clients.s3;
const fileOf = (category: string) => files.find((one) => one.category === category)!;
const put = (Key: string, Body: Uint8Array) => s3().send(new PutObjectCommand({ Bucket: 'archive', Key, Body }));
const bodyOf = async (Key: string) =>
  (await (
    await s3().send(new GetObjectCommand({ Bucket: 'archive', Key }))
  ).Body!.transformToByteArray()) as Uint8Array;

const archiveSays = async () => (await verifyArchive(ports, tenantA, undefined)).findings;
const logSays = async () => (await verifySegments(ports, tenantA, undefined)).findings;
const said = (findings: readonly { verdict: string; reason: string; at: object }[]) =>
  findings.map(({ verdict, reason, at }) => [verdict, reason, 'path' in at ? at.path : Object.values(at)[0]]);

/** Changes an object, looks, and puts it back with what it was written with. */
async function withObject(Key: string, change: () => Promise<unknown>, look = archiveSays) {
  const [Bucket, CopySource] = ['archive', `archive/kept`];
  const copy = (from: string, to: string) =>
    s3().send(new CopyObjectCommand({ Bucket, Key: to, CopySource: `archive/${from}`, ChecksumAlgorithm: 'SHA256' }));
  await copy(Key, 'kept');
  await change();
  const findings = await look();
  await s3().send(new CopyObjectCommand({ Bucket, Key, CopySource, ChecksumAlgorithm: 'SHA256' }));
  return said(findings);
}
/** Changes rows, looks, and puts all of the archive's rows back. */
async function withRows(change: () => Promise<unknown>, look = archiveSays) {
  const tables = ['file', 'chunk', 'progress'] as const;
  for (const table of tables)
    await owner().unsafe(`create table public.kept_${table} as select * from archive.${table}`);
  await change();
  const findings = await look();
  await owner().unsafe('truncate archive.file, archive.chunk, archive.progress');
  for (const table of tables) {
    await owner().unsafe(`insert into archive.${table} select * from public.kept_${table}`);
    // What adds files counts versions; the row that was kept comes last.
    if (table === 'file') await owner().unsafe('truncate archive.progress');
    await owner().unsafe(`drop table public.kept_${table}`);
  }
  return said(findings);
}

test('of what nobody touched nothing is said, and every event is looked at', async () => {
  expect(await verifyArchive(ports, tenantA, undefined)).toEqual({ checked: leaves, findings: [] });
  expect(await verifySegments(ports, tenantA, undefined)).toMatchObject({ checked: leaves, findings: [] });
});

describe('an object', () => {
  test('with one other byte, anywhere', async () => {
    const { key, bytes } = fileOf('system');
    const body = await bodyOf(key);
    for (const at of [0, 9, 10, 500, Math.floor(bytes / 2), bytes - 12, bytes - 1]) {
      const other = Uint8Array.from(body);
      other[at]! ^= 0x10;
      const found = await withObject(key, () => put(key, other));
      expect(found.length, `byte ${at}`).toBeGreaterThan(0);
      for (const [verdict] of found) expect(verdict).toBe('TAMPERED');
    }
  });

  test('that says something else in good form, with a sidecar and rows that agree', async () => {
    const { key, id } = fileOf('system');
    const [chunk] = await world.maker.files.chunks(tenantA, id);
    const [text] = await world.maker.blocks.read(chunk!, chunk!.blocks.slice(0, 1));
    const { bytes } = await compress([text!.replace('"r"', '"d"')]);
    const found = await withObject(key, () => put(key, bytes));
    expect(found.every(([verdict]) => verdict === 'TAMPERED')).toBe(true);
    expect(found.length).toBeGreaterThan(0);
  });

  test('swapped for another file, cut off, or gone', async () => {
    const [one, other] = [fileOf('system').key, fileOf('user_activity').key];
    const body = await bodyOf(one);
    expect(await withObject(one, async () => put(one, await bodyOf(other)))).toEqual([
      ['TAMPERED', 'archive_differs', one],
    ]);
    expect(await withObject(one, () => put(one, body.subarray(0, 2000)))).toEqual([
      ['TAMPERED', 'archive_differs', one],
    ]);
    const gone = (Key: string) => s3().send(new DeleteObjectCommand({ Bucket: 'archive', Key }));
    expect(await withObject(one, () => gone(one))).toEqual([['MISSING', 'archive_gone', one]]);
    const index = archiveIndexKey(one);
    expect(await withObject(index, () => gone(index))).toEqual([['MISSING', 'archive_gone', one]]);
    expect(await withObject(index, async () => put(index, await bodyOf(archiveIndexKey(other))))).toEqual([
      ['TAMPERED', 'archive_differs', one],
    ]);
  });

  test('in Glacier: what S3 keeps of it is held against the catalogue', async () => {
    const { key } = fileOf('system');
    const body = await bodyOf(key);
    const freeze = async (bytes: Uint8Array) => {
      const [Bucket, StorageClass, ChecksumAlgorithm] = ['archive', 'DEEP_ARCHIVE', 'SHA256'] as const;
      await s3().send(new PutObjectCommand({ Bucket, Key: key, Body: bytes, StorageClass, ChecksumAlgorithm }));
    };
    expect(await withObject(key, () => freeze(body))).toEqual([]);
    const other = Uint8Array.from(body);
    other[400]! ^= 1;
    expect(await withObject(key, () => freeze(other))).toEqual([['TAMPERED', 'archive_differs', key]]);
  });
});

describe('rows', () => {
  test.each([
    ['times', `update archive.chunk set max_time = max_time - 1000`],
    ['ids', `update archive.chunk set min_id = max_id`],
    [
      'blocks',
      `update archive.chunk set blocks = set_byte(blocks, length(blocks) - 1, get_byte(blocks, length(blocks) - 1) # 1)`,
    ],
    [
      'leaves',
      `update archive.chunk set leaves = set_byte(leaves, length(leaves) - 1, get_byte(leaves, length(leaves) - 1) # 1)`,
    ],
    ['a count', `update archive.file set events = events + 1`],
    ['a hash', `update archive.file set sha256 = sha256('x')`],
    ['a sum', `update archive.file set lines_sum = sha256('x')`],
    ['a chunk that is gone', `delete from archive.chunk`],
  ] as const)('of a file: %s', async (_, statement) => {
    const { id, key } = fileOf('system');
    const found = await withRows(() => owner().unsafe(`${statement} where file_id = '${id}'`));
    expect(found).toEqual([['TAMPERED', 'archive_differs', key]]);
  });

  test('of a whole file that are gone: its leaves are missed', async () => {
    const { id, minLeaf } = fileOf('system');
    const found = await withRows(() => owner()`delete from archive.file where file_id = ${id}`, logSays);
    expect(found).toEqual([['MISSING', 'segment_gone', minLeaf]]);
  });

  test('of a file whose segments are still there, too: queries do not read those any more', async () => {
    await world.commit('bulk', [eventOf({ category: 'operations' })]);
    await world.seal();
    await world.maker.compact(tenantA);
    expect(await logSays()).toEqual([]);
    const found = await withRows(() => owner()`delete from archive.file where category = 3`, logSays);
    expect(found).toMatchObject([['MISSING', 'archive_gone', expect.stringContaining('segments/')]]);
  });
});

test('leaves without events are missed, until the log says that they were purged; then not, wherever it says so', async () => {
  await world.commit('bulk', [twice]);
  await world.commit('bulk', [eventOf({ category: 'api_calls' })]);
  await world.seal();
  const [part] = await owner()`select first_leaf from record.segment_part where tenant_id = ${tenantA}
    order by seq desc offset 1 limit 1`;
  const leaf = Number(part!.first_leaf);
  await world.maker.compact(tenantA);
  // As compaction does: of an event's copies the archive has the first.
  await owner()`delete from archive.file where category = 2 and min_leaf = ${leaf} and max_leaf = ${leaf}`;
  expect(said(await logSays())).toMatchObject([['MISSING', 'archive_gone', expect.anything()]]);

  const metadata = { policy: 'duplicate', leaves: [[leaf, leaf + 1]] };
  const record = {
    ...{ action: purgeAction, category: 'critical' as const, actor: { type: 'service', id: 'trailkeep' }, metadata },
    ...{ targets: [{ type: 'tenant', id: tenantA }], context: {} },
  };
  const told = eventOf({ ...record, producer: { key: ownProducer } });
  const other = eventOf(record);
  await world.commit('critical', [other]);
  // Anybody may send an event of that name; it tells of nothing.
  expect(await logSays()).toHaveLength(1);
  await world.commit('critical', [told]);
  expect(await logSays()).toEqual([]);
  await world.seal();
  expect(await logSays()).toEqual([]);
  await world.maker.compact(tenantA);
  await owner()`delete from record.event where action = ${purgeAction}`;
  expect(await logSays()).toEqual([]);
  expect(await archiveSays()).toEqual([]);
});
