/** Restores: estimated and priced, confirmed, asked of S3 file by file, followed, and for their tenant alone. */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '#core/access/access.ts';
import type { Category } from '#core/event/event.ts';
import type { Problem } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type RestorePorts, restore, stepFiles } from '#functions/archive/restore.queue.ts';
import { looksMax, type RestoresPorts, restores } from '#functions/archive/restores.http.ts';
import { createRestores } from '#stores/postgres/restores.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { type TestCloud, testCloud } from '#test/local/cloud/cloud.ts';
import { putInCatalogue } from '#test/support/archived.ts';
import { callerA, httpRequest, tenantA, tenantB } from '#test/support/events.ts';
import { MemoryOutlet } from '#test/support/memory.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { keyGuard, MemoryRecorder } from '#test/support/reading.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const bucket = 'archive';
let now = new Date('2026-03-01T12:00:00.000Z');
const clerk: Caller = { ...callerA, scopes: ['archive:restore'] };
const other: Caller = { ...clerk, tenant: tenantB };
const queue = new MemoryOutlet();
const recorder = new MemoryRecorder();
let db: TestDatabase;
let cloud: TestCloud;
let ports: RestoresPorts & RestorePorts;
let ids = 0;
const newId = () => `01890000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`;

beforeAll(async () => {
  db = await testDatabase('restoring');
  cloud = await testCloud({ now: () => now.getTime(), glacierRestoreMs: 12 * hourMs });
  cloud.s3.createBucket(bucket, { versioning: true });
  ports = {
    ...{ guard: keyGuard, restoreQueue: queue, recorder, newId: () => newId() },
    restores: createRestores(db.login('trailkeep_app', 4), contextKey),
    archive: new S3ArchiveObjects(cloud.clients.s3, bucket),
  };
});
afterAll(async () => {
  await cloud?.end();
  await db?.drop();
});
beforeEach(() => {
  queue.messages.length = 0;
  recorder.recorded.length = 0;
});

/** A file of one day of 2020, in the catalogue and on S3. */
async function addFile(n: number, storageClass: string | undefined, category: Category = 'system', tenant = tenantA) {
  const day = new Date(Date.parse('2020-01-01T00:00:00Z') + n * dayMs).toISOString().slice(0, 10);
  const key = await putInCatalogue(db.ownerSql, { tenant, id: newId(), day, category });
  if (storageClass === undefined) return key;
  const StorageClass = storageClass as 'DEEP_ARCHIVE';
  const Body = new Uint8Array(1000);
  await cloud.clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, StorageClass }));
  return key;
}

const call = (method: string, path: string, caller: Caller, json?: unknown) => {
  const restoreId = /restores\/([^/]+)/.exec(path)?.[1];
  const params: Record<string, string> = restoreId ? { restoreId } : {};
  const [pathname, search] = path.split('?') as [string, string?];
  const query = new URLSearchParams(search);
  return restores(
    ports,
    httpRequest({ method, path: pathname, query, caller, params, now, ...(json === undefined ? {} : { json }) }),
  );
};
const path = (id = '', step = '') => `/v1/archive/restores${id && `/${id}`}${step && `/${step}`}`;
const asked = (more: object = {}) => ({
  ...{ from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z', speed: 'standard', days: 3 },
  ...more,
});
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
const ask = async (more: object = {}, caller = clerk): Promise<any> =>
  (await call('POST', path(), caller, asked(more))).body;
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
const get = async (id: string, caller = clerk): Promise<any> => (await call('GET', path(id), caller)).body;
const caught = (work: Promise<unknown>): Promise<Problem> =>
  work.then(
    () => Promise.reject(new Error('it was answered')),
    (error: Problem) => error,
  );
/** The queue hands over what waits, until nothing does. Returns how many messages that took. */
async function work(): Promise<number> {
  let taken = 0;
  for (let message = queue.messages.shift(); message; message = queue.messages.shift()) {
    taken++;
    const one = { messageId: 'm', body: message.body, queue: 'restores', receiveCount: 1, sentAt: now.getTime() };
    expect(await restore(ports, [one], { now })).toEqual([]);
  }
  return taken;
}
const actions = () => recorder.recorded.map(({ tenant, event }) => [tenant, event.action]);
const readable = (key: string) =>
  ports.archive instanceof S3ArchiveObjects
    ? ports.archive.read(key, 0, 10).then(
        () => true,
        () => false,
      )
    : false;

describe('an estimate', () => {
  test('counts and prices what S3 has in Deep Archive, and asks it for nothing', async () => {
    const keys = [await addFile(1, 'DEEP_ARCHIVE'), await addFile(2, 'DEEP_ARCHIVE', 'operations')];
    await addFile(3, 'GLACIER_IR');
    await addFile(4, undefined);
    await addFile(5, 'DEEP_ARCHIVE', 'system', tenantB);
    await addFile(100, 'DEEP_ARCHIVE');
    const answer = await call('POST', path(), clerk, asked());
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      ...{ state: 'estimated', files: 2, bytes: 2000, restored_before: 0, expected_hours: 12, confirmed: null },
      cost_usd: { requests: 0.0002, retrieval: 0.0001, storage: 0.0001, total: 0.0004 },
      confirm_until: '2026-03-02T12:00:00.000Z',
      progress: null,
    });
    expect(await ask({ category: 'operations', speed: 'bulk' })).toMatchObject({ files: 1, expected_hours: 48 });
    expect(queue.messages).toEqual([]);
    expect((await ports.archive.state(keys[0]!))?.restore).toBeUndefined();
    expect(actions()).toEqual([
      [tenantA, 'archive.restore_asked'],
      [tenantA, 'archive.restore_asked'],
    ]);
    expect(recorder.recorded[0]!.event.metadata).toMatchObject({
      files: 2,
      cost_usd: 0.0004,
      speed: 'standard',
      days: 3,
    });
  });

  test.each([
    [{ days: 31 }, '/days'],
    [{ days: 0 }, '/days'],
    [{ speed: 'expedited' }, '/speed'],
    [{ to: '2020-01-01T00:00:00Z' }, '/from'],
    [{ from: 'yesterday' }, '/from'],
  ])('is refused for %j', async (more, pointer) => {
    expect((await caught(ask(more))).fault).toMatchObject({ code: 'request_invalid', pointer });
  });

  test('needs its own permission, of the whole tenant', async () => {
    for (const caller of [callerA, { ...clerk, project: 'p' }]) {
      expect((await caught(ask({}, caller as Caller))).fault.code).toBe('forbidden');
    }
  });
});

