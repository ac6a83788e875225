/**
 * Legal holds: placed by one person, released by two.
 *
 * A hold counts from the answer on: no key of a subject that it covers is destroyed after that, whatever was approved
 * before. The first who asks for the release records the wish; another one releases.
 */
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import type { EventInput, Json } from '#core/event/event.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import type { KeyLifecycle } from '#core/privacy/ports.ts';
import { placeHoldBody } from '#core/privacy/request-body.ts';
import type { HoldScope, Holds, LegalHold } from '#core/privacy/request-ports.ts';
import { parseSearch } from '#core/query/filter.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import {
  openCipher,
  openGuard,
  openHolds,
  openIds,
  openKeyLifecycle,
  openRecorder,
  openSubjectKeys,
} from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { type BoxPorts, openBoxes, sealBox, subjectKey } from './boxes.ts';
import { nextOf, pageQuery } from './page-query.ts';

export interface HoldsPorts extends BoxPorts {
  readonly guard: Guard;
  readonly holds: Holds;
  readonly lifecycle: Pick<KeyLifecycle, 'ref'>;
  readonly recorder: Recorder;
  readonly ids: { uuidv7(now: Date): string };
}

export async function holds(ports: HoldsPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'holds:manage', circumstancesOf(request)));
  const { holdId } = request.params;
  if (holdId !== undefined) {
    const found = await ports.holds.get(caller.tenant, holdId);
    if (!found) throw new Problem('not_found', 'There is no hold with this id.');
    if (request.method === 'POST' && request.path.endsWith('/release')) return release(ports, request, caller, found);
  } else if (request.method === 'POST') return place(ports, request, caller);
  else if (request.method === 'GET') return list(ports, request, caller);
  throw new Problem('method_not_allowed', 'This path does not take that method.');
}

async function place(ports: HoldsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const body = jsonBody(request, placeHoldBody);
  const id = ports.ids.uuidv7(request.now);
  const hold: LegalHold = {
    tenant: caller.tenant,
    id,
    matter: body.matter,
    custodian: body.custodian,
    scope: await scopeOf(ports, caller.tenant, id, body.scope),
    placedBy: principalName(caller),
    placedAt: request.now,
  };
  await record(ports, request, caller, hold, 'hold.placed');
  await ports.holds.place(hold);
  return { status: 201, body: await viewOf(ports, hold) };
}

type AskedScope = { all: true } | { subjects: string[] } | { filter: Record<string, unknown> };

async function scopeOf(ports: HoldsPorts, tenant: string, id: string, asked: AskedScope): Promise<HoldScope> {
  if ('all' in asked) return { kind: 'all' };
  if ('filter' in asked) {
    const search = parseSearch(asked.filter as Json);
    if (!search.ok) throw problemOf({ ...search.fault, pointer: `/scope/filter${search.fault.pointer ?? ''}` });
    return { kind: 'filter', filter: asked.filter };
  }
  const subjects = [...new Set(asked.subjects)];
  const refs = await Promise.all(subjects.map((subject) => ports.lifecycle.ref(tenant, subject)));
  const boxes: string[] = [];
  for (const subject of subjects) {
    boxes.push(sealBox(ports, await subjectKey(ports, tenant, subject), { tenant, id, what: 'subject' }, subject));
  }
  return { kind: 'subjects', refs, boxes };
}

async function release(
  ports: HoldsPorts,
  request: HttpRequest,
  caller: Caller,
  found: LegalHold,
): Promise<HttpResponse> {
  const by = principalName(caller);
  if (found.released) throw new Problem('conflict', 'This hold was released already.');
  if (found.releaseAsked?.by === by) {
    throw new Problem('second_person_required', 'You asked for this release; somebody else must agree.');
  }
  await record(ports, request, caller, found, found.releaseAsked ? 'hold.released' : 'hold.release_asked');
  const after = found.releaseAsked
    ? await ports.holds.release(caller.tenant, found.id, by, request.now)
    : await ports.holds.askRelease(caller.tenant, found.id, by, request.now);
  if (!after) throw new Problem('conflict', 'The hold was changed meanwhile; read it again.');
  return { status: 200, body: await viewOf(ports, after) };
}

async function list(ports: HoldsPorts, { query }: HttpRequest, { tenant }: Caller): Promise<HttpResponse> {
  const { after, limit } = pageQuery(query, ['after', 'limit']);
  const page = await ports.holds.list(tenant, after, limit);
  const views = await Promise.all(page.map((hold) => viewOf(ports, hold)));
  return { status: 200, body: { holds: views, next: nextOf(page, limit) } };
}

/** Whom a hold is about is in the hold; the record names the hold. */
async function record(
  ports: HoldsPorts,
  { now }: HttpRequest,
  caller: Caller,
  hold: LegalHold,
  action: string,
): Promise<void> {
  const event: EventInput = eventBy(caller, {
    action,
    operation_id: hold.id,
    targets: [{ type: 'legal_hold', id: hold.id }],
    metadata: { matter: hold.matter, scope: hold.scope.kind },
  });
  await ports.recorder.record(caller.tenant, [event], now);
}

async function viewOf(ports: HoldsPorts, hold: LegalHold): Promise<object> {
  const { tenant, id, scope, releaseAsked, released } = hold;
  const boxes = scope.kind === 'subjects' ? scope.boxes : [];
  const subjects = await openBoxes(
    ports,
    tenant,
    boxes.map((box) => ({ place: { tenant, id, what: 'subject' as const }, box })),
  );
  return {
    id,
    matter: hold.matter,
    custodian: hold.custodian,
    scope:
      scope.kind === 'subjects'
        ? { subjects: subjects.map((subject) => subject ?? null) }
        : scope.kind === 'filter'
          ? { filter: scope.filter }
          : { all: true },
    placed_by: hold.placedBy,
    placed_at: hold.placedAt.toISOString(),
    release_asked: releaseAsked ? { by: releaseAsked.by, at: releaseAsked.at.toISOString() } : null,
    released: released ? { by: released.by, at: released.at.toISOString() } : null,
  };
}

export const handler = onHttp(holds, {
  guard: openGuard,
  holds: openHolds,
  lifecycle: openKeyLifecycle,
  recorder: openRecorder,
  ids: openIds,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
});
