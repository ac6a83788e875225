/** What is changed behind the log's back is found by the next run, told once, and seen by the alarm. */
import { randomUUID } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Due } from '#core/jobs/ports.ts';
import type { Round } from '#core/proof/verify-ports.ts';
import { type VerifyPorts, verify } from '#functions/proof/verify.schedule.ts';
import { verifyPart } from '#functions/proof/verify-part.queue.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { createArchiveFiles } from '#stores/postgres/archive.ts';
import { createLogTenants } from '#stores/postgres/logs.ts';
import { createVerification } from '#stores/postgres/verification.ts';
import { eventOf, type WrittenLog, writtenLog } from '#test/platform/written-log.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { MemoryRecorder } from '#test/support/memory-log.ts';
import { contextKey } from '#test/support/postgres.ts';

let world: WrittenLog;
let ports: VerifyPorts;
let recorder: MemoryRecorder;
let now = Date.parse('2026-03-02T00:00:00.000Z');
const day = 24 * 3600_000;

beforeAll(async () => {
  world = await writtenLog('verify');
  await world.database.ownerSql`insert into access.tenant (tenant_id, name, created_at)
    select id, 'T', now() from unnest(${[tenantA, tenantB]}::uuid[]) as t (id) on conflict do nothing`;
  for (const tier of ['critical', 'bulk', 'critical'] as const) {
    await world.commit(
      tier,
      Array.from({ length: 300 }, () => eventOf()),
    );
    await world.seal();
  }
  await world.commit('critical', [eventOf({ tenant: tenantB })]);
  await world.seal(tenantB);
  const sql = world.database.login('trailkeep_verifier');
  ports = {
    verification: createVerification(sql, contextKey),
    tenants: createLogTenants(sql, contextKey),
    ...{ logs: world.logs, signer: world.signer, crypto: nodeProofCrypto, blocks: world.maker.blocks },
    ...{ segments: world.segments, archive: world.archive, archiveFiles: createArchiveFiles(sql, contextKey) },
    recorder: new MemoryRecorder(),
    clock: () => new Date(now),
  };
}, 60_000);
afterAll(() => world?.end());
beforeEach(() => {
  recorder = new MemoryRecorder();
  ports = { ...ports, recorder };
  now += 8 * day;
});

const run = () => verify(ports, { now: new Date(now) });
const told = () =>
  recorder.recorded.map(({ tenant, action, metadata }) => [tenant, action, metadata?.reason ?? metadata?.round]);
const owner = () => world.database.ownerSql;

describe('a trail that nobody touched', () => {
  test('is looked at whole, and the trail says so', async () => {
    expect(await run()).toMatchObject({ rounds: 6, ended: 4, findings: 0, checked: 600 + 900 + 1 + 1, behind: 0 });
    expect(told()).toEqual([
      [tenantA, 'log.verified', 'rows'],
      [tenantA, 'log.verified', 'segments'],
      [tenantB, 'log.verified', 'rows'],
      [tenantB, 'log.verified', 'segments'],
    ]);
  });
  test('is not looked at again before its time: rows after a day, segments after a week', async () => {
    await run();
    now += 3600_000;
    expect(await run()).toMatchObject({ rounds: 2, checked: 0 });
    now += day;
    expect(await run()).toMatchObject({ rounds: 4, checked: 601 });
    now += 7 * day;
    expect(await run()).toMatchObject({ rounds: 6 });
  });
  test('a run whose time is over leaves the rest to the next one', async () => {
    let calls = 0;
    const slow: VerifyPorts = { ...ports, clock: () => new Date(now + (calls++ > 2 ? day : 0)) };
    const first = await verify(slow, { now: new Date(now) });
    expect(first.behind).toBeGreaterThan(0);
    expect(await run()).toMatchObject({ rounds: 6 - first.ended });
  });
  test('events that are not sealed yet are not missed and not too many', async () => {
    await world.commit('critical', [eventOf(), eventOf()]);
    await world.commit('bulk', [eventOf()]);
    expect(await run()).toMatchObject({ findings: 0, ended: 4 });
    await world.seal();
  });

  test('a run of a job has a round read now, some minutes at a time, and hears how far it came', async () => {
    await run();
    const sent: Due['send'][number][] = [];
    const queues = { send: async (some: Due['send']) => void sent.push(...some) };
    const part = { v: 1, tenant: tenantA, run: randomUUID(), part: 'plan', asked: 3 };
    const ask = (more: object, clock = () => new Date(now)) =>
      verifyPart({ ...ports, queues, clock }, [
        {
          ...{ messageId: 'm', queue: 'verify', receiveCount: 1, sentAt: 0 },
          body: JSON.stringify({ ...part, startedAt: new Date(now).toISOString(), checked: 0, ...more }),
        },
      ]);
    await ask({ round: 'segments' });
    expect(sent).toEqual([
      {
        kind: 'verify',
        delaySeconds: 0,
        message: { ...part, answer: { round: 'segments', checked: expect.any(Number), findings: 0 } },
      },
    ]);
    // Time is over with the first share; the run asks again with what it was told.
    let calls = 0;
    await ask({ round: 'rows' }, () => new Date(now + (calls++ > 0 ? day : 0)));
    expect(sent[1]!.message.answer).toMatchObject({ round: 'rows', findings: 0 });
    expect((await ports.verification.rounds([tenantA])).map(({ round }) => round).sort()).toContain('segments');
  });
});

