import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { partsAtOnce } from '#core/proof/recover-plan.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import { recoverLog } from '#functions/proof/recover.http.ts';
import { type RecoverPorts, recover } from '#functions/proof/recover.ts';
import { sealLog } from '#functions/proof/seal.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { createLogRecovery } from '#stores/postgres/log-recovery.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { type Line, made, uuid7 } from '#test/stores/postgres/made.ts';
import { MemorySegments } from '#test/support/memory.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { audited, type SealWorld, sealWorld } from './world.ts';

const now = new Date();
const db: TestDatabase = await testDatabase('recover');
afterAll(() => db.drop());
const tables = [
  ...['record.tenant_counter', 'record.segment', 'record.segment_part', 'record.event', 'record.event_token'],
  ...['record.message', 'proof.log', 'proof.outbox', 'proof.checkpoint', 'proof.incarnation'],
];
let world: SealWorld;
let segments: MemorySegments;
let ports: RecoverPorts;
let tenant: string;

beforeEach(async () => {
  await db.ownerSql.unsafe(`truncate ${tables.join()}`);
  await db.ownerSql`insert into proof.incarnation (id, incarnation) values (1, gen_random_uuid())`;
  world = sealWorld(db);
  segments = new MemorySegments();
  tenant = uuid7(now.getTime());
  const sql = db.login('trailkeep_recovery', 4);
  ports = {
    ledger: createLogLedger(sql, contextKey),
    recovery: createLogRecovery(sql, contextKey),
    logs: world.store,
    segments,
    signer: world.signer,
    crypto: nodeProofCrypto,
    recorder: world.recorder,
    newIncarnation: randomUUID,
    newId: () => uuid7(Date.now()),
    clock: () => new Date(),
    drainMs: 0,
  };
});

const of = (count: number, owner = tenant): Line[] =>
  Array.from({ length: count }, (_, index) => {
    const id = uuid7(now.getTime());
    return withLine(made({ tenant: owner, id, salt: `salt-${id}-${index}` } as Partial<Line['event']>));
  });
const withLine = ({ event }: Line): Line => ({ event, line: JSON.stringify(event) });
/** The same event as a writer stores it that seals it again: another salt. */
const again = ({ event }: Line): Line => withLine({ event: { ...event, salt: `again-${event.id}` }, line: '' } as Line);

/** Writes and commits a segment as a writer does. */
async function write(lines: readonly Line[], tier: 'critical' | 'bulk' = 'critical', messages: string[] = []) {
  const plan = planSegment(lines, {
    id: uuid7(Date.now()),
    tier,
    now: new Date(),
    messages: new Map([[tenant, messages]]),
  });
  const segment = await segments.write(plan);
  const ordered = plan.blocks.flatMap((block) => block.lines);
  const result = await world.ledger.commit(segment, ordered, leavesOf(ordered));
  if (!result.stored) throw new Error('known already');
  return segment;
}
const writeOne = async () => {
  const lines = of(1);
  await write(lines);
  return lines;
};
const seal = () => sealLog(world.ports, tenant, now);
const log = async () => (await ports.ledger.find(tenant))!;
const ids = (lines: readonly Line[]) => lines.map(({ event }) => event.id).sort();

/** Sets Postgres back to how it was when this was called. */
async function snapshot(): Promise<() => Promise<void>> {
  const name = (table: string) => `kept_${table.replace('.', '_')}`;
  for (const table of tables) {
    await db.ownerSql.unsafe(`drop table if exists ${name(table)}; create table ${name(table)} as table ${table}`);
  }
  return async () => {
    for (const table of tables) {
      await db.ownerSql.unsafe(`truncate ${table}; insert into ${table} table ${name(table)}`);
    }
  };
}

/** Every part in order, without gaps in numbers; leaves without gaps unless some are missing. */
async function parts() {
  const rows = await db.ownerSql`select seq::int, first_leaf::int, events from record.segment_part
    where tenant_id = ${tenant} order by seq`;
  return rows.map(({ seq, first_leaf, events }) => [seq, first_leaf, events]);
}
const bodies = async () =>
  (await db.ownerSql`select body from record.event where tenant_id = ${tenant} order by id`).map((row) => row.body);

