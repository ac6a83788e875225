/**
 * Hands out an export of events: its state, addresses of its parts, or their bytes. Recorded before anything leaves, an
 * address as much as the bytes it leads to.
 */
import type { Caller } from '#core/access/access.ts';
import type { Circumstances } from '#core/access/principal.ts';
import { Problem } from '#core/event/problem.ts';
import { exportView } from '#core/export/plan.ts';
import {
  contentTypes,
  type EventExport,
  type EventExports,
  type EventParts,
  linkSeconds,
  partName,
  sliceBytesMax,
} from '#core/export/ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { recordLook } from './look.ts';

export interface HandOutPorts {
  readonly eventExports: Pick<EventExports, 'get' | 'parts' | 'fail'>;
  readonly eventParts: Pick<EventParts, 'get' | 'link'>;
  readonly recorder: Recorder;
}

/** An address is about 1.5 KB. */
const partsPerPage = 100;
/** Since its last part. Its message comes again for hours; after so many ms nobody builds it any more. */
const stillMsMax = 24 * 3_600_000;

export async function handOutEvents(
  ports: HandOutPorts,
  request: HttpRequest,
  caller: Caller,
  at: Circumstances,
  stored: EventExport,
): Promise<HttpResponse> {
  const isStuck = stored.state === 'asked' && request.now.getTime() - stored.advancedAt.getTime() > stillMsMax;
  if (isStuck) await ports.eventExports.fail(stored.tenant, stored.id, 'internal', []);
  // It may have come to its end at the last moment.
  const found = isStuck ? (await ports.eventExports.get(stored.tenant, stored.id))! : stored;
  if (request.path.endsWith('/content')) return slice(ports, request, caller, at, found);
  if (found.state !== 'ready') {
    return {
      status: 200,
      headers: found.state === 'asked' ? { 'retry-after': '10' } : {},
      body: exportView(found),
    };
  }
  const { tenant, id, format } = found;
  const after = wholeNumber(request, 'after', 0);
  const parts = await ports.eventExports.parts(tenant, id, after, partsPerPage);
  const events = parts.reduce((sum, part) => sum + part.events, 0);
  const metadata = { export: id, format, parts: parts.length, after, events, by: 'link' };
  if (parts.length > 0) await recordLook(ports, caller, at, 'export.downloaded', metadata);
  const ends = new Date(request.now.getTime() + linkSeconds * 1000).toISOString();
  const files = await Promise.all(
    parts.map(async (part) => ({
      ...{ part: part.part, name: partName(id, format, part.part) },
      ...{ events: part.events, bytes: part.bytes, sha256: part.sha256 },
      url: await ports.eventParts.link(tenant, id, format, part, linkSeconds),
      url_expires_at: ends,
    })),
  );
  const last = parts.at(-1)?.part ?? found.parts;
  return {
    status: 200,
    body: { ...exportView(found), files, ...(last < found.parts ? { next_after: last } : {}) },
  };
}

/** `?part=2&offset=4000000`: at most so many bytes of a part; the parts of an answer follow each other without gaps. */
async function slice(
  ports: HandOutPorts,
  request: HttpRequest,
  caller: Caller,
  at: Circumstances,
  { tenant, id, format, state, problem }: EventExport,
): Promise<HttpResponse> {
  if (state === 'asked') {
    throw new Problem('export_pending', 'The export is not built yet.', { retryAfterSeconds: 10 });
  }
  if (problem !== undefined) throw new Problem(problem, 'The export could not be built.');
  const number = wholeNumber(request, 'part', 1);
  const offset = wholeNumber(request, 'offset', 0);
  const [part] = await ports.eventExports.parts(tenant, id, number - 1, 1);
  if (part?.part !== number || offset >= part.bytes) {
    throw new Problem('not_found', 'There is no such part, or no such place in it.');
  }
  const metadata = { export: id, format, part: number, offset, events: part.events, by: 'content' };
  await recordLook(ports, caller, at, 'export.downloaded', metadata);
  const bytes = await ports.eventParts.get(tenant, id, part, { offset, bytes: sliceBytesMax });
  if (!bytes) throw new Problem('not_found', 'The days of this export are over.');
  return {
    status: 200,
    headers: {
      'content-type': contentTypes[format],
      'content-disposition': `attachment; filename="${partName(id, format, number)}"`,
    },
    body: bytes,
  };
}

function wholeNumber({ query }: HttpRequest, name: string, missing: number): number {
  const text = query.get(name);
  if (text === null) return missing;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new Problem('request_invalid', `${name} must be a whole number.`, { pointer: `/${name}` });
}
