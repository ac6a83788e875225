/**
 * Load usage, licences, costs and mappings: one part of a run is a window of a stream, a table, or a file.
 *
 * We speak to Postgres and therefore to nobody outside: what only a source knows is asked by a message, and its answer
 * comes back as one, with the names of objects. What can go wrong: the source is busy or talks nonsense (its words are
 * told to the tenant, and the part is tried again); we die anywhere (the part is done again, and a slice that is there
 * already is left alone); a file is changed while it is read (the part begins again with the new one).
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { PageInvalid, readInventory, readUsage } from '#core/costs/appdynamics.ts';
import { chargeDay } from '#core/costs/charge.ts';
import { dayAfter, dayOf } from '#core/costs/day.ts';
import { type FetchOrder, FileChanged, type Inbox, type Pages, PagesGone } from '#core/costs/fetch-ports.ts';
import type { Lineage } from '#core/costs/lineage.ts';
import type { Loaded, Loads, Prices, Slice, Sources } from '#core/costs/load-ports.ts';
import type { Chunk } from '#core/costs/rows.ts';
import { positionText, readTable } from '#core/costs/servicenow.ts';
import { isAsked, type Source, settingsOf } from '#core/costs/source.ts';
import type { JsonObject } from '#core/event/event.ts';
import { noRows, type Outcome, questionOf, type RowCounts, RunFault, type Task } from '#core/jobs/run.ts';
import type { Outlet } from '#core/record/ports.ts';
import { metric } from '#functions/runtime/observe.ts';
import {
  openFetchQueue,
  openInbox,
  openLineage,
  openLoads,
  openPages,
  openPrices,
  openRunPorts,
  openSources,
} from '#functions/runtime/open.ts';
import { onQueue } from '#functions/runtime/queue.ts';
import { doParts, type RunPorts } from '#functions/runtime/run.ts';
import { chunksOf, hashOf } from './load-file.ts';
import { lineageOf } from './load-lineage.ts';
import { planLoad } from './plan-load.ts';

export interface LoadPorts extends RunPorts {
  readonly sources: Sources;
  readonly prices: Pick<Prices, 'list'>;
  readonly loads: Loads;
  readonly lineage: Pick<Lineage, 'keep'>;
  readonly pages: Pick<Pages, 'read'>;
  readonly inbox: Pick<Inbox, 'list' | 'read'>;
  /** To the function that asks outside. */
  readonly fetches: Outlet;
}

/** An answer that has not come by then is lost: the fetcher has less time, and its queue tries it three times. */
const awayMs = 45 * 60_000;

const answerSchema = z.union([
  z.object({ objects: z.array(z.string()), asked_at: z.iso.datetime() }),
  z.object({
    fault: z.object({
      code: z.string(),
      message: z.string(),
      again: z.boolean(),
      not_before: z.iso.datetime().optional(),
    }),
  }),
]);

export async function load(ports: LoadPorts, task: Task): Promise<Outcome> {
  if (task.part === 'plan') return { is: 'done', parts: await planLoad(ports, task) };
  const [id = '', what = '', ...rest] = task.part.split('/');
  const source = await ports.sources.get(task.tenant, id);
  // It was removed while the run was under way: nothing is left to be done.
  if (!source) return { is: 'done' };
  try {
    if (what === 'file') return await loadFile(ports, task, source, rest.join('/'));
    if (what === 'names') return await loadNames(ports, task, source);
    if (isAsked(source.kind)) return await loadAsked(ports, task, source, what, rest[0] ?? '');
  } catch (error) {
    if (error instanceof PageInvalid) throw new RunFault('source_garbage', `${error.message}.`, { again: true });
    if (error instanceof PagesGone)
      throw new RunFault('pages_gone', 'The answers of the source are gone.', { again: true });
    if (error instanceof FileChanged) throw new RunFault('file_changed', `${error.message}.`, { again: true });
    throw error;
  }
  throw new RunFault('part_unknown', `There is no part ${task.part}.`);
}