describe('what an insider changes', () => {
  const rows = (tenant = tenantA) =>
    owner()`select id, body from record.event where tenant_id = ${tenant} order by id limit 3`;
  /** Changes something, runs, and sets it right again. */
  async function found(change: () => Promise<unknown>, undo: () => Promise<unknown>): Promise<unknown[]> {
    await change();
    const report = await run();
    await undo();
    expect(report.findings).toBeGreaterThan(0);
    expect(report.fresh).toBe(report.findings);
    return told().filter(([, action]) => action === 'log.verification_failed');
  }

  test('in rows: body, columns, deleted, inserted', async () => {
    const [one] = await rows();
    const { id, body } = one!;
    const setBody = (text: string) => owner()`update record.event set body = ${text} where id = ${id}`;
    const setAction = (action: string) => owner()`update record.event set action = ${action} where id = ${id}`;
    expect(
      await found(
        () => setBody(body.replace('"r"', '"d"')),
        () => setBody(body),
      ),
    ).toEqual([[tenantA, 'log.verification_failed', 'event_differs']]);
    recorder.recorded.length = 0;
    now += 8 * day;
    // The same place, known from before: found, counted, and not told a second time.
    await setAction('nothing.happened');
    expect(await run()).toMatchObject({ findings: 1, fresh: 0 });
    await setAction('patient.record.read');
    now += 8 * day;
    await owner()`create table kept as select * from record.event where id = ${id}`;
    const gone = await found(
      () => owner()`delete from record.event where id = ${id}`,
      () => owner()`insert into record.event select * from kept`,
    );
    expect(gone).toEqual([[tenantA, 'log.verification_failed', 'event_gone']]);
    now += 8 * day;
    recorder.recorded.length = 0;
    const other = id.replace(/.$/, id.endsWith('0') ? '1' : '0');
    const extra = await found(
      () =>
        owner()`insert into record.event select tenant_id, ${other}, occurred_at, category, outcome, severity, action, actor, body from kept`,
      () => owner()`delete from record.event where id = ${other}`,
    );
    expect(extra).toEqual([[tenantA, 'log.verification_failed', 'event_extra']]);
  });

  test('in the catalogue: a part that is gone, a filter that hides', async () => {
    await owner()`create table part as select * from record.segment_part where tenant_id = ${tenantA} and first_leaf = 300`;
    const gone = await found(
      () => owner()`delete from record.segment_part where tenant_id = ${tenantA} and first_leaf = 300`,
      () => owner()`insert into record.segment_part select * from part`,
    );
    expect(gone).toEqual([[tenantA, 'log.verification_failed', 'segment_gone']]);
    recorder.recorded.length = 0;
    now += 8 * day;
    const hidden = await found(
      () =>
        owner()`update record.segment_part set max_time = max_time - 1000 where tenant_id = ${tenantA} and first_leaf = 300`,
      () =>
        owner()`update record.segment_part set max_time = max_time + 1000 where tenant_id = ${tenantA} and first_leaf = 300`,
    );
    expect(hidden).toEqual([[tenantA, 'log.verification_failed', 'segment_differs']]);
  });

  test('on S3: a segment that is gone or another, a checkpoint that went back', async () => {
    const s3 = world.cloud.clients.s3;
    const put = (Bucket: string, Key: string, Body: Uint8Array) => s3.send(new PutObjectCommand({ Bucket, Key, Body }));
    const segments = await world.objects('segments', 'segments/');
    const [key, bytes] = [...segments].find(([name]) => name.endsWith('.gz'))!;
    const other = [...segments].filter(([name]) => name.endsWith('.gz'))[1]![1];
    const swapped = await found(
      () => put('segments', `segments/${key}`, other),
      () => put('segments', `segments/${key}`, bytes),
    );
    const differs = [tenantA, 'log.verification_failed', 'segment_differs'];
    expect(swapped).toEqual([differs, differs]);
    recorder.recorded.length = 0;
    now += 8 * day;
    const { slug } = await world.log();
    const log = await world.objects('evidence', `t/${slug}/`);
    const back = await found(
      () => put('evidence', `t/${slug}/checkpoint`, log.get('checkpoint-archive/00000000000000000600')!),
      () => put('evidence', `t/${slug}/checkpoint`, log.get('checkpoint')!),
    );
    expect(back).toEqual([[tenantA, 'log.verification_failed', 'rewound']]);
  });

  test('is told again by the next run when it could not be told', async () => {
    await owner()`update proof.checkpoint set root = sha256('x') where tenant_id = ${tenantA} and size = 300`;
    recorder.down = true;
    await expect(run()).rejects.toThrow();
    recorder.down = false;
    expect(await run()).toMatchObject({ fresh: 1 });
    expect(told()).toContainEqual([tenantA, 'log.verification_failed', 'root_differs']);
  });
});

test('the verifier can change nothing that it looks at', async () => {
  const sql = world.database.login('trailkeep_verifier', 1);
  for (const table of ['record.event', 'record.segment_part', 'record.segment', 'proof.log', 'proof.checkpoint']) {
    for (const statement of [
      `delete from ${table}`,
      `update ${table} set tenant_id = tenant_id`,
      `insert into ${table} default values`,
    ]) {
      await expect(sql.unsafe(statement)).rejects.toThrow(/permission denied|column/);
    }
  }
  await expect(sql.unsafe('delete from proof.finding')).rejects.toThrow('permission denied');
  const round: Round = { tenant: tenantA, round: 'rows', startedAt: new Date(now), checked: 0 };
  await ports.verification.keepRound(round);
});
