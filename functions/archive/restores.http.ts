/**
 * Restores: a range of events that went to Deep Archive comes back for some days. First what it costs, then the word.
 *
 * An estimate asks S3 about each file and changes nothing. What is confirmed goes to a worker by queue; if that message
 * cannot be sent the answer is 503, and confirming again sends it again. Asking and confirming are recorded before they
 * happen. How far a restore is comes from S3, some files a question: those that nobody looked at for longest.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import type { ArchiveObjects } from '#core/archive/ports.ts';
import {
  estimateHoursMax,
  estimateRestore,
  lookOf,
  type Restore,
  type RestoreFile,
  type RestoreLook,
  restoreDaysMax,
  restoreFilesMax,
  restoreSpeeds,
  restoreState,
} from '#core/archive/restore.ts';
import type { RestoreNow, Restores } from '#core/archive/restore-ports.ts';
import { categories } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import type { Outlet, Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openArchiveObjects,
  openGuard,
  openNewId,
  openRecorder,
  openRestoreQueue,
  openRestores,
} from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { lookAtFiles } from './look-at-files.ts';

export interface RestoresPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly restores: Restores;
  readonly archive: Pick<ArchiveObjects, 'state'>;
  readonly restoreQueue: Outlet;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
}

/** Files that one question about progress asks S3 for. */
export const looksMax = 200;
const listDefault = 100;
const listMax = 1000;
const hourMs = 3_600_000;

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
export const restoreBody = z.strictObject({
  from: time.describe('`occurred_at` of the first event, inclusive'),
  to: time.describe('Exclusive'),
  category: z.enum(categories).optional().describe('Only this category; all when absent'),
  speed: z.enum(restoreSpeeds).describe('standard: about 12 hours; bulk: about 48 hours, at an eighth of the price'),
  days: z.int().min(1).max(restoreDaysMax).describe('How long the copies can be read'),
});

export async function restores(ports: RestoresPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'archive:restore', circumstancesOf(request)));
  const { restoreId } = request.params;
  if (restoreId === undefined) {
    if (request.method === 'POST') return ask(ports, request, caller);
    if (request.method === 'GET') return list(ports, request, caller);
  } else {
    const found = await ports.restores.get(caller.tenant, restoreId);
    if (!found) throw new Problem('not_found', 'There is no restore with this id.');
    if (request.method === 'POST' && request.path.endsWith('/confirm')) return confirm(ports, request, caller, found);
    if (request.method === 'GET') return show(ports, request, found);
  }
  throw new Problem('method_not_allowed', 'This path does not take that method.');
}

async function ask(ports: RestoresPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { from, to, category, speed, days } = jsonBody(request, restoreBody);
  if (from >= to) throw new Problem('request_invalid', 'from must be earlier than to.', { pointer: '/from' });
  const { tenant } = caller;
  const range = { from: from.getTime(), to: to.getTime(), ...(category === undefined ? {} : { category }) };
  const found = { files: 0, bytes: 0, copiedFiles: 0, copiedBytes: 0 };
  await lookAtFiles(ports.archive, await coldFiles(ports, tenant, range), (file, stored) => {
    if (stored?.storageClass !== 'DEEP_ARCHIVE') return;
    const isCopied = lookOf(file.id, stored) !== undefined;
    found.files++;
    found.bytes += stored.bytes;
    found.copiedFiles += isCopied ? 1 : 0;
    found.copiedBytes += isCopied ? stored.bytes : 0;
  });
  const restore: Restore = {
    ...range,
    tenant,
    id: ports.newId(request.now),
    state: 'estimated',
    speed,
    days,
    estimate: estimateRestore(found, speed, days),
    askedBy: principalName(caller),
    askedAt: request.now,
  };
  await record(ports, request, caller, restore, 'archive.restore_asked');
  await ports.restores.open(restore);
  return {
    status: 201,
    headers: { location: `/v1/archive/restores/${restore.id}` },
    body: viewOf(restore, request.now),
  };
}

async function coldFiles(
  { restores: { coldFiles } }: RestoresPorts,
  tenant: string,
  range: Parameters<Restores['coldFiles']>[1],
): Promise<readonly RestoreFile[]> {
  const files = await coldFiles(tenant, range, undefined, restoreFilesMax + 1);
  if (files.length <= restoreFilesMax) return files;
  const detail = `The range has more than ${restoreFilesMax} files. Ask for a shorter one, or for one category.`;
  throw new Problem('request_invalid', detail, { pointer: '/from' });
}

