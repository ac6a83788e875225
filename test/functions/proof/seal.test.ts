import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commitmentOf } from '#core/proof/commitment.ts';
import { sealLog } from '#functions/proof/seal.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { made, uuid7 } from '#test/stores/postgres/made.ts';
import { type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { audited, type SealWorld, sealWorld } from './world.ts';

let db: TestDatabase;
let world: SealWorld;
beforeAll(async () => {
  db = await testDatabase('seal');
  world = sealWorld(db);
});
afterAll(() => db.drop());

const now = new Date();
const someTenant = () => uuid7(now.getTime());
const of = (tenant: string, count: number) => Array.from({ length: count }, () => made({ tenant }));
const logOf = async (tenant: string) => (await world.ports.ledger.find(tenant))!;

describe('a run', () => {
  test('seals what is committed: in its order, signed, archived and published', async () => {
    const tenant = someTenant();
    const lines = [...(await world.commit(of(tenant, 3))), ...(await world.commit(of(tenant, 2), 'bulk'))];
    expect(await sealLog(world.ports, tenant, now)).toEqual({ state: 'sealed', leaves: 5, published: 5 });
    const log = await logOf(tenant);
    expect(log).toMatchObject({ state: 'active', size: 5, archivedSize: 5, publishedSize: 5, leaves: 5 });
    const seen = await audited(world, log);
    expect(seen).toMatchObject({ size: 5, isSound: true });
    expect(seen.entries.map(({ id, commitment }) => [id, Buffer.from(commitment)])).toEqual(
      lines.map(({ event, line }) => [event.id, Buffer.from(commitmentOf(nodeProofCrypto, line))]),
    );
    expect(world.store.paths(log.slug)).toEqual([
      'bound',
      'checkpoint',
      'checkpoint-archive/00000000000000000005',
      'keys.txt',
      'policy.txt',
      'tile/0/000.p/5',
      'tile/entries/000.p/5',
    ]);
    expect(world.anchors.asked).toEqual([log.slug]);
    expect(world.recorder.recorded.filter((one) => one.tenant === tenant).map(({ action }) => action)).toEqual([
      'log.created',
    ]);
    expect(await db.ownerSql`select from proof.outbox where tenant_id = ${tenant}`).toHaveLength(0);
  });

  test('without anything to do writes nothing', async () => {
    const tenant = someTenant();
    expect(await sealLog(world.ports, tenant, now)).toEqual({ state: 'idle', leaves: 0 });
    await world.commit(of(tenant, 1));
    await sealLog(world.ports, tenant, now);
    const before = { ...world.store.counts, signatures: world.signer.signatures };
    expect(await sealLog(world.ports, tenant, now)).toEqual({ state: 'idle', leaves: 0 });
    expect(world.store.counts.put).toBe(before.put);
    expect(world.signer.signatures).toBe(before.signatures);
  });

  test('grows over tile borders, and partial tiles go when full ones are published', async () => {
    const tenant = someTenant();
    let size = 0;
    for (const more of [100, 156, 1, 300, 255, 70_000, 3]) {
      await world.commitMany(tenant, more, 9_000);
      size += more;
      expect(await sealLog(world.ports, tenant, now)).toMatchObject({ state: 'sealed', leaves: more });
      expect(await audited(world, await logOf(tenant))).toMatchObject({ size, isSound: true });
    }
    const { slug } = await logOf(tenant);
    const full = world.store.paths(slug).filter((path) => /^tile\/[^.]*$/.test(path));
    for (const path of full) expect(world.store.paths(slug).filter((one) => one.startsWith(`${path}.p/`))).toEqual([]);
  });

  test('two at once and after each other end in one log', async () => {
    const tenant = someTenant();
    for (let round = 0; round < 5; round++) {
      await world.commit(of(tenant, 40));
      const states = await Promise.all([1, 2, 3].map(() => sealLog(world.ports, tenant, now)));
      expect(states.some(({ state }) => state === 'sealed')).toBe(true);
      await sealLog(world.ports, tenant, now);
      expect(await audited(world, await logOf(tenant))).toMatchObject({ size: 40 * (round + 1), isSound: true });
    }
  });
});
