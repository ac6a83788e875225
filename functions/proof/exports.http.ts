/**
 * Exports: what an auditor takes along is asked for here, and built by a worker; exports of either kind, these and those
 * of events, are handed out here.
 *
 * What its asker may see is decided when it is asked for, so it is handed to nobody else. What an auditor takes has no
 * address that opens without a key: every part goes through the door and is recorded.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard, OwnPermission, Sight } from '#core/access/guard.ts';
import type { Circumstances } from '#core/access/principal.ts';
import { categories, dataClasses } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { exportIdsMax } from '#core/proof/bundle.ts';
import { type AuditorExport, type ExportParts, type Exports, exportDays } from '#core/proof/export-ports.ts';
import type { LeafCatalogue } from '#core/proof/read-ports.ts';
import type { Outlet, Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openEventExports,
  openEventParts,
  openExportParts,
  openExportQueue,
  openExports,
  openGuard,
  openLeaves,
  openNewId,
  openRecorder,
} from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { type HandOutPorts, handOutEvents } from './hand-out-events.ts';
import { recordLook } from './look.ts';
import { periodBody } from './range.http.ts';

export interface ExportsPorts extends HandOutPorts {
  readonly guard: Pick<Guard, 'require' | 'sight'>;
  readonly leaves: Pick<LeafCatalogue, 'status'>;
  readonly exports: Exports;
  readonly exportParts: Pick<ExportParts, 'get'>;
  readonly exportQueue: Outlet;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
}

/** Clocks differ. Nothing that is committed after the question is in the answer anyway. */
const clockMs = 300_000;

const idsBody = z.strictObject({
  ids: z
    .array(z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/))
    .min(1)
    .max(exportIdsMax)
    .describe('Events by their ids'),
});
export const exportBody = z.union([periodBody, idsBody]);

export async function exports(ports: ExportsPorts, request: HttpRequest): Promise<HttpResponse> {
  const at = circumstancesOf(request);
  const auditor = async () => requireWholeTenant(await ports.guard.require(request, 'exports:create', at));
  if (request.method === 'POST') return ask(ports, request, await auditor(), at);
  const id = request.params.exportId ?? '';
  const exporter = await whoMay(ports.guard, request, 'events:export', at);
  const events = exporter && (await ports.eventExports.get(exporter.tenant, id));
  if (events && events.askedBy === principalName(exporter)) return handOutEvents(ports, request, exporter, at, events);
  const caller = exporter ?? (await auditor());
  const found = givenUp(await ports.exports.get(caller.tenant, id), request.now);
  if (found?.askedBy !== principalName(caller)) throw new Problem('not_found', 'You have no export with this id.');
  await auditor();
  return request.path.endsWith('/content')
    ? handOut(ports, request, caller, at, found)
    : { status: 200, body: viewOf(found) };
}

/** The caller, when it may; undefined when it may not, but may do something else here. */
async function whoMay(
  guard: Pick<Guard, 'require'>,
  request: HttpRequest,
  permission: OwnPermission,
  at: Circumstances,
): Promise<Caller | undefined> {
  try {
    return await guard.require(request, permission, at);
  } catch (error) {
    if (error instanceof Problem && error.fault.code === 'forbidden') return undefined;
    throw error;
  }
}

/** Its queue delivers it five times, an hour and a half apart. After so many ms its message lies in the dead-letter queue: nobody builds it any more. */
const buildMsMax = 24 * 3_600_000;

function givenUp(found: AuditorExport | undefined, now: Date): AuditorExport | undefined {
  if (found?.state !== 'asked' || now.getTime() - found.askedAt.getTime() <= buildMsMax) return found;
  return { ...found, state: 'failed', problem: 'internal' };
}

