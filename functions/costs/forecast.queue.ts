/**
 * Forecast: a run that foretells every series of a tenant, and holds what came against what had been foretold.
 *
 * Thousands of series are parts of a few applications or sectors each. A part that is stopped goes on with those that are
 * left, and what a killed one had saved is not made again: a series that is foretold up to its last period is left alone.
 * The event that forecasts have become worse is told before they are saved, and its id follows from run and series: told
 * twice it is stored once.
 */
import { createHash } from 'node:crypto';
import { dayAfter, dayOf } from '#core/costs/day.ts';
import { forecastLineage } from '#core/costs/forecast/lineage.ts';
import type { Member } from '#core/costs/forecast/member.ts';
import { forecastNext } from '#core/costs/forecast/next.ts';
import type { Forecasts, Made, SubjectHistory } from '#core/costs/forecast/ports.ts';
import {
  historyOf,
  type Scope,
  type SeriesKey,
  scopes,
  seriesGrains,
  seriesName,
} from '#core/costs/forecast/series.ts';
import type { Lineage } from '#core/costs/lineage.ts';
import type { EventInput, JsonObject } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { type ForecastConfig, forecastConfig } from '#core/jobs/config.ts';
import { firstPart, type Outcome, type Task } from '#core/jobs/run.ts';
import type { Recorder } from '#core/record/ports.ts';
import { metric } from '#functions/runtime/observe.ts';
import {
  openForecastMembers,
  openForecasts,
  openLineage,
  openRecorder,
  openRunPorts,
} from '#functions/runtime/open.ts';
import { onQueue } from '#functions/runtime/queue.ts';
import { doParts, type RunPorts } from '#functions/runtime/run.ts';

export interface ForecastPorts extends RunPorts {
  readonly forecasts: Forecasts;
  /** Members that are not plain TypeScript. */
  readonly members: readonly Member[];
  readonly recorder: Recorder;
  readonly lineage: Pick<Lineage, 'keep'>;
}

/** Applications or sectors of a part, and of a transaction. Five series of each take about a second of computing. */
const subjectsPerPart = 40;
const subjectsAtOnce = 4;
/** Days a history may go back. */
const daysMax = 5 * 366;

export async function forecast(ports: ForecastPorts, task: Task): Promise<Outcome> {
  const config = forecastConfig.parse(task.config);
  const lastDay = dayAfter(dayOf(task.scheduledFor), -config.settle_days);
  const last = await ports.forecasts.lastDays(task.tenant, lastDay);
  const since = dayAfter(lastDay, -daysMax);
  if (task.part === firstPart) return plan(ports, task, config, since);
  const [scope, range] = task.part.split('/') as [Scope, string];
  const [from, to] = range.split('-').map(Number) as [number, number];
  let read = 0;
  let written = 0;
  for (let id = Number(task.position?.next ?? from); id <= to; id += subjectsAtOnce) {
    const rows = { read, written, rejected: 0 };
    if (id > from && ports.clock() >= task.until) return { is: 'more', position: { next: id }, rows };
    const ids = Array.from({ length: Math.min(subjectsAtOnce, to - id + 1) }, (_, at) => id + at);
    const histories = await ports.forecasts.histories(task.tenant, scope, ids, since, lastDay);
    read += histories.length;
    written += await foretell(ports, task, config, histories, last);
  }
  const of = { tenant: task.tenant, run: task.run, task: task.part, at: ports.clock() };
  if (read > 0) await ports.lineage.keep(forecastLineage(scope, of));
  return { is: 'done', rows: { read, written, rejected: 0 } };
}

/** Ids are counted up from 0, tenant by tenant, so a range of them has few that are not there. */
async function plan(ports: ForecastPorts, task: Task, config: ForecastConfig, since: string): Promise<Outcome> {
  const parts: string[] = [];
  const counts: Record<string, number> = {};
  for (const scope of config.scopes ?? scopes) {
    const ids = await ports.forecasts.subjects(task.tenant, scope, since);
    counts[`${scope}s`] = ids.length;
    for (let at = 0; at < ids.length; at += subjectsPerPart) {
      const some = ids.slice(at, at + subjectsPerPart);
      parts.push(`${scope}/${some[0]}-${some.at(-1)}`);
    }
  }
  return { is: 'done', parts, result: counts };
}

async function foretell(
  ports: ForecastPorts,
  task: Task,
  config: ForecastConfig,
  histories: readonly SubjectHistory[],
  last: { readonly cost?: string; readonly usage?: string },
): Promise<number> {
  const asked = histories.flatMap((one) =>
    seriesGrains.flatMap((grain) => {
      const lastDay = one.subject.measure === 'cost' ? last.cost : last.usage;
      const history = lastDay === undefined ? undefined : historyOf(one.subject, grain, one, lastDay);
      return history ? [{ key: { ...one.subject, grain } as SeriesKey, history }] : [];
    }),
  );
  const known = await ports.forecasts.known(
    task.tenant,
    asked.map(({ key }) => key),
  );
  const made: Made[] = [];
  for (const { key, history } of asked) {
    const before = known.get(seriesName(key));
    if (before && before.through >= history.through && !config.again) continue;
    const more = before ?? { checkedThrough: undefined, verdict: 'unknown', earlier: new Map(), compared: [] };
    made.push({ key, next: forecastNext(key, { ...more, history }, ports.members) });
  }
  const degraded = made.filter(({ next }) => next.degraded);
  if (degraded.length > 0) {
    await ports.recorder.record(
      task.tenant,
      degraded.map((one) => degradedEvent(task, one)),
      ports.clock(),
    );
    metric('costs', 'forecastDegraded', degraded.length);
  }
  const saved = await ports.forecasts.save(task.tenant, task.run, made, ports.clock());
  metric('costs', 'forecasts', saved);
  return saved;
}

function degradedEvent({ tenant, run, scheduledFor }: Task, { key, next: { forecast: made } }: Made): EventInput {
  const series = seriesName(key);
  const digest = createHash('sha256').update(`trailkeep-forecast/v1\n${tenant}\n${run}\n${series}`).digest();
  const metadata: JsonObject = {
    through: made.through,
    ratio: Math.round(1000 * (made.degradation.ratio ?? 0)) / 1000,
    reselected: made.reselected,
    best: made.best,
  };
  return {
    id: uuidv7(scheduledFor.getTime(), digest),
    action: 'forecast.degraded',
    occurred_at: scheduledFor.toISOString(),
    category: 'operations',
    severity: 'medium',
    actor: { type: 'service', id: 'trailkeep' },
    operation_id: run,
    targets: [{ type: 'forecast', id: series }],
    metadata,
  };
}

export const handler = onQueue(doParts(forecast), {
  ...openRunPorts,
  forecasts: openForecasts,
  members: openForecastMembers,
  recorder: openRecorder,
  lineage: openLineage,
});
