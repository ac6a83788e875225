/** Copies in S3, as the SDK sees them. */
import {
  CopyObjectCommand,
  type CopyObjectCommandInput,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusal, type TestCloud, testCloud } from './cloud.ts';

let cloud: TestCloud;
let buckets = 0;
const bucketOf = (options?: Parameters<TestCloud['s3']['createBucket']>[1]): string => {
  const name = `bucket-${++buckets}`;
  cloud.s3.createBucket(name, options);
  return name;
};
const put = (Bucket: string, Key: string, Body = 'body', more: object = {}) =>
  cloud.clients.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Bucket: string, Key: string) => {
  const { Body } = await cloud.clients.s3.send(new GetObjectCommand({ Bucket, Key }));
  return Body!.transformToString();
};

beforeAll(async () => {
  cloud = await testCloud();
});
afterAll(() => cloud.end());

const copy = (Bucket: string, Key: string, from: string, more: Partial<CopyObjectCommandInput> = {}) =>
  cloud.clients.s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}`, ...more }));
const head = (Bucket: string, Key: string) => cloud.clients.s3.send(new HeadObjectCommand({ Bucket, Key }));
const tagsOf = async (Bucket: string, Key: string) =>
  (await cloud.clients.s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;

describe('copies', () => {
  test('have the body and the metadata', async () => {
    const Bucket = bucketOf();
    await put(Bucket, 'from ä', 'body', { Metadata: { a: 'b' } });
    await cloud.clients.s3.send(
      new CopyObjectCommand({ Bucket, Key: 'to', CopySource: `${Bucket}/${encodeURIComponent('from ä')}` }),
    );
    expect(await get(Bucket, 'to')).toBe('body');
    expect((await cloud.clients.s3.send(new HeadObjectCommand({ Bucket, Key: 'to' }))).Metadata).toEqual({ a: 'b' });
  });

  test('have new metadata and tags only when the directive says so', async () => {
    const Bucket = bucketOf();
    const said = { Metadata: { a: '1' }, ContentType: 'text/plain', Tagging: 'old=tag' };
    await put(Bucket, 'from', 'body', { ...said, ServerSideEncryption: 'aws:kms' });
    const anew = { Metadata: { b: '2' }, ContentType: 'text/csv', Tagging: 'new=tag' };
    await copy(Bucket, 'same', 'from', anew);
    expect(await head(Bucket, 'same')).toMatchObject({ Metadata: { a: '1' }, ContentType: 'text/plain' });
    expect((await head(Bucket, 'same')).ServerSideEncryption).toBeUndefined();
    expect(await tagsOf(Bucket, 'same')).toEqual([{ Key: 'old', Value: 'tag' }]);
    await copy(Bucket, 'new', 'from', { ...anew, MetadataDirective: 'REPLACE', TaggingDirective: 'REPLACE' });
    const replaced = await head(Bucket, 'new');
    expect([replaced.Metadata, replaced.ContentType]).toEqual([{ b: '2' }, 'text/csv']);
    expect(await tagsOf(Bucket, 'new')).toEqual([{ Key: 'new', Value: 'tag' }]);
    await copy(Bucket, 'bare', 'from', { TaggingDirective: 'REPLACE' });
    expect(await tagsOf(Bucket, 'bare')).toEqual([]);
    const unknown = { MetadataDirective: 'MERGE' as 'COPY' };
    expect((await refusal(copy(Bucket, 'odd', 'from', unknown))).name).toBe('InvalidArgument');
  });

  test('onto the object itself change something, or bring an older version back', async () => {
    const Bucket = bucketOf({ versioning: true });
    const { VersionId } = await put(Bucket, 'k', 'one');
    await put(Bucket, 'k', 'two');
    expect(await refusal(copy(Bucket, 'k', 'k'))).toEqual({ status: 400, name: 'InvalidRequest' });
    expect((await refusal(copy(Bucket, 'k', 'k', { StorageClass: 'STANDARD' }))).name).toBe('InvalidRequest');
    await copy(Bucket, 'k', 'k', { StorageClass: 'GLACIER_IR' });
    expect((await head(Bucket, 'k')).StorageClass).toBe('GLACIER_IR');
    await copy(Bucket, 'k', 'k', { MetadataDirective: 'REPLACE', Metadata: { a: '1' } });
    expect((await head(Bucket, 'k')).Metadata).toEqual({ a: '1' });
    await copy(Bucket, 'k', `k?versionId=${VersionId}`);
    expect(await get(Bucket, 'k')).toBe('one');
  });
});
