/** Purging over a real database: what is past its end goes, told before; what is held, or not decided, stays. */
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeLeafPlaces } from '#core/archive/leaf-places.ts';
import { defaultRetention, type RetentionPolicy } from '#core/archive/retention.ts';
import type { EventInput } from '#core/event/event.ts';
import { purgeOf } from '#core/proof/purge.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type PurgePorts, purge } from '#functions/archive/purge.schedule.ts';
import { createArchiveFiles } from '#stores/postgres/archive.ts';
import { createHolds } from '#stores/postgres/holds.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogTenants } from '#stores/postgres/logs.ts';
import { createPurges } from '#stores/postgres/purges.ts';
import { createRetentionLedger, createRetentionPolicies } from '#stores/postgres/retention.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { batchOf, type Line, made, tenantA, tenantB, uuid7 } from '#test/stores/postgres/made.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { archive, MemoryBlocks } from './archived.ts';

let db: TestDatabase;
let app: Sql;
let blocks: MemoryBlocks;
let ports: PurgePorts;
let told: { readonly tenant: string; readonly events: readonly EventInput[] }[];
const day = 86_400_000;
const now = new Date('2026-06-01T00:00:00.000Z');
const ago = (days: number) => now.getTime() - days * day;

const line = (days: number, overrides: Parameters<typeof made>[0] = {}): Line =>
  made({
    id: uuid7(ago(days)),
    occurred_at: new Date(ago(days)).toISOString(),
    category: 'user_activity',
    ...overrides,
  });
const bulk = { tier: 'bulk', category: 'user_activity' } as const;
const run = (at = now, more: Partial<PurgePorts> = {}) => purge({ ...ports, clock: () => at, ...more }, { now: at });
const left = async () => (await db.ownerSql`select file_id from archive.file order by 1`).map((row) => row.file_id);
const approve = async (tenant = tenantA, policy: RetentionPolicy = defaultRetention) => {
  const { current, propose, approve: agree } = createRetentionPolicies(app, contextKey);
  const { approved, waiting } = await current(tenant);
  const newest = Math.max(approved?.version ?? 0, waiting?.version ?? 0);
  const { version } = await propose(tenant, newest, { policy, proposedBy: 'one', proposedAt: now });
  await agree(tenant, version, 'two', now);
};

beforeAll(async () => {
  db = await testDatabase('purge');
  app = db.login('trailkeep_app');
  const purger = db.login('trailkeep_purger');
  blocks = new MemoryBlocks();
  ports = {
    purges: createPurges(purger, contextKey),
    files: createArchiveFiles(purger, contextKey),
    blocks,
    ids: { uuidv7: (at) => uuid7(at.getTime()) },
    tenants: createLogTenants(purger, contextKey),
    recorder: {
      record: async (tenant, events) => {
        told.push({ tenant, events });
      },
    },
    clock: () => now,
  };
  for (const id of [tenantA, tenantB]) {
    await createTenantRegistry(app, contextKey).create({ id, name: 'T', createdAt: new Date(0) });
  }
});
beforeEach(async () => {
  told = [];
  await db.ownerSql`truncate archive.retention_policy, archive.purge, archive.doomed, archive.file, record.event,
    privacy.legal_hold cascade`;
});
afterAll(() => db.drop());

