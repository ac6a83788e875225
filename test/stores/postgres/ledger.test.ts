import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { platformTenant } from '#core/access/access.ts';
import { Problem } from '#core/event/problem.ts';
import { decodeLeaves } from '#core/proof/leaf-codec.ts';
import type { CommitResult } from '#core/record/ports.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createKeyRegistry } from '#stores/postgres/keys.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { batchOf, made, segmentOf, tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let app: Sql;
beforeAll(async () => {
  db = await testDatabase('ledger');
  app = db.login('trailkeep_app', 8);
});
beforeEach(async () => {
  await db.ownerSql`truncate record.event, record.segment, record.segment_part, record.tenant_counter, record.message,
    proof.outbox, access.api_key`;
});
afterAll(() => db.drop());

const counts = async () => {
  const [row] = await db.ownerSql`select (select count(*)::int from record.event) as events,
    (select count(*)::int from record.segment) as segments, (select count(*)::int from record.segment_part) as parts`;
  return { ...row };
};

describe('commit', () => {
  test('events are there byte for byte, with the part and its blocks', async () => {
    const lines = [made({ metadata: { note: 'line\nbreak \\ "quote" \u2028 é 😀', tab: '\t' } }), made()];
    const batch = batchOf(lines);
    const result = await createLedger(app, contextKey).commit(...batch);
    const parts = batch[0].parts.map((part) => ({ ...part, seq: 1n }));
    expect(result).toEqual({ stored: true, parts: parts.map((part) => ({ ...part, firstLeaf: 0 })) });
    const bodies = await db.ownerSql`select body from record.event order by id`;
    expect(bodies.map((row) => row.body)).toEqual(lines.map((one) => one.line));
    expect((await createCatalogue(app, contextKey).partsAfter(tenantA, 0n, 10)).parts).toEqual(parts);
    expect(await createCriticalEvents(app, contextKey).get(tenantA, lines[0]!.event.id)).toEqual(lines[0]!.event);
  });

  test('with an event or a message that is known already nothing is stored, and the answer names what is known', async () => {
    const ledger = createLedger(app, contextKey);
    const [first, second] = [made(), made()];
    const [m1, m2] = ['01'.repeat(32), '02'.repeat(32)];
    await ledger.commit(...batchOf([first], 'critical', [m1]));
    const names = async (one: Promise<CommitResult>) => {
      const result = await one;
      return result.stored || [[...result.known.events], [...result.known.messages.keys()]];
    };
    const before = await counts();
    expect(await names(ledger.commit(...batchOf([first, second], 'critical', [m2])))).toEqual([
      [`${tenantA}/${first.event.id}`],
      [],
    ]);
    expect(await names(ledger.commit(...batchOf([second], 'critical', [m1, m2])))).toEqual([[], [m1]]);
    expect(await names(ledger.commit(...batchOf([second], 'bulk', [m1])))).toEqual([[], [m1]]);
    expect(await counts()).toEqual(before);
    expect(await names(ledger.commit(...batchOf([second], 'critical', [m2])))).toBe(true);
    const foreign = { tenant: tenantB, id: first.event.id };
    const known = await ledger.known(
      [{ tenant: tenantA, id: first.event.id }, foreign, made().event],
      [m1, m2, '03'.repeat(32)],
      [tenantA],
    );
    expect(known.events).toEqual(new Set([`${tenantA}/${first.event.id}`]));
    expect([...known.messages.keys()].sort()).toEqual([m1, m2]);
    const [row] = await db.ownerSql`select key from record.segment order by committed_at limit 1`;
    expect(known.messages.get(m1)).toBe(row?.key);
    expect(await ledger.forgetMessages(new Date(0))).toBe(0);
    expect(await ledger.forgetMessages(new Date(Date.now() + 60_000))).toBe(2);
  });

  test('leaves get the next indexes of their tenant, in the order of the segment, and wait in the outbox', async () => {
    const ledger = createLedger(app, contextKey);
    const first = batchOf([made(), made({ tenant: tenantB }), made()]);
    const second = batchOf([made(), made({ tenant: tenantB })], 'bulk');
    await ledger.commit(...first);
    const result = await ledger.commit(...second);
    expect(result.stored && result.parts.map((part) => [part.tenant, part.seq, part.firstLeaf])).toEqual([
      [tenantA, 2n, 2],
      [tenantB, 2n, 1],
    ]);
    const rows =
      await db.ownerSql`select o.tenant_id, o.first_leaf::int, o.seq::int, o.time::float8, o.leaves, p.seq::int as part
      from proof.outbox o join record.segment_part p using (tenant_id, first_leaf) order by o.tenant_id, o.first_leaf`;
    expect(rows.map((row) => [row.tenant_id, row.first_leaf, row.seq, row.part])).toEqual([
      [tenantA, 0, 1, 1],
      [tenantA, 2, 2, 2],
      [tenantB, 0, 1, 1],
      [tenantB, 1, 2, 2],
    ]);
    expect(rows.flatMap((row) => decodeLeaves(row.leaves))).toEqual([
      ...first[2].slice(0, 2),
      second[2][0],
      first[2][2],
      second[2][1],
    ]);
    expect(rows[0]!.time).toBeLessThanOrEqual(rows[1]!.time);
    const [lines, leaves] = [batchOf([made()]), batchOf([made(), made()])[2]];
    await expect(ledger.commit(lines[0], lines[1], leaves)).rejects.toThrow(/2 leaves for 1 events/);
  });

  test('time does not go back along a log, whatever the clock says', async () => {
    const ledger = createLedger(app, contextKey);
    await ledger.commit(...batchOf([made()]));
    await db.ownerSql`update record.tenant_counter set last_time = 9000000000000`;
    await ledger.commit(...batchOf([made()]));
    const rows = await db.ownerSql`select time::float8 from proof.outbox order by first_leaf`;
    expect(rows[1]!.time).toBe(9_000_000_000_000);
  });

  test('parts of a segment are adopted one by one, each once, and the row says when all are there', async () => {
    const ledger = createLedger(app, contextKey);
    const digest = (tenant: string) => [tenant === tenantA ? '0a'.repeat(32) : '0b'.repeat(32)];
    const lines = [made(), made({ tenant: tenantB })];
    const whole = segmentOf(lines);
    const segment = { ...whole, parts: whole.parts.map((part) => ({ ...part, messages: digest(part.tenant) })) };
    const adopt = (tenant: string) => {
      const own = lines.filter(({ event }) => event.tenant === tenant);
      const parts = segment.parts.filter((part) => part.tenant === tenant);
      return ledger.adopt({ ...segment, parts }, own, leavesOf(own), 2);
    };
    expect(await adopt(tenantA)).toMatchObject({ stored: true });
    expect([...(await ledger.catalogued([segment.key]))]).toEqual([[segment.key, 'partial']]);
    await ledger.announced([segment.id]);
    expect(await adopt(tenantA)).toMatchObject({ stored: false });
    expect(await adopt(tenantB)).toMatchObject({ stored: true });
    expect([...(await ledger.catalogued([segment.key]))]).toEqual([[segment.key, 'whole']]);
    expect(await ledger.unannounced(new Date(Date.now() + 60_000), 10)).toMatchObject([
      { tenants: [tenantA, tenantB] },
    ]);
    expect(await counts()).toEqual({ events: 2, segments: 1, parts: 2 });
  });

  test('the longest ids, which do not compress, are stored and found: an index row holds 2,704 bytes', async () => {
    const long = (n: number) =>
      Array.from({ length: 1024 }, (_, i) =>
        String.fromCharCode(0x4e00 + ((i * i * 7 + n * 131 + i * 31) % 20_000)),
      ).join('');
    const lines = [
      made({ actor: { type: 'service', id: long(1) } }),
      made({ actor: { type: 'service', id: long(1).slice(0, 1023) } }),
      made({ targets: [{ type: 'document', id: `~${long(2).slice(1)}` }] }),
    ];
    await createLedger(app, contextKey).commit(...batchOf(lines));
    const found = await createCriticalEvents(app, contextKey).page(tenantA, { actor: [long(1)] }, undefined, 10);
    expect(found.events.map(({ id }) => id)).toContain(lines[0]!.event.id);
    // What merely begins with a tilde is no token.
    const tokens = await db.ownerSql`select 1 from record.event_token where event_id = ${lines[2]!.event.id}`;
    expect(tokens).toHaveLength(0);
  });

  test('an id whose 500th character is half of a pair is stored, and whole ids of old rows are found', async () => {
    const id = `${'a'.repeat(499)}😀${'b'.repeat(99)}`;
    const lines = [made({ actor: { type: 'service', id } }), made({ actor: { type: 'service', id } })];
    await createLedger(app, contextKey).commit(...batchOf(lines));
    await db.ownerSql`update record.event set actor = ${id} where id = ${lines[0]!.event.id}`;
    const found = await createCriticalEvents(app, contextKey).page(tenantA, { actor: [id] }, undefined, 10);
    expect(found.events).toHaveLength(2);
  });

  test('a bulk segment adds a part and no event rows', async () => {
    const lines = [made({ tenant: tenantB }), made()];
    expect(await createLedger(app, contextKey).commit(...batchOf(lines, 'bulk'))).toMatchObject({ stored: true });
    expect(await counts()).toEqual({ events: 0, segments: 1, parts: 2 });
  });

  test('a segment id that was committed is a conflict, and nothing of the second try stays', async () => {
    const ledger = createLedger(app, contextKey);
    const [one, other] = [made(), made()];
    const [segment, , leaves] = batchOf([one]);
    await ledger.commit(segment, [one], leaves);
    const refused = await ledger.commit(segment, [other], leavesOf([other])).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Problem);
    expect((refused as Problem).fault.code).toBe('conflict');
    expect(await counts()).toEqual({ events: 1, segments: 1, parts: 1 });
  });

  test('an event of a tenant that the segment does not name sinks the whole commit', async () => {
    const foreign = made({ tenant: tenantB });
    const [segment] = batchOf([made()]);
    await expect(createLedger(app, contextKey).commit(segment, [foreign], leavesOf([foreign]))).rejects.toThrow();
    expect(await counts()).toEqual({ events: 0, segments: 0, parts: 0 });
  });

  test('an id whose month has no partition makes it', async () => {
    const far = Date.parse('2031-07-15T00:00:00Z');
    const lines = [made({ id: uuid7(far) }), made({ id: uuid7(Date.parse('2019-02-01T00:00:00Z')) })];
    const result = await createLedger(app, contextKey).commit(...batchOf(lines));
    expect(result).toMatchObject({ stored: true, parts: [{ seq: 1n }] });
    expect(await counts()).toMatchObject({ events: 2 });
  });

  test('commits at once get numbers without gaps, in the order in which they become visible', async () => {
    const ledger = createLedger(app, contextKey);
    const catalogue = createCatalogue(app, contextKey);
    let writing = true;
    const seen: bigint[] = [];
    const poller = (async () => {
      for (let after = 0n; writing || after < 40n; ) {
        const { parts } = await catalogue.partsAfter(tenantA, after, 100);
        seen.push(...parts.map((part) => part.seq));
        after = parts.at(-1)?.seq ?? after;
      }
    })();
    const batches = Array.from({ length: 40 }, (_, i) =>
      // Opposite orders of tenants and shared ids: what would deadlock without sorting.
      i % 2 ? [made(), made({ tenant: tenantB })] : [made({ tenant: tenantB }), made()],
    );
    await Promise.all(batches.map((lines) => ledger.commit(...batchOf(lines))));
    writing = false;
    await poller;
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => BigInt(i + 1)));
  });

  test('one batch delivered many times at once is stored once', async () => {
    const ledger = createLedger(app, contextKey);
    const lines = Array.from({ length: 50 }, (_, i) => made({ tenant: i % 2 ? tenantA : tenantB }));
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        ledger.commit(...batchOf(i % 2 ? lines : lines.toReversed(), 'critical', ['05'.repeat(32)])),
      ),
    );
    expect(results.filter((one) => one.stored)).toHaveLength(1);
    expect(await counts()).toMatchObject({ events: 50 });
  });

  test('a transaction that is cut off leaves no number behind', async () => {
    const ledger = createLedger(app, contextKey);
    await withTenants(app, contextKey, [tenantA], new Date(), async (tx) => {
      await tx`insert into record.tenant_counter values (${tenantA}, 1)`;
      throw new Error('crash');
    }).catch(() => {});
    const line = made();
    expect(await ledger.commit(...batchOf([line]))).toMatchObject({ stored: true, parts: [{ seq: 1n }] });
  });

  test('the last use of a key is written, at most once a minute', async () => {
    const keys = createKeyRegistry(app, contextKey);
    const keyId = 'aaaaaaaaaaaaaaaaaaaa';
    const key = {
      keyId,
      name: 'k',
      secretHash: '00'.repeat(32),
      scopes: [],
      eventsPerSecond: 1,
      createdAt: new Date(),
    };
    await keys.create({ ...key, tenant: tenantA });
    const use = async (ledger = createLedger(app, contextKey)) => {
      const line = made();
      await ledger.commit(...batchOf([line]));
      return (await keys.get(tenantA, keyId))?.lastUsedAt;
    };
    const first = await use();
    expect(first).toBeInstanceOf(Date);
    expect(await use()).toEqual(first);
    await db.ownerSql`update access.api_key set last_used_at = now() - interval '61 seconds'`;
    expect((await use())!.getTime()).toBeGreaterThanOrEqual(first!.getTime());
  });
});

