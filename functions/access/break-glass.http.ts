/**
 * Break-glass: in an emergency somebody sees events whole, for at most an hour, and says why.
 *
 * Nothing takes effect that nobody hears of: the beginning is recorded, then announced, then it begins. If one of them
 * fails the answer is 503 and nothing is unmasked. What was recorded may then not have happened; asking again records
 * again. It ends by itself, and waits for a review by somebody else.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import {
  type BreakGlass,
  type BreakGlassRegistry,
  breakGlassBody,
  breakGlassReviewBody,
  lasts,
} from '#core/access/break-glass.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard, OwnPermission } from '#core/access/guard.ts';
import type { Notices } from '#core/access/notices.ts';
import type { JsonObject } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openBreakGlass, openGuard, openNewId, openNotices, openRecorder } from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { listQuery, nextOf } from './list-page.ts';

export interface BreakGlassPorts {
  readonly guard: Guard;
  readonly breakGlass: BreakGlassRegistry;
  readonly recorder: Recorder;
  readonly notices: Notices;
  readonly newId: (now: Date) => string;
}

function requireWholeTenant(caller: Caller): void {
  if (caller.project === undefined && caller.environment === undefined) return;
  throw new Problem('forbidden', 'A break-glass is about the whole tenant; this key belongs to one project.');
}

const nothing = () => new Problem('not_found', 'There is no break-glass with this id.');

export async function breakGlass(ports: BreakGlassPorts, request: HttpRequest): Promise<HttpResponse> {
  const id = request.params.breakGlassId;
  const tail = /\/(end|review)$/.exec(request.path)?.[1] ?? '';
  switch (`${request.method} ${id === undefined ? 'all' : `one${tail}`}`) {
    case 'POST all':
      return begin(ports, request);
    case 'GET all':
      return list(ports, request);
    case 'GET one':
      return { status: 200, body: view((await visible(ports, request)).one, request.now) };
    case 'POST oneend':
      return end(ports, request);
    case 'POST onereview':
      return review(ports, request);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function begin(ports: BreakGlassPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'breakglass:use', circumstancesOf(request));
  const { reason, minutes, ticket } = jsonBody(request, breakGlassBody);
  const { now } = request;
  const begun: BreakGlass = {
    id: ports.newId(now),
    principal: principalName(caller),
    reason,
    ...(ticket === undefined ? {} : { ticket }),
    beganAt: now,
    until: new Date(now.getTime() + minutes * 60_000),
  };
  const until = begun.until.toISOString();
  await record(ports, request, caller, 'break_glass.begin', begun.id, {
    minutes,
    until,
    ...(ticket === undefined ? {} : { ticket }),
  });
  await ports.notices.notify({
    kind: 'break_glass.begin',
    tenant: caller.tenant,
    id: begun.id,
    at: now,
    until: begun.until,
  });
  await ports.breakGlass.begin(caller.tenant, begun);
  return { status: 201, body: view(begun, now) };
}

/** Reviewers see all of the tenant's; whoever may only break the glass sees their own. */
async function list(ports: BreakGlassPorts, request: HttpRequest): Promise<HttpResponse> {
  const { caller, reviewer } = await requireEither(ports, request);
  const query = new URLSearchParams(request.query);
  const state = z
    .enum(['open', 'done'])
    .optional()
    .safeParse(query.get('review') ?? undefined);
  if (!state.success) throw new Problem('request_invalid', 'review must be open or done.', { pointer: '/review' });
  query.delete('review');
  const { after, limit } = listQuery(query);
  const filter = {
    principal: reviewer ? undefined : principalName(caller),
    reviewed: state.data === undefined ? undefined : state.data === 'done',
  };
  const page = await ports.breakGlass.list(caller.tenant, filter, after, limit);
  return {
    status: 200,
    body: { break_glass: page.map((one) => view(one, request.now)), next: nextOf(page, limit, ({ id }) => id) },
  };
}

