/** Forecasting: a run over hundreds of series on a real PostgreSQL, and what happens when actuals come. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dayAfter } from '#core/costs/day.ts';
import type { Forecasts } from '#core/costs/forecast/ports.ts';
import type { Lineage } from '#core/costs/lineage.ts';
import type { EventInput, Json, JsonObject } from '#core/event/event.ts';
import { validateInput } from '#core/event/validate.ts';
import type { Outcome, Task } from '#core/jobs/run.ts';
import { type ForecastPorts, forecast } from '#functions/costs/forecast.queue.ts';
import { createForecasts } from '#stores/postgres/forecasts.ts';
import { createLineage } from '#stores/postgres/lineage.ts';
import { costsMaker } from '#test/support/costs.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

const tenant = '01890000-0000-7000-8000-00000000000a';
const other = '01890000-0000-7000-8000-00000000000b';
const applications = 50;
const firstDay = '2026-08-20';
const lastDay = '2026-10-31';

let db: TestDatabase;
let forecasts: Forecasts;
let readers: Forecasts;
let lineage: Lineage;
let load: number;
const told: EventInput[] = [];

beforeAll(async () => {
  db = await testDatabase('forecast');
  forecasts = createForecasts(db.login('trailkeep_loader'), contextKey);
  lineage = createLineage(db.login('trailkeep_loader'), contextKey);
  readers = createForecasts(db.login('trailkeep_app'), contextKey);
  const maker = await costsMaker(db.ownerSql, tenant);
  await maker.member('sector', 'Retail');
  await maker.member('sector', 'Payments');
  for (let id = 1; id <= applications; id++) {
    const application = await maker.application(`app ${id}`);
    if (id <= 40) await maker.map(application, { sector: id % 2 === 0 ? 'Retail' : 'Payments' });
  }
  load = await maker.load([]);
  await measure(firstDay, lastDay);
  const stranger = await costsMaker(db.ownerSql, other);
  const theirs = await stranger.application('secret');
  const their = await stranger.load([{ day: lastDay, application: theirs, billed: '5' }]);
  await stranger.usage(their, lastDay, theirs, 'nodes', '3');
});
afterAll(() => db?.drop());

/** Nodes with a week in them, and costs of twice as much, for every application; with a break from some day on. */
async function measure(from: string, to: string, factor = 1): Promise<void> {
  await db.ownerSql`insert into costs.usage_daily (tenant_id, load_id, day, application_id, measure, amount)
    select ${tenant}, ${load}, d, a, 'nodes', ${String(factor)}::text::numeric * (10 + a + case when extract(isodow from d) > 5 then 0 else 5 end)
      + (hashint4(a * 1000 + extract(doy from d)::integer) & 1023) / 512.0
    from generate_series(${from}::text::timestamp, ${to}::text::timestamp, '1 day') d, generate_series(1, ${applications}) a`;
  await db.ownerSql`insert into costs.cost_daily (tenant_id, load_id, line, day, application_id, charge_category, provider,
      service_category, service_name, currency, billed, effective, contracted, list)
    select tenant_id, load_id, (application_id * 100000 + (day - '2026-01-01'::date)), day, application_id, 'Usage', 'x', 'y', 'z', 'EUR',
      2 * amount, 2 * amount, 2 * amount, 2 * amount
    from costs.usage_daily where tenant_id = ${tenant} and day between ${from}::text::date and ${to}::text::date`;
}

function ports(store = forecasts, clock = () => new Date('2026-11-02T03:00:00Z')): ForecastPorts {
  const recorder = {
    record: async (_: string, events: readonly EventInput[]) => {
      told.push(...events);
      return [];
    },
  } as unknown as ForecastPorts['recorder'];
  return {
    runs: {} as never,
    onward: (() => {}) as never,
    trace: () => '',
    forecasts: store,
    members: [],
    lineage,
    recorder,
    clock,
  };
}

const taskOf = (day: string, part = 'plan', config: JsonObject = {}, run: string = randomUUID()): Task => ({
  tenant,
  run,
  job: '01890000-0000-7000-8000-0000000000ab',
  jobName: 'forecasts',
  createdBy: 'ann',
  kind: 'forecast',
  part,
  attempt: 1,
  scheduledFor: new Date(`${day}T02:00:00Z`),
  config,
  until: new Date('2026-12-31T00:00:00Z'),
  lease: 1,
});

