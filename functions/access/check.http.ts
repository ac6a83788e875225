/**
 * May this user do that? Host applications ask before they act, one question or a hundred at once, answered from the
 * permission cache: a revoked role says no within two seconds. When nobody can tell, the answer is no.
 */
import type { Caller } from '#core/access/access.ts';
import type { Guard } from '#core/access/guard.ts';
import { type CheckAnswer, checkGrants } from '#core/access/resolve-roles.ts';
import { type Check, checkBody, grantView, moduleShape, roleKeysMax, userShape } from '#core/access/role-shapes.ts';
import type { PermissionCache } from '#core/access/roles.ts';
import { Problem } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { logger } from '#functions/runtime/observe.ts';
import { openGuard, openPermissionCache } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from './record-change.ts';

export interface CheckPorts {
  readonly guard: Guard;
  readonly permissions: Pick<PermissionCache, 'getUserPermissions'>;
}

export async function check(ports: CheckPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'access:check', circumstancesOf(request));
  requireWholeTenant(caller);
  switch (request.method) {
    case 'GET':
      return effective(ports, request, caller);
    case 'POST':
      return checkAll(ports, request, caller);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function checkAll(ports: CheckPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const body = jsonBody(request, checkBody, { keysMax: roleKeysMax });
  const asked = 'checks' in body ? body.checks : [body];
  for (const { at } of asked) {
    // What was once allowed is in the trail; assignments that ended are not looked at here.
    if (at !== undefined && Date.parse(at) < request.now.getTime() - skewMs) {
      throw new Problem('request_invalid', 'at must not lie in the past.', { pointer: '/at' });
    }
  }
  const answers = await Promise.all(asked.map((one) => answer(ports, request, caller, one)));
  return { status: 200, body: 'checks' in body ? { results: answers } : answers[0]! };
}

/** A caller's clock may be behind ours by so much. */
const skewMs = 60_000;

async function answer({ permissions }: CheckPorts, request: HttpRequest, caller: Caller, asked: Check) {
  try {
    const { grants } = await permissions.getUserPermissions(caller.tenant, asked.user, asked.module);
    const at = asked.at === undefined ? request.now : new Date(asked.at);
    return answerView(checkGrants(grants, asked.permission, at));
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    logger.warn('a check was denied because nobody could tell', { place: error.place });
    return answerView({ allowed: false, reason: 'unavailable' });
  }
}

const answerView = ({ until, ...answer }: CheckAnswer) => ({
  ...answer,
  ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
});

async function effective({ permissions }: CheckPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { query } = request;
  const user = userShape.safeParse(query.get('user'));
  const module = moduleShape.safeParse(query.get('module'));
  const foreign = [...query.keys()].some((name) => name !== 'user' && name !== 'module');
  if (!user.success || !module.success || foreign) {
    throw new Problem('request_invalid', 'This takes the parameters user and module, and needs both.');
  }
  const { grants } = await permissions.getUserPermissions(caller.tenant, user.data, module.data);
  const alive = grants.filter(({ until }) => until === undefined || request.now.getTime() < until);
  return {
    status: 200,
    body: {
      user: user.data,
      module: module.data,
      grants: alive.map(({ until, ...grant }) => ({
        ...grantView(grant),
        until: until === undefined ? null : new Date(until).toISOString(),
      })),
    },
  };
}

export const handler = onHttp(check, { guard: openGuard, permissions: openPermissionCache });