/** Ended by who broke it, or by a reviewer who has seen enough. */
async function end(ports: BreakGlassPorts, request: HttpRequest): Promise<HttpResponse> {
  const { caller, one } = await visible(ports, request);
  if (!lasts(one, request.now)) return { status: 200, body: view(one, request.now) };
  await record(ports, request, caller, 'break_glass.end', one.id, {});
  const ended = await ports.breakGlass.end(caller.tenant, one.id, request.now);
  if (!ended) throw nothing();
  return { status: 200, body: view(ended, request.now) };
}

async function review(ports: BreakGlassPorts, request: HttpRequest): Promise<HttpResponse> {
  const at = circumstancesOf(request);
  const caller = await ports.guard.require(request, 'breakglass:review', at);
  requireWholeTenant(caller);
  const one = await ports.breakGlass.get(caller.tenant, request.params.breakGlassId!);
  if (!one) throw nothing();
  await ports.guard.require(request, 'breakglass:review', at, { kind: 'break_glass', user: one.principal });
  const { verdict, comment } = jsonBody(request, breakGlassReviewBody);
  // First what can still say no; then the record; then the review, which the first one wins.
  if (one.review) throw new Problem('conflict', 'It is reviewed already.');
  if (lasts(one, request.now)) throw new Problem('conflict', 'It still lasts: end it first, or wait until it ends.');
  await record(ports, request, caller, 'break_glass.review', one.id, { verdict });
  const reviewed = await ports.breakGlass.review(caller.tenant, one.id, {
    by: principalName(caller),
    at: request.now,
    verdict,
    comment,
  });
  if (!reviewed) throw nothing();
  return { status: 200, body: view(reviewed, request.now) };
}

/** The one that the path names, if it is the caller's own or the caller reviews. */
async function visible(ports: BreakGlassPorts, request: HttpRequest): Promise<{ caller: Caller; one: BreakGlass }> {
  const { caller, reviewer } = await requireEither(ports, request);
  const one = await ports.breakGlass.get(caller.tenant, request.params.breakGlassId!);
  if (!one || !(reviewer || one.principal === principalName(caller))) throw nothing();
  return { caller, one };
}

/** Holders of one of two permissions; reviewing is the larger one. */
async function requireEither(ports: BreakGlassPorts, request: HttpRequest) {
  const at = circumstancesOf(request);
  const ask = (permission: OwnPermission) => ports.guard.require(request, permission, at);
  try {
    const caller = await ask('breakglass:review');
    requireWholeTenant(caller);
    return { caller, reviewer: true };
  } catch (error) {
    if (!(error instanceof Problem && error.fault.code === 'forbidden')) throw error;
    return { caller: await ask('breakglass:use'), reviewer: false };
  }
}

async function record(
  ports: BreakGlassPorts,
  request: HttpRequest,
  caller: Caller,
  action: 'break_glass.begin' | 'break_glass.end' | 'break_glass.review',
  id: string,
  metadata: JsonObject,
): Promise<void> {
  const event = eventBy(caller, {
    action,
    severity: 'high',
    targets: [{ type: 'break_glass', id }],
    context: { ip: request.sourceIp },
    metadata,
  });
  await ports.recorder.record(caller.tenant, [event], request.now);
}

const view = (one: BreakGlass, now: Date) => ({
  id: one.id,
  principal: one.principal,
  reason: one.reason,
  ticket: one.ticket ?? null,
  began_at: one.beganAt.toISOString(),
  until: one.until.toISOString(),
  ended_at: one.endedAt?.toISOString() ?? null,
  lasts: lasts(one, now),
  review: one.review
    ? { by: one.review.by, at: one.review.at.toISOString(), verdict: one.review.verdict, comment: one.review.comment }
    : null,
});

export const handler = onHttp(breakGlass, {
  guard: openGuard,
  breakGlass: openBreakGlass,
  recorder: openRecorder,
  notices: openNotices,
  newId: openNewId,
});