async function ask(
  ports: ExportsPorts,
  request: HttpRequest,
  caller: Caller,
  at: Circumstances,
): Promise<HttpResponse> {
  await ports.guard.require(request, 'events:read', at);
  const body = jsonBody(request, exportBody);
  if ('from' in body && body.from >= body.to) {
    throw new Problem('request_invalid', 'from must be earlier than to.', { pointer: '/from' });
  }
  if ('to' in body && body.to.getTime() > request.now.getTime() + clockMs) {
    throw new Problem('request_invalid', 'to lies ahead: what is committed until then cannot be exported yet.', {
      pointer: '/to',
    });
  }
  const { tenant } = caller;
  const [status, sight] = await Promise.all([ports.leaves.status(tenant), ports.guard.sight(caller, at)]);
  const id = ports.newId(request.now);
  const asked = 'ids' in body ? { ids: body.ids } : { from: body.from.toISOString(), to: body.to.toISOString() };
  const metadata = { export: id, leaves: status.leaves, ...('ids' in asked ? { events: asked.ids.length } : asked) };
  await ports.recorder.record(
    tenant,
    [eventBy(caller, { action: 'export.auditor', context: { ip: at.sourceIp }, metadata })],
    request.now,
  );
  const wanted = {
    ...{ tenant, id, asked, askedBy: principalName(caller), askedAt: request.now },
    ...{ sees: seenBy(sight), leaves: status.leaves },
  };
  // The message first: it is held back, and one without its row is dropped, but a row without a message would wait for ever.
  await ports.exportQueue.send([{ body: JSON.stringify({ v: 1, tenant, id }), group: tenant }]);
  await ports.exports.open(wanted);
  return {
    status: 202,
    headers: { location: `/v1/exports/${id}`, 'retry-after': '15' },
    body: viewOf({ ...wanted, state: 'asked' }),
  };
}

/** Kinds of events that are there for whoever asks. */
const seenBy = (sight: Sight): string[] =>
  categories.flatMap((category) =>
    dataClasses.flatMap((dataClass) => (sight.view(category, dataClass) ? [`${category} ${dataClass}`] : [])),
  );

/** `?part=1`: the zip is its parts, one after the other. */
async function handOut(
  ports: ExportsPorts,
  { query }: HttpRequest,
  caller: Caller,
  at: Circumstances,
  { tenant, id, state, result, problem }: AuditorExport,
): Promise<HttpResponse> {
  if (state === 'asked') {
    throw new Problem('proof_pending', 'The export is not built yet.', { retryAfterSeconds: 15 });
  }
  if (problem !== undefined) throw new Problem(problem, 'The export could not be built.');
  const part = query.get('part') ?? '1';
  const isPart = /^[1-9]\d{0,4}$/.test(part) && Number(part) <= result!.parts;
  const bytes = isPart ? await ports.exportParts.get(tenant, id, result!.run, Number(part)) : undefined;
  if (!bytes) throw new Problem('not_found', 'There is no such part, or its days are over.');
  await recordLook(ports, caller, at, 'export.read', { export: id, part: Number(part) });
  return {
    status: 200,
    headers: {
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="auditor-${id}.zip${result!.parts > 1 ? `.${part.padStart(3, '0')}` : ''}"`,
    },
    body: bytes,
  };
}

function viewOf({ id, asked, askedAt, state, endedAt, result, problem }: AuditorExport): object {
  const ends = endedAt && new Date(endedAt.getTime() + exportDays * 86_400_000);
  return {
    id,
    state: state === 'asked' ? 'building' : state,
    ...('ids' in asked ? { ids: asked.ids.length } : asked),
    asked_at: askedAt.toISOString(),
    ...(endedAt ? { ended_at: endedAt.toISOString() } : {}),
    ...(result
      ? {
          ...{ parts: result.parts, bytes: result.bytes, sha256: result.sha256, events: result.events },
          ...{ size: result.size, expires_at: ends!.toISOString() },
        }
      : {}),
    ...(problem === undefined ? {} : { problem }),
  };
}

export const handler = onHttp(exports, {
  guard: openGuard,
  leaves: openLeaves,
  exports: openExports,
  exportParts: openExportParts,
  exportQueue: openExportQueue,
  eventExports: openEventExports,
  eventParts: openEventParts,
  recorder: openRecorder,
  newId: openNewId,
});
