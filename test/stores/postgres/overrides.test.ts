/** Overrides in Postgres: two persons, nothing changed, and what counts because of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Override, Overrides, OverrideTerms } from '#core/costs/override.ts';
import { withTenants } from '#stores/postgres/connect.ts';
import { createOverrides } from '#stores/postgres/overrides.ts';
import { type CostsMaker, costsMaker } from '#test/support/costs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { tenantA, tenantB, uuid7 } from './made.ts';

let db: TestDatabase;
let overrides: Overrides;
let maker: CostsMaker;
let shop: number;
let till: number;
const now = new Date('2026-11-10T12:00:00Z');
beforeAll(async () => {
  db = await testDatabase('overrides');
  overrides = createOverrides(db.login('trailkeep_app', 4), contextKey);
  maker = await costsMaker(db.ownerSql, tenantA);
  await costsMaker(db.ownerSql, tenantB);
  shop = await maker.application('shop');
  till = await maker.application('till');
  await maker.map(shop, { sector: 'Retail', owner: 'Ann', h_code: 'H-1' }, { to: '2026-10-16' });
  await maker.map(shop, { sector: 'Online', owner: 'Ann', h_code: 'H-2' }, { from: '2026-10-16' });
  await maker.map(till, { sector: 'Retail', owner: 'Bob', h_code: 'H-1' });
  const load = await maker.load([
    { day: '2026-10-05', application: shop, billed: '10.25' },
    { day: '2026-10-20', application: shop, billed: '20.5' },
    { day: '2026-10-20', application: till, billed: '5', currency: 'USD' },
    { day: '2026-10-20', billed: '7' },
  ]);
  for (const day of ['2026-10-05', '2026-10-06']) await maker.usage(load, day, shop, 'nodes', '4');
});
afterAll(() => db?.drop());

const by = { proposedBy: 'key:ann', proposedAt: now };
async function proposed(
  terms: Partial<OverrideTerms> & Pick<OverrideTerms, 'kind'>,
  tenant = tenantA,
): Promise<Override> {
  const defaults = { application: shop, from: '2026-10-01', to: undefined, set: {}, controller: 0, reason: 'because' };
  const prepared = await overrides.prepare(tenant, uuid7(now.getTime()), { ...defaults, ...terms }, by);
  if (!prepared.ok) throw new Error(prepared.fault.detail);
  return overrides.propose(prepared.value);
}
const decide = (one: Override, decision: 'approved' | 'refused' | 'withdrawn', who = 'key:bob') =>
  overrides.decide(one.tenant, one.id, { decision, by: who, at: now, note: '' });
/** Rows of one of the views that sums start from, as the app sees them. */
const seen = (query: string, tenant = tenantA) =>
  withTenants(db.login('trailkeep_app', 1), contextKey, [tenant], new Date(), async (tx) =>
    (await tx.unsafe(query)).map((row) => Object.values(row).join(' ')),
  );
const mappingOf = (application: number) =>
  seen(`select m.from_day::text, m.to_day::text, s.name, h.code, m.h_code_rule from costs.mapping_in_effect m
    join costs.sector s on s.tenant_id = m.tenant_id and s.id = m.sector_id
    join costs.h_code h on h.tenant_id = m.tenant_id and h.id = m.h_code_id
    where application_id = ${application} order by 1`);

