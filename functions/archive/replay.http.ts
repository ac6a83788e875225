/**
 * Replay, asked by an operator: critical events of a time come back into Postgres, a step a request.
 *
 * A step ends before API Gateway stops listening and says where the next one goes on. Steps may be repeated.
 */
import * as z from 'zod';
import type { ReplayPosition } from '#core/archive/rebuild-ports.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid, uuidCeil, uuidFloor, uuidTime } from '#core/event/uuid.ts';
import type { Recorder } from '#core/record/ports.ts';
import { jsonBody, onHttp, requireScope } from '#functions/runtime/http.ts';
import { openBlocks, openClock, openRecorder, openReplayLedger } from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { type ReplayPorts, replay } from './replay.ts';

const time = z.iso.datetime({ offset: true });
const position = /^(?:c:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d{1,9})|s:(\d{1,18}))$/;

/** By the time in the ids, which is about when events were received. Without `from`: all that is to be in Postgres. */
export const replayBody = z.strictObject({
  from: time.optional(),
  to: time.optional(),
  after: z.string().regex(position).optional(),
});

export interface ReplayEventsPorts extends ReplayPorts {
  readonly recorder: Recorder;
}

/** Below the 29 s, with time for the part that is under way. */
const stepMs = 15_000;
const lastId = uuidCeil(2 ** 48 - 1);

export async function replayEvents(ports: ReplayEventsPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireScope(request, 'admin');
  const tenant = (request.params.tenantId ?? '').toLowerCase();
  const asked = request.body?.length ? jsonBody(request, replayBody) : {};
  const hotFloor = isUuid(tenant) ? await ports.ledger.hotFloor(tenant) : undefined;
  if (hotFloor === undefined) {
    throw new Problem('not_found', 'There is no log of this tenant.');
  }
  const range = {
    from: asked.from === undefined ? hotFloor : uuidFloor(Date.parse(asked.from)),
    to: asked.to === undefined ? lastId : uuidFloor(Date.parse(asked.to)),
  };
  const until = new Date(ports.clock().getTime() + stepMs);
  const step = { after: asked.after === undefined ? undefined : positionOf(asked.after), until };
  const done = await replay(ports, tenant, range, step);
  const isSame = done.lines.events === done.rows.events && done.lines.sum === done.rows.sum;
  const body = {
    state: done.next === undefined ? ('done' as const) : ('working' as const),
    after: done.next === undefined ? null : textOf(done.next),
    hot_floor: new Date(uuidTime(hotFloor)).toISOString(),
    parts: done.parts,
    events: done.events,
    added: done.added,
    same: isSame,
    archived: done.lines,
    restored: done.rows,
    unread: done.unread.slice(0, 100),
  };
  if (done.added > 0) {
    const metadata = { added: done.added, events: done.events, same: isSame, lines_sum: done.lines.sum };
    const event = eventBy(caller, { action: 'audit.replayed', targets: [{ type: 'archive', id: tenant }], metadata });
    await ports.recorder.record(tenant, [event], request.now);
  }
  return { status: 200, body };
}

const textOf = (at: ReplayPosition): string => ('seq' in at ? `s:${at.seq}` : `c:${at.file}:${at.number}`);

function positionOf(text: string): ReplayPosition {
  const [, file, number, seq] = position.exec(text)!;
  return file === undefined ? { seq: BigInt(seq!) } : { file, number: Number(number) };
}

export const handler = onHttp(replayEvents, {
  ledger: openReplayLedger,
  blocks: openBlocks,
  recorder: openRecorder,
  clock: openClock,
});