/** All parts of a run, each to its end; the rows written. */
async function runAll(
  day: string,
  config: JsonObject = {},
): Promise<{ parts: readonly string[]; written: number; run: string }> {
  const run = randomUUID();
  const planned = (await forecast(ports(), taskOf(day, 'plan', config, run))) as Extract<Outcome, { is: 'done' }>;
  let written = 0;
  for (const part of planned.parts ?? []) {
    const outcome = (await forecast(ports(), taskOf(day, part, config, run))) as Extract<Outcome, { is: 'done' }>;
    written += outcome.rows!.written;
  }
  return { parts: planned.parts!, written, run };
}

describe('a run', () => {
  test('foretells hundreds of series, in parts; a second one has nothing left to do', async () => {
    const { parts, written } = await runAll('2026-11-01');
    expect(parts).toEqual(['application/1-40', 'application/41-50', 'sector/0-2']);
    // Nodes and costs, by day and by month, of 50 applications and 3 sectors.
    expect(written).toBe(2 * 2 * (applications + 3));
    expect((await runAll('2026-11-01')).written).toBe(0);
    const [kept] =
      await db.ownerSql`select count(*)::int as rows, count(distinct series)::int as series from costs.forecast`;
    expect(kept).toEqual({ rows: 212, series: 212 });
  });

  test('says what it says: the week goes on, months are too few and said so', async () => {
    const [daily] = await readers.list(tenant, { series: 'application/7/nodes/-/daily', limit: 1 });
    expect(daily).toMatchObject({
      because: 'combination',
      through: lastDay,
      name: 'app 7',
      verdict: 'unknown',
      filled: 0,
    });
    expect(daily!.points).toHaveLength(30);
    daily!.points.forEach(({ point, low95, high95 }, at) => {
      const day = new Date(`${dayAfter(lastDay, at + 1)}T00:00:00Z`).getUTCDay();
      const expected = 17 + (day === 0 || day === 6 ? 0 : 5) + 1;
      expect(Math.abs(point - expected), `${at}`).toBeLessThan(2.5);
      expect(low95 <= point && point <= high95).toBe(true);
    });
    expect(Object.values(daily!.weights).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1);
    const [monthly] = await readers.list(tenant, { series: 'application/7/cost/EUR/monthly', limit: 1 });
    expect(monthly).toMatchObject({ because: 'insufficient-data', missing: 10, through: '2026-10-01', periods: 2 });
    expect(monthly!.weights).toEqual({ naive: 1 });
    expect(monthly!.points).toHaveLength(12);
  });

  test('tells what it was made from', async () => {
    const from = { namespace: 'postgres://trailkeep', name: 'costs.usage_daily' };
    const walked = await lineage.walk(tenant, from, 'forward', 10);
    expect(walked.map(({ output, job }) => `${job}: ${output.name}`)).toEqual(
      expect.arrayContaining(['forecast.application: costs.forecast', 'forecast.sector: costs.forecast']),
    );
  });

  test('sectors are the sums of their applications', async () => {
    const [sector] = await readers.list(tenant, {
      scope: 'sector',
      subject: 1,
      measure: 'nodes',
      grain: 'daily',
      limit: 1,
    });
    expect(sector).toMatchObject({ name: 'Retail' });
    const own = await readers.list(tenant, { scope: 'application', measure: 'nodes', grain: 'daily', limit: 100 });
    const even = own.filter(({ key }) => key.id <= 40 && key.id % 2 === 0);
    const sum = even.reduce((total, { points }) => total + points[0]!.point, 0);
    expect(Math.abs(sector!.points[0]!.point / sum - 1)).toBeLessThan(0.05);
  });

  test('knows no other tenant, and no other tenant knows it', async () => {
    expect(await readers.list(other, { limit: 100 })).toEqual([]);
    const rows = await db.ownerSql`select distinct tenant_id from costs.forecast`;
    expect(rows.map(({ tenant_id }) => tenant_id)).toEqual([tenant]);
  });

  test('pages by name', async () => {
    const first = await readers.list(tenant, { grain: 'daily', scope: 'sector', limit: 4 });
    const rest = await readers.list(tenant, {
      grain: 'daily',
      scope: 'sector',
      limit: 100,
      after: first.at(-1)!.series,
    });
    expect([...first, ...rest].map(({ series }) => series)).toEqual(
      ['0', '1', '2'].flatMap((id) => [`sector/${id}/cost/EUR/daily`, `sector/${id}/nodes/-/daily`]),
    );
  });

  test('that is out of time goes on where it was, and one that was killed does nothing twice', async () => {
    await measure('2026-11-01', '2026-11-01');
    const run = randomUUID();
    let ticks = 0;
    const clock = () => new Date(`2026-11-02T03:${String(ticks++).padStart(2, '0')}:00Z`);
    const task = { ...taskOf('2026-11-02', 'application/1-12', {}, run), until: new Date('2026-11-02T03:02:00Z') };
    const outcome = await forecast(ports(forecasts, clock), task);
    expect(outcome).toMatchObject({ is: 'more' });
    const { position, rows } = outcome as Extract<Outcome, { is: 'more' }>;
    // Killed before its word: the part begins again from the start.
    const again = (await forecast(ports(), taskOf('2026-11-02', 'application/1-12', {}, run))) as Extract<
      Outcome,
      { is: 'done' }
    >;
    expect(rows!.written + again.rows!.written).toBe(2 * 12);
    const late = await forecast(ports(), { ...taskOf('2026-11-02', 'application/1-12', {}, run), position });
    expect(late).toMatchObject({ is: 'done', rows: { written: 0 } });
  });
});

