/**
 * How long events are kept, on a whole platform: decided by two persons, stopped by a hold, told in the trail, and then
 * gone from queries and from S3, with a reason that verifiers understand.
 */
import { GetObjectCommand, ListBucketsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import { purgeOf } from '#core/proof/purge.ts';
import { judgeGone } from '#core/proof/verify-event.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { superuser } from './least-privilege/world.ts';

let platform: TestPlatform;
let sql: Sql;
let s3: S3Client;
let a: Awaited<ReturnType<TestPlatform['makeTenant']>>;
let b: Awaited<ReturnType<TestPlatform['makeTenant']>>;
let second: string;
const day = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * day).toISOString();
const sent: { readonly id: string; readonly leaf: number }[] = [];

const call = async (status: number, method: string, path: string, key: string, json?: unknown) => {
  const answer = await platform.call(method, path, { key, ...(json === undefined ? {} : { json }) });
  expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
  return answer.json;
};
const send = async (key: string, events: object[]): Promise<string[]> => {
  const { items } = await call(202, 'POST', '/v1/events', key, events);
  await platform.settled();
  return items.map(({ id }: { id: string }) => id);
};
const viewed = (days: number) => ({
  action: 'document.view',
  actor: { type: 'user', id: 'ada' },
  occurred_at: ago(days),
});
/** Whoever waits for events to be old enough for compaction, and for readers of replaced files. */
const compact = async () => {
  await sql`update record.segment set committed_at = committed_at - interval '1 day'`;
  await sql`update archive.doomed set after = after - interval '2 hours' where after < now() + interval '2 hours'`;
  await platform.functions.invoke('archive-compact-sweep', {});
  await platform.settled();
};
const purge = async () => {
  const report = await platform.functions.invoke('archive-purge', {});
  await platform.settled();
  return report as Record<string, number>;
};
const objects = async () => {
  const { Buckets = [] } = await s3.send(new ListBucketsCommand());
  const Bucket = Buckets.find(({ Name }) => /archive/.test(Name!))!.Name!;
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'audit-logs' }));
  return Contents.map(({ Key }) => Key!).filter((key) => key.includes(`${a.tenantId}/category=user_activity`));
};

beforeAll(async () => {
  platform = await testPlatform();
  sql = superuser(platform);
  const credentials = { accessKeyId: 'outsider', secretAccessKey: 'local' };
  const endpoint = platform.services.endpoints.s3;
  s3 = new S3Client({ endpoint, region: 'eu-west-1', forcePathStyle: true, credentials });
  [a, b] = await Promise.all([platform.makeTenant('Short memory'), platform.makeTenant('Neighbour')]);
  const scopes = ['retention:read', 'retention:manage', 'holds:manage'];
  second = (await call(201, 'POST', '/v1/keys', a.apiKey, { name: 'second', scopes })).key;
  const ids = await send(a.apiKey, [viewed(200), viewed(150), viewed(95), viewed(1)]);
  await send(b.apiKey, [viewed(200)]);
  for (const id of ids) {
    const { index } = await call(200, 'GET', `/v1/events/${id}/proof`, a.apiKey);
    sent.push({ id, leaf: index });
  }
  await platform.settled();
  await compact();
}, 240_000);
afterAll(async () => {
  s3?.destroy();
  await sql?.end();
  await platform?.end();
});

test('nothing is purged before somebody has decided it, and the default says so', async () => {
  const view = await call(200, 'GET', '/v1/retention', a.apiKey);
  expect(view).toMatchObject({ policy: { version: 0 }, waiting: null, purging: false, overdue: { files: 0 } });
  expect(await purge()).toMatchObject({ tenants: 0, files: 0, overdue: 0 });
  expect(await objects()).toHaveLength(4);
});

