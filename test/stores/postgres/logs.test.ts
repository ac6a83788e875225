import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { platformTenant } from '#core/access/access.ts';
import { decodeLeaves } from '#core/proof/leaf-codec.ts';
import type { LogLedger, LogRecord } from '#core/proof/ports.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogRecovery } from '#stores/postgres/log-recovery.ts';
import { createLogLedger, createLogTenants } from '#stores/postgres/logs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { batchOf, made, uuid7 } from './made.ts';

let db: TestDatabase;
let sealer: Sql;
let recovery: Sql;
let logs: LogLedger;
beforeAll(async () => {
  db = await testDatabase('logs');
  sealer = db.login('trailkeep_sealer', 8);
  recovery = db.login('trailkeep_recovery', 2);
  logs = createLogLedger(sealer, contextKey);
});
afterAll(() => db.drop());

let serial = 0;
const slugOf = () =>
  (serial++)
    .toString(32)
    .replace(/[^a-z2-7]/g, 'z')
    .padStart(26, 'a');
const root = (letter: string) => Buffer.alloc(32, letter);
const edge = Buffer.from('edge');

async function commit(tenant: string, counts: readonly number[], tier: 'critical' | 'bulk' = 'critical') {
  const ledger = createLedger(db.login('trailkeep_app', 1), contextKey);
  for (const count of counts)
    await ledger.commit(
      ...batchOf(
        Array.from({ length: count }, () => made({ tenant })),
        tier,
      ),
    );
}
async function logWith(counts: readonly number[]): Promise<LogRecord> {
  const tenant = uuid7(Date.now());
  await commit(tenant, counts);
  return logs.create(tenant, { slug: slugOf(), origin: `h/t/${tenant}` });
}
const again = async (log: LogRecord) => (await logs.find(log.tenant))!;

