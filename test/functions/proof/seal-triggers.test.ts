import { afterAll, beforeEach, expect, test } from 'vitest';
import type { TenantPolicy } from '#core/access/access.ts';
import { Unavailable } from '#core/record/ports.ts';
import { sealAnnounced } from '#functions/proof/seal.queue.ts';
import { type SweepLogsPorts, sweepLogs } from '#functions/proof/sweep.schedule.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { createLogTenants } from '#stores/postgres/logs.ts';
import { made, uuid7 } from '#test/stores/postgres/made.ts';
import { MemoryControl } from '#test/support/memory.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { type SealWorld, sealWorld } from './world.ts';

const db: TestDatabase = await testDatabase('seal_triggers');
afterAll(() => db.drop());

let world: SealWorld;
let ports: SweepLogsPorts;
let control: MemoryControl;
beforeEach(async () => {
  await db.ownerSql`truncate access.tenant, record.tenant_counter, proof.log, proof.outbox, proof.checkpoint cascade`;
  world = sealWorld(db);
  control = new MemoryControl();
  ports = { ...world.ports, control, tenants: createLogTenants(world.sealer, contextKey), heartbeats: new Map() };
});

async function tenantWith(events: number, tier: 'critical' | 'bulk' = 'critical'): Promise<string> {
  const tenant = uuid7(Date.now());
  await db.ownerSql`insert into access.tenant (tenant_id, name, created_at) values (${tenant}, 'x', now())`;
  await world.commit(
    Array.from({ length: events }, () => made({ tenant })),
    tier,
  );
  return tenant;
}
const message = (body: unknown, messageId = 'm'): QueueMessage => ({
  messageId,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  queue: 'seal-critical',
  receiveCount: 1,
  sentAt: 0,
});
const announcement = (...tenants: string[]) =>
  message({ v: 1, segment: uuid7(0), key: 'k', tier: 'critical', tenants });
const published = async (tenant: string) => (await world.ports.ledger.find(tenant))?.publishedSize;
const at = (seconds: number) => ({ now: new Date(Date.now() + seconds * 1000) });

test('announced tenants are sealed once, and what cannot be read is passed over', async () => {
  const [a, b] = [await tenantWith(2), await tenantWith(3)];
  const messages = [
    announcement(a, b),
    announcement(a),
    message('nonsense'),
    message({ v: 2 }),
    announcement(uuid7(1)),
  ];
  expect(await sealAnnounced(world.ports, messages, at(0))).toEqual([]);
  expect([await published(a), await published(b)]).toEqual([2, 3]);
  expect(world.signer.signatures).toBe(2);
});

test('a log that is frozen or fails holds up no other, and a place that is down fails the batch after all had their turn', async () => {
  const [frozen, failing, down, good] = [
    await tenantWith(1),
    await tenantWith(1),
    await tenantWith(1),
    await tenantWith(1),
  ];
  await sealAnnounced(world.ports, [announcement(frozen)], at(0));
  await world.ports.ledger.freeze(frozen, 'operator', 0);
  const outbox: typeof world.ports.ledger.outbox = async (tenant, ...rest) => {
    if (tenant === failing) throw new Error('a defect');
    if (tenant === down) throw new Unavailable('postgres');
    return world.ports.ledger.outbox(tenant, ...rest);
  };
  const broken = { ...world.ports, ledger: { ...world.ports.ledger, outbox } };
  const messages = [announcement(frozen, failing), announcement(down, good)];
  await expect(sealAnnounced(broken, messages, at(0))).rejects.toBeInstanceOf(Unavailable);
  expect(await Promise.all([frozen, failing, down, good].map(published))).toEqual([1, 0, 0, 1]);
});

test('the sweep seals what is due, without any announcement', async () => {
  const [critical, bulk] = [await tenantWith(2), await tenantWith(3, 'bulk')];
  expect(await sweepLogs(ports, at(0))).toMatchObject({ due: 0, sealed: 0 });
  expect(await sweepLogs(ports, at(31))).toMatchObject({ due: 1, sealed: 2 });
  expect([await published(critical), await published(bulk)]).toEqual([2, undefined]);
  expect(await sweepLogs(ports, at(451))).toMatchObject({ due: 1, sealed: 3 });
  expect(await published(bulk)).toBe(3);
});

test('by what the tenant was promised', async () => {
  const bulk = await tenantWith(1, 'bulk');
  await control.putTenant({ tenant: bulk, mergeDelaySeconds: { bulk: 60 } } as TenantPolicy);
  expect(await sweepLogs(ports, at(29))).toMatchObject({ due: 0 });
  expect(await sweepLogs(ports, at(31))).toMatchObject({ due: 1, sealed: 1 });
});

test('what is archived and was not published is repaired', async () => {
  const tenant = await tenantWith(2);
  const dies = { ...world.ports.ledger, published: async () => Promise.reject(new Unavailable('postgres')) };
  await expect(sealAnnounced({ ...world.ports, ledger: dies }, [announcement(tenant)], at(0))).rejects.toThrow();
  expect(await sweepLogs(ports, at(0))).toMatchObject({ due: 1 });
  expect(await published(tenant)).toBe(2);
});

test('every active log has one heartbeat a day', async () => {
  const [a, b] = [await tenantWith(1), await tenantWith(1)];
  await sealAnnounced(world.ports, [announcement(a, b)], at(0));
  await world.ports.ledger.freeze(b, 'operator', 0);
  const now = new Date();
  const beats = () => world.recorder.recorded.filter(({ action }) => action === 'log.heartbeat');
  expect(await sweepLogs(ports, { now })).toMatchObject({ heartbeats: 1, frozen: 1 });
  expect(await sweepLogs(ports, { now })).toMatchObject({ heartbeats: 0 });
  // Another environment knows nothing of it, and says the same again: one event.
  expect(await sweepLogs({ ...ports, heartbeats: new Map() }, { now })).toMatchObject({ heartbeats: 1 });
  expect(beats().map(({ tenant }) => tenant)).toEqual([a, a]);
  expect(new Set(beats().map(({ id }) => id)).size).toBe(1);
  expect(await sweepLogs(ports, { now: new Date(now.getTime() + 86_400_000) })).toMatchObject({ heartbeats: 1 });
  expect(new Set(beats().map(({ id }) => id)).size).toBe(2);
});