describe('a mapping', () => {
  test('counts once somebody else approved it, on its days, and as long as nobody withdraws it', async () => {
    const loaded = await mappingOf(shop);
    const one = await proposed({
      kind: 'mapping',
      from: '2026-10-10',
      to: '2026-10-20',
      set: { sector: 'Retail', h_code: null },
    });
    expect(one.before).toEqual({
      mapping: [
        {
          from: '2026-10-10',
          to: '2026-10-16',
          sector: 'Retail',
          owner: 'Ann',
          architecture: '(unmapped)',
          h_code: 'H-1',
        },
        {
          from: '2026-10-16',
          to: '2026-10-20',
          sector: 'Online',
          owner: 'Ann',
          architecture: '(unmapped)',
          h_code: 'H-2',
        },
      ],
    });
    expect(await mappingOf(shop)).toEqual(loaded);
    expect((await decide(one, 'approved'))?.decisions).toMatchObject([{ decision: 'approved', by: 'key:bob' }]);
    expect(await mappingOf(shop)).toEqual([
      '2026-01-01 2026-10-10 Retail H-1 tag',
      '2026-10-10 2026-10-16 Retail (unmapped) override',
      '2026-10-16 2026-10-20 Retail (unmapped) override',
      '2026-10-20 infinity Online H-2 tag',
    ]);
    expect(await mappingOf(till)).toEqual(['2026-01-01 infinity Retail H-1 tag']);
    expect((await decide(one, 'withdrawn', 'key:ann'))?.decisions).toHaveLength(2);
    expect(await mappingOf(shop)).toEqual(loaded);
  });

  test('that was approved later wins where two say something, and leaves what it does not name', async () => {
    const wide = await proposed({ kind: 'mapping', application: till, set: { sector: 'Online', h_code: 'H-2' } });
    const narrow = await proposed({
      kind: 'mapping',
      application: till,
      from: '2026-10-20',
      to: '2026-10-21',
      set: { sector: 'Retail' },
    });
    await decide(wide, 'approved');
    await overrides.decide(tenantA, narrow.id, {
      decision: 'approved',
      by: 'key:bob',
      at: new Date(now.getTime() + 1),
      note: '',
    });
    expect(await mappingOf(till)).toEqual([
      '2026-01-01 2026-10-01 Retail H-1 tag',
      '2026-10-01 2026-10-20 Online H-2 override',
      '2026-10-20 2026-10-21 Retail H-2 override',
      '2026-10-21 infinity Online H-2 override',
    ]);
    await decide(wide, 'withdrawn');
    await decide(narrow, 'withdrawn');
  });

  test('of days that nobody loaded a mapping for is one', async () => {
    const stray = await maker.application('stray');
    const one = await proposed({
      kind: 'mapping',
      application: stray,
      from: '2026-10-01',
      to: '2026-11-01',
      set: { sector: 'Online' },
    });
    await decide(one, 'approved');
    expect(await mappingOf(stray)).toEqual(['2026-10-01 2026-11-01 Online (unmapped) none']);
  });

  test('that expired counts no longer', async () => {
    const one = await proposed({
      kind: 'mapping',
      application: till,
      set: { sector: 'Online' },
      expiresAt: new Date(now.getTime() + 1000),
    });
    await overrides.decide(tenantA, one.id, { decision: 'approved', by: 'key:bob', at: now, note: '' });
    await db.ownerSql`update costs.override set proposed_at = '2020-01-01', expires_at = '2020-01-02' where id = ${one.id}`;
    expect(await mappingOf(till)).toEqual(['2026-01-01 infinity Retail H-1 tag']);
    expect((await overrides.list(tenantA, { state: 'expired', limit: 10 }, now)).map(({ id }) => id)).toEqual([one.id]);
  });
});

describe('a decision', () => {
  test('is made once, by another person, whoever comes first', async () => {
    const one = await proposed({ kind: 'mapping', set: { owner: 'Bob' } });
    await expect(decide(one, 'approved', 'key:ann')).rejects.toThrow(/override_decision_check/);
    const both = await Promise.all([decide(one, 'approved', 'key:bob'), decide(one, 'refused', 'key:cleo')]);
    expect(both.filter(Boolean)).toHaveLength(1);
    const other = await proposed({ kind: 'mapping', set: { owner: 'Bob' } });
    await decide(other, 'withdrawn', 'key:ann');
    expect(await decide(other, 'approved')).toBeUndefined();
    expect(await decide({ ...other, tenant: tenantB }, 'approved')).toBeUndefined();
    await decide(one, 'withdrawn');
  });

  test('and what was proposed are never changed or deleted by the application', async () => {
    for (const query of [
      `update costs.override set amount = 1`,
      'delete from costs.override',
      `update costs.override_decision set decided_by = 'x'`,
      'delete from costs.override_decision',
      `update costs.statement set document = '{}'`,
      'delete from costs.statement_lock',
    ]) {
      await expect(seen(query), query).rejects.toThrow(/unavailable/);
    }
  });
});

