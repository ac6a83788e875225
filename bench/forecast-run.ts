/**
 * Forecasting as a night does it: series of one tenant, through the verb of its queue, on a real PostgreSQL. A first run,
 * which knows nothing, and the next night's, which holds a day against what was foretold and foretells again.
 *
 * `--full` is 10 000 series, forty minutes of a processor or so; `--applications N` ten times N; without either, 80. Half of them
 * are by day (two years) and half by month.
 */
import { randomUUID } from 'node:crypto';
import { dayAfter } from '#core/costs/day.ts';
import { type ForecastPorts, forecast } from '#functions/costs/forecast.queue.ts';
import { openForecasters } from '#stores/forecast/open.ts';
import { createForecasts } from '#stores/postgres/forecasts.ts';
import { costsMaker } from '#test/support/costs.ts';
import { contextKey, startPlace } from './place.ts';
import { type Line, report } from './report.ts';

/** Each has a cost and four measures, by day and by month. */
const given = process.argv.indexOf('--applications');
const applications = process.argv.includes('--full') ? 1000 : given > 0 ? Number(process.argv[given + 1]) : 8;
const firstDay = '2024-11-01';
const lastDay = '2026-10-31';
const tenant = '01890000-0000-7000-8000-00000000000a';

const place = await startPlace();
const maker = await costsMaker(place.ownerSql, tenant);
const load = await maker.load([]);
await place.ownerSql`insert into costs.application (tenant_id, id, key, name, seen_at)
  select ${tenant}, a, 'app ' || a, 'app ' || a, now() from generate_series(1, ${applications}) a`;
await measure(firstDay, dayAfter(lastDay, 1));

const forecasts = createForecasts(place.login(2, 'trailkeep_loader'), contextKey);
const ports: ForecastPorts = {
  ...{ runs: {} as never, onward: (() => {}) as never, trace: () => '', forecasts, clock: () => new Date() },
  members: await openForecasters(),
  lineage: { keep: async () => {} },
  recorder: { record: async () => [] } as unknown as ForecastPorts['recorder'],
};

const lines: Line[] = [];
await night('first run', lastDay);
await night('next night, daily series only', dayAfter(lastDay, 1));
report('Forecasts: a night', lines);
await place.close();

async function night(name: string, last: string): Promise<void> {
  const before = process.cpuUsage();
  const began = performance.now();
  const run = randomUUID();
  const day = dayAfter(last, 1);
  const planned = await forecast(ports, taskOf(run, day, 'plan'));
  const parts = planned.is === 'done' ? (planned.parts ?? []) : [];
  let written = 0;
  let slowest = 0;
  for (const part of parts) {
    const start = performance.now();
    const outcome = await forecast(ports, taskOf(run, day, part));
    written += outcome.is === 'away' ? 0 : (outcome.rows?.written ?? 0);
    slowest = Math.max(slowest, performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1000;
  const seconds = (performance.now() - began) / 1000;
  lines.push(
    { path: `${name}: series, in ${parts.length} parts`, figure: written, unit: 'series' },
    { path: `${name}: CPU a series`, figure: cpuMs / Math.max(1, written), unit: 'ms' },
    { path: `${name}: series by the clock, one worker`, figure: written / seconds, unit: 'series/s' },
    { path: `${name}: slowest part`, figure: slowest / 1000, unit: 's' },
    { path: `${name}: memory`, figure: process.memoryUsage().rss / 2 ** 20, unit: 'MiB' },
  );
}

function taskOf(run: string, day: string, part: string): Parameters<typeof forecast>[1] {
  return {
    ...{ tenant, run, job: randomUUID(), jobName: 'forecasts', createdBy: 'bench', kind: 'forecast', part },
    ...{ attempt: 1, lease: 1, scheduledFor: new Date(`${day}T05:00:00Z`), until: new Date('2100-01-01') },
    config: { scopes: ['application'] },
  };
}

/** A week, a year and some noise, of another size for every application. */
async function measure(from: string, to: string): Promise<void> {
  await place.ownerSql`insert into costs.usage_daily (tenant_id, load_id, day, application_id, measure, amount)
    select ${tenant}, ${load}, d, a, m, round(((10 + a % 50) * (1 + 0.2 * sin(extract(doy from d) / 58.1))
      * case when extract(isodow from d) > 5 then 0.7 else 1 end
      * (1 + (hashint4(a * 10007 + extract(epoch from d)::integer / 86400) & 1023) / 5120.0))::numeric, 3)
    from generate_series(${from}::text::timestamp, ${to}::text::timestamp, '1 day') d,
      generate_series(1, ${applications}) a, unnest(array['nodes', 'vcpu', 'licence_units', 'calls']) m`;
  await place.ownerSql`insert into costs.cost_daily (tenant_id, load_id, line, day, application_id, charge_category, provider,
      service_category, service_name, currency, billed, effective, contracted, list)
    select tenant_id, load_id, application_id * 1000 + (day - ${from}::text::date), day, application_id, 'Usage', 'x', 'y', 'z',
      'EUR', amount, amount, amount, amount
    from costs.usage_daily where tenant_id = ${tenant} and measure = 'nodes'`;
}