/** Asks first, and loads when the answer is there. */
async function loadAsked(ports: LoadPorts, task: Task, source: Source, what: string, which: string): Promise<Outcome> {
  if (!task.answer) return ask(ports, task, source, what, which);
  const answer = answerSchema.safeParse(task.answer);
  if (!answer.success) throw new RunFault('answer_invalid', 'An answer cannot be understood.', { again: true });
  if ('fault' in answer.data) {
    const { code, message, again, not_before: notBefore } = answer.data.fault;
    throw new RunFault(code, message, { again, ...(notBefore ? { notBefore: new Date(notBefore) } : {}) });
  }
  const { objects, asked_at: askedAt } = answer.data;
  const pages = await ports.pages.read(task.tenant, task.run, objects);
  const controllers = [{ key: source.name, name: source.name }];
  if (what === 'inventory') {
    const { applications, read, rejected } = readInventory(source.name, pages);
    const chunk = { read, rejected, controllers, applications };
    return done(await loadChunk(ports, task, source, { stream: 'inventory', slice: 'now', chunk }));
  }
  if (what === 'table') {
    const { items, read, rejected, last } = readTable(which, pages);
    const marks = await ports.sources.watermarks(task.tenant, source.id);
    const since = marks.find(({ stream }) => stream === `table/${which}`)?.position ?? 'the beginning';
    const watermark = last && { stream: `table/${which}`, position: positionText(last) };
    const one = { stream: `table/${which}`, slice: `since ${since}`, chunk: { read, rejected, cmdb: items } };
    return done(await loadChunk(ports, task, source, { ...one, ...(watermark ? { watermark } : {}) }));
  }
  const [from = '', to = ''] = which.split('..');
  const settings = settingsOf('appdynamics', source.settings);
  const prices = await ports.prices.list(task.tenant);
  const { days, applications, read, rejected } = readUsage(source.name, pages, {
    ...{ from, to, snapshotDay: dayAfter(dayOf(new Date(askedAt)), -1), agentPackage: settings.agent_package },
    exact: await ports.loads.exactVcpus(task.tenant, source.name, from, to),
  });
  let rows: RowCounts = { ...noRows, rejected: 0 };
  for (const [index, day] of days.entries()) {
    // The days before are there: loading them again is nothing.
    if (ports.clock() > task.until) return { is: 'more', position: { answer: task.answer } };
    const charged = chargeDay(source.name, settings.account_id ?? source.name, day, prices);
    // What cannot be read belongs to no day: it is shown with the first.
    const wrong = index === 0 ? rejected : [];
    const one = { ...charged, rejected: [...charged.rejected, ...wrong] };
    const chunk = {
      read: day.applications.length + day.packages.length + wrong.length,
      controllers,
      applications,
      ...one,
    };
    const watermark = { stream: 'usage', position: day.day };
    rows = plus(
      rows,
      rowsOf(await loadChunk(ports, task, source, { stream: 'usage', slice: day.day, chunk, watermark })),
    );
  }
  return { is: 'done', rows: { ...rows, read: Math.max(rows.read, read) } };
}

async function ask(ports: LoadPorts, task: Task, source: Source, what: string, which: string): Promise<Outcome> {
  const kept = task.position?.answer;
  if (kept) return loadAsked(ports, { ...task, answer: kept as JsonObject }, source, what, which);
  const order: FetchOrder = {
    ...{ v: 1, question: questionOf(task), source: source.id, kind: source.kind as FetchOrder['kind'] },
    ...{ settings: source.settings, stream: what === 'table' ? which : what },
    ...(what === 'usage' ? { from: which.split('..')[0]!, to: which.split('..')[1]! } : {}),
    ...(await positionOf(ports, task, source, what, which)),
  };
  await ports.fetches.send([{ body: JSON.stringify(order), group: task.tenant }]);
  return { is: 'away', until: new Date(ports.clock().getTime() + awayMs) };
}

async function positionOf(ports: LoadPorts, { tenant, config }: Task, source: Source, what: string, which: string) {
  // Asked to load again: from the beginning.
  if (what !== 'table' || config.reload !== undefined) return {};
  const marks = await ports.sources.watermarks(tenant, source.id);
  const position = marks.find(({ stream }) => stream === `table/${which}`)?.position;
  return position === undefined ? {} : { position };
}

