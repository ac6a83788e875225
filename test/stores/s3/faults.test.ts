/** What only S3 itself can do to us: throttle, deny, lose an answer. */
import {
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '#core/event/problem.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { Unavailable } from '#core/record/ports.ts';
import { S3Claims } from '#stores/s3/claims.ts';
import { S3Control } from '#stores/s3/control.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { tenantA } from '#test/support/events.ts';
import { idAt, linesOf, someTime } from '#test/support/lines.ts';
import { publishedKey } from '../contract/control.ts';

const client = new S3Client({ region: 'eu-west-1' });
const s3 = mockClient(client);
beforeEach(() => s3.reset());

const failure = (name: string, httpStatusCode: number) =>
  new S3ServiceException({ name, $fault: 'server', $metadata: { httpStatusCode }, message: name });
const missing = () => new NoSuchKey({ $metadata: { httpStatusCode: 404 }, message: 'no such key' });
const bodyOf = (document: object) => ({ Body: { transformToString: async () => JSON.stringify(document) } });
const plan = planSegment(linesOf(3), { id: idAt(someTime, 1), tier: 'bulk', now: new Date(someTime) });

describe('a segment', () => {
  const segments = new S3Segments(client, 'b');

  test('whose first answer was lost is written: the object that is in the way has our bytes', async () => {
    s3.on(PutObjectCommand).rejects(failure('PreconditionFailed', 412));
    s3.on(HeadObjectCommand).callsFake(({ Key }) => ({
      ChecksumSHA256: s3.commandCalls(PutObjectCommand, { Key })[0]!.args[0].input.ChecksumSHA256,
    }));
    expect(await segments.write(plan)).toMatchObject({ key: plan.key });
  });

  test('that meets other bytes rejects with conflict', async () => {
    s3.on(PutObjectCommand).rejects(failure('PreconditionFailed', 412));
    s3.on(HeadObjectCommand).resolves({ ChecksumSHA256: 'other' });
    await expect(segments.write(plan)).rejects.toBeInstanceOf(Problem);
  });

  test('never overwrites: both objects are put only where none is, with a checksum', async () => {
    s3.on(PutObjectCommand).resolves({});
    await segments.write(plan);
    const inputs = s3.commandCalls(PutObjectCommand).map((call) => call.args[0].input);
    expect(inputs.map(({ Key }) => Key).sort()).toEqual([plan.key.replace('.jsonl.gz', '.idx'), plan.key]);
    for (const input of inputs) expect(input).toMatchObject({ IfNoneMatch: '*', ChecksumSHA256: expect.any(String) });
  });

  test.each([
    ['SlowDown', 503],
    ['InternalError', 500],
    ['ConditionalRequestConflict', 409],
  ])('that S3 answers with %s is unavailable', async (name, status) => {
    s3.on(PutObjectCommand).rejects(failure(name, status));
    await expect(segments.write(plan)).rejects.toBeInstanceOf(Unavailable);
  });

  test('that we may not write is no outage', async () => {
    s3.on(PutObjectCommand).rejects(failure('AccessDenied', 403));
    await expect(segments.write(plan)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test.each(['../x', 'segments/v1/x', `${plan.key}/..`])('is never looked for at %s', async (key) => {
    await expect(segments.read(key, 0, 1)).rejects.toBeInstanceOf(TypeError);
    await expect(segments.remove(key)).rejects.toBeInstanceOf(TypeError);
    expect(s3.calls()).toHaveLength(0);
  });
});

describe('control', () => {
  let now = 0;
  const open = () => new S3Control(client, 'b', () => now);
  const { keyId } = publishedKey;
  const gets = () => s3.commandCalls(GetObjectCommand).length;
  const found = () => s3.on(GetObjectCommand).callsFake(() => bodyOf(publishedKey));

  test('asks for a policy once a minute, and once for many that ask together', async () => {
    s3.on(GetObjectCommand).callsFake(() => bodyOf({ v: 1, tenant: tenantA }));
    const control = open();
    await Promise.all(Array.from({ length: 20 }, () => control.tenant(tenantA)));
    now += 59_999;
    await control.tenant(tenantA);
    expect(gets()).toBe(1);
    now += 1;
    await control.tenant(tenantA);
    expect(gets()).toBe(2);
  });

  test('sees a revocation within a second: API Gateway remembers the key for a minute already', async () => {
    found();
    const control = open();
    await control.key(keyId);
    s3.on(GetObjectCommand).callsFake(() => bodyOf({ ...publishedKey, revokedAt: '2026-03-01T12:00:00.000Z' }));
    now += 1_000;
    expect(await control.key(keyId)).toHaveProperty('revokedAt');
  });

  test('finds a new key within five seconds of having missed it', async () => {
    s3.on(GetObjectCommand).rejects(missing());
    const control = open();
    expect(await control.key(keyId)).toBeUndefined();
    expect(await control.key(keyId)).toBeUndefined();
    expect(gets()).toBe(1);
    found();
    now += 5_000;
    expect(await control.key(keyId)).toEqual(publishedKey);
  });

  test('answers from memory for ten minutes while S3 is down, then not, and says unavailable for what it never saw', async () => {
    found();
    const control = open();
    await control.key(keyId);
    s3.on(GetObjectCommand).rejects(failure('ServiceUnavailable', 503));
    now += 599_000;
    expect(await control.key(keyId)).toEqual(publishedKey);
    expect(await control.key(keyId)).toEqual(publishedKey);
    expect(gets()).toBe(2);
    await expect(control.tenant(tenantA)).rejects.toBeInstanceOf(Unavailable);
    now += 10_000;
    await expect(control.key(keyId)).rejects.toBeInstanceOf(Unavailable);
    found();
    expect(await control.key(keyId)).toEqual(publishedKey);
  });

  test('a denial is an error at once and hides behind nothing', async () => {
    found();
    const control = open();
    await control.key(keyId);
    now += 60_000;
    s3.on(GetObjectCommand).rejects(failure('AccessDenied', 403));
    await expect(control.key(keyId)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test('a name of a wrong shape costs no call', async () => {
    const control = open();
    for (const name of ['', '..', 'a/b', '../keys/x']) expect(await control.key(name)).toBeUndefined();
    expect(s3.calls()).toHaveLength(0);
  });
});

describe('a claim', () => {
  const claims = new S3Claims(client, 'b');
  const ours = { v: 1, bodySha256: 'a', receivedAt: 'b', seed: 'c' } as const;

  test('whose first answer was lost is ours when it reads back', async () => {
    s3.on(PutObjectCommand).rejects(failure('PreconditionFailed', 412));
    s3.on(GetObjectCommand).callsFake(() => bodyOf(ours));
    expect(await claims.claim(tenantA, 'k', ours)).toEqual(ours);
  });

  test('that expires between the two calls is made anew', async () => {
    s3.on(PutObjectCommand).rejectsOnce(failure('PreconditionFailed', 412)).resolves({});
    s3.on(GetObjectCommand).rejects(missing());
    expect(await claims.claim(tenantA, 'k', ours)).toEqual(ours);
  });

  test('of a tenant whose name has a wrong shape is never put', async () => {
    await expect(claims.claim('../x', 'k', ours)).rejects.toBeInstanceOf(TypeError);
    expect(s3.calls()).toHaveLength(0);
  });
});
