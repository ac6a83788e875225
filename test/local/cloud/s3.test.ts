/** S3 as the SDK sees it: what is stored comes back, and what AWS refuses is refused. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusal, type TestCloud, testCloud } from './cloud.ts';

let around: string;
let cloud: TestCloud;
let buckets = 0;
const bucketOf = (options?: Parameters<TestCloud['s3']['createBucket']>[1]): string => {
  const name = `bucket-${++buckets}`;
  cloud.s3.createBucket(name, options);
  return name;
};
const put = (Bucket: string, Key: string, Body = 'body', more: object = {}) =>
  cloud.clients.s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Bucket: string, Key: string, VersionId?: string) => {
  const { Body } = await cloud.clients.s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  return Body!.transformToString();
};
const keysOf = async (Bucket: string, more: object = {}) => {
  const { Contents = [], CommonPrefixes = [] } = await cloud.clients.s3.send(
    new ListObjectsV2Command({ Bucket, ...more }),
  );
  return [...Contents.map(({ Key }) => Key), ...CommonPrefixes.map(({ Prefix }) => Prefix)];
};

beforeAll(async () => {
  // A folder around it, so that a key that gets out is seen, and goes with the rest.
  around = mkdtempSync(join(tmpdir(), 'trailkeep-around-'));
  cloud = await testCloud({}, join(around, 'cloud'));
});
afterAll(async () => {
  await cloud.end();
  rmSync(around, { recursive: true, force: true });
});

describe('keys', () => {
  const odd = [
    '../escape',
    '../../../escape',
    '/absolute',
    'a',
    'a/b',
    'a//b',
    'a/./b',
    'a/../b',
    '.',
    '..',
    '%2e%2e/x',
    'sp ace+plus&<>"\'?#=ä€😀',
    `${'long'.repeat(200)}`,
    `deep/${'x'.repeat(300)}/end`,
    'a/',
    '%',
    '%/a',
    'new\nline\ttab',
    '.versions/x',
    '.journal.jsonl',
  ];

  test('every key stays inside the folder of its bucket, and no two clash', async () => {
    const Bucket = bucketOf();
    for (const key of odd) await put(Bucket, key, `body of ${key}`);
    for (const key of odd) expect(await get(Bucket, key)).toBe(`body of ${key}`);
    expect(readdirSync(around)).toEqual(['cloud']);
    expect(existsSync('/absolute')).toBe(false);
    expect(readdirSync(join(cloud.folder, 's3')).sort()).toEqual(
      ['.journal.jsonl', '.versions', ...Array.from({ length: buckets }, (_, n) => `bucket-${n + 1}`)].filter((name) =>
        existsSync(join(cloud.folder, 's3', name)),
      ),
    );
    const listed = await keysOf(Bucket, { EncodingType: undefined });
    expect(listed.toSorted()).toEqual(odd.toSorted());
    for (const key of odd) await cloud.clients.s3.send(new DeleteObjectCommand({ Bucket, Key: key }));
    expect(await keysOf(Bucket)).toEqual([]);
  });

  test('an ordinary key is a file of that name, which zcat and others read', async () => {
    const Bucket = bucketOf();
    await put(Bucket, 'segments/v1/dt=2026-01-02/hh=03/x.jsonl.gz', 'lines');
    const file = join(cloud.folder, 's3', Bucket, 'segments/v1/dt=2026-01-02/hh=03/x.jsonl.gz');
    expect(readFileSync(file, 'utf8')).toBe('lines');
    await put(Bucket, 'segments/v1/dt=2026-01-02/hh=03/x.jsonl.gz', 'newer');
    expect(readFileSync(file, 'utf8')).toBe('newer');
    await cloud.clients.s3.send(new DeleteObjectCommand({ Bucket, Key: 'segments/v1/dt=2026-01-02/hh=03/x.jsonl.gz' }));
    expect(existsSync(file)).toBe(false);
  });

  test('a folder goes with its last object, so that a key of its name is a file', async () => {
    const Bucket = bucketOf();
    const remove = (Key: string) => cloud.clients.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    const file = (name: string) => join(cloud.folder, 's3', Bucket, name);
    await put(Bucket, 'd/e/f');
    await put(Bucket, 'd/g');
    await remove('d/e/f');
    expect([existsSync(file('d/e')), existsSync(file('d/g'))]).toEqual([false, true]);
    await remove('d/g');
    await put(Bucket, 'd', 'a file');
    expect(readFileSync(file('d'), 'utf8')).toBe('a file');
    // Whoever removes the last one must not take the folder from whoever writes the next.
    for (let n = 0; n < 20; n++) {
      await put(Bucket, 'x/old');
      await Promise.all([remove('x/old'), put(Bucket, `x/${n}`)]);
      expect(existsSync(file(`x/${n}`))).toBe(true);
      await remove(`x/${n}`);
    }
  });

  test('keys that cannot be paths have a file each', async () => {
    const Bucket = bucketOf();
    const keys = ['1', '2'].map((end) => `${'long'.repeat(100)}${end}`);
    for (const key of keys) await put(Bucket, key, key);
    const folder = join(cloud.folder, 's3', Bucket, '%');
    const bodies = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(bodies.toSorted()).toEqual(keys);
  });

  test('a key of more than 1024 bytes and a bucket that is a path are refused', async () => {
    const Bucket = bucketOf();
    expect(await refusal(put(Bucket, 'ä'.repeat(513)))).toEqual({ status: 400, name: 'KeyTooLongError' });
    const made = await fetch(`${cloud.url}/Not_A_Bucket`, { method: 'PUT' });
    expect([made.status, (await made.text()).includes('InvalidBucketName')]).toEqual([400, true]);
    expect(() => cloud.s3.createBucket('..')).toThrow('not valid');
  });
});

describe('objects', () => {
  test('type, encoding, metadata, class and encryption come back', async () => {
    const Bucket = bucketOf();
    const sent = {
      ContentType: 'application/json',
      ContentEncoding: 'gzip',
      Metadata: { one: '1' },
      StorageClass: 'GLACIER_IR',
      ServerSideEncryption: 'aws:kms',
    } as const;
    await put(Bucket, 'k', 'body', sent);
    expect(await cloud.clients.s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).toMatchObject({
      ...sent,
      ContentLength: 4,
      ETag: '"841a2d689ad86bd1611447453c22c6fc"',
    });
  });

  test('ranges, 416 and 304', async () => {
    const Bucket = bucketOf();
    await put(Bucket, 'k', '0123456789');
    const ranged = async (Range: string) => {
      const answer = await cloud.clients.s3.send(new GetObjectCommand({ Bucket, Key: 'k', Range }));
      return [await answer.Body!.transformToString(), answer.ContentRange];
    };
    expect(await ranged('bytes=2-4')).toEqual(['234', 'bytes 2-4/10']);
    expect(await ranged('bytes=8-99')).toEqual(['89', 'bytes 8-9/10']);
    expect(await ranged('bytes=-3')).toEqual(['789', 'bytes 7-9/10']);
    expect(await refusal(ranged('bytes=10-'))).toEqual({ status: 416, name: 'InvalidRange' });
    const IfNoneMatch = '"781e5e245d69b566979b86e28d23f2c7"';
    expect((await refusal(cloud.clients.s3.send(new GetObjectCommand({ Bucket, Key: 'k', IfNoneMatch })))).status).toBe(
      304,
    );
  });

  test('a missing key is NoSuchKey on GET and NotFound without a body on HEAD', async () => {
    const Bucket = bucketOf();
    expect(await refusal(get(Bucket, 'none'))).toEqual({ status: 404, name: 'NoSuchKey' });
    expect(await refusal(cloud.clients.s3.send(new HeadObjectCommand({ Bucket, Key: 'none' })))).toEqual({
      status: 404,
      name: 'NotFound',
    });
    expect(await refusal(get('no-bucket', 'none'))).toEqual({ status: 404, name: 'NoSuchBucket' });
  });

  test('tags are kept beside the body, not over it', async () => {
    const Bucket = bucketOf();
    await put(Bucket, 'k');
    const Tagging = { TagSet: [{ Key: 'a', Value: '<1>' }] };
    await cloud.clients.s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'k', Tagging }));
    expect(await get(Bucket, 'k')).toBe('body');
    const read = await cloud.clients.s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'k' }));
    expect(read.TagSet).toEqual(Tagging.TagSet);
  });
});

describe('conditional writes', () => {
  test('If-None-Match: * lets one of many writers through', async () => {
    const Bucket = bucketOf();
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => put(Bucket, 'claim', `${n}`, { IfNoneMatch: '*' })),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await refusal(put(Bucket, 'claim', 'x', { IfNoneMatch: '*' }))).toEqual({
      status: 412,
      name: 'PreconditionFailed',
    });
  });

  test('If-Match lets through who read the newest', async () => {
    const Bucket = bucketOf();
    const { ETag } = await put(Bucket, 'k', 'one');
    await put(Bucket, 'k', 'two', { IfMatch: ETag });
    expect((await refusal(put(Bucket, 'k', 'three', { IfMatch: ETag }))).status).toBe(412);
    expect((await refusal(put(Bucket, 'none', 'x', { IfMatch: ETag }))).status).toBe(404);
    expect(await get(Bucket, 'k')).toBe('two');
  });
});

describe('checksums', () => {
  test.each(['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const)('%s is verified, stored and shown', async (algorithm) => {
    const Bucket = bucketOf();
    await put(Bucket, 'k', 'body', { ChecksumAlgorithm: algorithm });
    const head = await cloud.clients.s3.send(new HeadObjectCommand({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' }));
    const found = head[`Checksum${algorithm}`];
    expect(found).toMatch(/^[\w+/]+=*$/);
    const wrong = { [`Checksum${algorithm}`]: found?.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) };
    expect(await refusal(put(Bucket, 'k2', 'body', wrong))).toEqual({ status: 400, name: 'BadDigest' });
    expect((await refusal(get(Bucket, 'k2'))).name).toBe('NoSuchKey');
  });

  test('a wrong Content-MD5 is refused', async () => {
    const Bucket = bucketOf();
    expect((await refusal(put(Bucket, 'k', 'body', { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }))).name).toBe(
      'BadDigest',
    );
  });

  test('a streamed body loses its framing, and its trailer is verified', async () => {
    const Bucket = bucketOf();
    const Body = Readable.from([Buffer.alloc(70_000, 'a'), Buffer.alloc(70_000, 'b')]);
    await cloud.clients.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body, ContentLength: 140_000 }));
    expect(await get(Bucket, 'k')).toBe('a'.repeat(70_000) + 'b'.repeat(70_000));
    const head = await cloud.clients.s3.send(new HeadObjectCommand({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' }));
    expect(head.ChecksumCRC32).toBeDefined();
    expect(head.ContentEncoding).toBeUndefined();
    const chunked = (trailer: string) =>
      fetch(`${cloud.url}/${Bucket}/t`, {
        method: 'PUT',
        headers: { 'content-encoding': 'aws-chunked', 'x-amz-trailer': 'x-amz-checksum-crc32' },
        body: `4\r\nbody\r\n0\r\n${trailer}\r\n`,
      });
    expect(await (await chunked('x-amz-checksum-crc32:AAAAAA==\r\n')).text()).toContain('BadDigest');
    expect(await (await chunked('')).text()).toContain('MalformedTrailerError');
  });
});

describe('listings', () => {
  test('prefix, delimiter, start-after and pages, in the order of bytes', async () => {
    const Bucket = bucketOf();
    const keys = ['a/1', 'a/2', 'a/b/3', 'b', 'c/4', 'z', '\uffee', '😀'];
    for (const key of keys.toReversed()) await put(Bucket, key);
    expect(await keysOf(Bucket)).toEqual(keys);
    expect(await keysOf(Bucket, { Prefix: 'a/' })).toEqual(['a/1', 'a/2', 'a/b/3']);
    expect(await keysOf(Bucket, { Prefix: 'a/', Delimiter: '/' })).toEqual(['a/1', 'a/2', 'a/b/']);
    expect(await keysOf(Bucket, { Delimiter: '/' })).toEqual(['b', 'z', '\uffee', '😀', 'a/', 'c/']);
    expect(await keysOf(Bucket, { StartAfter: 'a/2' })).toEqual(keys.slice(2));
    for (const Delimiter of [undefined, '/']) {
      const paged: (string | undefined)[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await cloud.clients.s3.send(
          new ListObjectsV2Command({ Bucket, MaxKeys: 2, Delimiter, ContinuationToken }),
        );
        paged.push(...(page.Contents ?? []).map(({ Key }) => Key), ...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken);
      expect(paged.toSorted()).toEqual((await keysOf(Bucket, { Delimiter })).toSorted());
    }
  });
});

describe('versions', () => {
  test('each write is kept, a removal is a marker, and both can be undone', async () => {
    const Bucket = bucketOf({ versioning: true });
    const first = (await put(Bucket, 'k', 'one')).VersionId!;
    const second = (await put(Bucket, 'k', 'two')).VersionId!;
    const marker = await cloud.clients.s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    expect(marker.DeleteMarker).toBe(true);
    expect((await refusal(get(Bucket, 'k'))).name).toBe('NoSuchKey');
    expect(await keysOf(Bucket)).toEqual([]);
    expect([await get(Bucket, 'k', first), await get(Bucket, 'k', second)]).toEqual(['one', 'two']);
    const listed = await cloud.clients.s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(listed.Versions?.map(({ VersionId }) => VersionId)).toEqual([second, first]);
    expect(listed.DeleteMarkers).toMatchObject([{ Key: 'k', IsLatest: true, VersionId: marker.VersionId }]);
    await cloud.clients.s3.send(new DeleteObjectCommand({ Bucket, Key: 'k', VersionId: marker.VersionId }));
    expect(await get(Bucket, 'k')).toBe('two');
    await cloud.clients.s3.send(new DeleteObjectCommand({ Bucket, Key: 'k', VersionId: second }));
    expect(await get(Bucket, 'k')).toBe('one');
  });

  test('a claim on a removed key is free again', async () => {
    const Bucket = bucketOf({ versioning: true });
    await put(Bucket, 'k', 'one', { IfNoneMatch: '*' });
    await cloud.clients.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'k' }] } }));
    await put(Bucket, 'k', 'two', { IfNoneMatch: '*' });
    expect(await get(Bucket, 'k')).toBe('two');
  });
});

test('a multipart upload is one object, and its parts are checked', async () => {
  const { s3 } = cloud.clients;
  const Bucket = bucketOf();
  const key = { Bucket, Key: 'big' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...key, Metadata: { a: 'b' } }));
  const bodies = [Buffer.alloc(5 * 1024 * 1024, 1), Buffer.alloc(10, 2)];
  const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
  for (const [index, Body] of bodies.entries()) {
    const PartNumber = index + 1;
    const { ETag } = await s3.send(new UploadPartCommand({ ...key, UploadId, PartNumber, Body }));
    Parts.push({ ETag, PartNumber });
  }
  expect((await s3.send(new ListPartsCommand({ ...key, UploadId }))).Parts).toHaveLength(2);
  const finish = (parts: typeof Parts) =>
    s3.send(new CompleteMultipartUploadCommand({ ...key, UploadId, MultipartUpload: { Parts: parts } }));
  expect((await refusal(finish([{ ETag: '"x"', PartNumber: 1 }]))).name).toBe('InvalidPart');
  expect((await refusal(finish(Parts.toReversed()))).name).toBe('InvalidPartOrder');
  expect((await finish(Parts)).ETag).toMatch(/-2"$/);
  const whole = await s3.send(new GetObjectCommand(key));
  expect(Buffer.from(await whole.Body!.transformToByteArray()).equals(Buffer.concat(bodies))).toBe(true);
  expect(whole.Metadata).toEqual({ a: 'b' });
});

test("an upload is no other key's, and no other bucket's", async () => {
  const { s3 } = cloud.clients;
  const mine = { Bucket: bucketOf(), Key: 'mine' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(mine));
  const part = (place: typeof mine, PartNumber: number, id = UploadId) =>
    s3.send(new UploadPartCommand({ ...place, UploadId: id, PartNumber, Body: 'part' }));
  const { ETag } = await part(mine, 1);
  const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
  const none = { status: 404, name: 'NoSuchUpload' };
  for (const other of [
    { ...mine, Key: 'yours' },
    { ...mine, Bucket: bucketOf() },
  ]) {
    const upload = { ...other, UploadId };
    expect(await refusal(part(other, 1))).toEqual(none);
    expect(await refusal(s3.send(new ListPartsCommand(upload)))).toEqual(none);
    expect(await refusal(s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload })))).toEqual(none);
    expect(await refusal(s3.send(new AbortMultipartUploadCommand(upload)))).toEqual(none);
  }
  expect((await refusal(part(mine, 10_001))).name).toBe('InvalidArgument');
  await s3.send(new CompleteMultipartUploadCommand({ ...mine, UploadId, MultipartUpload }));
  expect(await get(mine.Bucket, 'mine')).toBe('part');
});

test('a word that is known and means nothing is refused', async () => {
  const { s3 } = cloud.clients;
  const Bucket = bucketOf();
  await put(Bucket, 'k', '0123456789');
  const owner = (ExpectedBucketOwner: string) =>
    s3.send(new GetObjectCommand({ Bucket, Key: 'k', ExpectedBucketOwner }));
  expect(await refusal(owner('999999999999'))).toEqual({ status: 403, name: 'AccessDenied' });
  await owner('000000000000');
  const none = { StorageClass: 'NONE' };
  const invalidClass = { status: 400, name: 'InvalidStorageClass' };
  expect(await refusal(put(Bucket, 'k', 'x', none))).toEqual(invalidClass);
  const upload = new CreateMultipartUploadCommand({ Bucket, Key: 'k', StorageClass: 'NONE' as 'GLACIER' });
  expect(await refusal(s3.send(upload))).toEqual(invalidClass);
  for (const max of ['x', '-1', '']) {
    const page = await fetch(`${cloud.url}/${Bucket}?list-type=2&max-keys=${max}`);
    expect([page.status, (await page.text()).includes('InvalidArgument')]).toEqual([400, true]);
    expect((await fetch(`${cloud.url}/${Bucket}?versions&max-keys=${max}`)).status).toBe(400);
  }
  const ranges = s3.send(new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=0-0,2-3' }));
  expect(await refusal(ranges)).toEqual({ status: 501, name: 'NotImplemented' });
  const ifRange = await fetch(`${cloud.url}/${Bucket}/k`, { headers: { 'if-range': '"x"', range: 'bytes=0-0' } });
  expect(ifRange.status).toBe(501);
});

describe('what we do not do answers 501', () => {
  test('operations, sub-resources, query words and headers', async () => {
    const { s3 } = cloud.clients;
    const Bucket = bucketOf();
    await put(Bucket, 'k');
    const loud = { status: 501, name: 'NotImplemented' };
    expect(await refusal(s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL: 'private' })))).toEqual(loud);
    expect(await refusal(s3.send(new PutBucketPolicyCommand({ Bucket, Policy: '{}' })))).toEqual(loud);
    expect(await refusal(s3.send(new GetObjectCommand({ Bucket, Key: 'k', PartNumber: 1 })))).toEqual(loud);
    expect(await refusal(s3.send(new GetObjectCommand({ Bucket, Key: 'k', IfModifiedSince: new Date(0) })))).toEqual(
      loud,
    );
    expect(await refusal(put(Bucket, 'k', 'x', { ACL: 'private' }))).toEqual(loud);
    expect(await get(Bucket, 'k')).toBe('body');
    expect((await fetch(`${cloud.url}/${Bucket}`)).status).toBe(501);
  });

  test('a second bucket of the same name says who owns the first', async () => {
    const Bucket = bucketOf();
    const location = { LocationConstraint: 'eu-west-1' } as const;
    expect(
      await refusal(cloud.clients.s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: location }))),
    ).toEqual({ status: 409, name: 'BucketAlreadyOwnedByYou' });
  });
});
