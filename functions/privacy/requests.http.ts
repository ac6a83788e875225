/**
 * Requests of data subjects: opened, verified, approved or refused, and answered.
 *
 * Whoever approves is neither who opened nor who verified. An approval executes at once; what takes longer than a
 * request may, and every end of an erasure, is the schedule's. A request of another tenant is not there.
 */
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import { Archived } from '#core/archive/ports.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { readRetention } from '#core/privacy/legal-basis.ts';
import { dueAt, type Move, move, type PrivacyRequest, type RequestOptions } from '#core/privacy/request.ts';
import { openRequestBody, reasonBody, verifyBody } from '#core/privacy/request-body.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';
import { openBoxes, sealBox, subjectKey } from './boxes.ts';
import { type ExecutePorts, execute } from './execute.ts';
import { handOut } from './hand-out.ts';
import { privacyOpeners } from './openers.ts';
import { nextOf, pageQuery } from './page-query.ts';
import { requestViews } from './request-view.ts';
import { stepEvent, take } from './step.ts';

export interface RequestsPorts extends ExecutePorts {
  readonly guard: Guard;
}

export async function requests(ports: RequestsPorts, request: HttpRequest): Promise<HttpResponse> {
  const verb = request.params.requestId === undefined ? '' : (/\/([a-z]+)$/.exec(request.path)?.[1] ?? 'one');
  const approves = verb === 'approve' || verb === 'refuse';
  const at = circumstancesOf(request);
  const permission = approves ? 'privacy:approve' : 'privacy:request';
  const caller = requireWholeTenant(await ports.guard.require(request, permission, at));
  const route = `${request.method} ${verb}`;
  if (route === 'POST ') return open(ports, request, caller);
  if (route === 'GET ') return list(ports, request, caller);
  const found = await ports.requests.get(caller.tenant, request.params.requestId ?? '');
  if (!found) throw new Problem('not_found', 'There is no request with this id.');
  const by = principalName(caller);
  switch (route) {
    case 'GET one':
      return answer(ports, caller, found);
    case 'GET package':
      return handOut(ports, request, caller, found);
    case 'POST verify':
      return step(ports, caller, found, { step: 'verify', by, at: at.now, ...jsonBody(request, verifyBody) });
    case 'POST refuse':
      return step(ports, caller, found, { step: 'refuse', by, at: at.now, ...jsonBody(request, reasonBody) });
    case 'POST extend':
      return step(ports, caller, found, { step: 'extend', by, at: at.now, ...jsonBody(request, reasonBody) });
    case 'POST cancel':
      return step(ports, caller, found, { step: 'cancel', by, at: at.now });
    case 'POST approve': {
      const made = { step: 'approve', by, at: at.now } as const;
      const possible = move(found, made);
      if (!possible.ok) throw problemOf(possible.fault);
      // The policy says it once more, whatever roles and scopes allow.
      await ports.guard.require(request, 'privacy:approve', at, { kind: 'request', user: found.openedBy });
      const approved = await take(ports, found, made, { caller });
      return answer(ports, caller, await executeNow(ports, approved));
    }
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

/**
 * The approval stands whatever happens now: what fails or is somebody else's by then is for the schedule. So is a package
 * whose events must be restored from Glacier first: its operator is told of it as of any request that cannot go on.
 */
async function executeNow(ports: RequestsPorts, approved: PrivacyRequest): Promise<PrivacyRequest> {
  try {
    return await execute(ports, approved);
  } catch (error) {
    const isOthers = error instanceof Problem && error.fault.code === 'conflict';
    if (!isOthers && !(error instanceof Archived)) throw error;
    return (await ports.requests.get(approved.tenant, approved.id)) ?? approved;
  }
}

async function open(ports: RequestsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const body = jsonBody(request, openRequestBody);
  const retention = readRetention(
    {
      retainAuditTrail: body.retain_audit_trail,
      legalBasis: body.legal_basis,
      legalReference: body.legal_reference,
      retainUntil: body.retain_until,
    },
    request.now,
  );
  if (!retention.ok) throw problemOf(retention.fault);
  const { tenant } = caller;
  const id = ports.ids.uuidv7(request.now);
  const key = await subjectKey(ports, tenant, body.subject);
  const sealed = (what: 'subject' | 'contact' | 'statement', text: string) =>
    sealBox(ports, key, { tenant, id, what }, text);
  const options: RequestOptions = {
    ...(retention.value === undefined ? {} : { retain: retention.value }),
    ...(body.lift === undefined ? {} : { lift: body.lift }),
    ...(body.events === undefined ? {} : { events: body.events }),
    ...(body.statement === undefined ? {} : { statementBox: sealed('statement', body.statement) }),
  };
  const opened: PrivacyRequest = {
    tenant,
    id,
    version: 1,
    type: body.type,
    state: 'received',
    subjectRef: await ports.lifecycle.ref(tenant, body.subject),
    subjectBox: sealed('subject', body.subject),
    ...(body.contact === undefined ? {} : { contactBox: sealed('contact', body.contact) }),
    openedBy: principalName(caller),
    openedAt: request.now,
    dueAt: dueAt(request.now),
    notes: { options, noticed: [] },
  };
  const event = stepEvent(opened, 'received', { caller, subject: body.subject });
  await ports.recorder.record(tenant, [event], request.now);
  await ports.requests.open(opened);
  const [view] = await requestViews(ports, tenant, [opened]);
  return { status: 201, body: view! };
}

async function list(ports: RequestsPorts, { query }: HttpRequest, { tenant }: Caller): Promise<HttpResponse> {
  const { after, limit, state } = pageQuery(query, ['after', 'limit', 'state']);
  const page = await ports.requests.list(tenant, after, limit, state);
  return { status: 200, body: { requests: await requestViews(ports, tenant, page), next: nextOf(page, limit) } };
}

async function step(ports: RequestsPorts, caller: Caller, found: PrivacyRequest, made: Move): Promise<HttpResponse> {
  const [subject] = await openBoxes(ports, caller.tenant, [
    { place: { tenant: caller.tenant, id: found.id, what: 'subject' }, box: found.subjectBox },
  ]);
  return answer(ports, caller, await take(ports, found, made, { caller, subject }));
}

async function answer(ports: RequestsPorts, { tenant }: Caller, request: PrivacyRequest): Promise<HttpResponse> {
  const [view] = await requestViews(ports, tenant, [request]);
  return { status: 200, body: view! };
}

export const handler = onHttp(requests, { ...privacyOpeners, guard: openGuard });
