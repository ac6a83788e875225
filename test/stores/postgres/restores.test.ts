/** Restores in Postgres: which files they take, started once, and how far they are. */
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { estimateRestore } from '#core/archive/restore.ts';
import type { Restores } from '#core/archive/restore-ports.ts';
import type { Category } from '#core/event/event.ts';
import { createRestores } from '#stores/postgres/restores.ts';
import { putInCatalogue } from '#test/support/archived.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB, uuid7 } from './made.ts';

const dayMs = 86_400_000;
const start = Date.parse('2020-01-01T00:00:00Z');
const now = new Date('2026-03-01T12:00:00Z');
let db: TestDatabase;
let app: Sql;
let restores: Restores;
beforeAll(async () => {
  db = await testDatabase('restores');
  app = db.login('trailkeep_app', 4);
  restores = createRestores(app, contextKey);
});
afterAll(() => db?.drop());

/** A file of one day of January 2020, as compaction leaves it in the catalogue. */
async function addFile(
  tenant: string,
  day: number,
  more: { ladder?: string; category?: Category } = {},
): Promise<string> {
  const id = uuid7(now.getTime());
  await putInCatalogue(db.ownerSql, { tenant, id, day: `2020-01-0${day + 1}`, ...more });
  return id;
}
const opened = (tenant = tenantA, more: object = {}) => ({
  ...{ tenant, id: uuid7(now.getTime()), from: start, to: start + 3 * dayMs, speed: 'bulk' as const, days: 7 },
  estimate: estimateRestore({ files: 3, bytes: 3000, copiedFiles: 0, copiedBytes: 0 }, 'bulk', 7),
  ...{ askedBy: 'key:one', askedAt: now },
  ...more,
});

describe('restores', () => {
  test('take the files whose events are in the range, that may have come to Deep Archive', async () => {
    const days = [];
    for (const day of [0, 1, 2, 3]) days.push(await addFile(tenantA, day));
    await addFile(tenantA, 1, { ladder: 'warm-90' });
    await addFile(tenantA, 1, { ladder: 'standard' });
    await addFile(tenantB, 1);
    const operations = await addFile(tenantA, 1, { category: 'operations' });
    const range = { from: start + dayMs, to: start + 3 * dayMs };
    const ids = async (...more: [category?: 'operations']) =>
      (await restores.coldFiles(tenantA, { ...range, ...(more[0] ? { category: more[0] } : {}) }, undefined, 100)).map(
        ({ id }) => id,
      );
    expect(await ids()).toEqual([days[1], days[2], operations]);
    expect(await ids('operations')).toEqual([operations]);
    const [first] = await restores.coldFiles(tenantA, range, undefined, 1);
    expect(first).toMatchObject({ id: days[1], bytes: 1000 });
    expect((await restores.coldFiles(tenantA, range, first!.id, 1))[0]!.id).toBe(days[2]);
  });

  test('come back as they were opened, newest first, for their tenant alone', async () => {
    const one = opened(tenantB);
    const two = opened(tenantB, { category: 'operations', speed: 'standard' });
    await restores.open(one);
    await restores.open(two);
    expect(await restores.get(tenantB, one.id)).toEqual({ ...one, state: 'estimated' });
    expect((await restores.list(tenantB, undefined, 10)).map(({ id }) => id)).toEqual([two.id, one.id]);
    expect((await restores.list(tenantB, two.id, 10)).map(({ id }) => id)).toEqual([one.id]);
    expect(await restores.get(tenantA, one.id)).toBeUndefined();
    expect(await restores.confirm(tenantA, one.id, 'key:two', now)).toBeUndefined();
    expect(await restores.get(tenantB, 'no uuid')).toBeUndefined();
  });

  test('start once, and end when S3 was asked for every file', async () => {
    const one = opened();
    await restores.open(one);
    expect(await restores.asked(tenantA, one.id, now)).toBe(false);
    expect((await restores.confirm(tenantA, one.id, 'key:two', now))?.confirmed).toEqual({ by: 'key:two', at: now });
    expect(await restores.confirm(tenantA, one.id, 'key:two', now)).toBeUndefined();
    const files = await restores.chosen(tenantA, one.id, 100);
    expect(files).toHaveLength(4);
    expect(await restores.chosen(tenantB, one.id, 100)).toEqual([]);
    const [a, b, c, d] = files.map(({ id }) => id) as [string, string, string, string];
    const until = new Date(now.getTime() + 7 * dayMs);
    await restores.looked(tenantA, one.id, [{ file: a, state: 'asked' }], now);
    await restores.looked(tenantA, one.id, [{ file: b, state: 'gone' }], now);
    expect(await restores.asked(tenantA, one.id, now)).toBe(false);
    const later = [
      { file: c, state: 'ready' as const, until },
      { file: d, state: 'asked' as const },
    ];
    await restores.looked(tenantA, one.id, later, new Date(now.getTime() + 1));
    expect(await restores.asked(tenantA, one.id, now)).toBe(true);
    expect(await restores.asked(tenantA, one.id, now)).toBe(false);
    const progress = { waiting: 0, underWay: 2, ready: 1, readyBytes: 1000, gone: 1, until };
    expect(await restores.get(tenantA, one.id)).toMatchObject({ progress });
    expect((await restores.list(tenantA, undefined, 1))[0]).toMatchObject({ id: one.id, progress });
    expect((await restores.underWay(tenantA, one.id, 1)).map(({ id }) => id)).toEqual([a]);
    // Whoever looks a second later still sees the first one's; what is ready stays so.
    await restores.looked(tenantA, one.id, [{ file: a, state: 'asked' }], new Date(now.getTime() + 2));
    expect((await restores.underWay(tenantA, one.id, 1)).map(({ id }) => id)).toEqual([d]);
    await restores.looked(tenantA, one.id, [{ file: c, state: 'gone' }], now);
    expect((await restores.get(tenantA, one.id))?.progress?.ready).toBe(1);
    expect(await restores.get(tenantA, one.id)).toMatchObject({ state: 'asked', endedAt: now });
  });
});
