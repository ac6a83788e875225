/** What a run of kind `etl` has to do: which streams of which sources, in which parts. */
import { dayAfter, dayOf, daysBetween, startOf } from '#core/costs/day.ts';
import type { Inbox } from '#core/costs/fetch-ports.ts';
import type { Loads, Sources } from '#core/costs/load-ports.ts';
import { fileKinds, type Source, settingsOf } from '#core/costs/source.ts';
import { etlConfig } from '#core/jobs/config.ts';
import { RunFault, type Task } from '#core/jobs/run.ts';

export interface PlanPorts {
  readonly sources: Pick<Sources, 'get' | 'list' | 'watermarks'>;
  readonly loads: Pick<Loads, 'days'>;
  readonly inbox: Pick<Inbox, 'list'>;
}

/** Sources of one tenant that one run loads. */
const sourcesMax = 500;
/** Days of one question to a controller. */
const windowDays = 31;
const firstDays = 90;

/** Names of the parts; each is done alone. */
export async function planLoad(ports: PlanPorts, task: Task): Promise<string[]> {
  const config = etlConfig.safeParse(task.config);
  if (!config.success) throw new RunFault('config_invalid', `The job's config: ${config.error.issues[0]!.message}.`);
  const { sources: ids, reload } = config.data;
  const found = ids
    ? await Promise.all(ids.map((id) => ports.sources.get(task.tenant, id)))
    : await ports.sources.list(task.tenant, undefined, sourcesMax);
  const missing = ids?.find((_, index) => found[index] === undefined);
  if (missing !== undefined) throw new RunFault('source_missing', `There is no source ${missing}.`);
  const parts: string[] = [];
  for (const source of found) if (source) parts.push(...(await partsOf(ports, task, source, reload)));
  return parts;
}

type Range = { readonly from: string; readonly to: string };

async function partsOf(ports: PlanPorts, task: Task, source: Source, reload: Range | undefined): Promise<string[]> {
  const { id, kind, settings } = source;
  if (kind === 'servicenow') return settingsOf(kind, settings).tables.map((table) => `${id}/table/${table}`);
  if (kind === 'appdynamics') {
    const there = await ports.loads.days(task.tenant, id, 'usage');
    const windows = missingDays(task.scheduledFor, settingsOf(kind, settings), there, reload);
    return [`${id}/inventory`, ...windows.map(({ from, to }) => `${id}/usage/${from}..${to}`)];
  }
  const files = await ports.inbox.list(task.tenant, source.id);
  const read = await ports.sources.watermarks(task.tenant, source.id);
  const versions = new Map(read.map(({ stream, position }) => [stream, position]));
  const fresh = files.filter(
    ({ name, version }) =>
      fileKinds[kind].some((end) => name.toLowerCase().endsWith(end)) && versions.get(`files/${name}`) !== version,
  );
  return [...fresh.map(({ name }) => `${id}/file/${name}`), ...(kind === 'h-code' ? [`${id}/names`] : [])];
}

/** Windows of days that no load is there of, the newest that may have come in late, and those that are asked for again. */
export function missingDays(
  scheduledFor: Date,
  settings: { readonly from_day?: string | undefined; readonly late_days: number },
  there: ReadonlySet<string>,
  reload: Range | undefined,
): Range[] {
  const last = dayAfter(dayOf(scheduledFor), -1);
  const first = settings.from_day ?? [...there].toSorted()[0] ?? dayAfter(last, 1 - firstDays);
  const late = dayAfter(last, 1 - settings.late_days);
  const wanted = new Set(daysBetween(first, last).filter((one) => !there.has(one) || one >= late));
  if (reload) for (const one of daysBetween(reload.from, reload.to < last ? reload.to : last)) wanted.add(one);
  const windows: { from: string; to: string }[] = [];
  for (const one of [...wanted].toSorted()) {
    const open = windows.at(-1);
    const days = open ? (startOf(one) - startOf(open.from)) / 86_400_000 : 0;
    if (open && dayAfter(open.to) === one && days < windowDays) open.to = one;
    else windows.push({ from: one, to: one });
  }
  return windows;
}