async function confirm(
  ports: RestoresPorts,
  request: HttpRequest,
  caller: Caller,
  found: RestoreNow,
): Promise<HttpResponse> {
  const { tenant, id, state, estimate, askedAt } = found;
  if (state === 'estimated') {
    if (estimate.files === 0)
      throw new Problem('conflict', 'Nothing of this range is archived: there is nothing to restore.');
    if (request.now.getTime() - askedAt.getTime() > estimateHoursMax * hourMs) {
      throw new Problem('conflict', `This estimate is older than ${estimateHoursMax} hours. Ask for a new one.`);
    }
    await record(ports, request, caller, found, 'archive.restore_confirmed');
    await ports.restores.confirm(tenant, id, principalName(caller), request.now);
  }
  // Confirmed before, and maybe the message was lost then. A second one does no harm.
  if (state !== 'asked') await ports.restoreQueue.send([{ body: JSON.stringify({ v: 1, tenant, id }), group: tenant }]);
  return { status: 202, body: viewOf((await ports.restores.get(tenant, id))!, request.now) };
}

async function show(ports: RestoresPorts, { now }: HttpRequest, found: RestoreNow): Promise<HttpResponse> {
  const { tenant, id } = found;
  const files = found.progress?.underWay ? await ports.restores.underWay(tenant, id, looksMax) : [];
  if (files.length === 0) return { status: 200, body: viewOf(found, now) };
  const looks: RestoreLook[] = [];
  await lookAtFiles(ports.archive, files, (file, stored) => {
    // A copy that came and went before anybody looked.
    looks.push(lookOf(file.id, stored) ?? { file: file.id, state: 'ready', until: now });
  });
  await ports.restores.looked(tenant, id, looks, now);
  return { status: 200, body: viewOf((await ports.restores.get(tenant, id))!, now) };
}

/** `?after=&limit=`, newest first; `after` is the id of the last restore of the page before. */
async function list(
  { restores }: RestoresPorts,
  { query, now }: HttpRequest,
  { tenant }: Caller,
): Promise<HttpResponse> {
  for (const name of query.keys()) {
    if (name !== 'after' && name !== 'limit') {
      throw new Problem('request_invalid', 'This list takes after, limit, and nothing else.');
    }
  }
  const limit = query.get('limit') ?? String(listDefault);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > listMax) {
    throw new Problem('request_invalid', `limit must be a whole number from 1 to ${listMax}.`, { pointer: '/limit' });
  }
  const after = query.get('after') ?? undefined;
  if (after !== undefined && !isUuid(after)) {
    throw new Problem('request_invalid', 'after must be the id of the last restore.', { pointer: '/after' });
  }
  const page = await restores.list(tenant, after, Number(limit));
  const next = page.length === Number(limit) ? page.at(-1)!.id : null;
  return { status: 200, body: { restores: page.map((restore) => viewOf(restore, now)), next } };
}

async function record(
  { recorder }: RestoresPorts,
  request: HttpRequest,
  caller: Caller,
  { id, from, to, category, speed, days, estimate }: Restore,
  action: string,
): Promise<void> {
  const event = eventBy(caller, {
    action,
    operation_id: id,
    targets: [{ type: 'restore', id }],
    context: { ip: circumstancesOf(request).sourceIp },
    metadata: {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      ...(category === undefined ? {} : { category }),
      ...{ speed, days, files: estimate.files, bytes: estimate.bytes, cost_usd: estimate.cost.total },
    },
  });
  await recorder.record(caller.tenant, [event], request.now);
}

function viewOf(restore: RestoreNow, now: Date): object {
  const { from, to, category, speed, days, estimate, confirmed, progress } = restore;
  const { files, bytes, copiedFiles, cost, hours } = estimate;
  const after = (at: Date, h: number) => new Date(at.getTime() + h * hourMs).toISOString();
  return {
    id: restore.id,
    state: progress ? restoreState(restore.state, progress, now) : restore.state,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    category: category ?? null,
    speed,
    days,
    files,
    bytes,
    restored_before: copiedFiles,
    cost_usd: cost,
    expected_hours: hours,
    asked_by: restore.askedBy,
    asked_at: restore.askedAt.toISOString(),
    confirm_until: confirmed ? null : after(restore.askedAt, estimateHoursMax),
    confirmed: confirmed ? { by: confirmed.by, at: confirmed.at.toISOString() } : null,
    expected_at: confirmed ? after(confirmed.at, hours) : null,
    progress: progress
      ? {
          files: progress.waiting + progress.underWay + progress.ready + progress.gone,
          waiting: progress.waiting,
          under_way: progress.underWay,
          ready: progress.ready,
          ready_bytes: progress.readyBytes,
          gone: progress.gone,
          readable_until: progress.until?.toISOString() ?? null,
        }
      : null,
  };
}

export const handler = onHttp(restores, {
  guard: openGuard,
  restores: openRestores,
  archive: openArchiveObjects,
  restoreQueue: openRestoreQueue,
  recorder: openRecorder,
  newId: openNewId,
});