describe('when actuals come', () => {
  test('they are held against what was foretold, once, at each step', async () => {
    const [compared] = await readers.list(tenant, { series: 'application/7/nodes/-/daily', limit: 1 });
    const day = compared!.accuracy.find(({ step }) => step === 1)!;
    expect(day.count).toBe(1);
    expect(day.mape!).toBeLessThan(20);
    expect(day.mase).not.toBeNull();
    const [row] = await db.ownerSql`select actual, target::text from costs.forecast_accuracy
      where series = 'application/7/nodes/-/daily' and step = 1`;
    const [there] = await db.ownerSql`select amount::float8 from costs.usage_daily
      where tenant_id = ${tenant} and application_id = 7 and day = '2026-11-01'`;
    expect(row).toEqual({ actual: there!.amount, target: '2026-11-01' });
  });

  test('forecasts that become worse are told of once, and members are chosen again', async () => {
    const only = { scopes: ['application'] };
    told.length = 0;
    // Three weeks as before, then every day something else.
    for (let at = 2; at <= 20; at++) {
      const day = `2026-11-${String(at).padStart(2, '0')}`;
      await measure(day, day);
      await forecast(ports(), taskOf(dayAfter(day), 'application/1-1', only));
    }
    expect(told).toEqual([]);
    for (let at = 21; at <= 28; at++) {
      const day = `2026-11-${String(at).padStart(2, '0')}`;
      await measure(day, day, at % 2 === 0 ? 0.2 : 4);
      await forecast(ports(), taskOf(dayAfter(day), 'application/1-1', only));
    }
    const nodes = told.filter(({ targets }) => targets![0]!.id === 'application/1/nodes/-/daily');
    expect(nodes).toHaveLength(1);
    expect(nodes[0]).toMatchObject({ action: 'forecast.degraded', severity: 'medium' });
    for (const event of told) expect(validateInput(event as unknown as Json).ok).toBe(true);
    const [worse] = await readers.list(tenant, { series: 'application/1/nodes/-/daily', limit: 1 });
    expect(worse).toMatchObject({ verdict: 'alert' });
    expect(worse!.ratio!).toBeGreaterThan(1.3);
    expect((await readers.list(tenant, { verdict: 'alert', limit: 100 })).map(({ series }) => series)).toContain(
      worse!.series,
    );
    // The intervals of the live misses are wider than the backtest alone would have them.
    expect(worse!.accuracy[0]!.coverage80!).toBeLessThan(0.95);
  });

  test('nothing that was foretold is ever changed', async () => {
    const loader = db.login('trailkeep_loader');
    for (const table of ['forecast', 'forecast_accuracy']) {
      await expect(loader`update costs.${loader(table)} set point = point`).rejects.toThrow('permission denied');
      await expect(loader`delete from costs.${loader(table)}`).rejects.toThrow('permission denied');
    }
  });
});
