import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { platformTenant } from '#core/access/access.ts';
import { Problem } from '#core/event/problem.ts';
import { createCatalogue } from '#stores/postgres/catalogue.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createKeyRegistry } from '#stores/postgres/keys.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { made, march, segmentOf, tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let app: Sql;
beforeAll(async () => {
  db = await testDatabase('ledger');
  app = db.login('trailkeep_app', 8);
});
beforeEach(async () => {
  await db.ownerSql`truncate record.event, record.segment, record.segment_part, record.tenant_counter, access.api_key`;
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
    const segment = segmentOf(lines);
    const result = await createLedger(app, contextKey).commit(segment, lines);
    expect(result).toEqual({ duplicates: 0, parts: segment.parts.map((part) => ({ ...part, seq: 1n })) });
    const bodies = await db.ownerSql`select body from record.event order by id`;
    expect(bodies.map((row) => row.body)).toEqual(lines.map((one) => one.line));
    expect(await createCatalogue(app, contextKey).partsAfter(tenantA, 0n, 10)).toEqual(result.parts);
    expect(await createCriticalEvents(app, contextKey).get(tenantA, lines[0]!.event.id)).toEqual(lines[0]!.event);
  });

  test('an event that is there already, or twice in the batch, is stored once and counted', async () => {
    const ledger = createLedger(app, contextKey);
    const [first, second] = [made(), made()];
    await ledger.commit(segmentOf([first]), [first]);
    const again = [first, second, second];
    expect(await ledger.commit(segmentOf(again), again)).toMatchObject({ duplicates: 2 });
    expect(await counts()).toEqual({ events: 2, segments: 2, parts: 2 });
    const known = await ledger.known([
      { tenant: tenantA, id: first.event.id },
      { tenant: tenantB, id: first.event.id },
      { tenant: tenantA, id: uuid7(march) },
    ]);
    expect(known).toEqual(new Set([`${tenantA}/${first.event.id}`]));
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
    await createLedger(app, contextKey).commit(segmentOf(lines), lines);
    const found = await createCriticalEvents(app, contextKey).page(tenantA, { actor: [long(1)] }, undefined, 10);
    expect(found.events.map(({ id }) => id)).toContain(lines[0]!.event.id);
    // What merely begins with a tilde is no token.
    const tokens = await db.ownerSql`select 1 from record.event_token where event_id = ${lines[2]!.event.id}`;
    expect(tokens).toHaveLength(0);
  });

  test('an id whose 500th character is half of a pair is stored, and whole ids of old rows are found', async () => {
    const id = `${'a'.repeat(499)}😀${'b'.repeat(99)}`;
    const lines = [made({ actor: { type: 'service', id } }), made({ actor: { type: 'service', id } })];
    await createLedger(app, contextKey).commit(segmentOf(lines), lines);
    await db.ownerSql`update record.event set actor = ${id} where id = ${lines[0]!.event.id}`;
    const found = await createCriticalEvents(app, contextKey).page(tenantA, { actor: [id] }, undefined, 10);
    expect(found.events).toHaveLength(2);
  });

  test('a bulk segment adds a part and no event rows', async () => {
    const lines = [made({ tenant: tenantB }), made()];
    expect((await createLedger(app, contextKey).commit(segmentOf(lines, 'bulk'), lines)).duplicates).toBe(0);
    expect(await counts()).toEqual({ events: 0, segments: 1, parts: 2 });
  });

  test('a segment id that was committed is a conflict, and nothing of the second try stays', async () => {
    const ledger = createLedger(app, contextKey);
    const [one, other] = [made(), made()];
    const segment = segmentOf([one]);
    await ledger.commit(segment, [one]);
    const refused = await ledger.commit(segment, [other]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Problem);
    expect((refused as Problem).fault.code).toBe('conflict');
    expect(await counts()).toEqual({ events: 1, segments: 1, parts: 1 });
  });

  test('an event of a tenant that the segment does not name sinks the whole commit', async () => {
    const foreign = made({ tenant: tenantB });
    await expect(createLedger(app, contextKey).commit(segmentOf([made()]), [foreign])).rejects.toThrow();
    expect(await counts()).toEqual({ events: 0, segments: 0, parts: 0 });
  });

  test('an id whose month has no partition makes it', async () => {
    const far = Date.parse('2031-07-15T00:00:00Z');
    const lines = [made({ id: uuid7(far) }), made({ id: uuid7(Date.parse('2019-02-01T00:00:00Z')) })];
    const result = await createLedger(app, contextKey).commit(segmentOf(lines), lines);
    expect(result.parts[0]!.seq).toBe(1n);
    expect(await counts()).toMatchObject({ events: 2 });
  });

  test('commits at once get numbers without gaps, in the order in which they become visible', async () => {
    const ledger = createLedger(app, contextKey);
    const catalogue = createCatalogue(app, contextKey);
    let writing = true;
    const seen: bigint[] = [];
    const poller = (async () => {
      for (let after = 0n; writing || after < 40n; ) {
        const parts = await catalogue.partsAfter(tenantA, after, 100);
        seen.push(...parts.map((part) => part.seq));
        after = parts.at(-1)?.seq ?? after;
      }
    })();
    const batches = Array.from({ length: 40 }, (_, i) =>
      // Opposite orders of tenants and shared ids: what would deadlock without sorting.
      i % 2 ? [made(), made({ tenant: tenantB })] : [made({ tenant: tenantB }), made()],
    );
    await Promise.all(batches.map((lines) => ledger.commit(segmentOf(lines), lines)));
    writing = false;
    await poller;
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => BigInt(i + 1)));
  });

  test('one batch delivered many times at once is stored once', async () => {
    const ledger = createLedger(app, contextKey);
    const lines = Array.from({ length: 50 }, (_, i) => made({ tenant: i % 2 ? tenantA : tenantB }));
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, i) => ledger.commit(segmentOf(lines), i % 2 ? lines : lines.toReversed())),
    );
    expect(results.reduce((sum, one) => sum + one.duplicates, 0)).toBe(7 * 50);
    expect(await counts()).toMatchObject({ events: 50 });
  });

  test('a transaction that is cut off leaves no number behind', async () => {
    const ledger = createLedger(app, contextKey);
    await withTenants(app, contextKey, [tenantA], new Date(), async (tx) => {
      await tx`insert into record.tenant_counter values (${tenantA}, 1)`;
      throw new Error('crash');
    }).catch(() => {});
    const line = made();
    expect((await ledger.commit(segmentOf([line]), [line])).parts[0]!.seq).toBe(1n);
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
      await ledger.commit(segmentOf([line]), [line]);
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
    const [told, untold] = [segmentOf(lines), segmentOf(lines, 'bulk')];
    await ledger.commit(told, lines);
    await ledger.commit(untold, lines);
    await ledger.announced([told.id]);
    const later = new Date(Date.now() + 60_000);
    expect(await ledger.unannounced(later, 10)).toEqual([
      { segment: untold.id, key: untold.key, tier: 'bulk', tenants: [tenantA, tenantB] },
    ]);
    expect(await ledger.unannounced(new Date(0), 10)).toEqual([]);
    const garbage = segmentOf(lines);
    expect(await ledger.catalogued([told.key, garbage.key, 'odd', `x/${told.id}.jsonl.gz`])).toEqual(
      new Set([told.key]),
    );
    expect(await ledger.catalogued([])).toEqual(new Set());
    await ledger.announced([]);
  });

  test('the platform context opens no events', async () => {
    const line = made();
    await createLedger(app, contextKey).commit(segmentOf([line]), [line]);
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
