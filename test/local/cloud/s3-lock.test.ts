/** Object Lock and Glacier: what nobody may remove, and what cannot be read at once. */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  RestoreObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusal, type TestCloud, testCloud } from './cloud.ts';

const dayMs = 86_400_000;
let now = Date.parse('2026-05-01T00:00:00Z');
let cloud: TestCloud;
let buckets = 0;

beforeAll(async () => {
  cloud = await testCloud({ now: () => now, glacierRestoreMs: 5 * 3_600_000 });
});
afterAll(() => cloud.end());

const locked = (defaultRetention?: { mode: 'GOVERNANCE' | 'COMPLIANCE'; days: number }): string => {
  const name = `locked-${++buckets}`;
  cloud.s3.createBucket(name, { objectLock: true, ...(defaultRetention ? { defaultRetention } : {}) });
  return name;
};
const put = async (Bucket: string, more: object = {}) => {
  const { VersionId } = await cloud.clients.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'body', ...more }));
  return { Bucket, Key: 'k', VersionId };
};
const remove = (version: object, BypassGovernanceRetention?: boolean) =>
  cloud.clients.s3.send(new DeleteObjectCommand({ Bucket: '', Key: '', ...version, BypassGovernanceRetention }));
const retain = (version: object, Mode: 'GOVERNANCE' | 'COMPLIANCE', days: number, bypass?: boolean) =>
  cloud.clients.s3.send(
    new PutObjectRetentionCommand({
      Bucket: '',
      Key: '',
      ...version,
      Retention: { Mode, RetainUntilDate: new Date(now + days * dayMs) },
      BypassGovernanceRetention: bypass,
    }),
  );
const denied = { status: 403, name: 'AccessDenied' };

describe('retention', () => {
  test('in compliance mode a version stays until its day, whoever asks', async () => {
    const version = await put(locked({ mode: 'COMPLIANCE', days: 30 }));
    expect(await refusal(remove(version))).toEqual(denied);
    expect(await refusal(remove(version, true))).toEqual(denied);
    now += 31 * dayMs;
    await remove(version);
    expect((await refusal(cloud.clients.s3.send(new GetObjectCommand(version)))).status).toBe(404);
  });

  test('in governance mode it stays but for who says to bypass', async () => {
    const version = await put(locked({ mode: 'GOVERNANCE', days: 30 }));
    expect(await refusal(remove(version))).toEqual(denied);
    await remove(version, true);
  });

  test('a locked version is not removed in a batch either, and a marker may cover it', async () => {
    const version = await put(locked({ mode: 'COMPLIANCE', days: 30 }));
    const { Bucket, Key, VersionId } = version;
    const batch = (Objects: { Key: string; VersionId?: string | undefined }[]) =>
      cloud.clients.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect((await batch([{ Key, VersionId }])).Errors).toMatchObject([{ Key, Code: 'AccessDenied' }]);
    expect((await batch([{ Key }])).Deleted).toMatchObject([{ Key, DeleteMarker: true }]);
    const found = await cloud.clients.s3.send(new GetObjectCommand(version));
    expect(await found.Body!.transformToString()).toBe('body');
  });

  test('a retention gets longer, never shorter or weaker', async () => {
    const version = await put(locked());
    await retain(version, 'COMPLIANCE', 10);
    await retain(version, 'COMPLIANCE', 20);
    expect(await refusal(retain(version, 'COMPLIANCE', 15, true))).toEqual(denied);
    expect(await refusal(retain(version, 'GOVERNANCE', 30, true))).toEqual(denied);
    const { Retention } = await cloud.clients.s3.send(new GetObjectRetentionCommand(version));
    expect(Retention).toEqual({ Mode: 'COMPLIANCE', RetainUntilDate: new Date(now + 20 * dayMs) });
  });

  test('the lock of a write stands above the default, and a date that has passed is refused', async () => {
    const Bucket = locked({ mode: 'GOVERNANCE', days: 1 });
    const until = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: new Date(now + 90 * dayMs) };
    const head = await cloud.clients.s3.send(new HeadObjectCommand(await put(Bucket, until)));
    expect(head).toMatchObject(until);
    const past = { ...until, ObjectLockRetainUntilDate: new Date(now - 1) };
    expect((await refusal(put(Bucket, past))).name).toBe('InvalidArgument');
  });

  test('a legal hold has no end of its own', async () => {
    const version = await put(locked());
    const hold = (Status: 'ON' | 'OFF') =>
      cloud.clients.s3.send(new PutObjectLegalHoldCommand({ ...version, LegalHold: { Status } }));
    await hold('ON');
    now += 1000 * dayMs;
    expect(await refusal(remove(version, true))).toEqual(denied);
    await hold('OFF');
    await remove(version);
  });

  test('a bucket without lock takes none, and one with lock keeps its versions', async () => {
    cloud.s3.createBucket('plain', { versioning: true });
    const version = await put('plain');
    expect((await refusal(retain(version, 'COMPLIANCE', 1))).name).toBe('InvalidRequest');
    const Bucket = locked({ mode: 'COMPLIANCE', days: 7 });
    const VersioningConfiguration = { Status: 'Suspended' } as const;
    expect(
      (await refusal(cloud.clients.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration })))).name,
    ).toBe('InvalidBucketState');
    const { ObjectLockConfiguration } = await cloud.clients.s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
    expect(ObjectLockConfiguration?.Rule?.DefaultRetention).toEqual({ Mode: 'COMPLIANCE', Days: 7 });
  });
});

describe.each(['GLACIER', 'DEEP_ARCHIVE'] as const)('%s', (StorageClass) => {
  test('is read after a restore has finished, until the copy goes', async () => {
    cloud.s3.createBucket(StorageClass.toLowerCase().replace('_', '-'));
    const object = await put(StorageClass.toLowerCase().replace('_', '-'), { StorageClass });
    const read = () => cloud.clients.s3.send(new GetObjectCommand(object));
    const restored = async () => (await cloud.clients.s3.send(new HeadObjectCommand(object))).Restore;
    const restore = () => cloud.clients.s3.send(new RestoreObjectCommand({ ...object, RestoreRequest: { Days: 2 } }));
    expect(await refusal(read())).toEqual({ status: 403, name: 'InvalidObjectState' });
    await restore();
    expect(await restored()).toBe('ongoing-request="true"');
    expect(await refusal(restore())).toEqual({ status: 409, name: 'RestoreAlreadyInProgress' });
    expect((await refusal(read())).name).toBe('InvalidObjectState');
    now += 5 * 3_600_000;
    expect(await (await read()).Body!.transformToString()).toBe('body');
    expect(await restored()).toMatch(/^ongoing-request="false", expiry-date="/);
    // Two days, and what is left of the last one.
    now += 3 * dayMs;
    expect((await refusal(read())).name).toBe('InvalidObjectState');
  });
});