describe('past its end', () => {
  test('a file leaves the catalogue, its object is doomed, and the trail says which leaves and by whom', async () => {
    await approve();
    const old = await archive(db, blocks, [line(100), line(99), line(98)], { ...bulk, firstLeaf: 10 });
    const young = await archive(db, blocks, [line(91), line(89)], { ...bulk, firstLeaf: 20 });
    expect(await run()).toMatchObject({ tenants: 1, files: 1, events: 3, bytes: 300, failed: 0, held: 0, overdue: 0 });
    expect(await left()).toEqual([young.id]);
    expect(await db.ownerSql`select count(*)::int as n from archive.chunk where file_id = ${old.id}`).toEqual([
      { n: 0 },
    ]);
    expect(await db.ownerSql`select file_id, key, after from archive.doomed`).toEqual([
      { file_id: old.id, key: old.key, after: new Date(now.getTime() + 3600_000) },
    ]);
    expect(told).toMatchObject([{ tenant: tenantA, events: [{ action: 'retention.purged' }] }]);
    expect(told[0]!.events[0]!.metadata).toEqual({
      ...{ policy: 'retention:1', approved_by: 'two', files: 1, events: 3 },
      leaves: [[10, 13]],
    });
    const [record] = await createRetentionLedger(app, contextKey).purges(tenantA, undefined, 10);
    expect(record).toMatchObject({ policyVersion: 1, approvedBy: 'two', files: 1, events: 3, leaves: [[10, 13]] });
    expect(record!.newest).toBe(old.maxTime);
    expect(await createRetentionLedger(app, contextKey).purges(tenantB, undefined, 10)).toEqual([]);
  });

  test('verifiers understand what the trail says', async () => {
    await approve();
    await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 10 });
    await run();
    const stored = made({ ...(told[0]!.events[0] as object), producer: { key: 'trailkeep' } }).event;
    expect(purgeOf(stored, 50)).toEqual({ index: 50, policy: 'retention:1', leaves: [[10, 11]] });
  });

  test('nothing is left by a run, whatever there is', async () => {
    await approve();
    for (let i = 0; i < 130; i++) await archive(db, blocks, [line(100 + i)], { ...bulk, firstLeaf: i });
    expect(await run()).toMatchObject({ files: 130, overdue: 0 });
    expect(told).toHaveLength(2);
    expect(await run()).toMatchObject({ files: 0, overdue: 0 });
  });

  test('each day later more goes, and overdue is 0 after every run', async () => {
    await approve();
    for (let i = 0; i < 5; i++) await archive(db, blocks, [line(88 + i)], { ...bulk, firstLeaf: i });
    const counts = [];
    for (let i = 0; i < 5; i++) {
      const { files, overdue } = await run(new Date(now.getTime() + i * day));
      counts.push([files, overdue]);
    }
    expect(counts).toEqual([
      [2, 0],
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 0],
    ]);
  });

  test('events without a leaf go too, and the record has no run of them', async () => {
    await approve();
    await archive(db, blocks, [line(100)], bulk);
    expect(await run()).toMatchObject({ files: 1 });
    expect(told[0]!.events[0]!.metadata).toMatchObject({ leaves: [], events: 1 });
  });

  test('a record with many runs is several events, none too large', async () => {
    await approve();
    const lines = Array.from({ length: 12_000 }, () => line(100));
    const file = await archive(db, blocks, lines, { ...bulk, perBlock: 12_000, firstLeaf: 0 });
    await db.ownerSql`update archive.chunk set leaves = ${apart(12_000)} where file_id = ${file.id}`;
    expect(await run()).toMatchObject({ files: 1, events: 12_000 });
    expect(told[0]!.events.map(({ metadata }) => (metadata!.leaves as unknown[]).length)).toEqual([5000, 5000, 2000]);
  });
});

describe('rows of critical events that are still in Postgres', () => {
  const one = { category: 'critical' } as const;

  test('go with their file, and no others do', async () => {
    const short = { ...defaultRetention.classes.activity!, cold: 30 };
    await approve(tenantA, { ...defaultRetention, classes: { ...defaultRetention.classes, critical: short } });
    const [a, b, foreign] = [line(40, one), line(40, one), line(40, { ...one, tenant: tenantB })];
    await createLedger(app, contextKey).commit(...batchOf([a, b, foreign]));
    await archive(db, blocks, [a], { firstLeaf: 0 });
    expect(await run()).toMatchObject({ files: 1, events: 1, overdue: 0 });
    const rows = await db.ownerSql`select id from record.event order by id`;
    expect(rows.map(({ id }) => id).sort()).toEqual([b.event.id, foreign.event.id].sort());
  });

  test('keep their file when it cannot be read, and the alarm counts it', async () => {
    const short = { ...defaultRetention.classes.activity!, cold: 30 };
    await approve(tenantA, { ...defaultRetention, classes: { ...defaultRetention.classes, critical: short } });
    const a = line(40, one);
    await createLedger(app, contextKey).commit(...batchOf([a]));
    const file = await archive(db, blocks, [a], { firstLeaf: 0 });
    blocks.texts.clear();
    expect(await run()).toMatchObject({ files: 0, failed: 1, overdue: 1 });
    expect(await left()).toEqual([file.id]);
    expect(told).toEqual([]);
  });
});

