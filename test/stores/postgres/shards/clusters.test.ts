/** The guarantee: stores work on several clusters as on one, and a cluster that is down stops its own tenants only. */
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { createArchiveLedger } from '#stores/postgres/archive.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createHotRows } from '#stores/postgres/hot-rows.ts';
import { createLogRecovery } from '#stores/postgres/log-recovery.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { createMover } from '#stores/postgres/mover.ts';
import { createPartitions } from '#stores/postgres/partitions.ts';
import { parseShards } from '#stores/postgres/shards.ts';
import { TenantMove } from '#stores/postgres/tenant-move.ts';
import { contextKey } from '#test/support/postgres.ts';
import { batchOf, made, march, uuid7 } from '../made.ts';
import { TwoClusters } from './two-clusters.ts';

let clusters: TwoClusters;
/** Lives on the main cluster, and on the shard. */
let here: string;
let there: string;
beforeAll(async () => {
  clusters = await TwoClusters.start();
  [here, there] = [await clusters.newTenant(), await clusters.newTenant()];
  await clusters.ask(there, 1);
  expect(await moveOf(there).run()).toBe('moved');
}, 60_000);
afterAll(() => clusters.stop());

const moveOf = (tenant: string) => new TenantMove({ clusters: clusters.movers, contextKey }, tenant);
const one = (tenant: string, messages?: readonly string[]) => batchOf([made({ tenant })], 'bulk', messages);
const minuteLater = () => new Date(Date.now() + 60_000);
const later = (days: number) => new Date(Date.now() + days * 86_400_000);

describe('a transaction', () => {
  test('goes to the cluster of its tenant, and of a tenant that nobody knows to the main one', async () => {
    const { sql, close } = clusters.environment();
    const asked = (tenant: string, on: Sql) =>
      withTenants(
        on,
        contextKey,
        [tenant],
        new Date(),
        async (tx) => tx`select current_database() as name`,
        'read only',
      );
    const names = clusters.dbs.map(({ database }) => database);
    expect((await asked(here, sql))[0]!.name).toBe(names[0]);
    expect((await asked(there, sql))[0]!.name).toBe(names[1]);
    expect((await asked(uuid7(march), sql))[0]!.name).toBe(names[0]);
    await close();
  });

  test('of an environment that remembers the old place finds the new one, reading and writing', async () => {
    const tenant = await clusters.newTenant();
    const { ledger, critical, close } = clusters.environment();
    const line = made({ tenant });
    await ledger.commit(...batchOf([line]));
    await clusters.ask(tenant, 1);
    await moveOf(tenant).run();
    expect((await critical.get(tenant, line.event.id))?.id).toBe(line.event.id);
    await ledger.commit(...batchOf([made({ tenant })]));
    expect((await clusters.stored(1, tenant)).ids).toHaveLength(2);
    expect((await clusters.stored(0, tenant)).ids).toHaveLength(1);
    await close();
  });

  test('of tenants on two clusters is none: it is tried again, by then with tenants of one', async () => {
    const { ledger, close } = clusters.environment();
    const both = batchOf([made({ tenant: here }), made({ tenant: there })]);
    await expect(ledger.commit(...both)).rejects.toBeInstanceOf(Unavailable);
    await close();
  });

  test('that writes for a tenant on its way is Unavailable, and one that reads goes on', async () => {
    const tenant = await clusters.newTenant();
    const { ledger, critical, close } = clusters.environment();
    const line = made({ tenant });
    await ledger.commit(...batchOf([line]));
    await clusters.dbs[0]!.ownerSql`insert into sec.away (tenant_id, state) values (${tenant}, 'moving')`;
    await expect(ledger.commit(...one(tenant))).rejects.toBeInstanceOf(Unavailable);
    expect(await critical.get(tenant, line.event.id)).toBeDefined();
    await close();
  });
});