async function loadFile(ports: LoadPorts, task: Task, source: Source, name: string): Promise<Outcome> {
  const file = (await ports.inbox.list(task.tenant, source.id)).find((one) => one.name === name);
  if (!file || isAsked(source.kind)) return { is: 'done' };
  const place = { inbox: ports.inbox, tenant: task.tenant, source: source.id, file };
  const sha256 = await hashOf(place, source.settings);
  const slice = sliceOf(ports, task, source, {
    ...{ stream: 'files', slice: name, sha256, isFile: true },
    watermark: { stream: `files/${name}`, position: file.version },
  });
  const loaded = await ports.loads.load(
    slice,
    chunksOf(place, source, () => ports.clock() > task.until),
  );
  await tell(ports, task, slice, loaded, file.bytes);
  return done({ loaded, slice });
}

/** Rules for names count without any file. */
async function loadNames(ports: LoadPorts, task: Task, source: Source): Promise<Outcome> {
  const chunk = { read: 0, rejected: [] };
  return done(await loadChunk(ports, task, source, { stream: 'names', slice: 'now', chunk }));
}

interface OneChunk {
  readonly stream: string;
  readonly slice: string;
  readonly chunk: Chunk;
  readonly watermark?: Slice['watermark'] & object;
}

async function loadChunk(ports: LoadPorts, task: Task, source: Source, { chunk, ...what }: OneChunk) {
  // Settings say how rows are read, so other settings make other content.
  const sha256 = createHash('sha256')
    .update(JSON.stringify([what.slice, source.settings, chunk]))
    .digest('hex');
  const slice = sliceOf(ports, task, source, { ...what, sha256, isFile: false });
  const one = async function* () {
    yield chunk;
  };
  const loaded = await ports.loads.load(slice, one());
  await tell(ports, task, slice, loaded);
  return { loaded, slice };
}

type SliceParts = Pick<Slice, 'stream' | 'slice' | 'sha256' | 'isFile'> & {
  readonly watermark?: Slice['watermark'] & object;
};
function sliceOf(ports: LoadPorts, task: Task, source: Source, parts: SliceParts): Slice {
  const at = ports.clock();
  return { tenant: task.tenant, source, run: task.run, day: dayOf(task.scheduledFor), at, ...parts };
}

/** Who asks where a figure comes from hears it from here on. */
async function tell(ports: LoadPorts, task: Task, slice: Slice, loaded: Loaded, bytes?: number): Promise<void> {
  if (loaded.is === 'duplicate' || loaded.is === 'refused') return;
  await ports.lineage.keep(lineageOf(task, slice, loaded, ports.clock(), bytes));
  if (loaded.is === 'loaded') metric('costs', 'rowsLoaded', loaded.rows.written);
}

const rowsOf = ({ loaded }: { readonly loaded: Loaded }): RowCounts => ('rows' in loaded ? loaded.rows : noRows);
const plus = (a: RowCounts, b: RowCounts): RowCounts => ({
  read: a.read + b.read,
  written: a.written + b.written,
  rejected: a.rejected + b.rejected,
});

function done({ loaded, slice }: { readonly loaded: Loaded; readonly slice: Slice }): Outcome {
  if (loaded.is === 'refused') {
    const { rejected, read } = loaded.rows;
    const why = `${rejected} of ${read} rows of ${slice.slice} cannot be loaded: what was loaded of it before stays.`;
    throw new RunFault('rows_rejected', why);
  }
  const told = loaded.is === 'duplicate' ? { [`duplicate ${slice.slice}`]: loaded.of } : {};
  return { is: 'done', rows: rowsOf({ loaded }), result: told };
}

export const handler = onQueue(doParts(load), {
  ...openRunPorts,
  sources: openSources,
  prices: openPrices,
  loads: openLoads,
  lineage: openLineage,
  pages: openPages,
  inbox: openInbox,
  fetches: openFetchQueue,
});