describe('a log', () => {
  test('is made once, and empty', async () => {
    const tenant = uuid7(Date.now());
    expect(await logs.find(tenant)).toBeUndefined();
    const made = await Promise.all(
      ['one', 'two', 'three'].map((name) => logs.create(tenant, { slug: slugOf(), origin: `${name}/${tenant}` })),
    );
    expect(new Set(made.map(({ slug }) => slug)).size).toBe(1);
    expect(made[0]).toMatchObject({
      state: 'initializing',
      epoch: 0,
      leaves: 0,
      size: 0,
      archivedSize: 0,
      publishedSize: 0,
    });
    expect(Buffer.from(made[0]!.root).toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(made[0]!.frozenAt).toBeUndefined();
  });

  test('grows by compare-and-swap: of any number at once, one', async () => {
    const log = await logWith([5]);
    const grown = await Promise.all(
      Array.from({ length: 6 }, (_, n) => logs.advance(log.tenant, log, { size: 5, root: root(String(n)), edge })),
    );
    expect(grown.filter(Boolean)).toHaveLength(1);
    const next = await again(log);
    expect(next).toMatchObject({ size: 5, edge, root: root(String(grown.indexOf(true))) });
    const no = { size: 6, root: root('x'), edge };
    expect(await logs.advance(log.tenant, next, no)).toBe(false);
    expect(await logs.advance(log.tenant, next, { ...no, size: 5 })).toBe(false);
    await commit(log.tenant, [1]);
    for (const wrong of [{ size: 4 }, { root: root('x') }, { epoch: 1 }, { incarnation: randomUUID() }]) {
      expect(await logs.advance(log.tenant, { ...next, ...wrong }, no)).toBe(false);
    }
    expect(await logs.advance(log.tenant, next, no)).toBe(true);
  });

  test('a size is claimed for one root, for ever', async () => {
    const log = await logWith([3]);
    await logs.advance(log.tenant, log, { size: 3, root: root('a'), edge });
    const tree = await again(log);
    const claims = await Promise.all([1, 2, 3].map(() => logs.claimCheckpoint(log.tenant, tree)));
    expect(claims).toEqual([1, 2, 3].map(() => ({ root: root('a'), epoch: 0 })));
    await logs.keepNote(log.tenant, 3, 'first');
    await logs.keepNote(log.tenant, 3, 'second');
    expect(await logs.claimCheckpoint(log.tenant, tree)).toEqual({ root: root('a'), epoch: 0, note: 'first' });
    expect(await logs.claimCheckpoint(log.tenant, { ...tree, root: root('b') })).toBeUndefined();
    await db.ownerSql`update proof.log set root = ${root('b')} where tenant_id = ${log.tenant}`;
    expect(await logs.claimCheckpoint(log.tenant, { ...tree, root: root('b') })).toMatchObject({ root: root('a') });
  });

  test('signs nothing once it is frozen, whoever was on the way', async () => {
    const log = await logWith([3]);
    await logs.advance(log.tenant, log, { size: 3, root: root('a'), edge });
    const tree = await again(log);
    expect(await logs.freeze(log.tenant, 'operator', 1)).toBe(false);
    const frozen = await Promise.all([1, 2, 3].map(() => logs.freeze(log.tenant, 'tile_differs', 0)));
    expect(frozen.filter(Boolean)).toHaveLength(1);
    expect(await again(log)).toMatchObject({
      state: 'frozen',
      frozenReason: 'tile_differs',
      frozenAt: expect.any(Date),
      createdAt: expect.any(Date),
    });
    expect(await logs.claimCheckpoint(log.tenant, tree)).toBeUndefined();
    expect(await logs.archived(log.tenant, 3, tree)).toBe(false);
    expect(await logs.published(log.tenant, 3, tree)).toBe(false);
    expect(await logs.pending([log.tenant])).toEqual([]);
    expect(await logs.states([log.tenant])).toEqual([{ tenant: log.tenant, state: 'frozen', slug: log.slug }]);
  });

  test('sizes never shrink, and the first published one makes it active', async () => {
    const log = await logWith([3, 2]);
    await logs.advance(log.tenant, log, { size: 5, root: root('a'), edge });
    expect(await logs.published(log.tenant, 5, log)).toBe(false);
    expect(await logs.archived(log.tenant, 6, log)).toBe(false);
    expect(await logs.archived(log.tenant, 3, log)).toBe(true);
    expect((await logs.outbox(log.tenant, 3, 10)).map(({ firstLeaf }) => firstLeaf)).toEqual([3]);
    expect(await logs.archived(log.tenant, 5, log)).toBe(true);
    expect(await logs.archived(log.tenant, 3, log)).toBe(true);
    expect(await logs.published(log.tenant, 3, log)).toBe(true);
    expect(await logs.retire(log.tenant)).toBe(false);
    expect(await logs.published(log.tenant, 5, log)).toBe(true);
    expect(await logs.published(log.tenant, 3, log)).toBe(true);
    expect(await again(log)).toMatchObject({ state: 'active', archivedSize: 5, publishedSize: 5 });
    expect(await logs.outbox(log.tenant, 0, 10)).toEqual([]);
    await commit(log.tenant, [1]);
    expect(await logs.retire(log.tenant)).toBe(false);
    const next = await again(log);
    await logs.advance(log.tenant, next, { size: 6, root: root('b'), edge });
    await logs.archived(log.tenant, 6, log);
    await logs.published(log.tenant, 6, log);
    expect(await logs.retire(log.tenant)).toBe(true);
    expect(await logs.freeze(log.tenant, 'operator', 0)).toBe(false);
    expect(await again(log)).toMatchObject({ state: 'retired' });
  });
});

describe('the outbox', () => {
  test('gives whole parts in order from a leaf on, at least one, about as many as asked for', async () => {
    const { tenant } = await logWith([3, 2, 4]);
    const firsts = async (from: number, max: number) =>
      (await logs.outbox(tenant, from, max)).map(({ firstLeaf, seq, leaves }) => [
        firstLeaf,
        Number(seq),
        leaves.length,
      ]);
    expect(await firsts(0, 100)).toEqual([
      [0, 1, 3],
      [3, 2, 2],
      [5, 3, 4],
    ]);
    expect(await firsts(0, 1)).toEqual([[0, 1, 3]]);
    expect(await firsts(0, 4)).toEqual([
      [0, 1, 3],
      [3, 2, 2],
    ]);
    expect(await firsts(5, 1)).toEqual([[5, 3, 4]]);
    expect(await firsts(9, 1)).toEqual([]);
    // Not where a part begins; and behind a gap nothing is given.
    expect(await firsts(4, 100)).toEqual([]);
    await db.ownerSql`delete from proof.outbox where tenant_id = ${tenant} and first_leaf = 3`;
    expect(await firsts(0, 100)).toEqual([[0, 1, 3]]);
    const [part] = await logs.outbox(tenant, 0, 1);
    const [row] =
      await db.ownerSql`select leaves, time::float from proof.outbox where tenant_id = ${tenant} and seq = 1`;
    expect(part).toMatchObject({ time: row!.time, leaves: decodeLeaves(row!.leaves) });
  });

  test('tells since when leaves wait, by tier', async () => {
    const { tenant } = await logWith([1]);
    await commit(tenant, [2], 'bulk');
    const none = uuid7(Date.now());
    await db.ownerSql`update proof.outbox set committed_at = '2026-03-01' where tenant_id = ${tenant} and tier = 0`;
    await db.ownerSql`update proof.outbox set committed_at = '2026-02-01' where tenant_id = ${tenant} and tier = 1`;
    expect(await logs.pending([tenant, none])).toEqual([
      { tenant, leaves: 3, oldestCritical: new Date('2026-03-01'), oldestBulk: new Date('2026-02-01') },
    ]);
    const unknown = uuid7(Date.now());
    await commit(unknown, [1]);
    expect(await logs.pending([unknown])).toMatchObject([{ tenant: unknown, leaves: 1 }]);
    expect(await logs.pending([])).toEqual([]);
  });
});

describe('tenants', () => {
  test('are listed in pages, for the sealer alone', async () => {
    const ids = [uuid7(1_000), uuid7(2_000), uuid7(3_000)];
    for (const id of ids)
      await db.ownerSql`insert into access.tenant (tenant_id, name, created_at) values (${id}, 'x', now())`;
    const tenants = createLogTenants(sealer, contextKey);
    const known = await tenants.page(undefined, 2);
    expect(known).toEqual(ids.slice(0, 2));
    expect(await tenants.page(known.at(-1), 2)).toEqual(ids.slice(2));
    // Without the platform's context there is nobody.
    const asTenant = await withTenants(
      sealer,
      contextKey,
      [ids[0]!],
      new Date(),
      (tx) => tx`select tenant_id from access.tenant`,
    );
    expect(asTenant).toHaveLength(0);
    await expect(sealer`select name from access.tenant`).rejects.toThrow('permission denied');
  });
});

describe('nobody gets further than their part', () => {
  test('another tenant has no logs, no leaves, no checkpoints', async () => {
    const log = await logWith([3]);
    await logs.advance(log.tenant, log, { size: 3, root: root('a'), edge });
    await logs.claimCheckpoint(log.tenant, await again(log));
    const stranger = uuid7(Date.now());
    for (const [sql, role] of [
      [sealer, 'sealer'],
      [recovery, 'recovery'],
      [db.login('trailkeep_app', 1), 'app'],
    ] as const) {
      for (const table of ['proof.log', 'proof.outbox', 'proof.checkpoint']) {
        const seen = await withTenants(sql, contextKey, [stranger], new Date(), (tx) => tx`select from ${tx(table)}`);
        expect([role, table, seen.length]).toEqual([role, table, 0]);
      }
    }
    await expect(
      withTenants(
        sealer,
        contextKey,
        [stranger],
        new Date(),
        (tx) => tx`insert into proof.log (tenant_id, slug, origin, root)
        values (${log.tenant}, ${slugOf()}, 'x', sha256(''))`,
      ),
    ).rejects.toThrow();
  });

  const denied: readonly (readonly [string, string])[] = [
    ['trailkeep_sealer', 'update record.tenant_counter set leaves = 0'],
    ['trailkeep_sealer', 'update record.segment_part set first_leaf = 0'],
    ['trailkeep_sealer', 'delete from record.segment_part'],
    ['trailkeep_sealer', 'delete from record.event'],
    ['trailkeep_sealer', 'insert into proof.outbox select * from proof.outbox'],
    ['trailkeep_sealer', 'update proof.outbox set time = 0'],
    ['trailkeep_sealer', "update proof.checkpoint set root = sha256('')"],
    ['trailkeep_sealer', 'delete from proof.checkpoint'],
    ['trailkeep_sealer', 'update proof.log set epoch = 7'],
    ['trailkeep_sealer', 'update proof.log set origin = origin'],
    ['trailkeep_sealer', 'delete from proof.log'],
    ['trailkeep_sealer', 'update proof.incarnation set since = now()'],
    ['trailkeep_app', 'update proof.log set size = 0'],
    ['trailkeep_app', 'delete from proof.outbox'],
    ['trailkeep_app', 'update proof.outbox set time = 0'],
    ['trailkeep_app', 'select set_config($$a$$, note, true) from proof.checkpoint for update'],
    ['trailkeep_app', 'update proof.incarnation set since = now()'],
    ['trailkeep_recovery', 'delete from proof.log'],
    ['trailkeep_recovery', 'update proof.log set origin = origin'],
    ['trailkeep_recovery', 'update record.event set body = body'],
    ['trailkeep_recovery', 'update record.segment set key = key'],
    ['trailkeep_recovery', 'delete from record.segment'],
    ['trailkeep_recovery', 'delete from record.message'],
    ['trailkeep_recovery', 'update proof.outbox set leaves = leaves'],
    ['trailkeep_recovery', 'delete from proof.checkpoint'],
    ['trailkeep_recovery', 'select from access.tenant'],
  ];
  test.each(denied)('%s may not: %s', async (role, statement) => {
    await expect(db.login(role as 'trailkeep_app', 1).unsafe(statement)).rejects.toThrow('permission denied');
  });
});

describe('recovery', () => {
  test('takes a frozen log for itself, for so long', async () => {
    const log = await logWith([1]);
    const port = createLogRecovery(recovery, contextKey);
    expect(await port.begin(log.tenant, 0, 60_000)).toBe(false);
    await logs.freeze(log.tenant, 'operator', 0);
    expect(await port.begin(log.tenant, 1, 60_000)).toBe(false);
    const begun = await Promise.all([1, 2, 3].map(() => port.begin(log.tenant, 0, 60_000)));
    expect(begun.filter(Boolean)).toHaveLength(1);
    await db.ownerSql`update proof.log set recovering_since = now() - interval '61 seconds'`;
    expect(await port.begin(log.tenant, 0, 60_000)).toBe(true);
    await port.end(log.tenant, 0);
    expect(await port.begin(log.tenant, 0, 60_000)).toBe(true);
    expect(await port.unfreeze(log.tenant, 1)).toBe(false);
    expect(await port.unfreeze(log.tenant, 0)).toBe(true);
    expect(await again(log)).toMatchObject({ state: 'initializing', epoch: 1 });
  });

  test('renews the incarnation, and whoever read the old one writes nothing more', async () => {
    const log = await logWith([2]);
    const incarnation = randomUUID();
    await createLogRecovery(recovery, contextKey).renewIncarnation(incarnation, log.tenant);
    expect(await logs.advance(log.tenant, log, { size: 2, root: root('a'), edge })).toBe(false);
    const next = await again(log);
    expect(next.incarnation).toBe(incarnation);
    expect(await logs.advance(log.tenant, next, { size: 2, root: root('a'), edge })).toBe(true);
    expect(
      await logs.claimCheckpoint(log.tenant, { ...next, size: 2, root: root('a'), incarnation: log.incarnation }),
    ).toBeUndefined();
    expect(await logs.archived(log.tenant, 2, log)).toBe(false);
  });

  test('reads parts with their leaves where they still wait', async () => {
    const log = await logWith([2, 3]);
    await logs.advance(log.tenant, log, { size: 2, root: root('a'), edge });
    await logs.archived(log.tenant, 2, log);
    const parts = await createLogRecovery(recovery, contextKey).partsFrom(log.tenant, 0);
    expect(parts).toMatchObject([
      { seq: 1n, firstLeaf: 0, events: 2, tier: 'critical' },
      { seq: 2n, firstLeaf: 2, events: 3, outbox: { leaves: expect.any(Array) } },
    ]);
    expect(parts[0]).not.toHaveProperty('outbox');
    expect(parts[0]!.key).toMatch(/jsonl\.gz$/);
  });
});

test('the platform is no tenant with a log', async () => {
  expect(await logs.pending([platformTenant])).toEqual([]);
});
