/** Logs on S3 beyond the contract: locks, lost answers, and writes that meet each other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { S3LogStore } from '#stores/s3/log-store.ts';

const slug = 'kzaqd3mtgyu5wbncf7xhl2ovrj';
const now = Date.parse('2026-03-01T00:00:00.000Z');
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-logs-'));
let cloud: Cloud;
let client: S3Client;
beforeAll(async () => {
  cloud = await startCloud({ folder, now: () => now });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  client = new S3Client({ ...clientSettings, endpoint: cloud.url, region: 'eu-west-1', credentials });
  cloud.s3.createBucket('locked', { objectLock: true });
});
afterAll(async () => {
  await cloud.close();
  rmSync(folder, { recursive: true, force: true });
});

const locked = () => new S3LogStore(client, 'locked', { lockDays: 10, now: () => now });
const head = (path: string) => client.send(new HeadObjectCommand({ Bucket: 'locked', Key: `t/${slug}/${path}` }));

test('an archived checkpoint is locked in compliance mode, and nothing else is', async () => {
  const store = locked();
  await store.archive(slug, 7, 'note\n');
  await store.put(slug, 'tile/0/000', Uint8Array.of(1));
  await store.publish(slug, 'note\n', undefined);
  const archived = await head('checkpoint-archive/00000000000000000007');
  expect(archived).toMatchObject({
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate: new Date(now + 10 * 86_400_000),
    ContentType: 'text/plain; charset=utf-8',
    CacheControl: 'max-age=604800, immutable',
  });
  expect(await head('tile/0/000')).toMatchObject({
    ContentType: 'application/octet-stream',
    CacheControl: 'max-age=604800, immutable',
  });
  expect((await head('tile/0/000')).ObjectLockMode).toBeUndefined();
  expect(await head('checkpoint')).toMatchObject({ CacheControl: 'no-cache' });
  const Key = `t/${slug}/checkpoint-archive/00000000000000000007`;
  const { VersionId } = archived;
  const removal = client.send(
    new DeleteObjectCommand({ Bucket: 'locked', Key, VersionId, BypassGovernanceRetention: true }),
  );
  await expect(removal).rejects.toMatchObject({ name: 'AccessDenied' });
});

test('a tile that recovery took away is written anew, and its versions stay', async () => {
  const store = locked();
  await store.put(slug, 'tile/0/001', Uint8Array.of(1));
  await store.remove(slug, ['tile/0/001']);
  expect(await store.get(slug, 'tile/0/001')).toBeUndefined();
  expect(await store.put(slug, 'tile/0/001', Uint8Array.of(2))).toBe('stored');
  const Prefix = `t/${slug}/tile/0/001`;
  const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket: 'locked', Prefix }));
  expect([Versions?.length, DeleteMarkers?.length]).toEqual([2, 1]);
});

test('when an answer is lost, what the SDK tries again meets its own write and counts as done', async () => {
  const store = locked();
  const lose = () => cloud.faults.add({ service: 's3', operation: 'PutObject', status: 503, afterEffect: true });
  lose();
  expect(await store.put(slug, 'tile/0/002', Uint8Array.of(1))).toBe('same');
  await store.publish(slug, 'old\n', (await store.checkpoint(slug))?.etag);
  const { etag } = (await store.checkpoint(slug))!;
  lose();
  expect(await store.publish(slug, 'new\n', etag)).toBe(true);
  lose();
  expect(await store.archive(slug, 9, 'nine\n')).toBe('same');
});

test('S3 that is down is unavailable in every method', async () => {
  const store = locked();
  cloud.faults.add({ service: 's3', probability: 1, status: 503 });
  for (const call of [
    () => store.put(slug, 'tile/0/003', Uint8Array.of(1)),
    () => store.get(slug, 'tile/0/003'),
    () => store.newestArchived(slug, 0),
    () => store.publish(slug, 'x', undefined),
    () => Array.fromAsync(store.list(slug, 'tile/')),
    () => store.remove(slug, ['tile/0/003']),
    () => store.setIncarnation('x'),
  ]) {
    await expect(call()).rejects.toBeInstanceOf(Unavailable);
  }
  cloud.faults.clear();
}, 60_000);

test('a write that meets another one to the same key is tried again, and given up as unavailable', async () => {
  const other = new S3Client({ region: 'eu-west-1' });
  const s3 = mockClient(other);
  const conflict = new S3ServiceException({
    name: 'ConditionalRequestConflict',
    $fault: 'client',
    $metadata: { httpStatusCode: 409 },
    message: 'conflict',
  });
  const store = new S3LogStore(other, 'b');
  s3.on(PutObjectCommand).rejectsOnce(conflict).rejectsOnce(conflict).resolves({});
  expect(await store.put(slug, 'tile/0/000', Uint8Array.of(1))).toBe('stored');
  s3.on(PutObjectCommand).rejects(conflict);
  await expect(store.put(slug, 'tile/0/000', Uint8Array.of(1))).rejects.toBeInstanceOf(Unavailable);
  for (const { args } of s3.commandCalls(PutObjectCommand)) expect(args[0].input.IfNoneMatch).toBe('*');
});
