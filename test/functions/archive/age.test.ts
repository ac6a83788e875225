/**
 * Ageing over a real database: a month of record.event goes when the archive has every row of every tenant, and stays
 * when it lacks one.
 */
import type { Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AgePorts, age } from '#functions/archive/age.schedule.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createHotRows } from '#stores/postgres/hot-rows.ts';
import { createLedger, insertTokens } from '#stores/postgres/ledger.ts';
import { createLogTenants } from '#stores/postgres/logs.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { createVerification } from '#stores/postgres/verification.ts';
import { batchOf, type Line, made, tenantA, tenantB, uuid7 } from '#test/stores/postgres/made.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { archive, digest, MemoryBlocks } from './archived.ts';

let db: TestDatabase;
let purger: Sql;
let app: Sql;
let blocks: MemoryBlocks;
let ports: AgePorts;
/** The template has the months of 2026 and 2027. */
const january = Date.parse('2026-01-15T12:00:00.000Z');
const february = Date.parse('2026-02-15T12:00:00.000Z');
const march5 = new Date('2026-03-05T00:00:00.000Z');
const floorOf = (month: string): string => {
  const time = Date.parse(`${month}-01T00:00:00.000Z`).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
};

const at = (ms: number, overrides: Parameters<typeof made>[0] = {}): Line =>
  made({ id: uuid7(ms), occurred_at: new Date(ms).toISOString(), ...overrides });
const commit = (...lines: Line[]) => createLedger(app, contextKey).commit(...batchOf(lines));
const run = (now = march5, more: Partial<AgePorts> = {}) => age({ ...ports, clock: () => now, ...more }, { now });
const months = async () =>
  (
    await db.ownerSql`select relname from pg_class where relname ~ '^event_2026_0[1-3]$' and relkind = 'r' order by 1`
  ).map(({ relname }) => relname.slice('event_2026_'.length));
const floor = async () => String((await db.ownerSql`select floor from archive.hot_floor`)[0]!.floor);
const held = async (tenant: string) =>
  (await db.ownerSql`select id from record.event where tenant_id = ${tenant} order by id`).map(({ id }) => id);

beforeEach(async () => {
  db = await testDatabase('age');
  [purger, app] = [db.login('trailkeep_purger'), db.login('trailkeep_app')];
  blocks = new MemoryBlocks();
  ports = {
    hot: createHotRows(purger, contextKey),
    tenants: createLogTenants(purger, contextKey),
    ...{ blocks, digest, hotDays: 30, clock: () => march5 },
  };
  const registry = createTenantRegistry(app, contextKey);
  for (const id of [tenantA, tenantB]) await registry.create({ id, name: 'T', createdAt: new Date(0) });
});
afterEach(() => db.drop());

describe('a month that the archive has', () => {
  test('goes with all its rows, 30 days after its end, and the floor is where the next one begins', async () => {
    const [a, b] = [[at(january), at(january), at(january)], [at(january, { tenant: tenantB })]];
    const later = at(february);
    await commit(...a, ...b, later);
    await archive(db, blocks, [...a, later]);
    await archive(db, blocks, b);
    expect(await run(new Date('2026-03-02T23:00:00.000Z'))).toMatchObject({ dropped: [], kept: [] });
    expect(await run()).toMatchObject({ dropped: ['2026-01-01'], kept: [], events: 4, mismatches: 0 });
    expect(await months()).toEqual(['02', '03']);
    expect([await held(tenantA), await held(tenantB)]).toEqual([[later.event.id], []]);
    expect(await floor()).toBe(floorOf('2026-02'));
    expect(await run()).toMatchObject({ dropped: [], kept: [], mismatches: 0 });
    expect(await run(new Date('2026-04-01T00:00:00.000Z'))).toMatchObject({ dropped: ['2026-02-01'], events: 1 });
    expect(await floor()).toBe(floorOf('2026-03'));
  });

  test('goes when merges have doubled lines of it for a moment', async () => {
    const lines = [at(january), at(january)];
    await commit(...lines);
    await archive(db, blocks, lines);
    await archive(db, blocks, lines);
    expect(await run()).toMatchObject({ dropped: ['2026-01-01'], mismatches: 0 });
  });

  test('goes without a row too, and takes the tokens of its own events along', async () => {
    const [old, young] = [at(january), at(february)];
    await commit(old, young);
    await archive(db, blocks, [old]);
    const token = (event: Line['event'], k: string) => ({ t: tenantA, k, o: event.occurred_at, i: event.id });
    await insertTokens(db.ownerSql, [token(old.event, 'ip:1'), token(old.event, 'ip:2'), token(young.event, 'ip:1')]);
    expect(await run()).toMatchObject({ dropped: ['2026-01-01'], tokens: 2 });
    const left = await db.ownerSql`select event_id from record.event_token`;
    expect(left.map(({ event_id }) => event_id)).toEqual([young.event.id]);
    expect(await ports.hot.dropped()).toEqual([]);
  });
});