describe('the sweep', () => {
  test('finds what nobody announced, and which keys have a row', async () => {
    const ledger = createLedger(app, contextKey);
    const lines = [made(), made({ tenant: tenantB })];
    const [[told, ...rest], bulk] = [batchOf(lines), batchOf(lines, 'bulk')];
    const [untold] = bulk;
    await ledger.commit(told, ...rest);
    await ledger.commit(...bulk);
    await ledger.announced([told.id]);
    const later = new Date(Date.now() + 60_000);
    expect(await ledger.unannounced(later, 10)).toEqual([
      { segment: untold.id, key: untold.key, tier: 'bulk', tenants: [tenantA, tenantB] },
    ]);
    expect(await ledger.unannounced(new Date(0), 10)).toEqual([]);
    const garbage = segmentOf(lines);
    expect(await ledger.catalogued([told.key, garbage.key, 'odd', `x/${told.id}.jsonl.gz`])).toEqual(
      new Map([[told.key, 'whole']]),
    );
    expect(await ledger.catalogued([])).toEqual(new Map());
    await ledger.announced([]);
  });

  test('the platform context opens no events', async () => {
    const line = made();
    await createLedger(app, contextKey).commit(...batchOf([line]));
    const rows = await withTenants(
      app,
      contextKey,
      [platformTenant],
      new Date(),
      async (tx) => tx`select from record.event`,
    );
    expect(rows).toHaveLength(0);
  });
});
