/**
 * Search: one filter, one cursor, both tiers.
 *
 * What can go wrong: a filter that we do not know (refused and named), a cursor of another question or tenant
 * (refused), too much to read (complete: false, how much is left, and a cursor that goes on), files in Glacier or damaged
 * (complete: false, and named). Never a silent truncation.
 */

import * as z from 'zod';
import type { Event } from '#core/event/event.ts';
import { problemOf } from '#core/event/problem.ts';
import { readSearchCursor, searchCursor } from '#core/query/cursor.ts';
import { canonicalFilter, confine, matchesNothing, parseFilter, parseSearch } from '#core/query/filter.ts';
import { Gaps, gapsBody } from '#core/query/gaps.ts';
import { positionOf } from '#core/query/merge.ts';
import type { Position } from '#core/query/ports.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openBlocks,
  openCipher,
  openCursorKey,
  openGuard,
  openHmac,
  openReads,
  openRecorder,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { type Answer, type AnswerPorts, answer } from './answer.ts';
import { reading } from './consistency.ts';
import { cutPage, pageBody } from './cut-page.ts';
import { hintsBody } from './hints.ts';
import { Reader, type ReaderPorts, recordedFilter, recordsOfReading } from './reader.ts';

export interface SearchPorts extends AnswerPorts, ReaderPorts {
  readonly cursorKey: Uint8Array;
  readonly hmac: (key: Uint8Array, data: string) => Uint8Array;
}

/** About what one Lambda reads and inflates in the time it has. */
const scanBytesMax = 64 * 1024 * 1024;
/** Of the 29 s that API Gateway waits; the rest is for the last round and the way back. */
const scanMsMax = 20_000;

const nothing: Answer = {
  events: [],
  next: undefined,
  complete: true,
  scannedBytes: 0,
  sources: { critical: { rows: 0 }, bulk: { parts: 0, blocks: 0 } },
  gaps: new Gaps(),
};

export async function search(ports: SearchPorts, request: HttpRequest): Promise<HttpResponse> {
  const reader = await Reader.of(ports, request);
  const parsed = request.method === 'POST' ? parseSearch(jsonBody(request, z.json())) : parseFilter(request.query);
  if (!parsed.ok) throw problemOf(parsed.fault);
  const { limit, cursor } = parsed.value;
  reader.readsToo = parsed.value.filter.action !== undefined;
  const { caller } = reader;
  const filter = confine(parsed.value.filter, caller);
  const canonical = canonicalFilter(filter);
  const mac = (data: string) => ports.hmac(ports.cursorKey, data);
  let after: Position | undefined;
  if (cursor !== undefined) {
    const read = readSearchCursor(mac, caller.tenant, canonical, cursor);
    if (!read.ok) throw problemOf(read.fault);
    after = read.value;
  }
  const budget = { bytesMax: scanBytesMax, until: request.now.getTime() + scanMsMax };
  const stored = await reader.stored(filter);
  const question = {
    tenant: caller.tenant,
    filter: stored.filter,
    after,
    limit,
    sees: (event: Event) => reader.sees(event),
    exactly: reader.exactly(filter),
  };
  const found = matchesNothing(filter) ? nothing : await answer(ports, question, budget);
  const { texts, cut } = cutPage(await reader.show(found.events));
  const events = found.events.slice(0, texts.length);
  const next = cut ? positionOf(events.at(-1)!) : found.next;
  const { filter: asked, about } = recordedFilter(filter, stored);
  await reader.record('audit_log.search', events, { filter: asked, limit, complete: found.complete }, about);
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: pageBody(texts, {
      next_cursor: next === undefined ? null : searchCursor(mac, caller.tenant, canonical, next),
      complete: found.complete,
      scanned_bytes: found.scannedBytes,
      sources: found.sources,
      ...(found.toScanBytes === undefined ? {} : { to_scan_bytes: found.toScanBytes }),
      ...gapsBody(found.gaps),
      ...hintsBody(found),
      ...(reader.leftOut ? { left_out: [recordsOfReading] } : {}),
    }),
  };
}

export const handler = onHttp(reading(search), {
  reads: openReads,
  blocks: openBlocks,
  clock: () => Date.now,
  cursorKey: openCursorKey,
  hmac: openHmac,
  guard: openGuard,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  recorder: openRecorder,
});
