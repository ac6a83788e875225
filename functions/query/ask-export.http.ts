/**
 * Ask for an export: all events that a filter finds, as files, built by a worker meanwhile.
 *
 * What its asker may see is decided now and kept with the export, sealed; so it is handed to nobody else. Asking is
 * recorded before anything is built, and so is that fields will be opened.
 */
import * as z from 'zod';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import { categories, dataClasses, type EventInput, type JsonObject } from '#core/event/event.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { type ExportPlan, exportView, planContext, viewsOf } from '#core/export/plan.ts';
import { type EventExports, type ExportFormat, exportFormats } from '#core/export/ports.ts';
import { confine, parseSearch } from '#core/query/filter.ts';
import type { Outlet, Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openCipher,
  openEventExportQueue,
  openEventExports,
  openGuard,
  openNewId,
  openRecorder,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { recordedFilter, Viewer, type ViewerPorts } from './reader.ts';

export interface AskExportPorts extends ViewerPorts {
  readonly guard: Pick<Guard, 'require' | 'sight'>;
  readonly exports: Pick<EventExports, 'open'>;
  readonly exportQueue: Outlet;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
}

const body = z.looseObject({
  format: z.enum(exportFormats),
  skip_archived: z.boolean().default(false),
});
/** People are named as targets of the record, so many an event. */
const targetsMax = 50;

export async function askExport(ports: AskExportPorts, request: HttpRequest): Promise<HttpResponse> {
  const at = circumstancesOf(request);
  const caller = await ports.guard.require(request, 'events:export', at);
  await ports.guard.require(request, 'events:read', at);
  const { format, skip_archived: skipArchived, ...question } = jsonBody(request, body);
  for (const name of ['limit', 'cursor'].filter((one) => Object.hasOwn(question, one))) {
    throw new Problem('request_invalid', `An export has no ${name}: it holds all that the filter finds.`, {
      pointer: `/${name}`,
    });
  }
  const parsed = parseSearch(question as JsonObject);
  if (!parsed.ok) throw problemOf(parsed.fault);

  const { tenant } = caller;
  const id = ports.newId(request.now);
  const sight = await ports.guard.sight(caller, at);
  const filter = confine(parsed.value.filter, caller);
  const stored = await new Viewer(ports, tenant, sight).stored(filter);
  const { filter: kept, about } = recordedFilter(filter, stored);
  const asked = { filter: kept, ...(skipArchived ? { skip_archived: true } : {}) };
  const plan: ExportPlan = {
    v: 1,
    filter,
    readsToo: filter.action !== undefined,
    skipArchived,
    views: viewsOf((category, dataClass) => sight.view(category, dataClass)),
  };

  const why: JsonObject = {
    ...(at.purpose === undefined ? {} : { purpose: at.purpose }),
    ...(at.ticket === undefined ? {} : { ticket: at.ticket }),
    ...(sight.breakGlass === undefined ? {} : { break_glass: sight.breakGlass }),
  };
  const look = { context: { ip: at.sourceIp }, metadata: { export: id, format, ...asked, ...why } };
  const records: EventInput[] = [];
  for (let from = 0; from === 0 || from < about.length; from += targetsMax) {
    const targets = about.slice(from, from + targetsMax).map((person) => ({ type: 'person', id: person }));
    records.push(
      eventBy(caller, { action: 'export.requested', ...look, ...(targets.length === 0 ? {} : { targets }) }),
    );
  }
  const opened = categories.flatMap((category) =>
    dataClasses.filter((one) => sight.unmasks(category, one)).map((dataClass) => `${category} ${dataClass}`),
  );
  if (opened.length > 0) {
    const metadata = { export: id, kinds: opened, ...why };
    records.push(eventBy(caller, { action: 'field.unmask', severity: 'high', context: look.context, metadata }));
  }
  await ports.recorder.record(tenant, records, request.now);

  const { own } = await ports.subjectKeys.tenant(tenant);
  const wanted = {
    ...{ tenant, id, format: format as ExportFormat, asked, askedBy: principalName(caller), askedAt: request.now },
    plan: ports.cipher.seal(own.cipher, JSON.stringify(plan), planContext(tenant, id)),
  };
  // The message first: it is held back, and one without its row is dropped, but a row without a message would wait for ever.
  await ports.exportQueue.send([{ body: JSON.stringify({ v: 1, tenant, id }), group: tenant }]);
  await ports.exports.open(wanted);
  const made = {
    ...wanted,
    state: 'asked',
    parts: 0,
    events: 0,
    bytes: 0,
    advancedAt: request.now,
    unread: [],
  } as const;
  return {
    status: 202,
    headers: { location: `/v1/exports/${id}`, 'retry-after': '10' },
    body: exportView(made),
  };
}

export const handler = onHttp(askExport, {
  guard: openGuard,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  exports: openEventExports,
  exportQueue: openEventExportQueue,
  recorder: openRecorder,
  newId: openNewId,
});