describe('nothing is purged', () => {
  test('without an approved policy', async () => {
    const { propose } = createRetentionPolicies(app, contextKey);
    await propose(tenantA, 0, { policy: defaultRetention, proposedBy: 'one', proposedAt: now });
    await archive(db, blocks, [line(5000)], { ...bulk, firstLeaf: 0 });
    expect(await run()).toMatchObject({ tenants: 0, files: 0, overdue: 0 });
    expect(await left()).toHaveLength(1);
  });

  test('of another tenant', async () => {
    await approve();
    await archive(db, blocks, [line(100, { tenant: tenantB })], { ...bulk, firstLeaf: 0 });
    expect(await run()).toMatchObject({ tenants: 1, files: 0 });
    expect(await left()).toHaveLength(1);
  });

  test('while the place of records is down', async () => {
    await approve();
    await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 0 });
    const recorder = {
      record: async () => {
        throw new Unavailable('sqs');
      },
    };
    await expect(run(now, { recorder })).rejects.toThrow(Unavailable);
    expect(await left()).toHaveLength(1);
    expect(await db.ownerSql`select * from archive.doomed`).toHaveLength(0);
    expect(await createRetentionLedger(app, contextKey).purges(tenantA, undefined, 10)).toEqual([]);
  });
});

describe('a legal hold', () => {
  const place = async (scope: { kind: 'all' } | { kind: 'filter'; filter: object }) => {
    const id = uuid7(now.getTime());
    const by = { matter: 'm', custodian: 'c', placedBy: 'one', placedAt: now };
    await createHolds(app, contextKey).place({ tenant: tenantA, id, scope, ...by });
    return id;
  };
  const release = async (id: string) => {
    const holds = createHolds(app, contextKey);
    await holds.askRelease(tenantA, id, 'one', now);
    await holds.release(tenantA, id, 'two', now);
  };

  test('stops all of it until two persons released it', async () => {
    await approve();
    await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 0 });
    const id = await place({ kind: 'all' });
    expect(await run()).toMatchObject({ files: 0, held: 1, overdue: 0 });
    await release(id);
    expect(await run()).toMatchObject({ files: 1, held: 0, overdue: 0 });
  });

  test('of a time stops what may lie in it', async () => {
    await approve();
    const kept = await archive(db, blocks, [line(120), line(110)], { ...bulk, firstLeaf: 0 });
    await archive(db, blocks, [line(109), line(100)], { ...bulk, firstLeaf: 2 });
    const iso = (days: number) => new Date(ago(days)).toISOString();
    await place({ kind: 'filter', filter: { actor: 'ada', from: iso(115), to: iso(109.5) } });
    expect(await run()).toMatchObject({ files: 1, held: 1, overdue: 0 });
    expect(await left()).toEqual([kept.id]);
  });

  test('that is placed while a purge is on its way stops it, and the trail says nothing', async () => {
    await approve();
    await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 0 });
    const purges: PurgePorts['purges'] = {
      ...ports.purges,
      purge: async (...given) => {
        await place({ kind: 'all' });
        return ports.purges.purge(...given);
      },
    };
    expect(await run(now, { purges })).toMatchObject({ files: 0, failed: 0, held: 1, overdue: 0 });
    expect(told).toEqual([]);
    expect(await left()).toHaveLength(1);
  });

  test('that comes during the last step waits for it: there is one order', async () => {
    await approve();
    await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 0 });
    let placing: Promise<string> | undefined;
    let isPlaced = false;
    const recorder = {
      record: async () => {
        placing = place({ kind: 'all' });
        placing.then(() => {
          isPlaced = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(isPlaced).toBe(false);
      },
    };
    expect(await run(now, { recorder })).toMatchObject({ files: 1 });
    await placing;
  });
});