describe('after a restore', () => {
  test('what the database lost comes back, in its place', async () => {
    const lines = [of(3), of(2), of(4), of(2)] as const;
    await write(lines[0]);
    await seal();
    const restore = await snapshot();
    await write(lines[1], 'critical', ['01'.repeat(32)]);
    await write(lines[2], 'bulk');
    await seal();
    await write(lines[3]);
    await seal();
    const [all, kept, place] = [await bodies(), await log(), await parts()];
    await restore();

    expect(await seal()).toMatchObject({ state: 'frozen' });
    expect(await recover(ports, tenant, new Date())).toEqual({
      state: 'recovered',
      epoch: 1,
      counts: { size: 11, found: 3, foundEvents: 8, missing: 0, moved: 0, dropped: 0, tilesRemoved: 0 },
    });
    expect(await log()).toMatchObject({ state: 'active', epoch: 1, size: 11, leaves: 11, root: kept.root });
    expect(await parts()).toEqual(place);
    expect(await bodies()).toEqual(all);
    expect((await world.ledger.known([], ['01'.repeat(32)], [tenant])).messages.size).toBe(1);
    await write(of(1));
    expect(await seal()).toMatchObject({ state: 'sealed', published: 12 });
    expect(await audited(world, await log())).toMatchObject({ size: 12, isSound: true });
  });

  test('what was committed since moves behind the log, and nothing has two leaves', async () => {
    const [a, b, c, d] = [of(3), of(4), of(2), of(2)];
    await write(a);
    await seal();
    const restore = await snapshot();
    await write(b);
    await seal();
    const sealed = await log();
    await restore();
    // One message was delivered again with something new beside it, and others came.
    await write([again(b[0]!), ...c]);
    await write(d, 'bulk');
    await seal();
    expect(await log()).toMatchObject({ state: 'frozen', frozenReason: 'rollback' });

    expect(await recover(ports, tenant, new Date())).toMatchObject({
      state: 'recovered',
      counts: { size: 7, found: 1, foundEvents: 4, missing: 0, moved: 1, dropped: 1 },
    });
    expect(await log()).toMatchObject({ state: 'active', size: 7, root: sealed.root, leaves: 11 });
    expect(await parts()).toEqual([
      [1, 0, 3],
      [2, 3, 4],
      [3, 7, 2],
      [4, 9, 2],
    ]);
    expect((await bodies()).toSorted()).toEqual([...a, ...b, ...c].map(({ line }) => line).toSorted());
    expect(await seal()).toMatchObject({ state: 'sealed', published: 11 });
    const seen = await audited(world, await log());
    expect(seen).toMatchObject({ size: 11, isSound: true });
    expect(seen.entries.map(({ id }) => id).sort()).toEqual(ids([...a, ...b, ...c, ...d]));
    const times = seen.entries.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  test('tiles that a lost tree had begun go, and the log grows on', async () => {
    await write(of(3));
    await seal();
    const restore = await snapshot();
    await write(of(300), 'bulk');
    // Integrated and not signed: the worker died.
    world.store.before = (key) => {
      if (key.endsWith('/bound')) throw new Error('died');
    };
    await expect(seal()).rejects.toThrow('died');
    world.store.before = () => {};
    await restore();
    await write(of(300), 'bulk');
    expect(await seal()).toMatchObject({ state: 'frozen' });
    expect(await log()).toMatchObject({ frozenReason: 'tile_differs' });
    const outcome = await recover(ports, tenant, new Date());
    expect(outcome).toMatchObject({ state: 'recovered', counts: { size: 3, found: 0, tilesRemoved: 5 } });
    expect(await seal()).toMatchObject({ state: 'sealed', published: 303 });
    expect(await audited(world, await log())).toMatchObject({ size: 303, isSound: true });
  });

  test('what was signed and not archived binds all the same', async () => {
    await write(of(3));
    await seal();
    const restore = await snapshot();
    const lost = of(300);
    await write(lost, 'bulk');
    world.store.before = (key) => {
      if (key.includes('checkpoint-archive')) throw new Error('died');
    };
    await expect(seal()).rejects.toThrow('died');
    world.store.before = () => {};
    await restore();
    await write(of(20), 'bulk');
    expect(await seal()).toMatchObject({ state: 'frozen' });
    expect(await log()).toMatchObject({ frozenReason: 'rollback' });
    const outcome = await recover(ports, tenant, new Date());
    expect(outcome).toMatchObject({ state: 'recovered', counts: { size: 303, found: 1, foundEvents: 300, moved: 1 } });
    expect(await log()).toMatchObject({ size: 303, archivedSize: 3 });
    expect(await seal()).toMatchObject({ state: 'sealed', published: 323 });
    const seen = await audited(world, await log());
    expect(seen).toMatchObject({ size: 323, isSound: true });
    expect(
      seen.entries
        .slice(3, 303)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(ids(lost));
  });

  test('leaves whose events are gone keep their places and are counted', async () => {
    await write(of(3));
    await seal();
    const restore = await snapshot();
    const lost = await write(of(2));
    await write(of(4));
    await seal();
    await restore();
    await segments.remove(lost.key);
    await seal();
    expect(await recover(ports, tenant, new Date())).toMatchObject({
      counts: { found: 1, foundEvents: 4, missing: 2 },
    });
    expect(await parts()).toEqual([
      [1, 0, 3],
      [2, 5, 4],
    ]);
    await write(of(1));
    expect(await seal()).toMatchObject({ published: 10 });
    expect(await audited(world, await log())).toMatchObject({ size: 10, isSound: true });
  });

  test('it can break off anywhere and be run again', async () => {
    const rounds = [of(30), of(40), of(50)];
    await write(of(1));
    await seal();
    const restore = await snapshot();
    for (const lines of rounds) await write(lines);
    await seal();
    const place = await parts();
    await restore();
    await write(of(5));
    await seal();
    const calls = ['renewIncarnation', 'partsFrom', 'rebuild'] as const;
    for (const call of calls) {
      const real = ports.recovery[call];
      const broken = { ...ports.recovery, [call]: async () => Promise.reject(new Error(`before ${call}`)) };
      await expect(recover({ ...ports, recovery: broken }, tenant, new Date())).rejects.toThrow(`before ${call}`);
      const late = async (...args: unknown[]) => {
        await (real as (...all: unknown[]) => Promise<unknown>)(...args);
        throw new Error(`after ${call}`);
      };
      await expect(
        recover({ ...ports, recovery: { ...ports.recovery, [call]: late } }, tenant, new Date()),
      ).rejects.toThrow();
    }
    // The last one was done before it broke off.
    expect(await recover(ports, tenant, new Date())).toEqual({ state: 'active' });
    expect(await parts()).toEqual([...place, [5, 121, 5]]);
    expect(await seal()).toMatchObject({ state: 'sealed', published: 126 });
    expect(await audited(world, await log())).toMatchObject({ size: 126, isSound: true });
  });

  test('commits that come while it plans are planned again', async () => {
    await write(of(2));
    await seal();
    const restore = await snapshot();
    await write(of(3));
    await seal();
    await restore();
    await seal();
    let comes = 3;
    const rebuild: RecoverPorts['recovery']['rebuild'] = async (...args) => {
      if (comes-- > 0) await write(of(1));
      return ports.recovery.rebuild(...args);
    };
    const outcome = await recover({ ...ports, recovery: { ...ports.recovery, rebuild } }, tenant, new Date());
    expect(outcome).toMatchObject({ state: 'recovered', counts: { found: 1, moved: 3 } });
    expect(await seal()).toMatchObject({ published: 8 });
    expect(await audited(world, await log())).toMatchObject({ size: 8, isSound: true });
  });
});

test('what takes several transactions can break off between them', async () => {
  await write(of(1));
  await seal();
  const restore = await snapshot();
  const lines: Line[] = [];
  for (let n = 0; n < partsAtOnce + 30; n++) lines.push(...(await writeOne()));
  await seal();
  const [all, place] = [await bodies(), await parts()];
  await restore();
  const since = of(2);
  // Delivered again, and committed before anybody saw that the database was set back.
  await write([again(lines[0]!), again(lines.at(-1)!), ...since]);
  await seal();
  let rebuilds = 0;
  const rebuild: RecoverPorts['recovery']['rebuild'] = async (...args) => {
    if (++rebuilds === 2) throw new Error('died');
    return ports.recovery.rebuild(...args);
  };
  const dying = { ...ports, recovery: { ...ports.recovery, rebuild } };
  await expect(recover(dying, tenant, new Date())).rejects.toThrow('died');
  expect(await log()).toMatchObject({ state: 'frozen', size: partsAtOnce + 1, archivedSize: 1 });
  expect(await recover(ports, tenant, new Date())).toMatchObject({ counts: { found: 30, moved: 1 } });
  expect(await parts()).toEqual([...place, [partsAtOnce + 32, partsAtOnce + 31, 2]]);
  expect((await bodies()).toSorted()).toEqual([...all, ...since.map(({ line }) => line)].toSorted());
  expect(await seal()).toMatchObject({ published: partsAtOnce + 33 });
  expect(await audited(world, await log())).toMatchObject({ size: partsAtOnce + 33, isSound: true });
});

describe('over HTTP', () => {
  const ask = (id = tenant, body?: unknown, scopes = ['admin']) =>
    recoverLog({ ...ports, drainMs: 60_000 }, {
      method: 'POST',
      params: { tenantId: id },
      caller: { scopes },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    } as unknown as HttpRequest);

  test('it is asked again until the log is back', async () => {
    await expect(ask()).rejects.toMatchObject({ fault: { code: 'not_found' } });
    await expect(ask('nonsense')).rejects.toMatchObject({ fault: { code: 'not_found' } });
    await expect(ask(tenant, undefined, ['events:read'])).rejects.toMatchObject({ fault: { code: 'forbidden' } });
    await write(of(2));
    await seal();
    expect(await ask()).toEqual({ status: 200, body: { state: 'active' } });
    expect(await ask(tenant, { freeze: true })).toMatchObject({
      status: 202,
      headers: { 'retry-after': expect.stringMatching(/^6[01]$/) },
      body: { state: 'draining' },
    });
    await db.ownerSql`update proof.log set frozen_at = now() - interval '61 seconds' where tenant_id = ${tenant}`;
    expect(await ask()).toMatchObject({ status: 200, body: { state: 'recovered', epoch: 1, archived_size: 2 } });
    expect(await ask()).toEqual({ status: 200, body: { state: 'active' } });
    await expect(ask(tenant, { freeze: 1 })).rejects.toMatchObject({ fault: { code: 'request_invalid' } });
  });

  test('what stands in the way is named', async () => {
    await write(of(2));
    await seal();
    const { slug } = await log();
    await ports.ledger.freeze(tenant, 'operator', 0);
    await db.ownerSql`update proof.log set frozen_at = now() - interval '61 seconds' where tenant_id = ${tenant}`;
    world.store.objects.delete(`t/${slug}/checkpoint-archive/00000000000000000002`);
    await expect(ask()).rejects.toMatchObject({ fault: { code: 'recovery_stuck' } });
  });
});

describe('a log with which nothing is wrong', () => {
  test('is left alone, and frozen when that is asked for; then it waits for its workers', async () => {
    expect(await recover(ports, tenant, new Date())).toBeUndefined();
    await write(of(2));
    await seal();
    expect(await recover(ports, tenant, new Date())).toEqual({ state: 'active' });
    const slow = { ...ports, drainMs: 900_000 };
    const draining = await recover(slow, tenant, new Date(), { freeze: true });
    expect(draining).toEqual({ state: 'draining', until: expect.any(Date) });
    expect(await seal()).toMatchObject({ state: 'frozen' });
    expect(await recover(slow, tenant, new Date())).toEqual(draining);
    await write(of(1));
    const later = new Date(Date.now() + 900_001);
    expect(await recover(slow, tenant, later)).toMatchObject({
      state: 'recovered',
      epoch: 1,
      counts: { size: 2, found: 0 },
    });
    expect(await seal()).toMatchObject({ published: 3 });
    expect(world.recorder.recorded.map(({ action }) => action)).toEqual(['log.created', 'log.frozen', 'log.recovered']);
  });

  test('two recoveries never work at once', async () => {
    await write(of(2));
    await seal();
    const { epoch } = await log();
    await ports.ledger.freeze(tenant, 'operator', epoch);
    expect(await ports.recovery.begin(tenant, epoch, 900_000)).toBe(true);
    const later = new Date(Date.now() + 900_001);
    expect(await recover({ ...ports, drainMs: 900_000 }, tenant, later)).toMatchObject({ state: 'recovering' });
    await ports.recovery.end(tenant, epoch);
    expect(await recover({ ...ports, drainMs: 900_000 }, tenant, later)).toMatchObject({ state: 'recovered' });
  });

  test('an edge that Postgres has wrong is made again from S3', async () => {
    await write(of(5));
    await seal();
    await write(of(5));
    await db.ownerSql`update proof.log set root = sha256('x') where tenant_id = ${tenant}`;
    expect(await seal()).toMatchObject({ state: 'frozen' });
    expect(await recover(ports, tenant, new Date())).toMatchObject({ state: 'recovered' });
    expect(await seal()).toMatchObject({ published: 10 });
    expect(await audited(world, await log())).toMatchObject({ size: 10, isSound: true });
  });

  test('a bucket that lost what was signed recovers nothing', async () => {
    await write(of(5));
    await seal();
    const { slug, epoch } = await log();
    world.store.set(slug, 'tile/entries/000.p/5', Buffer.from('gone'));
    await ports.ledger.freeze(tenant, 'operator', epoch);
    await db.ownerSql`update proof.log set archived_size = 0, published_size = 0 where tenant_id = ${tenant}`;
    await expect(recover(ports, tenant, new Date())).rejects.toThrow('cannot be read');
    for (const path of world.store.paths(slug))
      if (path.startsWith('checkpoint-a')) world.store.objects.delete(`t/${slug}/${path}`);
    await db.ownerSql`update proof.log set archived_size = 5 where tenant_id = ${tenant}`;
    await expect(recover(ports, tenant, new Date())).rejects.toThrow('the bucket does not have it');
    expect(await log()).toMatchObject({ state: 'frozen' });
  });
});