test('one proposes, itself cannot approve, a second person can, and S3 has it for compaction', async () => {
  const body = {
    classes: {
      critical: { hot: 90, warm: 365, cold: 2555, archive_format: 'glacier', compliance_requirements: ['SOX'] },
      standard: { hot: 90, cold: 365, archive_format: 's3' },
      activity: { cold: 90, archive_format: 'gzip' },
    },
  };
  const refused = await call(400, 'PUT', '/v1/retention', a.apiKey, {
    classes: { ...body.classes, standard: { hot: 91, cold: 365, archive_format: 's3' } },
  });
  expect(refused).toMatchObject({ detail: expect.stringContaining('30, 90, 180, 365') });
  expect(refused.pointer).toBe('/classes/standard/hot');
  expect(await call(202, 'PUT', '/v1/retention', a.apiKey, body)).toMatchObject({ version: 1, approved: null });
  const own = await call(403, 'POST', '/v1/retention/approve', a.apiKey, { version: 1 });
  expect(own.type).toContain('second_person_required');
  expect(await call(200, 'GET', '/v1/retention', a.apiKey)).toMatchObject({ waiting: { version: 1 }, purging: false });
  await call(409, 'POST', '/v1/retention/approve', second, { version: 2 });
  const approved = await call(200, 'POST', '/v1/retention/approve', second, { version: 1 });
  expect(approved).toMatchObject({ version: 1, classes: { activity: { hot: 90, warm: 90, ladder: 'standard' } } });
  // Again, as somebody does that has not heard the answer.
  await call(200, 'POST', '/v1/retention/approve', second, { version: 1 });
  const { Buckets = [] } = await s3.send(new ListBucketsCommand());
  const Bucket = Buckets.find(({ Name }) => /control/.test(Name!))!.Name!;
  const published = await s3.send(new GetObjectCommand({ Bucket, Key: `tenants/${a.tenantId}.json` }));
  expect(JSON.parse(await published.Body!.transformToString())).toMatchObject({
    retention: {
      byCategory: { user_activity: 'activity' },
      classes: { activity: { cold: 90, archiveFormat: 'gzip' } },
    },
  });
  await platform.settled();
  const { events } = await call(200, 'GET', '/v1/events?action=retention.*', a.apiKey);
  expect(events.map(({ action }: Event) => action)).toEqual(['retention.approved', 'retention.proposed']);
});

test('a legal hold stops it, and what is held is not overdue', async () => {
  const scope = { all: true };
  const { id } = await call(201, 'POST', '/v1/holds', a.apiKey, { matter: 'Smith', custodian: 'Legal', scope });
  expect(await purge()).toMatchObject({ files: 0, held: 3, overdue: 0 });
  expect(await call(200, 'GET', '/v1/retention', second)).toMatchObject({
    held: 3,
    overdue: { files: 0, oldest: null },
  });
  await call(200, 'POST', `/v1/holds/${id}/release`, a.apiKey);
  expect(await purge()).toMatchObject({ files: 0, held: 3 });
  await call(200, 'POST', `/v1/holds/${id}/release`, second);
});

test('released, what is past its end goes, and nothing else: overdue is 0', async () => {
  const before = await call(200, 'GET', '/v1/retention', a.apiKey);
  expect(before.overdue).toMatchObject({ files: 3 });
  expect(before.overdue.oldest.slice(0, 10)).toBe(ago(200).slice(0, 10));
  expect(await purge()).toMatchObject({ files: 3, events: 3, held: 0, failed: 0, overdue: 0 });
  const after = await call(200, 'GET', '/v1/retention', a.apiKey);
  expect(after).toMatchObject({ overdue: { files: 0, oldest: null }, held: 0, purging: true });
  const activity = after.next.find((one: { class: string }) => one.class === 'activity');
  expect(activity).toMatchObject({ files: 1, categories: ['user_activity'] });
  expect(activity.purge_at.slice(0, 10)).toBe(ago(-89).slice(0, 10));
  const question = `/v1/events?action=document.view&from=${ago(400)}`;
  const { events, complete } = await call(200, 'GET', question, a.apiKey);
  expect({ ids: events.map(({ id }: Event) => id), complete }).toEqual({ ids: [sent[3]!.id], complete: true });
  for (const { id } of sent.slice(0, 3)) await call(404, 'GET', `/v1/events/${id}`, a.apiKey);
  expect((await call(200, 'GET', question, b.apiKey)).events).toHaveLength(1);
});

test('the trail says which leaves went, by whom and by which policy, and verifiers call them PURGED', async () => {
  const { purges } = await call(200, 'GET', '/v1/retention/purges', a.apiKey);
  expect(purges).toMatchObject([{ policy_version: 1, files: 3, events: 3 }]);
  const { events } = await call(200, 'GET', '/v1/events?action=retention.purged', a.apiKey);
  const [told] = events as Event[];
  expect(told).toMatchObject({ operation_id: purges[0].id, metadata: { policy: 'retention:1', files: 3 } });
  expect(told!.metadata!.leaves).toEqual(purges[0].leaves);
  const gone = purgeOf(told!, 1_000)!;
  for (const { id, leaf } of sent.slice(0, 3)) {
    expect(judgeGone(leaf, { id }, [gone])).toMatchObject({ verdict: 'PURGED', at: { index: leaf, id } });
  }
  expect(judgeGone(sent[3]!.leaf, { id: sent[3]!.id }, [gone])).toMatchObject({ verdict: 'MISSING' });
});

test('clean-up deletes the objects, and another tenant sees nothing of all this', async () => {
  await compact();
  expect(await objects()).toHaveLength(1);
  const view = await call(200, 'GET', '/v1/retention', b.apiKey);
  expect(view).toMatchObject({ policy: { version: 0 }, waiting: null, purging: false });
  expect((await call(200, 'GET', '/v1/retention/purges', b.apiKey)).purges).toEqual([]);
  await call(409, 'POST', '/v1/retention/approve', b.apiKey, { version: 1 });
});
