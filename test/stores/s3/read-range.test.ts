/** What a reader is told of an object that is not as the catalogue says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { readRange } from '#stores/s3/read-range.ts';

const Bucket = 'archive';
let folder: string;
let cloud: Cloud;
let client: S3Client;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-range-'));
  cloud = await startCloud({ folder });
  cloud.s3.createBucket(Bucket, { versioning: true });
  const credentials = { accessKeyId: 'reader', secretAccessKey: 'x' };
  client = new S3Client({ ...clientSettings, endpoint: cloud.url, region: 'eu-west-1', credentials });
  const put = (Key: string, StorageClass?: 'DEEP_ARCHIVE') =>
    client.send(new PutObjectCommand({ Bucket, Key, Body: '0123456789', ...(StorageClass ? { StorageClass } : {}) }));
  await put('whole');
  await put('deep', 'DEEP_ARCHIVE');
});
afterAll(async () => {
  client?.destroy();
  await cloud?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const read = (Key: string, offset: number, bytes: number) => readRange(client, 'S3', { Bucket, Key, offset, bytes });

test('a range is whole, or the object is damaged, gone or archived', async () => {
  expect(Buffer.from(await read('whole', 2, 3)).toString()).toBe('234');
  await expect(read('whole', 8, 3)).rejects.toMatchObject({ name: 'Damaged' });
  await expect(read('whole', 10, 3)).rejects.toMatchObject({ name: 'Damaged' });
  await expect(read('gone', 0, 3)).rejects.toMatchObject({ name: 'Missing' });
  await expect(read('deep', 0, 3)).rejects.toMatchObject({ name: 'Archived', key: 'deep' });
});