describe('meanwhile', () => {
  test('a file that was merged into another, or a policy that was approved: the next run sees to it', async () => {
    await approve();
    const file = await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 0 });
    const with_ = (deed: () => Promise<unknown>): PurgePorts['purges'] => ({
      ...ports.purges,
      purge: async (...given) => {
        await deed();
        return ports.purges.purge(...given);
      },
    });
    expect(await run(now, { purges: with_(() => approve()) })).toMatchObject({ files: 0, overdue: 1 });
    const gone = () => db.ownerSql`delete from archive.file where file_id = ${file.id}`;
    expect(await run(now, { purges: with_(gone) })).toMatchObject({ files: 0, overdue: 0 });
    expect(told).toEqual([]);
  });
});

describe('a record of a purge that ends itself', () => {
  test('is told again by the record that ends it, so that every leaf that is gone is named by one that is there', async () => {
    await approve(tenantA);
    await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 3 });
    await run();
    const [first] = await createRetentionLedger(app, contextKey).purges(tenantA, undefined, 10);
    // The record is an event of `now` of category critical; it is archived at leaf 7, and ends after seven years.
    const about = made({ id: uuid7(now.getTime()), occurred_at: now.toISOString(), category: 'critical' });
    await archive(db, blocks, [about], { firstLeaf: 7 });
    const later = new Date(now.getTime() + 2556 * day);
    expect(await run(later)).toMatchObject({ files: 1 });
    expect(told[1]!.events[0]!.metadata).toMatchObject({
      leaves: [
        [3, 4],
        [7, 8],
      ],
    });
    const rows = await db.ownerSql`select id, told_again_by from archive.purge order by id`;
    expect(rows).toMatchObject([{ id: first!.id, told_again_by: rows[1]!.id }, { told_again_by: null }]);
  });
});

describe('records that others made', () => {
  const day0 = now.toISOString();
  const told0 = (metadata: object, overrides: Parameters<typeof made>[0] = {}) =>
    made({
      ...{ id: uuid7(now.getTime()), occurred_at: day0, category: 'critical', action: 'retention.purged' },
      ...{ producer: { key: 'trailkeep' }, metadata: metadata as never, ...overrides },
    });

  test('of copies that ended at compaction are told again when they end; what a stranger calls so is not', async () => {
    await approve();
    const own = told0({
      policy: 'duplicate',
      leaves: [
        [1, 2],
        [4, 6],
      ],
    });
    const foreign = told0({ policy: 'duplicate', leaves: 'all' }, { producer: { key: 'aaaaaaaaaaaaaaaaaaaa' } });
    await createLedger(app, contextKey).commit(...batchOf([own, foreign]));
    await run();
    await run();
    const kept = await db.ownerSql`select id, policy_version, leaves from archive.purge`;
    expect(kept).toEqual([
      {
        id: own.event.id,
        policy_version: 0,
        leaves: [
          [1, 2],
          [4, 6],
        ],
      },
    ]);
    expect(await createRetentionLedger(app, contextKey).purges(tenantA, undefined, 10)).toEqual([]);
    await archive(db, blocks, [own], { firstLeaf: 8 });
    await run(new Date(now.getTime() + 2556 * day));
    expect(told[0]!.events[0]!.metadata).toMatchObject({
      leaves: [
        [1, 2],
        [4, 6],
        [8, 9],
      ],
    });
  });

  test('of purges are not noted twice, and come back when the notes are lost', async () => {
    await approve();
    await archive(db, blocks, [line(100)], { ...bulk, firstLeaf: 3 });
    await run();
    const [{ operation_id, metadata }] = told[0]!.events as [EventInput];
    await createLedger(app, contextKey).commit(...batchOf([told0(metadata!, { operation_id: operation_id! })]));
    await run();
    expect(await createRetentionLedger(app, contextKey).purges(tenantA, undefined, 10)).toHaveLength(1);
    await db.ownerSql`truncate archive.purge`;
    await run();
    const [again] = await createRetentionLedger(app, contextKey).purges(tenantA, undefined, 10);
    expect(again).toMatchObject({ policyVersion: 1, approvedBy: 'two', files: 1, events: 1, leaves: [[3, 4]] });
  });
});

/** Leaves 0, 2, 4, … of one block, as the catalogue keeps them. */
function apart(events: number): Buffer {
  return Buffer.from(encodeLeafPlaces([Array.from({ length: events }, (_, i) => 2 * i)]));
}