describe('usage and costs', () => {
  test('usage is in place of what was loaded for these days, and of days that nobody loaded', async () => {
    const one = await proposed({
      kind: 'usage',
      from: '2026-10-06',
      to: '2026-10-08',
      measure: 'nodes',
      amount: '2.5',
    });
    expect(one.before).toEqual({ amount: '4', days: 1 });
    await decide(one, 'approved');
    const query = `select day::text, amount from costs.usage_in_effect where application_id = ${shop} order by day`;
    expect(await seen(query)).toEqual(['2026-10-05 4', '2026-10-06 2.5', '2026-10-07 2.5']);
  });

  test('an adjustment is a charge of its month: of an application by whom it belongs to, of none by its own words', async () => {
    const range = { from: '2026-10-01', to: '2026-11-01', currency: 'EUR' };
    const own = await proposed({ kind: 'cost', ...range, amount: '-3.00' });
    const free = await proposed({ kind: 'cost', ...range, application: 0, amount: '1.001', set: { sector: 'Online' } });
    expect(own.before).toEqual({ effective: '30.75', billed: '30.75', currency: 'EUR' });
    await decide(own, 'approved');
    await decide(free, 'approved');
    const query = `select s.name, c.currency, c.charge_class, sum(c.billed), count(*) from costs.charge_in_effect c
      join costs.sector s on s.tenant_id = c.tenant_id and s.id = c.sector_id group by 1, 2, 3 order by 1, 2, 3`;
    expect(await seen(query)).toEqual([
      '(unmapped) EUR  7 1',
      'Online EUR  20.5 1',
      'Online EUR Correction 1.001 1',
      'Retail EUR  10.25 1',
      'Retail EUR Correction -3.00 1',
      'Retail USD  5 1',
    ]);
    const [[whole], [loaded], [adjusted]] = await Promise.all([
      seen('select sum(billed), count(*) from costs.charge_in_effect'),
      seen('select sum(billed), count(*) from costs.cost_daily'),
      seen('select sum(amount), count(*) from costs.adjustment'),
    ]);
    expect([whole, loaded, adjusted]).toEqual(['40.751 6', '42.75 4', '-1.999 2']);
  });

  test('nothing can be proposed of what is not there', async () => {
    const fault = async (terms: Partial<OverrideTerms>, tenant = tenantA) => {
      const whole = {
        kind: 'mapping' as const,
        application: shop,
        from: '2026-10-01',
        to: undefined,
        set: {},
        controller: 0,
        reason: 'x',
      };
      const prepared = await overrides.prepare(tenant, uuid7(1), { ...whole, ...terms }, by);
      return prepared.ok ? undefined : prepared.fault.pointer;
    };
    expect(await fault({ application: 999 })).toBe('/application');
    expect(await fault({ set: { sector: 'Nowhere' } })).toBe('/set/sector');
    expect(await fault({ controller: 77 })).toBe('/controller');
    expect(await fault({}, tenantB)).toBe('/application');
    expect(
      await overrides.prepare(
        '01890000-0000-7000-8000-00000000000c',
        uuid7(1),
        {
          kind: 'cost',
          application: 0,
          from: '2026-10-01',
          to: '2026-11-01',
          set: {},
          controller: 0,
          amount: '1',
          currency: 'EUR',
          reason: 'x',
        },
        by,
      ),
    ).toMatchObject({ ok: false, fault: { code: 'conflict' } });
  });
});

test('lists are the tenant’s own, newest first, by state', async () => {
  const all = await overrides.list(tenantA, { limit: 100 }, now);
  expect(all.map(({ id }) => id)).toEqual(
    all
      .map(({ id }) => id)
      .toSorted()
      .reverse(),
  );
  const states = await Promise.all(
    (['proposed', 'approved', 'refused', 'withdrawn', 'expired'] as const).map(
      async (state) => (await overrides.list(tenantA, { state, limit: 100 }, now)).length,
    ),
  );
  expect(states.reduce((a, b) => a + b)).toBe(all.length);
  expect(await overrides.list(tenantB, { limit: 100 }, now)).toEqual([]);
  expect(await overrides.get(tenantB, all[0]!.id)).toBeUndefined();
  expect(await overrides.get(tenantA, 'nonsense')).toBeUndefined();
  expect(await overrides.get(tenantA, all[0]!.id)).toEqual(all[0]);
});
