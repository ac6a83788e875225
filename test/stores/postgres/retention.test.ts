/** Policies of retention: versions, two persons, and what a tenant sees of its files' ages. */
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { defaultRetention, endsOf } from '#core/archive/retention.ts';
import { createHolds } from '#stores/postgres/holds.ts';
import { createPolicyRegistry } from '#stores/postgres/policies.ts';
import { createRetentionLedger, createRetentionPolicies } from '#stores/postgres/retention.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { putFile } from './archive-files.ts';
import { tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let app: Sql;
const now = new Date('2026-06-01T00:00:00.000Z');
const policy = defaultRetention;

beforeAll(async () => {
  db = await testDatabase('retention');
  app = db.login('trailkeep_app');
});
beforeEach(() => db.ownerSql`truncate archive.retention_policy, archive.file cascade`);
afterAll(() => db.drop());

const policies = () => createRetentionPolicies(app, contextKey);
const proposal = { policy, proposedBy: 'key:one', proposedAt: now };

describe('versions', () => {
  test('one proposes, another approves, and the newest approved one counts', async () => {
    const { propose, approve, current } = policies();
    expect(await current(tenantA)).toEqual({});
    const first = await propose(tenantA, 0, proposal);
    expect(first).toEqual({ version: 1, ...proposal });
    expect(await current(tenantA)).toEqual({ waiting: first });
    expect(await approve(tenantA, 1, 'key:one', now)).toBeUndefined();
    const approved = await approve(tenantA, 1, 'key:two', now);
    expect(approved).toEqual({ ...first, approved: { by: 'key:two', at: now } });
    expect(await current(tenantA)).toEqual({ approved });
    const second = await propose(tenantA, 1, proposal);
    expect(await current(tenantA)).toEqual({ approved, waiting: second });
  });

  test('what waited cannot be approved once something newer waits, nor twice', async () => {
    const { propose, approve } = policies();
    await propose(tenantA, 0, proposal);
    await propose(tenantA, 1, proposal);
    expect(await approve(tenantA, 1, 'key:two', now)).toBeUndefined();
    expect(await approve(tenantA, 2, 'key:two', now)).toBeDefined();
    expect(await approve(tenantA, 2, 'key:three', now)).toBeUndefined();
    expect(await approve(tenantA, 3, 'key:two', now)).toBeUndefined();
  });

  test('of two who propose at once one is told', async () => {
    const { propose } = policies();
    const both = await Promise.allSettled([propose(tenantA, 0, proposal), propose(tenantA, 0, proposal)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(propose(tenantA, 0, proposal)).rejects.toMatchObject({ fault: { code: 'conflict' } });
  });

  test('are nobody else’s, and the database refuses an approver who proposed', async () => {
    const { propose, approve, current } = policies();
    await propose(tenantA, 0, proposal);
    expect(await current(tenantB)).toEqual({});
    expect(await approve(tenantB, 1, 'key:two', now)).toBeUndefined();
    const same = db.ownerSql`update archive.retention_policy set approved_by = proposed_by, approved_at = now()`;
    await expect(same).rejects.toMatchObject({ code: '23514' });
  });

  test('are published with the tenant’s own policy, once approved', async () => {
    const registry = createPolicyRegistry(app, contextKey);
    await policies().propose(tenantA, 0, proposal);
    expect(await registry.get(tenantA)).not.toHaveProperty('retention');
    await policies().approve(tenantA, 1, 'key:two', now);
    expect(await registry.get(tenantA)).toMatchObject({ version: 0, retention: policy });
    await policies().propose(tenantA, 1, { ...proposal, policy: { ...policy, classes: {} } });
    expect((await registry.get(tenantA)).retention).toEqual(policy);
  });
});

describe('ages', () => {
  const day = 86_400_000;
  const ago = (days: number) => now.getTime() - days * day;
  const ledger = () => createRetentionLedger(app, contextKey);

  test('count what is past its end, and nothing where nothing ends', async () => {
    await putFile(db, { tenant: tenantA, category: 'user_activity', minTime: ago(101), maxTime: ago(100) });
    await putFile(db, { tenant: tenantA, category: 'user_activity', minTime: ago(92), maxTime: ago(91) });
    await putFile(db, { tenant: tenantA, category: 'user_activity', minTime: ago(91), maxTime: ago(90) });
    await putFile(db, { tenant: tenantA, category: 'critical', minTime: ago(101), maxTime: ago(100) });
    await putFile(db, { tenant: tenantB, category: 'user_activity', minTime: ago(101), maxTime: ago(100) });
    expect(await ledger().ages(tenantA, endsOf(policy, now))).toEqual([
      { category: 'user_activity', files: 3, oldest: ago(100), overdue: 2, held: 0, oldestOverdue: ago(100) },
      { category: 'critical', files: 1, oldest: ago(100), overdue: 0, held: 0 },
    ]);
    expect((await ledger().ages(tenantA, {})).map(({ overdue }) => overdue)).toEqual([0, 0]);
  });

  test('leave out what a hold keeps: all of it, or the times that its filter names', async () => {
    await putFile(db, { tenant: tenantA, category: 'user_activity', minTime: ago(201), maxTime: ago(200) });
    await putFile(db, { tenant: tenantA, category: 'user_activity', minTime: ago(101), maxTime: ago(100) });
    const holds = createHolds(app, contextKey);
    const place = (scope: Parameters<typeof holds.place>[0]['scope']) => {
      const id = uuid7(now.getTime());
      const by = { matter: 'm', custodian: 'c', placedBy: 'one', placedAt: now };
      return holds.place({ tenant: tenantA, id, scope, ...by }).then(() => id);
    };
    const free = async (id: string) => {
      await holds.askRelease(tenantA, id, 'one', now);
      await holds.release(tenantA, id, 'two', now);
    };
    const counted = async () => {
      const [one] = await ledger().ages(tenantA, endsOf(policy, now));
      return [one!.overdue, one!.held];
    };
    const until = (days: number) => new Date(ago(days)).toISOString();
    const filtered = await place({ kind: 'filter', filter: { action: 'x.*', to: until(150) } });
    expect(await counted()).toEqual([1, 1]);
    const person = await place({ kind: 'subjects', refs: ['ab'.repeat(16)], boxes: [] });
    expect(await counted()).toEqual([0, 2]);
    await free(person);
    expect(await counted()).toEqual([1, 1]);
    await free(filtered);
    expect(await counted()).toEqual([2, 0]);
    await free(await place({ kind: 'all' }));
  });
});
