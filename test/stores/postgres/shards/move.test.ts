/** The guarantee: a tenant moves between two servers while it is written and read, cut off anywhere, and nothing is missed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TenantMove } from '#stores/postgres/tenant-move.ts';
import { contextKey } from '#test/support/postgres.ts';
import { batchOf, made } from '../made.ts';
import { producer, TwoClusters } from './two-clusters.ts';

let clusters: TwoClusters;
beforeAll(async () => {
  clusters = await TwoClusters.start();
}, 60_000);
afterAll(() => clusters.stop());

const moveOf = (tenant: string, at?: (place: string) => void | Promise<void>) =>
  new TenantMove({ clusters: clusters.movers, contextKey, ...(at ? { at } : {}) }, tenant);

let seed = 1;
/** Moves a tenant with two producers and a reader going on; with `cuts` it is cut off before every kind of place, once each. */
async function moveUnderLoad(to: number, tenant: string, cuts = false) {
  const places: string[] = [];
  const kinds = new Set<string>();
  const producers = [
    producer(clusters, tenant, 'critical', seed++),
    producer(clusters, tenant, 'bulk', seed++),
  ] as const;
  const reader = clusters.environment();
  let reading = true;
  let reads = 0;
  const looking = (async () => {
    while (reading) {
      const id = producers[0].sent.at(-1);
      // A receipt was given: whatever the move is doing, the event is there for readers.
      if (id !== undefined) {
        expect(await reader.critical.get(tenant, id), `${id} at ${places.at(-1)}`).toBeDefined();
        reads++;
      }
      await sleep(3);
    }
  })();
  await sleep(30);
  await clusters.ask(tenant, to);
  let paused = '';
  const run = () =>
    moveOf(tenant, (place) => {
      places.push(place);
      if (place === 'drain') paused = 'paused, ';
      const kind = paused + place;
      if (!cuts || kinds.has(kind)) return;
      kinds.add(kind);
      throw new Error(`cut off before: ${kind}`);
    }).run();
  for (;;) {
    const before = kinds.size;
    const step = await run().catch((error: Error) => {
      if (kinds.size === before) throw error;
    });
    if (step !== undefined) {
      expect(step).toBe('moved');
      break;
    }
    await sleep(5);
  }
  await sleep(30);
  await Promise.all(producers.map((one) => one.stop()));
  reading = false;
  await looking;
  await reader.close();
  const [critical, bulk] = producers;
  const { parts, ids } = await clusters.stored(to, tenant);
  expect(ids).toEqual([...critical.sent].sort());
  let leaf = 0;
  parts.forEach((part, index) => {
    expect(part).toMatchObject({ seq: index + 1, first_leaf: leaf });
    leaf += part.events as number;
  });
  expect(leaf).toBe(critical.sent.length + bulk.sent.length);
  return { places, kinds, reads, waited: critical.told.waited + bulk.told.waited };
}

describe('under load', () => {
  test('it goes there and back, and its old rows go when they are told to', async () => {
    const tenant = await clusters.newTenant();
    const { places, reads } = await moveUnderLoad(1, tenant);
    expect(reads).toBeGreaterThan(3);
    expect(places).toContain('copy record.segment_part');
    const [move] = await clusters.dbs[0]!.ownerSql`select step, rows from access.move where tenant_id = ${tenant}`;
    expect(move!.step).toBe('moved');
    expect(move!.rows.find(({ table }: { table: string }) => table === 'record.event').rows).toBeGreaterThan(0);
    // What was left behind there is compared, and made what it should be.
    await moveUnderLoadBack(tenant);
    await clusters.dbs[0]!.ownerSql`update access.move set step = 'finishing' where tenant_id = ${tenant}`;
    expect(await moveOf(tenant).run()).toBe('finished');
    expect(await clusters.stored(1, tenant)).toEqual({ parts: [], ids: [] });
    expect((await clusters.stored(0, tenant)).ids).not.toEqual([]);
  });

  async function moveUnderLoadBack(tenant: string) {
    const before = await clusters.stored(1, tenant);
    await clusters.ask(tenant, 0);
    expect(await moveOf(tenant).run()).toBe('moved');
    expect(await clusters.stored(0, tenant)).toEqual(before);
  }

  test('cut off before every kind of place, it goes on where it was', { timeout: 60_000 }, async () => {
    const { kinds, waited } = await moveUnderLoad(1, await clusters.newTenant(), true);
    expect(waited).toBeGreaterThan(0);
    expect([...kinds]).toEqual(
      expect.arrayContaining([
        'close the target',
        'copy record.event',
        'copy record.segment_part',
        'bring the floor',
        'reach paused',
        'pause',
        'paused, drain',
        'paused, copy record.event',
        'paused, compare proof.outbox',
        'paused, reach verified',
        'paused, moving on 1',
        'paused, switch',
        'paused, reach switched',
        'paused, moved on 0',
        'paused, open the target',
        'paused, reach moved',
      ]),
    );
  });
});

test('a move that was overtaken leaves what is written there since alone', async () => {
  const tenant = await clusters.newTenant();
  const { ledger, close } = clusters.environment();
  await ledger.commit(...batchOf([made({ tenant })]));
  await clusters.ask(tenant, 1);
  let overtaken = false;
  const slow = moveOf(tenant, async (place) => {
    if (place !== 'copy record.event' || overtaken) return;
    overtaken = true;
    expect(await moveOf(tenant).run()).toBe('moved');
    await ledger.commit(...batchOf([made({ tenant })]));
  });
  await expect(slow.run()).rejects.toThrow('the tenant lives there');
  expect((await clusters.stored(1, tenant)).ids).toHaveLength(2);
  await close();
});
