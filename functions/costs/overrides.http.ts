/**
 * Overrides: somebody proposes, somebody else approves or refuses, and either may withdraw.
 *
 * Each step is recorded before it happens, with what counted before and what shall. A step that cannot be recorded does
 * not happen; one that was recorded may have failed after all, and asking again records again.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import {
  type Decision,
  decisionBody,
  mayDecide,
  type Override,
  type Overrides,
  overrideBody,
  overrideKinds,
  overrideStates,
  overrideTerms,
  overrideView,
  type PreparedOverride,
} from '#core/costs/override.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openNewId, openOverrides, openRecorder } from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface OverridesPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly overrides: Overrides;
  readonly recorder: Recorder;
  readonly newId: (now: Date) => string;
}

const steps = { approve: 'approved', refuse: 'refused', withdraw: 'withdrawn' } as const;
const missing = () => new Problem('not_found', 'There is no override with this id.');

export async function overrides(ports: OverridesPorts, request: HttpRequest): Promise<HttpResponse> {
  const { overrideId: id } = request.params;
  const step = /\/(approve|refuse|withdraw)$/.exec(request.path)?.[1] as keyof typeof steps | undefined;
  if (id === undefined) {
    if (request.method === 'POST') return propose(ports, request);
    if (request.method === 'GET') return list(ports, request);
  } else if (step === undefined && request.method === 'GET') return show(ports, request, id);
  else if (step !== undefined && request.method === 'POST') return decide(ports, request, id, steps[step]);
  throw new Problem('method_not_allowed', 'This path does not take that method.');
}

async function propose(ports: OverridesPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'costs:override', circumstancesOf(request)));
  const { now } = request;
  const terms = overrideTerms(jsonBody(request, overrideBody), now);
  if (!terms.ok) throw problemOf(terms.fault);
  const by = { proposedBy: principalName(caller), proposedAt: now };
  const prepared = await ports.overrides.prepare(caller.tenant, ports.newId(now), terms.value, by);
  if (!prepared.ok) throw problemOf(prepared.fault);
  await record(ports, request, caller, prepared.value, 'proposed', '');
  const proposed = await ports.overrides.propose(prepared.value);
  return { status: 201, headers: { location: `/v1/overrides/${proposed.id}` }, body: overrideView(proposed, now) };
}

const listQuery = z.strictObject({
  state: z.enum(overrideStates).optional(),
  kind: z.enum(overrideKinds).optional(),
  application: z
    .string()
    .regex(/^\d{1,9}$/, 'must be the number of one')
    .transform(Number)
    .optional(),
  after: z.string().refine(isUuid, 'must be the id of the last override').optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'must be a number')
    .transform(Number)
    .pipe(z.int().min(1).max(1000))
    .default(100),
});

/** `?state=&kind=&application=&after=&limit=`, newest first. */
async function list(ports: OverridesPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'costs:read', circumstancesOf(request)));
  const asked = listQuery.safeParse(Object.fromEntries(request.query));
  if (!asked.success) {
    const { path, message } = asked.error.issues[0]!;
    throw new Problem('request_invalid', `${String(path[0] ?? 'The query')}: ${message}.`);
  }
  const { after, limit, state, kind, application } = asked.data;
  const narrowed = {
    limit,
    ...(state === undefined ? {} : { state }),
    ...(kind === undefined ? {} : { kind }),
    ...(application === undefined ? {} : { application }),
    ...(after === undefined ? {} : { before: after }),
  };
  const page = await ports.overrides.list(caller.tenant, narrowed, request.now);
  const next = page.length === limit ? page.at(-1)!.id : null;
  return { status: 200, body: { overrides: page.map((one) => overrideView(one, request.now)), next } };
}

async function show(ports: OverridesPorts, request: HttpRequest, id: string): Promise<HttpResponse> {
  const caller = requireWholeTenant(await ports.guard.require(request, 'costs:read', circumstancesOf(request)));
  const found = await ports.overrides.get(caller.tenant, id);
  if (!found) throw missing();
  return { status: 200, body: overrideView(found, request.now) };
}

async function decide(
  ports: OverridesPorts,
  request: HttpRequest,
  id: string,
  decision: Decision['decision'],
): Promise<HttpResponse> {
  const { caller, found } = await decider(ports, request, id, decision);
  const by = principalName(caller);
  const may = mayDecide(found, decision, by, request.now);
  if (!may.ok) throw problemOf(may.fault);
  // Separation of duties as the policies have it, too: they may know that two names are one person.
  if (decision !== 'withdrawn') {
    const matter = { kind: 'override', user: found.proposedBy } as const;
    await ports.guard.require(request, 'costs:approve', circumstancesOf(request), matter);
  }
  const { note } = request.body?.length ? jsonBody(request, decisionBody) : { note: '' };
  await record(ports, request, caller, found, decision, note);
  const decided = await ports.overrides.decide(caller.tenant, id, { decision, by, at: request.now, note });
  if (!decided) throw new Problem('conflict', 'Somebody else decided on it meanwhile. Read it again.');
  return { status: 200, body: overrideView(decided, request.now) };
}

/** Who proposes may withdraw what is theirs; everything else is for who approves. */
async function decider(
  ports: OverridesPorts,
  request: HttpRequest,
  id: string,
  decision: Decision['decision'],
): Promise<{ readonly caller: Caller; readonly found: Override }> {
  const at = circumstancesOf(request);
  const find = async (caller: Caller) => {
    const found = await ports.overrides.get(requireWholeTenant(caller).tenant, id);
    if (!found) throw missing();
    return { caller, found };
  };
  if (decision !== 'withdrawn') return find(await ports.guard.require(request, 'costs:approve', at));
  try {
    return await find(await ports.guard.require(request, 'costs:approve', at));
  } catch (error) {
    if (!(error instanceof Problem && error.fault.code === 'forbidden')) throw error;
    const own = await find(await ports.guard.require(request, 'costs:override', at));
    if (own.found.proposedBy !== principalName(own.caller)) throw error;
    return own;
  }
}

async function record(
  { recorder }: OverridesPorts,
  request: HttpRequest,
  caller: Caller,
  one: Override | PreparedOverride,
  what: 'proposed' | Decision['decision'],
  note: string,
): Promise<void> {
  const { kind, application, from, to, reason, expiresAt } = one;
  const event = eventBy(caller, {
    action: `costs.override_${what}`,
    operation_id: one.id,
    data_class: 'financial',
    targets: [
      { type: 'override', id: one.id },
      ...(application === 0 ? [] : [{ type: 'application', id: String(application), name: one.applicationName }]),
    ],
    changes: [{ path: `/${kind}`, before: one.before, after: one.after }],
    context: { ip: request.sourceIp, request_id: request.requestId, service: 'trailkeep' },
    metadata: {
      ...{ kind, from, reason, proposed_by: one.proposedBy },
      ...(to === undefined ? {} : { to }),
      ...(expiresAt ? { expires_at: expiresAt.toISOString() } : {}),
      ...(note === '' ? {} : { note }),
    },
  });
  await recorder.record(caller.tenant, [event], request.now);
}

export const handler = onHttp(overrides, {
  guard: openGuard,
  overrides: openOverrides,
  recorder: openRecorder,
  newId: openNewId,
});
