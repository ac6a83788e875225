/**
 * Sources of usage and costs: made, changed, removed, and looked into.
 *
 * A secret goes straight to its own place, which this function can write and not read; no answer, trace or event holds it.
 * A file is put by its owner at an address that we sign; what it holds is looked at when it is loaded.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import type { Inbox } from '#core/costs/fetch-ports.ts';
import type { Sources } from '#core/costs/load-ports.ts';
import { fileKinds, isAsked, isFileName, type Source, settingsSchema, sourceBody } from '#core/costs/source.ts';
import type { JsonObject } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import type { TenantSecrets } from '#core/jobs/ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openGuard,
  openInbox,
  openNewId,
  openRecorder,
  openSources,
  openTenantSecrets,
} from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface SourcesPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly sources: Sources;
  readonly secrets: Pick<TenantSecrets, 'put' | 'remove'>;
  readonly inbox: Pick<Inbox, 'list' | 'offer'>;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
}

const listDefault = 100;
const listMax = 1000;
/** A signed address is good for an hour: a gigabyte takes its time. */
const offerSeconds = 3600;

export async function sources(ports: SourcesPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'costs:manage', circumstancesOf(request)));
  const { method, path, params } = request;
  const { sourceId } = params;
  if (sourceId === undefined) {
    if (method === 'POST') return create(ports, request, caller);
    if (method === 'GET') return list(ports, request, caller);
  } else {
    const source = await ports.sources.get(caller.tenant, sourceId);
    if (!source) throw missing();
    const step = path.split('/').at(-1);
    if (method === 'GET' && step === 'quarantine') return quarantine(ports, request, source);
    if (method === 'GET' && step === 'loads') return loads(ports, request, source);
    if (method === 'POST' && step === 'files') return offer(ports, request, caller, source);
    if (method === 'GET' && step === 'files') return files(ports, source);
    if (method === 'GET') return show(ports, source);
    if (method === 'PUT') return change(ports, request, caller, source);
    if (method === 'DELETE') return remove(ports, request, caller, source);
  }
  throw new Problem('method_not_allowed', 'This path does not take that method.');
}

const missing = () => new Problem('not_found', 'There is no source with this id.');

async function create(ports: SourcesPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const body = jsonBody(request, sourceBody);
  const { now } = request;
  if (isAsked(body.kind) && body.secret === undefined) {
    throw new Problem('request_invalid', '/secret: a source that is asked needs one.', { pointer: '/secret' });
  }
  const source: Source = {
    ...{ tenant: caller.tenant, id: ports.newId(now), kind: body.kind, name: body.name },
    settings: body.settings as unknown as JsonObject,
    ...{ createdBy: principalName(caller), createdAt: now, changedAt: now },
  };
  await record(ports, request, caller, source, 'costs.source_created', { settings: source.settings });
  // The secret first: a source without one would fail its first run.
  if (body.secret !== undefined) await ports.secrets.put(caller.tenant, source.id, body.secret);
  try {
    await ports.sources.create(source);
  } catch (error) {
    if (error instanceof Problem) await ports.secrets.remove(caller.tenant, source.id);
    throw error;
  }
  return { status: 201, headers: { location: `/v1/sources/${source.id}` }, body: viewOf(source) };
}

async function change(
  ports: SourcesPorts,
  request: HttpRequest,
  caller: Caller,
  source: Source,
): Promise<HttpResponse> {
  const body = jsonBody(
    request,
    z.strictObject({
      settings: settingsSchema(source.kind).optional(),
      secret: z.string().min(1).max(4096).optional(),
    }),
  );
  const settings = body.settings as unknown as JsonObject | undefined;
  // Somebody who changes the address alone would have the old secret sent there.
  const moved = settings?.url !== undefined && settings.url !== source.settings.url;
  if (moved && body.secret === undefined) {
    throw new Problem('request_invalid', '/secret: another address needs its secret.', { pointer: '/secret' });
  }
  await record(ports, request, caller, source, 'costs.source_changed', {
    ...(settings ? { settings } : {}),
    ...(body.secret === undefined ? {} : { secret: 'replaced' }),
  });
  if (body.secret !== undefined) await ports.secrets.put(caller.tenant, source.id, body.secret);
  const after = settings ? await ports.sources.change(caller.tenant, source.id, settings, request.now) : source;
  if (!after) throw missing();
  return { status: 200, body: viewOf(after) };
}

async function remove(
  ports: SourcesPorts,
  request: HttpRequest,
  caller: Caller,
  source: Source,
): Promise<HttpResponse> {
  await record(ports, request, caller, source, 'costs.source_removed', {});
  await ports.sources.remove(caller.tenant, source.id, request.now);
  await ports.secrets.remove(caller.tenant, source.id);
  return { status: 204 };
}

