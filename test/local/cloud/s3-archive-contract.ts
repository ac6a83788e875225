/** What S3 promises about storage classes, tags and restores: asked of our own server and, where it is installed, of moto. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectTaggingCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  RestoreObjectCommand,
  type RestoreRequest,
  type S3Client,
} from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { refusal } from './cloud.ts';

let buckets = 0;

/**
 * `s3` answers a client; it is asked when tests run. `strict`: a restore takes its time, and its days and
 * speed are judged, as are tags, like on AWS.
 */
export function archiveContract(s3: () => S3Client, { strict }: { readonly strict: boolean }): void {
  const bucketOf = async () => {
    const Bucket = `archive-contract-${++buckets}`;
    await s3().send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }),
    );
    return Bucket;
  };
  const put = (Bucket: string, Key: string, more: object = {}) =>
    s3().send(new PutObjectCommand({ Bucket, Key, Body: 'body', ...more }));
  const head = (Bucket: string, Key: string) => s3().send(new HeadObjectCommand({ Bucket, Key }));
  const read = async (Bucket: string, Key: string) =>
    (await s3().send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString();
  const copy = (Bucket: string, Key: string, from: string, more: object = {}) =>
    s3().send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}`, ...more }));
  const restore = async (Bucket: string, Key: string, RestoreRequest: RestoreRequest) =>
    (await s3().send(new RestoreObjectCommand({ Bucket, Key, RestoreRequest }))).$metadata.httpStatusCode;
  const tagsOf = async (Bucket: string, Key: string) =>
    (await s3().send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;

  test('a class is what it was put with, in heads and lists; Standard is not said in heads', async () => {
    const Bucket = await bucketOf();
    await put(Bucket, 'a');
    await put(Bucket, 'b', { StorageClass: 'GLACIER_IR' });
    await put(Bucket, 'c', { StorageClass: 'DEEP_ARCHIVE' });
    const heads = await Promise.all(['a', 'b', 'c'].map((key) => head(Bucket, key)));
    expect(heads.map(({ StorageClass }) => StorageClass)).toEqual([undefined, 'GLACIER_IR', 'DEEP_ARCHIVE']);
    const { Contents } = await s3().send(new ListObjectsV2Command({ Bucket }));
    expect(Contents?.map(({ StorageClass }) => StorageClass)).toEqual(['STANDARD', 'GLACIER_IR', 'DEEP_ARCHIVE']);
    expect(await read(Bucket, 'b')).toBe('body');
  });

  test('tags come with a put, are replaced and removed, and are counted on GET', async () => {
    const Bucket = await bucketOf();
    await put(Bucket, 'k', { Tagging: 'ladder=warm-90&kind=a%20b' });
    expect(await tagsOf(Bucket, 'k')).toEqual([
      { Key: 'ladder', Value: 'warm-90' },
      { Key: 'kind', Value: 'a b' },
    ]);
    expect((await s3().send(new GetObjectCommand({ Bucket, Key: 'k' }))).TagCount).toBe(2);
    const Tagging = { TagSet: [{ Key: 'ladder', Value: 'standard' }] };
    await s3().send(new PutObjectTaggingCommand({ Bucket, Key: 'k', Tagging }));
    expect(await tagsOf(Bucket, 'k')).toEqual(Tagging.TagSet);
    await s3().send(new DeleteObjectTaggingCommand({ Bucket, Key: 'k' }));
    expect(await tagsOf(Bucket, 'k')).toEqual([]);
  });

  test.each(['GLACIER', 'DEEP_ARCHIVE'] as const)('%s is neither read nor copied as it is', async (StorageClass) => {
    const Bucket = await bucketOf();
    await put(Bucket, 'k', { StorageClass });
    const refused = { status: 403, name: 'InvalidObjectState' };
    expect(await refusal(read(Bucket, 'k'))).toEqual(refused);
    expect((await refusal(copy(Bucket, 'other', 'k'))).status).toBe(403);
    expect((await head(Bucket, 'k')).Restore).toBeUndefined();
  });

  test('a restore is accepted with 202; what is not archived has none', async () => {
    const Bucket = await bucketOf();
    await put(Bucket, 'k', { StorageClass: 'DEEP_ARCHIVE' });
    expect(await restore(Bucket, 'k', { Days: 3, GlacierJobParameters: { Tier: 'Bulk' } })).toBe(202);
    expect((await head(Bucket, 'k')).Restore).toMatch(/^ongoing-request="(true|false)"/);
    expect((await head(Bucket, 'k')).StorageClass).toBe('DEEP_ARCHIVE');
    await put(Bucket, 'plain');
    expect((await refusal(restore(Bucket, 'plain', { Days: 1 }))).status).toBe(403);
    expect((await refusal(restore(Bucket, 'none', { Days: 1 }))).name).toBe('NoSuchKey');
  });

  test('lifecycle rules come back as they were put', async () => {
    const Bucket = await bucketOf();
    const Rules = [
      {
        ID: 'ladder-warm-90-cold-365',
        Status: 'Enabled' as const,
        Filter: { And: { Prefix: 'audit-logs/', Tags: [{ Key: 'ladder', Value: 'warm-90-cold-365' }] } },
        Transitions: [
          { Days: 90, StorageClass: 'GLACIER_IR' as const },
          { Days: 365, StorageClass: 'DEEP_ARCHIVE' as const },
        ],
      },
      {
        ID: 'old',
        Status: 'Enabled' as const,
        Filter: { Prefix: '' },
        Expiration: { ExpiredObjectDeleteMarker: true },
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
      },
    ];
    const LifecycleConfiguration = { Rules };
    await s3().send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
    const found = await s3().send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    expect(found.Rules).toMatchObject(Rules);
  });

  if (!strict) return;

  test('a key twice, or more than ten tags, are refused', async () => {
    const Bucket = await bucketOf();
    await put(Bucket, 'k');
    const tag = (TagSet: { Key: string; Value: string }[]) =>
      s3().send(new PutObjectTaggingCommand({ Bucket, Key: 'k', Tagging: { TagSet } }));
    const twice = [1, 2].map((n) => ({ Key: 'a', Value: String(n) }));
    expect(await refusal(tag(twice))).toEqual({ status: 400, name: 'InvalidTag' });
    const many = Array.from({ length: 11 }, (_, n) => ({ Key: `k${n}`, Value: 'v' }));
    expect((await refusal(tag(many))).status).toBe(400);
    expect(await tagsOf(Bucket, 'k')).toEqual([]);
  });

  test('asking while one is under way is refused, at any speed but a faster one', async () => {
    const Bucket = await bucketOf();
    await put(Bucket, 'k', { StorageClass: 'DEEP_ARCHIVE' });
    const asked = (Tier: 'Bulk' | 'Standard') => restore(Bucket, 'k', { Days: 1, GlacierJobParameters: { Tier } });
    expect(await asked('Bulk')).toBe(202);
    expect(await refusal(asked('Bulk'))).toEqual({ status: 409, name: 'RestoreAlreadyInProgress' });
    expect(await asked('Standard')).toBe(202);
    expect((await refusal(asked('Standard'))).name).toBe('RestoreAlreadyInProgress');
  });

  test('Deep Archive has no Expedited, and a request names its days', async () => {
    const Bucket = await bucketOf();
    await put(Bucket, 'k', { StorageClass: 'DEEP_ARCHIVE' });
    const Expedited = { Days: 1, GlacierJobParameters: { Tier: 'Expedited' as const } };
    expect(await refusal(restore(Bucket, 'k', Expedited))).toEqual({ status: 400, name: 'InvalidArgument' });
    expect((await refusal(restore(Bucket, 'k', {}))).name).toBe('MalformedXML');
    expect((await refusal(restore(Bucket, 'k', { Days: 0 }))).name).toBe('MalformedXML');
    expect((await head(Bucket, 'k')).Restore).toBeUndefined();
    await put(Bucket, 'flexible', { StorageClass: 'GLACIER' });
    expect(await restore(Bucket, 'flexible', Expedited)).toBe(202);
  });
}
