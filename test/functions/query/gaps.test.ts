/** The guarantee: what cannot be read is named, everything else comes, and nothing is called complete that is not. */
import { describe, expect, test } from 'vitest';
import { archiveKey, blocksPerChunk } from '#core/archive/file.ts';
import type { Category } from '#core/event/event.ts';
import { answer, type Budget } from '#functions/query/answer.ts';
import { tenantA } from '#test/support/events.ts';
import { eventOf, World } from './world.ts';

const plenty: Budget = { bytesMax: 1e9, until: Number.POSITIVE_INFINITY };
const ask = (world: World, budget = plenty, limit = 50) =>
  answer(world.ports, { tenant: tenantA, filter: {}, after: undefined, limit }, budget);

const keyOf = (n: number, category: Category, span: 'day' | 'month' = 'day') =>
  archiveKey({
    ...{ id: `01890000-0000-7000-8000-00000000f00${n}`, tenant: tenantA, tier: 'bulk', category, span },
    day: span === 'day' ? `2026-03-0${n}` : '2026-03-01',
  });

describe('a file in Glacier', () => {
  test('is named by day and category with what may be in it, each file is asked for once, and the rest comes', async () => {
    const world = new World();
    const archive = [
      world.chunkOf(keyOf(1, 'system'), [[eventOf(1)], [eventOf(2), eventOf(3)]]),
      world.chunkOf(keyOf(2, 'system'), [[eventOf(4)]]),
      world.chunkOf(keyOf(1, 'operations', 'month'), [[eventOf(5)]]),
    ];
    world.ledger.archived.push(...archive);
    world.addPart([[eventOf(6)]]);
    for (const { key } of archive.slice(0, 1)) world.freeze(key);
    world.freeze(archive[2]!.key);
    const page = await ask(world);
    expect(page.events.map(({ id }) => id)).toEqual([eventOf(6).id, eventOf(4).id]);
    expect(page.complete).toBe(false);
    expect(page.next).toBeUndefined();
    const bytes = archive[0]!.blocks.reduce((sum, block) => sum + block.bytes, 0);
    expect(page.gaps.archived).toEqual([
      { month: '2026-03', category: 'operations', events: 1, bytes: archive[2]!.blocks[0]!.bytes },
      { day: '2026-03-01', category: 'system', events: 3, bytes },
    ]);
  });
});

describe('a damaged block', () => {
  test('is named by file, number and bytes; its neighbours in the same read come through', async () => {
    const world = new World();
    const part = { ...world.chunkOf(keyOf(1, 'system'), [[eventOf(1)], [eventOf(2)], [eventOf(3)]]), number: 2 };
    world.ledger.archived.push(part);
    const [, hit] = part.blocks;
    world.damage(part.key, hit!.offset, undefined);
    const page = await ask(world);
    expect(page.events.map(({ id }) => id)).toEqual([eventOf(3).id, eventOf(1).id]);
    expect(page).toMatchObject({ complete: false, next: undefined });
    expect(page.gaps.damaged).toEqual([
      { file: part.key, block: 2 * blocksPerChunk + 1, bytes: `${hit!.offset}-${hit!.offset + hit!.bytes - 1}` },
    ]);
  });

  test('is one whose lines are not JSON, too', async () => {
    const world = new World();
    const part = world.addPart([[eventOf(1)], [eventOf(2)]]);
    world.damage(part.key, part.blocks[0]!.offset, '{"id":\n');
    const page = await ask(world);
    expect(page.events.map(({ id }) => id)).toEqual([eventOf(2).id]);
    expect(page.gaps.damaged).toMatchObject([{ file: part.key, block: 0 }]);
    expect(page.complete).toBe(false);
  });
});

describe('a budget that ends', () => {
  test('says how much there is still to scan, and what is whole says nothing of it', async () => {
    const world = new World();
    for (let n = 0; n < 200; n++) world.addPart([[eventOf(n)]]);
    const page = await ask(world, { bytesMax: 1, until: Number.POSITIVE_INFINITY });
    expect(page.complete).toBe(false);
    const left = world.ledger.committed.filter(({ minTime }) => minTime <= page.next!.time);
    expect(page.toScanBytes).toBe(left.reduce((sum, { blocks }) => sum + blocks[0]!.bytes, 0));
    expect(await ask(world, plenty, 200)).not.toHaveProperty('toScanBytes');
  });
});