async function list(ports: SourcesPorts, { query }: HttpRequest, { tenant }: Caller): Promise<HttpResponse> {
  const limit = limitOf(query);
  const page = await ports.sources.list(tenant, query.get('after') ?? undefined, limit);
  return { status: 200, body: { sources: page.map(viewOf), next: nextOf(page, limit, ({ id }) => id) } };
}

async function show(ports: SourcesPorts, source: Source): Promise<HttpResponse> {
  const marks = await ports.sources.watermarks(source.tenant, source.id);
  const watermarks = marks.map((one) => ({
    ...{ stream: one.stream, position: one.position, moved_at: one.movedAt.toISOString() },
  }));
  return { status: 200, body: { ...viewOf(source), watermarks } };
}

async function quarantine(ports: SourcesPorts, { query }: HttpRequest, source: Source): Promise<HttpResponse> {
  const limit = limitOf(query);
  const before = numberOf(query, 'before');
  const all = query.get('all') === 'true';
  const page = await ports.sources.quarantine(source.tenant, source.id, { before, limit, all });
  const rows = page.map((one) => ({
    ...{ id: one.id, run: one.run, stream: one.stream, slice: one.slice, place: one.place, code: one.code },
    ...{ reason: one.reason, row: one.row, seen_at: one.seenAt.toISOString() },
    resolved_at: one.resolvedAt?.toISOString() ?? null,
  }));
  return { status: 200, body: { rows, next: nextOf(page, limit, ({ id }) => id) } };
}

async function loads(ports: SourcesPorts, { query }: HttpRequest, source: Source): Promise<HttpResponse> {
  const limit = limitOf(query);
  const before = numberOf(query, 'before');
  const page = await ports.sources.loads(
    source.tenant,
    source.id,
    before === undefined ? undefined : Number(before),
    limit,
  );
  const views = page.map((one) => ({
    ...{ load: one.load, run: one.run, stream: one.stream, slice: one.slice, from_day: one.fromDay, to_day: one.toDay },
    ...{ rows: one.rows, loaded_at: one.loadedAt.toISOString() },
  }));
  return { status: 200, body: { loads: views, next: nextOf(page, limit, ({ load }) => String(load)) } };
}

async function files(ports: SourcesPorts, source: Source): Promise<HttpResponse> {
  const found = await ports.inbox.list(source.tenant, source.id);
  const marks = await ports.sources.watermarks(source.tenant, source.id);
  const read = new Map(marks.map(({ stream, position }) => [stream, position]));
  const views = found.map(({ name, bytes, at, version }) => ({
    ...{ name, bytes, put_at: at.toISOString(), loaded: read.get(`files/${name}`) === version },
  }));
  return { status: 200, body: { files: views } };
}

async function offer(ports: SourcesPorts, request: HttpRequest, caller: Caller, source: Source): Promise<HttpResponse> {
  if (isAsked(source.kind)) throw new Problem('conflict', 'This source is asked over HTTP and takes no files.');
  const ends = fileKinds[source.kind];
  const { name } = jsonBody(
    request,
    z.strictObject({
      name: z
        .string()
        .refine(isFileName, 'has letters, digits and . _ = -, at most 150')
        .refine((one) => ends.some((end) => one.toLowerCase().endsWith(end)), `ends in ${ends.join(', ')}`),
    }),
  );
  await record(ports, request, caller, source, 'costs.file_offered', { file: name });
  const url = await ports.inbox.offer(source.tenant, source.id, name, offerSeconds);
  const expires = new Date(request.now.getTime() + offerSeconds * 1000);
  return { status: 201, body: { name, method: 'PUT', url, expires_at: expires.toISOString() } };
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit') ?? String(listDefault);
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > listMax) {
    throw new Problem('request_invalid', `limit: a number from 1 to ${listMax}.`, { pointer: '/limit' });
  }
  return Number(text);
}
function numberOf(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Problem('request_invalid', `${name}: a number.`, { pointer: `/${name}` });
  return text;
}
const nextOf = <T>(page: readonly T[], limit: number, key: (one: T) => string): string | null =>
  page.length < limit ? null : key(page.at(-1)!);

async function record(
  ports: SourcesPorts,
  { now }: HttpRequest,
  caller: Caller,
  source: Source,
  action: string,
  metadata: JsonObject,
): Promise<void> {
  const event = eventBy(caller, {
    action,
    targets: [{ type: 'source', id: source.id, name: source.name }],
    metadata: { kind: source.kind, ...metadata },
  });
  await ports.recorder.record(caller.tenant, [event], now);
}

const viewOf = (source: Source) => ({
  ...{ id: source.id, kind: source.kind, name: source.name, settings: source.settings, created_by: source.createdBy },
  ...{ created_at: source.createdAt.toISOString(), changed_at: source.changedAt.toISOString() },
});

export const handler = onHttp(sources, {
  guard: openGuard,
  sources: openSources,
  secrets: openTenantSecrets,
  inbox: openInbox,
  recorder: openRecorder,
  newId: openNewId,
});
