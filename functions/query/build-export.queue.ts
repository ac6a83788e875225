/**
 * Build an export: the answer to a question, page by page, into parts.
 *
 * A message is good for one step of some minutes. Every part is an object first and a row then, and the row says where
 * the next part begins; so whatever dies repeats one part at most, and what it left has no row and belongs to nobody.
 * While there is more to do the message is sent again. What can go wrong: a stored file is gone, damaged, or archived
 * (the export fails and says which, or leaves out archived days when that was asked for; it never just ends early).
 */
import { createHash } from 'node:crypto';
import type { Event } from '#core/event/event.ts';
import { type ExportPlan, planContext, unreadBeyond, unreadOf, viewIn, wasThere } from '#core/export/plan.ts';
import type { EventExport, EventExports, EventPart, EventParts, ExportStep, Unread } from '#core/export/ports.ts';
import { matchesNothing } from '#core/query/filter.ts';
import type { Position } from '#core/query/ports.ts';
import { type Outlet, Unavailable } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import {
  openBlocks,
  openCatalogue,
  openCipher,
  openCritical,
  openEventExportQueue,
  openEventExports,
  openEventParts,
  openNewId,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import { onQueue, type QueueMessage } from '#functions/runtime/queue.ts';
import { type AnswerPorts, answer } from './answer.ts';
import { type PartWriter, partWriter } from './part-writers.ts';
import { Viewer, type ViewerPorts } from './reader.ts';

export interface BuildExportPorts extends AnswerPorts, ViewerPorts {
  readonly exports: EventExports;
  readonly parts: EventParts;
  readonly exportQueue: Outlet;
  readonly newId: (now: Date) => string;
}

export interface ExportLimits {
  /** Of one message. */
  readonly stepMs: number;
  /** Each page opens the catalogue anew. */
  readonly pageEvents: number;
  /** What one part holds, a page more or less: a part is an object in memory, and what a crash repeats. */
  readonly partEvents: number;
  readonly partRawBytes: number;
}

/** The function has five minutes: the rest is for the part that is in the making when the step's time is over. */
const limits: ExportLimits = {
  stepMs: 3 * 60_000,
  pageEvents: 4000,
  partEvents: 100_000,
  partRawBytes: 128 * 1024 * 1024,
};
/** With so many tries it is not the weather. */
const triesMax = 5;

export async function buildExport(
  ports: BuildExportPorts,
  messages: readonly QueueMessage[],
  { now }: { readonly now: Date },
  within: ExportLimits = limits,
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const message of messages) {
    const { tenant, id } = JSON.parse(message.body) as { tenant: string; id: string };
    const wanted = await ports.exports.get(tenant, id);
    // The row may be slower than the message. When the queue brings it again and there is none yet, its request was refused.
    if (!wanted && message.receiveCount === 1) failed.push(message.messageId);
    if (wanted?.state !== 'asked') continue;
    try {
      if (!(await work(ports, wanted, now, within)))
        await ports.exportQueue.send([{ body: message.body, group: tenant }]);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      logger.error('an export was not built', { export: id, error: error as Error });
      if (message.receiveCount < triesMax) failed.push(message.messageId);
      else await ports.exports.fail(tenant, id, 'internal', []);
    }
  }
  return failed;
}

/** One step: as many parts as the time allows. False while there is more to do, here or by somebody else. */
async function work(ports: BuildExportPorts, wanted: EventExport, now: Date, within: ExportLimits): Promise<boolean> {
  const { tenant, id } = wanted;
  const plan = await openPlan(ports, wanted);
  const until = ports.clock() + within.stepMs;
  let { position, parts } = wanted;
  const unread = [...wanted.unread];
  do {
    const made = await makePart(ports, wanted, plan, { number: parts + 1, after: position, until }, within);
    if ('failed' in made) {
      await ports.exports.fail(tenant, id, 'export_incomplete', made.failed);
      return true;
    }
    const beyond = unreadBeyond(unread, made.unread);
    const step: ExportStep = { after: position, unread: beyond, next: made.next };
    let part: EventPart | undefined;
    // Nothing found yet and more to read: no part, but a place to go on from. An export without events has one empty part.
    if (made.events > 0 || (made.next === undefined && parts === 0)) {
      const { bytes, rows } = await made.writer.finish();
      if (rows !== made.events) throw new Error(`${rows} rows were written of ${made.events} events`);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      part = { part: parts + 1, run: ports.newId(now), events: rows, bytes: bytes.length, sha256 };
      await ports.parts.put(tenant, id, wanted.format, part, bytes);
    }
    if (!(await ports.exports.advance(tenant, id, part ? { ...step, part } : step))) return false;
    metric('query', 'exported', made.events);
    position = made.next;
    parts += part ? 1 : 0;
    unread.push(...beyond);
  } while (position !== undefined && ports.clock() < until);
  return position === undefined;
}

type Made =
  | {
      readonly writer: PartWriter;
      readonly events: number;
      readonly unread: readonly Unread[];
      readonly next: Position | undefined;
    }
  | { readonly failed: readonly Unread[] };

/** Pages from a position on, until the part is full, the time is over or there is nothing more. */
async function makePart(
  ports: BuildExportPorts,
  wanted: EventExport,
  plan: ExportPlan,
  { number, after, until }: { readonly number: number; readonly after: Position | undefined; readonly until: number },
  { pageEvents, partEvents, partRawBytes }: ExportLimits,
): Promise<Made> {
  const { tenant, format } = wanted;
  const writer = partWriter(format, number);
  const sight = { view: viewIn(plan.views) };
  const { filter } = await new Viewer(ports, tenant, sight).stored(plan.filter);
  const there = wasThere(wanted.askedAt);
  const unread: Unread[] = [];
  let events = 0;
  let next = after;
  if (matchesNothing(plan.filter)) return { writer, events, unread, next: undefined };
  do {
    // One for each page: it remembers what it has shown.
    const viewer = new Viewer(ports, tenant, sight);
    viewer.readsToo = plan.readsToo;
    const question = {
      ...{ tenant, filter, after: next, limit: pageEvents },
      sees: (event: Event) => there(event) && viewer.sees(event),
      exactly: viewer.exactly(plan.filter),
    };
    const page = await answer(ports, question, { bytesMax: Number.POSITIVE_INFINITY, until });
    const found = unreadOf(page.gaps);
    if (found.some(({ why }) => why !== 'archived' || !plan.skipArchived)) return { failed: found };
    unread.push(...unreadBeyond(unread, found));
    await writer.add(await viewer.show(page.events));
    events += page.events.length;
    next = page.next;
  } while (next !== undefined && events < partEvents && writer.rawBytes < partRawBytes && ports.clock() < until);
  return { writer, events, unread, next };
}

async function openPlan({ subjectKeys, cipher }: ViewerPorts, { tenant, id, plan }: EventExport): Promise<ExportPlan> {
  const { own } = await subjectKeys.tenant(tenant);
  const text = plan === undefined ? undefined : cipher.open(own.cipher, plan, planContext(tenant, id));
  if (text === undefined) throw new Error('the plan of an export does not open');
  return JSON.parse(text) as ExportPlan;
}

export const handler = onQueue(buildExport, {
  critical: openCritical,
  catalogue: openCatalogue,
  blocks: openBlocks,
  clock: () => Date.now,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  exports: openEventExports,
  parts: openEventParts,
  exportQueue: openEventExportQueue,
  newId: openNewId,
});
