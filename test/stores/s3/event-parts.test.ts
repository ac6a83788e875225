/** Parts of exports on S3: put once, read in slices, and fetched by an address that ends. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EventPart, partName } from '#core/export/ports.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { S3EventParts } from '#stores/s3/event-parts.ts';
import { tenantA, tenantB } from '#test/support/events.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-event-parts-'));
const id = '01890000-0000-7000-8000-000000000001';
const run = '01890000-0000-7000-8000-000000000002';
const bytes = Buffer.from(Array.from({ length: 10_000 }, (_, n) => `line ${n}\n`).join(''));
const sha256 = createHash('sha256').update(bytes).digest('hex');
const part: EventPart = { part: 1, run, events: 10_000, bytes: bytes.length, sha256 };
let now = Date.now();
let cloud: Cloud;
let client: S3Client;
let parts: S3EventParts;
const calls: string[] = [];
beforeAll(async () => {
  cloud = await startCloud({
    folder,
    now: () => now,
    onCall: ({ caller, operation, status }) => calls.push(`${caller} ${operation} ${status}`),
  });
  client = new S3Client({
    ...clientSettings,
    endpoint: cloud.url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'exports', secretAccessKey: 'local' },
    forcePathStyle: true,
  });
  await client.send(new CreateBucketCommand({ Bucket: 'control' }));
  parts = new S3EventParts(client, 'control');
  await parts.put(tenantA, id, 'csv', part, bytes);
});
afterAll(async () => {
  await cloud.close();
  rmSync(folder, { recursive: true, force: true });
});

test('slices follow each other without gaps', async () => {
  const slices: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; offset += 30_000) {
    slices.push((await parts.get(tenantA, id, part, { offset, bytes: 30_000 }))!);
  }
  expect(Buffer.concat(slices).equals(bytes)).toBe(true);
});

test('a part that is not there, or is another tenant’s, is undefined', async () => {
  const range = { offset: 0, bytes: 10 };
  expect(await parts.get(tenantB, id, part, range)).toBeUndefined();
  expect(await parts.get(tenantA, id, { ...part, part: 2 }, range)).toBeUndefined();
});

test('bytes that are not those of the digest are refused', async () => {
  const other = { ...part, part: 3, sha256: createHash('sha256').update('other').digest('hex') };
  await expect(parts.put(tenantA, id, 'csv', other, bytes)).rejects.toThrow();
  expect(await parts.get(tenantA, id, other, { offset: 0, bytes: 10 })).toBeUndefined();
});

test('an address fetches the part without a key, under its name, and from the middle', async () => {
  calls.length = 0;
  const url = await parts.link(tenantA, id, 'csv', part, 900);
  const whole = await fetch(url);
  expect(whole.status).toBe(200);
  expect(whole.headers.get('content-disposition')).toBe(`attachment; filename="${partName(id, 'csv', 1)}"`);
  expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
  const rest = await fetch(url, { headers: { range: 'bytes=1000-' } });
  expect(rest.status).toBe(206);
  expect(Buffer.from(await rest.arrayBuffer()).equals(bytes.subarray(1000))).toBe(true);
  // Whoever signed it is who S3 asks about.
  expect(calls).toEqual(['exports GetObject 200', 'exports GetObject 206']);
});

test('an address is good for its part alone, for reading, and for its time', async () => {
  const url = await parts.link(tenantA, id, 'csv', part, 900);
  const codeOf = async (address: string, method = 'GET') => {
    const answer = await fetch(address, { method });
    return `${answer.status} ${/<Code>(\w+)/.exec(await answer.text())?.[1]}`;
  };
  expect(await codeOf(url.replace(tenantA, tenantB))).toBe('403 SignatureDoesNotMatch');
  expect(await codeOf(url.replace('X-Amz-Expires=900', 'X-Amz-Expires=90000'))).toBe('403 SignatureDoesNotMatch');
  expect(await codeOf(url, 'DELETE')).toMatch(/^(403|501)/);
  expect(await codeOf(url, 'PUT')).toMatch(/^(403|501)/);
  now += 900_000 + 1000;
  expect(await codeOf(url)).toBe('403 AccessDenied');
  now = Date.now();
});