describe('what belongs to no tenant', () => {
  test('is asked of every cluster: announcements, the catalogue, messages, partitions', async () => {
    const { sql, ledger, close } = clusters.environment();
    const batches = [here, there].map((tenant, index) => one(tenant, [String(index).repeat(64)]));
    for (const batch of batches) await ledger.commit(...batch);
    const ids = batches.map(([segment]) => segment.id);
    const waiting = async () =>
      (await ledger.unannounced(minuteLater(), 100)).map(({ segment }) => segment).filter((id) => ids.includes(id));
    expect((await waiting()).sort()).toEqual([...ids].sort());
    await ledger.announced(ids);
    expect(await waiting()).toEqual([]);
    const keys = batches.map(([segment]) => segment.key);
    expect(await ledger.catalogued(keys)).toEqual(new Map(keys.map((key) => [key, 'whole'])));
    const { messages } = await ledger.known([], ['0'.repeat(64), '1'.repeat(64)], [here, there]);
    expect([...messages.values()].sort()).toEqual([...keys].sort());
    expect(await ledger.forgetMessages(minuteLater())).toBeGreaterThanOrEqual(2);
    await createPartitions(sql).ensure(new Date('2031-01-01'), 0);
    for (const { ownerSql } of clusters.dbs) {
      expect((await ownerSql`select to_regclass('record.event_2031_01') as made`)[0]!.made).not.toBeNull();
    }
    await close();
  });

  test('a segment of before a move goes when both clusters have let it go', async () => {
    const tenant = await clusters.newTenant();
    const { ledger, close } = clusters.environment();
    const batch = one(tenant);
    await ledger.commit(...batch);
    const archiver = clusters.environment('trailkeep_archiver');
    const archive = createArchiveLedger(archiver.sql, contextKey);
    for (const { ownerSql } of clusters.dbs) await ownerSql`update record.segment set announced_at = now()`;
    await clusters.ask(tenant, 1);
    await moveOf(tenant).run();
    const isFree = async (limit = 500) => {
      for (let after: string | undefined; ; ) {
        const page = await archive.oldSegments(later(400), after, limit);
        const found = page.find(({ id }) => id === batch[0].id);
        if (found || page.length < limit) return found?.isFree;
        after = page.at(-1)!.id;
      }
    };
    expect(await isFree()).toBe(false);
    await clusters.dbs[0]!.ownerSql`delete from record.segment_part where tenant_id = ${tenant}`;
    expect(await isFree()).toBe(false);
    await clusters.dbs[1]!.ownerSql`delete from record.segment_part where tenant_id = ${tenant}`;
    // Pages of one are pages of the same list.
    for (const limit of [1, 2, 500]) expect(await isFree(limit)).toBe(true);
    await archive.forgetSegment(batch[0].id);
    expect(await isFree()).toBeUndefined();
    await close();
    await archiver.close();
  });

  test('each cluster drops months for its own tenants', async () => {
    const { sql, clusters: pools, close } = clusters.environment('trailkeep_purger');
    const hots = pools.map((pool) => createHotRows(sql, contextKey, pool));
    expect(await Promise.all(hots.map((hot) => hot.own([here, there])))).toEqual([[here], [there]]);
    await close();
  });

  test('each database has an incarnation, and its recovery renews that one', async () => {
    const sealer = clusters.environment('trailkeep_sealer');
    const logs = createLogLedger(sealer.sql, contextKey);
    const [first, second] = [
      await logs.create(here, { slug: 'a'.repeat(26), origin: 'o/a' }),
      await logs.create(there, { slug: 'b'.repeat(26), origin: 'o/b' }),
    ];
    expect([first.shard, second.shard]).toEqual([undefined, 1]);
    const recovery = clusters.environment('trailkeep_recovery');
    const fresh = '0f000000-0000-4000-8000-000000000000';
    await createLogRecovery(recovery.sql, contextKey).renewIncarnation(fresh, there);
    expect((await logs.find(there))!.incarnation).toBe(fresh);
    expect((await logs.find(here))!.incarnation).toBe(first.incarnation);
    expect((await logs.states([here, there])).map(({ tenant }) => tenant).sort()).toEqual([here, there].sort());
    await sealer.close();
    await recovery.close();
  });
});

