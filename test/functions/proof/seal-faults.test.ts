import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { sealLog } from '#functions/proof/seal.ts';
import type { SealLogPorts } from '#functions/proof/seal-ports.ts';
import { createLogRecovery } from '#stores/postgres/log-recovery.ts';
import { made, uuid7 } from '#test/stores/postgres/made.ts';
import { MemorySigner } from '#test/support/memory-log.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { audited, type SealWorld, sealWorld } from './world.ts';

const db: TestDatabase = await testDatabase('seal_faults');
afterAll(() => db.drop());

const now = new Date();
let world: SealWorld;
let tenant: string;
beforeEach(() => {
  world = sealWorld(db);
  tenant = uuid7(now.getTime());
});
const commit = (count: number) => world.commit(Array.from({ length: count }, () => made({ tenant })));
const seal = (overrides: Partial<SealLogPorts> = {}) => sealLog({ ...world.ports, ...overrides }, tenant, now);
const log = async () => (await world.ports.ledger.find(tenant))!;
const actions = () => world.recorder.recorded.map(({ action }) => action);
const change = (path: string, slug: string) => {
  const bytes = Buffer.from(world.store.objects.get(`t/${slug}/${path}`)!.bytes);
  bytes[bytes.length - 1]! ^= 1;
  world.store.set(slug, path, bytes);
};

describe('a run that dies is finished by the next', () => {
  // 10 writes: 2 tiles and 2 bundles, archive, keys, policy, checkpoint; and the steps in Postgres.
  test.each(Array.from({ length: 8 }, (_, index) => index))('before or after write %d to S3', async (nth) => {
    await commit(3);
    await seal();
    for (const when of ['before', 'after'] as const) {
      await commit(2);
      let left = nth;
      const real = world.store.set.bind(world.store);
      if (when === 'before') {
        world.store.before = () => {
          if (left-- === 0) throw new Unavailable('S3');
        };
      } else {
        world.store.set = (...args) => {
          real(...args);
          if (left-- === 0) throw new Unavailable('S3');
        };
      }
      await seal().catch((error) => expect(error).toBeInstanceOf(Unavailable));
      world.store.before = () => {};
      world.store.set = real;
      await seal();
    }
    expect(await audited(world, await log())).toMatchObject({ size: 7, isSound: true });
    expect(await log()).toMatchObject({ state: 'active', publishedSize: 7, archivedSize: 7 });
    expect(actions()).toEqual(['log.created']);
  });

  test.each(['outbox', 'advance', 'claimCheckpoint', 'keepNote', 'archived', 'published'] as const)(
    'before or after %s in Postgres',
    async (name) => {
      await commit(3);
      for (const when of ['before', 'after']) {
        const real = world.ports.ledger[name] as (...args: unknown[]) => Promise<unknown>;
        const dies = async (...args: unknown[]) => {
          if (when === 'after') await real(...args);
          throw new Unavailable('postgres');
        };
        await expect(seal({ ledger: { ...world.ports.ledger, [name]: dies } })).rejects.toBeInstanceOf(Unavailable);
      }
      const signatures = world.signer.signatures;
      await seal();
      expect(await audited(world, await log())).toMatchObject({ size: 3, isSound: true });
      expect(await log()).toMatchObject({ state: 'active', publishedSize: 3 });
      // A note that was kept is not signed again.
      if (name === 'archived' || name === 'published') expect(world.signer.signatures).toBe(signatures);
    },
  );

  test('witnesses that cannot be asked hold nothing up', async () => {
    await commit(1);
    world.anchors.down = true;
    expect(await seal()).toMatchObject({ state: 'sealed', published: 1 });
  });

  test('and a recorder that is down holds nothing up', async () => {
    await commit(1);
    world.recorder.down = true;
    expect(await seal()).toMatchObject({ state: 'sealed', published: 1 });
  });
});