describe('a month that the archive lacks something of', () => {
  test('stays, with everything above it, and says whose and how many', async () => {
    const [kept, lost] = [at(january), at(january)];
    await commit(kept, lost, at(january, { tenant: tenantB }), at(february));
    await archive(db, blocks, [kept]);
    const april = new Date('2026-04-15T00:00:00.000Z');
    expect(await run(april)).toMatchObject({ dropped: [], kept: ['2026-01-01'], mismatches: 2, events: 0 });
    expect(await months()).toEqual(['01', '02', '03']);
    expect(await floor()).toMatch(/^0{8}-/);
  });

  test('stays when one line is another', async () => {
    const one = at(january);
    await commit(one);
    const changed = { event: one.event, line: one.line.replace('ada', 'eve') };
    await archive(db, blocks, [changed]);
    expect(await run()).toMatchObject({ dropped: [], mismatches: 1 });
  });

  test('stays when a block cannot be read, and the other tenants are still looked at', async () => {
    await commit(at(january, { tenant: tenantB }));
    const one = at(january);
    await commit(one);
    await archive(db, blocks, [one]);
    blocks.texts.clear();
    expect(await run()).toMatchObject({ dropped: [], mismatches: 2 });
  });

  test('stays when a row comes between the look and the drop', async () => {
    const one = at(january);
    await commit(one);
    await archive(db, blocks, [one]);
    const hot = {
      ...ports.hot,
      drop: async (...given: Parameters<typeof ports.hot.drop>) => {
        await commit(at(january, { tenant: tenantB }));
        return ports.hot.drop(...given);
      },
    };
    expect(await run(march5, { hot })).toMatchObject({ dropped: [], kept: ['2026-01-01'] });
    expect(await held(tenantB)).toHaveLength(1);
  });

  test('stays while the run has no time left, and the next run does not begin again', async () => {
    const [a, b] = [at(january), at(january, { tenant: tenantB })];
    await commit(a, b);
    await archive(db, blocks, [a]);
    await archive(db, blocks, [b]);
    const times = [0, 0, 0, 0, 601_000];
    const clock = () => new Date(march5.getTime() + (times.shift() ?? 601_000));
    expect(await run(march5, { clock })).toMatchObject({ dropped: [], kept: ['2026-01-01'], mismatches: 0 });
    const before = blocks.reads;
    expect(await run()).toMatchObject({ dropped: ['2026-01-01'], events: 2 });
    expect(blocks.reads - before).toBe(1);
  });
});

describe('an event that comes after its month was dropped', () => {
  const lateOne = at(january + 1000);

  beforeEach(async () => {
    const early = [at(january), at(january)];
    await commit(...early);
    await archive(db, blocks, early);
    await run();
    expect(await months()).toEqual(['02', '03']);
    await commit(lateOne);
  });

  test('has a row again, below the floor, and its month goes again once the archive has it', async () => {
    expect(await months()).toEqual(['01', '02', '03']);
    expect(await held(tenantA)).toEqual([lateOne.event.id]);
    expect(await run()).toMatchObject({ dropped: [], kept: ['2026-01-01'], mismatches: 1 });
    await archive(db, blocks, [lateOne]);
    expect(await run()).toMatchObject({ dropped: ['2026-01-01'], events: 1, mismatches: 0 });
    expect(await months()).toEqual(['02', '03']);
    expect(await floor()).toBe(floorOf('2026-02'));
  });

  test('is found by queries at every moment: by its row, and by the archive once there is no row', async () => {
    const critical = createCriticalEvents(app, contextKey);
    const catalogue = createCatalogue(app, contextKey);
    const { id } = lateOne.event;
    const found = async () => {
      const { events, hotFloor } = await critical.page(tenantA, {}, undefined, 10);
      const { parts } = await catalogue.parts(tenantA, { from: 0, to: Date.now() }, undefined, 100);
      expect(hotFloor).toBe(floorOf('2026-02'));
      const isIn = (part: { readonly minId: string; readonly maxId: string }) => part.minId <= id && id <= part.maxId;
      return [
        events.some((event) => event.id === id),
        parts.some(isIn),
        (await critical.get(tenantA, id)) !== undefined,
      ];
    };
    expect(await found()).toEqual([true, false, true]);
    await archive(db, blocks, [lateOne]);
    expect(await found()).toEqual([true, true, true]);
    await run();
    expect(await found()).toEqual([false, true, false]);
  });

  test('holds up no other month', async () => {
    const young = at(february);
    await commit(young);
    await archive(db, blocks, [young]);
    const april = new Date('2026-04-01T00:00:00.000Z');
    expect(await run(april)).toMatchObject({ dropped: ['2026-02-01'], kept: ['2026-01-01'] });
    expect(await floor()).toBe(floorOf('2026-03'));
  });

  test('may be a repeat with another line: the archive has the event', async () => {
    await archive(db, blocks, [{ event: lateOne.event, line: lateOne.line.replace('ada', 'eve') }]);
    expect(await run()).toMatchObject({ dropped: ['2026-01-01'] });
  });

  test('does not make the verifier look for rows that left', async () => {
    const verifier = createVerification(db.login('trailkeep_verifier'), contextKey);
    expect(await verifier.oldestId(tenantA)).toBe(floorOf('2026-02'));
  });
});

test('the verifier looks from the first month on while nothing was dropped', async () => {
  const verifier = createVerification(db.login('trailkeep_verifier'), contextKey);
  expect(await verifier.oldestId(tenantA)).toBe(floorOf('2026-01'));
});

test('nobody but the purger drops a month, and it drops no month that is not over', async () => {
  await expect(app`select archive.drop_month('2026-01-01', '[]', now())`).rejects.toMatchObject({ code: '42501' });
  await expect(purger`select archive.drop_month('2027-12-01', '[]', now())`).rejects.toMatchObject({ code: '22023' });
  await expect(purger`select archive.drop_month('2026-01-02', '[]', now())`).rejects.toMatchObject({ code: '22023' });
});