describe('the mover', () => {
  const goesOn = () => true;

  test('of which the copy takes several runs goes on; a pause that takes too long is given up, and tried in an hour', async () => {
    const tenant = await clusters.newTenant();
    const { ledger, close } = clusters.environment();
    await ledger.commit(...one(tenant));
    const mover = createMover(clusters.movers, contextKey);
    await clusters.ask(tenant, 1);
    expect(await mover.goOn(tenant, { mayPause: goesOn, goesOn: () => false })).toBe('copying');
    expect(await mover.due()).toEqual([tenant]);
    let paused = false;
    const mayPause = () => {
      paused = true;
      return true;
    };
    let left = 6;
    await expect(mover.goOn(tenant, { mayPause, goesOn: () => !paused || left-- > 0 })).rejects.toThrow('no time');
    await ledger.commit(...one(tenant));
    const [{ ownerSql }] = clusters.dbs as [(typeof clusters.dbs)[0]];
    const [row] = await ownerSql`select step, problem from access.move where tenant_id = ${tenant}`;
    expect(row).toEqual({ step: 'copying', problem: expect.stringContaining('no time') });
    expect(await mover.due()).toEqual([]);
    await ownerSql`update access.move set stepped_at = now() - interval '1 hour', asked_at = now() - interval '1 day'
      where tenant_id = ${tenant}`;
    expect(await mover.due()).toEqual([tenant]);
    expect(await mover.goOn(tenant, { mayPause: goesOn, goesOn })).toBe('moved');
    await close();
  });

  test('goes on with what is due, one run at a time, and tells what stopped it', async () => {
    const tenant = await clusters.newTenant();
    const mover = createMover(clusters.movers, contextKey);
    expect(await mover.due()).toEqual([]);
    await clusters.ask(tenant, 1);
    expect(await mover.due()).toEqual([tenant]);
    expect(await mover.goOn(tenant, { mayPause: () => false, goesOn })).toBe('copying');
    const [{ ownerSql }] = clusters.dbs as [(typeof clusters.dbs)[0]];
    await ownerSql`update access.move set lease_until = now() + interval '1 minute' where tenant_id = ${tenant}`;
    expect(await mover.due()).toEqual([]);
    expect(await mover.goOn(tenant, { mayPause: goesOn, goesOn })).toBeUndefined();
    await ownerSql`update access.move set lease_until = null, to_shard = 7 where tenant_id = ${tenant}`;
    await expect(mover.goOn(tenant, { mayPause: goesOn, goesOn })).rejects.toThrow('no shard 7');
    expect((await ownerSql`select problem from access.move where tenant_id = ${tenant}`)[0]!.problem).toMatch(
      'no shard 7',
    );
    await ownerSql`update access.move set to_shard = 1 where tenant_id = ${tenant}`;
    expect(await mover.goOn(tenant, { mayPause: goesOn, goesOn })).toBe('moved');
    expect(await mover.due()).toEqual([]);
  });

  test('lets a paused tenant go on where it was when it cannot be compared, and only its own pause', async () => {
    const tenant = await clusters.newTenant();
    const { ledger, close } = clusters.environment();
    await ledger.commit(...one(tenant));
    await clusters.ask(tenant, 1);
    const failing = new TenantMove(
      {
        clusters: clusters.movers,
        contextKey,
        at: (place) => {
          if (place === 'reach verified') throw new Error('out of time');
        },
      },
      tenant,
    );
    await expect(failing.run()).rejects.toThrow('out of time');
    await expect(ledger.commit(...one(tenant))).rejects.toBeInstanceOf(Unavailable);
    await failing.resume();
    await ledger.commit(...one(tenant));
    // Nothing is paused: there is nothing to end.
    await failing.resume();
    expect(await moveOf(tenant).run()).toBe('moved');
    expect((await clusters.stored(1, tenant)).parts).toHaveLength(2);
    await failing.resume();
    await ledger.commit(...one(tenant));
    await close();
  });

  test('who compared in a pause that was ended does not switch', async () => {
    const tenant = await clusters.newTenant();
    const { ledger, close } = clusters.environment();
    await ledger.commit(...one(tenant));
    await clusters.ask(tenant, 1);
    let ended = false;
    const late = new TenantMove(
      {
        clusters: clusters.movers,
        contextKey,
        at: async (place) => {
          if (place !== 'reach verified' || ended) return;
          ended = true;
          await moveOf(tenant).resume();
          await ledger.commit(...one(tenant));
        },
      },
      tenant,
    );
    // It begins anew, and copies what came meanwhile.
    expect(await late.run()).toBe('moved');
    expect((await clusters.stored(1, tenant)).parts).toHaveLength(2);
    await close();
  });
});

test('addresses are numbered from 1', () => {
  expect(parseShards('')).toEqual([]);
  expect(parseShards('1=db.example.com/trailkeep_1,2=127.0.0.1:5433/two')).toEqual([
    { host: 'db.example.com', database: 'trailkeep_1' },
    { host: '127.0.0.1', port: 5433, database: 'two' },
  ]);
  for (const bad of ['2=a/b', '1=a', '1=a/b,3=c/d', 'a/b']) expect(() => parseShards(bad), bad).toThrow('shards');
});

test('while the shard is down the others go on, and what must know everything fails', async () => {
  const { ledger, critical, close } = clusters.environment();
  const sealer = clusters.environment('trailkeep_sealer');
  const line = made({ tenant: here });
  await ledger.commit(...batchOf([line]));
  await clusters.second.stop();
  await ledger.commit(...one(here));
  expect(await critical.get(here, line.event.id)).toBeDefined();
  await expect(ledger.commit(...one(there))).rejects.toBeInstanceOf(Unavailable);
  const logs = createLogLedger(sealer.sql, contextKey);
  expect((await logs.pending([here, there])).map(({ tenant }) => tenant)).toEqual([here]);
  expect((await ledger.unannounced(minuteLater(), 100)).length).toBeGreaterThan(0);
  // An orphan would be taken for garbage.
  await expect(ledger.catalogued([batchOf([line])[0].key])).rejects.toBeInstanceOf(Unavailable);
  await close();
  await sealer.close();
});