describe('a log is frozen', () => {
  const isFrozen = async (reason: string) => {
    expect(await log()).toMatchObject({ state: 'frozen', frozenReason: reason });
    expect(actions()).toEqual(['log.created', 'log.frozen']);
    const signatures = world.signer.signatures;
    const puts = world.store.counts.put;
    expect(await seal()).toMatchObject({ state: 'frozen' });
    expect([world.signer.signatures, world.store.counts.put]).toEqual([signatures, puts]);
  };

  test('when S3 has archived more than Postgres knows', async () => {
    await commit(2);
    await seal();
    const [before] = await db.ownerSql`select size, root, edge from proof.log where tenant_id = ${tenant}`;
    await commit(2);
    await seal();
    await db.ownerSql`update proof.log set size = ${before!.size}, root = ${before!.root}, edge = ${before!.edge},
      archived_size = 2, published_size = 2 where tenant_id = ${tenant}`;
    expect(await seal()).toMatchObject({ state: 'frozen' });
    await isFrozen('rollback');
  });

  test('when S3 has archived it and nobody could see it yet', async () => {
    await commit(2);
    await seal();
    const [before] = await db.ownerSql`select size, root, edge from proof.log where tenant_id = ${tenant}`;
    await commit(2);
    const stops = { ...world.ports.ledger, archived: async () => Promise.reject(new Unavailable('postgres')) };
    await expect(seal({ ledger: stops })).rejects.toThrow();
    await db.ownerSql`update proof.log set size = ${before!.size}, root = ${before!.root}, edge = ${before!.edge}
      where tenant_id = ${tenant}`;
    await seal();
    await isFrozen('rollback');
  });

  test('when other bytes are where a tile belongs', async () => {
    await commit(2);
    await seal();
    const { slug } = await log();
    world.store.set(slug, 'tile/entries/000.p/4', Buffer.from('orphan'));
    await commit(2);
    expect(await seal()).toMatchObject({ state: 'frozen' });
    await isFrozen('tile_differs');
  });

  test('when the last bundle is not what the tree has', async () => {
    await commit(2);
    await seal();
    change('tile/entries/000.p/2', (await log()).slug);
    await commit(2);
    await seal();
    await isFrozen('tile_differs');
  });

  test('when the last bundle is gone', async () => {
    await commit(2);
    await seal();
    world.store.objects.delete(`t/${(await log()).slug}/tile/entries/000.p/2`);
    await commit(2);
    await seal();
    await isFrozen('tile_differs');
  });

  test.each([0, 2])(
    'when Postgres has a root that nothing leads to; an edge alone is read again from S3 (%d wait)',
    async (waiting) => {
      await commit(2);
      await seal();
      await commit(2);
      await db.ownerSql`update proof.log set edge = 'x' where tenant_id = ${tenant}`;
      expect(await seal()).toMatchObject({ state: 'sealed', published: 4 });
      await commit(waiting + 1);
      await expect(
        seal({
          ledger: { ...world.ports.ledger, claimCheckpoint: async () => Promise.reject(new Unavailable('postgres')) },
        }),
      ).rejects.toThrow();
      if (waiting > 0) await commit(waiting);
      await db.ownerSql`update proof.log set root = sha256('x') where tenant_id = ${tenant}`;
      await seal();
      await isFrozen('edge_differs');
    },
  );

  test('when another root was claimed or archived for the size', async () => {
    await commit(2);
    await seal();
    await commit(2);
    await db.ownerSql`insert into proof.checkpoint (tenant_id, size, root, epoch)
      values (${tenant}, 4, sha256('other'), 0)`;
    await seal();
    await isFrozen('checkpoint_differs');
  });

  test('when the archive lost a checkpoint', async () => {
    await commit(2);
    await seal();
    world.store.objects.delete(`t/${(await log()).slug}/checkpoint-archive/00000000000000000002`);
    await seal();
    await isFrozen('checkpoint_differs');
  });

  test('when the archived checkpoint is of another key', async () => {
    await commit(2);
    await seal();
    expect(await seal({ signer: new MemorySigner() })).toMatchObject({ state: 'frozen' });
    await isFrozen('checkpoint_differs');
  });
});

describe('a worker from before stops in silence', () => {
  test('when the database has another incarnation than S3', async () => {
    await commit(2);
    await seal();
    await world.store.setIncarnation('0f000000-0000-4000-8000-000000000000');
    await commit(2);
    expect(await seal()).toEqual({ state: 'fenced', leaves: 0 });
    expect(await log()).toMatchObject({ state: 'active', size: 2 });
    const recovery = createLogRecovery(db.login('trailkeep_recovery', 1), contextKey);
    await recovery.renewIncarnation('0f000000-0000-4000-8000-000000000000', tenant);
    expect(await seal()).toMatchObject({ state: 'sealed', published: 4 });
  });

  test('when a tile differs because the log was recovered under it', async () => {
    await commit(2);
    await seal();
    await commit(2);
    const { slug } = await log();
    world.store.before = async (key) => {
      if (!key.includes('tile/')) return;
      world.store.before = () => {};
      world.store.set(slug, 'tile/entries/000.p/4', Buffer.from('of the tree after recovery'));
      await db.ownerSql`update proof.log set epoch = 1 where tenant_id = ${tenant}`;
    };
    expect(await seal()).toEqual({ state: 'busy', leaves: 0 });
    expect(await log()).toMatchObject({ state: 'active', epoch: 1 });
  });
});

describe('publishing', () => {
  test('a slow worker does not replace what is newer', async () => {
    await commit(2);
    let waiting = true;
    world.store.before = async (key) => {
      if (!waiting || !key.endsWith('/checkpoint')) return;
      waiting = false;
      await commit(2);
      expect(await seal()).toMatchObject({ published: 4 });
    };
    expect(await seal()).toMatchObject({ state: 'busy' });
    expect(await audited(world, await log())).toMatchObject({ size: 4, isSound: true });
    expect(await log()).toMatchObject({ publishedSize: 4 });
  });

  test('cosignatures of the same checkpoint stay', async () => {
    await commit(2);
    const dies = { ...world.ports.ledger, published: async () => Promise.reject(new Unavailable('postgres')) };
    await expect(seal({ ledger: dies })).rejects.toThrow();
    const { slug } = await log();
    const { note } = (await world.store.checkpoint(slug))!;
    const cosigned = `${note}— witness.example.org AAAAAAECAwQFBgcI\n`;
    world.store.set(slug, 'checkpoint', Buffer.from(cosigned));
    expect(await seal()).toMatchObject({ state: 'sealed', published: 2 });
    expect((await world.store.checkpoint(slug))!.note).toBe(cosigned);
  });

  test('a size that was claimed with another root before a recovery is never signed', async () => {
    await commit(2);
    await seal();
    await commit(2);
    await db.ownerSql`insert into proof.checkpoint (tenant_id, size, root, epoch)
      values (${tenant}, 4, sha256('other'), 0)`;
    await db.ownerSql`update proof.log set epoch = 1 where tenant_id = ${tenant}`;
    const signatures = world.signer.signatures;
    expect(await seal()).toMatchObject({ state: 'waits' });
    expect(world.signer.signatures).toBe(signatures);
    expect(await log()).toMatchObject({ state: 'active', publishedSize: 2 });
    // The heartbeat that it asked for is the next leaf.
    expect(actions()).toEqual(['log.created', 'log.heartbeat']);
    await commit(1);
    expect(await seal()).toMatchObject({ state: 'sealed', published: 5 });
    expect(await audited(world, await log())).toMatchObject({ size: 5, isSound: true });
  });
});