describe('a confirmed restore', () => {
  test('is asked of S3, followed, readable for its days, and over; a second one prolongs it', async () => {
    const keys = [await addFile(200, 'DEEP_ARCHIVE'), await addFile(201, 'DEEP_ARCHIVE')];
    const there = await addFile(202, 'GLACIER_IR');
    await addFile(203, undefined);
    const range = { from: '2020-07-19T00:00:00Z', to: '2020-07-23T00:00:00Z' };
    const { id } = await ask(range);
    expect((await call('POST', path(id, 'confirm'), clerk)).status).toBe(202);
    expect(await get(id)).toMatchObject({ state: 'asking', progress: { files: 4, waiting: 4 } });
    expect(await work()).toBe(1);
    expect(await get(id)).toMatchObject({
      ...{ state: 'under_way', confirmed: { by: clerk.keyId }, expected_at: '2026-03-02T00:00:00.000Z' },
      progress: { waiting: 0, under_way: 2, ready: 1, gone: 1, ready_bytes: 1000 },
    });
    expect(await Promise.all([...keys, there].map(readable))).toEqual([false, false, true]);
    expect(actions().map(([, action]) => action)).toEqual([
      'archive.restore_asked',
      'archive.restore_confirmed',
      'archive.restored',
    ]);
    now = new Date(now.getTime() + 12 * hourMs);
    expect(await Promise.all(keys.map(readable))).toEqual([true, true]);
    expect(await get(id)).toMatchObject({
      state: 'ready',
      progress: { under_way: 0, ready: 3, readable_until: '2026-03-05T00:00:00.000Z' },
    });
    // The same range, for longer: nothing is fetched again.
    const longer = await ask({ ...range, days: 10, speed: 'bulk' });
    expect(longer).toMatchObject({ files: 2, restored_before: 2, expected_hours: 0, cost_usd: { retrieval: 0 } });
    await call('POST', path(longer.id, 'confirm'), clerk);
    await work();
    expect(await get(longer.id)).toMatchObject({
      state: 'ready',
      progress: { readable_until: '2026-03-12T00:00:00.000Z' },
    });
    // And for less: what is there longer stays so.
    const shorter = await ask({ ...range, days: 1 });
    await call('POST', path(shorter.id, 'confirm'), clerk);
    await work();
    expect((await get(shorter.id)).progress.readable_until).toBe('2026-03-12T00:00:00.000Z');
    now = new Date(now.getTime() + 11 * dayMs);
    expect(await Promise.all(keys.map(readable))).toEqual([false, false]);
    expect((await get(longer.id)).state).toBe('over');
  });

  test('is started once however often it is confirmed, and again where its message was lost', async () => {
    await addFile(300, 'DEEP_ARCHIVE');
    const { id } = await ask({ from: '2020-10-27T00:00:00Z', to: '2020-10-28T00:00:00Z' });
    queue.down = true;
    await expect(call('POST', path(id, 'confirm'), clerk)).rejects.toThrow(Unavailable);
    queue.down = false;
    await call('POST', path(id, 'confirm'), clerk);
    await call('POST', path(id, 'confirm'), clerk);
    expect(await work()).toBe(2);
    await call('POST', path(id, 'confirm'), clerk);
    expect(queue.messages).toEqual([]);
    const told = actions().map(([, action]) => action);
    expect(told).toEqual(['archive.restore_asked', 'archive.restore_confirmed', 'archive.restored']);
  });

  test('of an empty range, or a day after its estimate, is refused', async () => {
    const empty = await ask({ from: '2019-01-01T00:00:00Z', to: '2019-02-01T00:00:00Z' });
    expect(empty).toMatchObject({ files: 0, cost_usd: { total: 0 } });
    expect((await caught(call('POST', path(empty.id, 'confirm'), clerk))).fault.code).toBe('conflict');
    const late = await ask();
    now = new Date(now.getTime() + 24 * hourMs + 1);
    expect((await caught(call('POST', path(late.id, 'confirm'), clerk))).fault.code).toBe('conflict');
    expect((await get(late.id)).state).toBe('estimated');
  });

  test('of many files is asked in steps, goes on after an outage, and is looked at some files at a time', async () => {
    const count = stepFiles + 10;
    const first = Date.parse('2010-01-01T00:00:00Z');
    await db.ownerSql`insert into archive.file (tenant_id, file_id, key, tier, category, span, day, events, bytes,
        raw_bytes, sha256, lines_sum, min_time, max_time, min_id, max_id, ladder, written_at)
      select ${tenantA}, id, 'audit-logs/dt=2010-01-01/tenant=' || ${tenantA}::text || '/category=system/bulk-' || id || '.jsonl.gz',
        1, 5, 'day', '2010-01-01', 1, 10, 10, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'),
        ${first}, ${first}, id, id, 'warm-90-cold-365', now()
      from (select ('01890000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid as id
        from generate_series(1, ${count}) n) made`;
    const rows = await db.ownerSql`select key from archive.file where day = '2010-01-01'`;
    for (const { key } of rows) {
      const input = { Bucket: bucket, Key: key, Body: 'x', StorageClass: 'DEEP_ARCHIVE' } as const;
      await cloud.clients.s3.send(new PutObjectCommand(input));
    }
    const { id, files } = await ask({ from: '2010-01-01T00:00:00Z', to: '2010-01-02T00:00:00Z' });
    expect(files).toBe(count);
    await call('POST', path(id, 'confirm'), clerk);
    cloud.faults.add({ service: 's3', operation: 'RestoreObject', status: 503, probability: 0.02, times: 1 });
    await expect(work()).rejects.toThrow(Unavailable);
    const half = (await get(id)).progress;
    expect(half.waiting).toBeGreaterThan(0);
    await call('POST', path(id, 'confirm'), clerk);
    expect(await work()).toBe(2);
    expect((await get(id)).progress).toMatchObject({ waiting: 0, under_way: count });
    now = new Date(now.getTime() + 12 * hourMs);
    const steps = [];
    for (let left = count; left > 0; left -= looksMax) steps.push((await get(id)).progress.ready);
    expect(steps).toEqual([200, 400, count]);
    expect((await get(id)).state).toBe('ready');
  });
});

describe('others', () => {
  test('see a foreign restore as one that is not there', async () => {
    const { id } = await ask();
    const missing = await caught(get(newId()));
    const foreign = [() => get(id, other), () => call('POST', path(id, 'confirm'), other), () => get('no-uuid')];
    for (const look of foreign) expect((await caught(look())).fault).toEqual(missing.fault);
    expect((await call('GET', path(), other)).body).toEqual({ restores: [], next: null });
    expect((await get(id)).state).toBe('estimated');
  });

  test('list theirs, newest first, in pages', async () => {
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
    const page = async (query: string): Promise<any> => (await call('GET', `${path()}?${query}`, clerk)).body;
    const one = await page('limit=2');
    const two = await page(`limit=2&after=${one.next}`);
    const seen = [...one.restores, ...two.restores].map(({ id }: { id: string }) => id);
    expect(seen).toEqual(seen.toSorted().reverse());
    expect(new Set(seen).size).toBe(4);
    for (const query of ['limit=0', 'after=x', 'other=1']) {
      expect((await caught(page(query))).fault.code).toBe('request_invalid');
    }
  });
});
