/** Proofs and exports of events whose segments are long gone are those that there were before. */
import { CopyObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import { type ExportedLeaf, exportedLeaves } from '#functions/proof/export-lines.ts';
import { type ProvePorts, prove } from '#functions/proof/prove.http.ts';
import { publishedLog } from '#functions/proof/published.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { createLeafCatalogue } from '#stores/postgres/leaves.ts';
import { createPolicyRegistry } from '#stores/postgres/policies.ts';
import { eventOf, type WrittenLog, writtenLog } from '#test/platform/written-log.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { MemorySubjectKeys } from '#test/support/memory-keys.ts';
import { contextKey } from '#test/support/postgres.ts';
import { keyGuard, MemoryRecorder } from '#test/support/reading.ts';
import { asking } from './proof-world.ts';

let world: WrittenLog;
let ports: ProvePorts;
const events: Event[] = [];
const foreign = eventOf({ tenant: tenantB });

beforeAll(async () => {
  world = await writtenLog('archived');
  const batch = (count: number, more: Partial<Event> = {}) => {
    const own = Array.from({ length: count }, () => eventOf(more));
    events.push(...own);
    return own;
  };
  await world.commit('bulk', batch(700));
  await world.commit('critical', batch(60, { category: 'critical' }));
  await world.commit('bulk', batch(300, { category: 'system' }));
  await world.commit('bulk', [foreign]);
  await world.commit('bulk', batch(200));
  await world.seal();
  const leaves = createLeafCatalogue(world.app, contextKey);
  ports = {
    ...{ guard: keyGuard, leaves, store: world.logs, blocks: world.maker.blocks, crypto: nodeProofCrypto },
    ...{ subjectKeys: new MemorySubjectKeys(), recorder: new MemoryRecorder() },
    policies: createPolicyRegistry(world.app, contextKey),
  };
}, 60_000);
afterAll(() => world?.end());

const proofOf = async (id: string) => (await prove(ports, asking({ params: { eventId: id } }))).body;
const some = () => events.filter((_, n) => n % 41 === 0);

async function exported(start: number, end: number): Promise<ExportedLeaf[]> {
  const published = (await publishedLog(ports, await ports.leaves.status(tenantA)))!;
  const run = { start, end, size: published.size };
  const sees = ({ category }: Event) => category !== 'critical';
  return (await Array.fromAsync(exportedLeaves(ports, published.read, tenantA, run, sees))).flat();
}

describe('as segments become files and go', () => {
  test('proofs and exported lines stay to the byte', async () => {
    const before = { proofs: await Promise.all(some().map(({ id }) => proofOf(id))), lines: await exported(3, 1255) };
    expect(before.lines).toHaveLength(1252);
    expect(before.lines.filter(({ line }) => line === undefined)).toHaveLength(60);

    // Of the first parts, then of all; files and segments side by side.
    await world.maker.compact(tenantA, 2);
    expect(await Promise.all(some().map(({ id }) => proofOf(id)))).toEqual(before.proofs);
    const soon = new Date(Date.now() + 1000);
    expect(await world.maker.ledger.release(tenantA, soon, 10)).toBe(2);
    expect(await Promise.all(some().map(({ id }) => proofOf(id)))).toEqual(before.proofs);
    expect(await exported(3, 1255)).toEqual(before.lines);

    await world.maker.compact(tenantA);
    await world.maker.ledger.release(tenantA, soon, 10);
    const files = (await world.maker.files.files(tenantA, {}, undefined, 50)).filter(
      ({ category }) => category === 'user_activity',
    );
    expect(files.length).toBeGreaterThan(1);
    await world.maker.merge(tenantA, files);
    const [left] = await world.database.ownerSql`select count(*) from record.segment_part where tenant_id = ${tenantA}`;
    expect(left!.count).toBe('0');
    expect(await Promise.all(some().map(({ id }) => proofOf(id)))).toEqual(before.proofs);
    expect(await exported(3, 1255)).toEqual(before.lines);
    expect(await exported(100, 101)).toEqual(before.lines.slice(97, 98));
  });

  test('another tenant’s event, and one that never was, have no proof', async () => {
    for (const id of [foreign.id, eventOf().id]) await expect(proofOf(id)).rejects.toMatchObject({ status: 404 });
  });

  test('a file in Glacier is called archived, by day and category, and ends an export', async () => {
    const [file] = (await world.maker.files.files(tenantA, {}, undefined, 50)).filter((one) => one.span === 'month');
    const Key = file!.key;
    await world.cloud.clients.s3.send(
      new CopyObjectCommand({ Bucket: 'archive', Key, CopySource: `archive/${Key}`, StorageClass: 'DEEP_ARCHIVE' }),
    );
    await expect(proofOf(events[0]!.id)).rejects.toMatchObject({
      fault: { code: 'archived' },
      extensions: { archived: [{ month: '2026-03', category: 'user_activity' }] },
    });
    await expect(exported(0, 10)).rejects.toMatchObject({ name: 'Archived', key: Key });
    // What lies elsewhere has its proof.
    expect(await proofOf(events.find(({ category }) => category === 'system')!.id)).toMatchObject({ v: 1 });
  });

  test('leaves that no file has are named as gone', async () => {
    await world.database.ownerSql`delete from archive.file where tenant_id = ${tenantA} and category = 2`;
    const lines = await exported(0, 1260);
    expect(lines).toHaveLength(1260);
    expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: 1260 }, (_, n) => n));
    const without = lines.flatMap((leaf) => (leaf.line === undefined ? [leaf.reason] : []));
    expect(without.length).toBeGreaterThan(0);
  });
});
