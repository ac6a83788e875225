/**
 * Assignments: who has which role, in which module, until when. An end needs nobody: a check compares it with its
 * own time. Nobody assigns to themselves, which the policy engine holds to; ending one's own is everyone's right.
 */
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import { assignmentBody, assignmentView } from '#core/access/role-shapes.ts';
import type { Assignment, RoleRegistry, Witness } from '#core/access/roles.ts';
import { Problem } from '#core/event/problem.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openNewId, openPermissionCache, openRecorder, openRoles } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireMayAssign } from './hand-on.ts';
import { listQuery, nextOf } from './list-page.ts';
import { type ChangePorts, reasonOf, recordChange, requireWholeTenant, tellCache } from './record-change.ts';

export interface AssignmentsPorts extends ChangePorts {
  readonly guard: Guard;
  readonly roles: RoleRegistry;
  readonly newId: (now: Date) => string;
}

const noAssignment = () => new Problem('not_found', 'There is no assignment with this id.');

export async function assignments(ports: AssignmentsPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'access:manage', circumstancesOf(request));
  requireWholeTenant(caller);
  const id = request.params.assignmentId;
  switch (`${request.method} ${id === undefined ? 'all' : 'one'}`) {
    case 'GET all':
      return list(ports, request, caller);
    case 'POST all':
      return assign(ports, request, caller);
    case 'GET one': {
      const found = await ports.roles.getAssignment(caller.tenant, id!);
      if (!found) throw noAssignment();
      return { status: 200, body: assignmentView(found) };
    }
    case 'DELETE one':
      return revoke(ports, request, caller, id!);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function list(ports: AssignmentsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const query = new URLSearchParams(request.query);
  const [user, role, ended] = ['user', 'role', 'ended'].map((name) => query.get(name));
  for (const name of ['user', 'role', 'ended']) query.delete(name);
  const { after, limit } = listQuery(query);
  if (ended !== null && ended !== 'true' && ended !== 'false') {
    throw new Problem('request_invalid', 'ended must be true or false.', { pointer: '/ended' });
  }
  const page = await ports.roles.listAssignments(
    caller.tenant,
    { ...(user == null ? {} : { user }), ...(role == null ? {} : { role }), ended: ended === 'true' },
    after,
    limit,
  );
  return { status: 200, body: { assignments: page.map(assignmentView), next: nextOf(page, limit, ({ id }) => id) } };
}

async function assign(ports: AssignmentsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { user, role, module, reason, expires_at } = jsonBody(request, assignmentBody);
  await ports.guard.require(request, 'access:manage', circumstancesOf(request), { kind: 'assignment', user });
  const expiresAt = expires_at === undefined ? undefined : new Date(expires_at);
  if (expiresAt && expiresAt <= request.now) {
    throw new Problem('request_invalid', 'expires_at must lie in the future.', { pointer: '/expires_at' });
  }
  const wanted: Assignment = {
    id: ports.newId(request.now),
    user,
    role,
    ...(module === undefined ? {} : { module }),
    ...(reason === undefined ? {} : { reason }),
    grantedBy: principalName(caller),
    createdAt: request.now,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  const told = witness(ports, request, caller, 'assignment.create', reason);
  const permitted: Witness<Assignment> = async (before, after) => {
    await requireMayAssign(ports, caller, wanted);
    await told(before, after);
  };
  const held = await ports.roles.assign(caller.tenant, wanted, permitted).catch((error: unknown) => {
    if (!(error instanceof Problem && error.fault.code === 'not_found')) throw error;
    throw new Problem('request_invalid', 'There is no such role.', { pointer: '/role' });
  });
  await tellCache(ports.permissions.invalidateUserCache(caller.tenant, user));
  return { status: held.id === wanted.id ? 201 : 200, body: assignmentView(held) };
}

async function revoke(ports: AssignmentsPorts, request: HttpRequest, caller: Caller, id: string) {
  const told = witness(ports, request, caller, 'assignment.revoke', reasonOf(request));
  const ended = await ports.roles.revoke(caller.tenant, id, request.now, told);
  if (!ended) throw noAssignment();
  await tellCache(ports.permissions.invalidateUserCache(caller.tenant, ended.user));
  return { status: 204 };
}

const witness =
  (
    ports: AssignmentsPorts,
    request: HttpRequest,
    caller: Caller,
    action: string,
    reason?: string,
  ): Witness<Assignment> =>
  (before, after) => {
    const { id, user, role } = (after ?? before)!;
    return recordChange(ports, request, caller, {
      action,
      targets: [
        { type: 'assignment', id },
        { type: 'user', id: user },
        { type: 'role', id: role },
      ],
      reason,
      before: before && assignmentView(before),
      after: after && assignmentView(after),
    });
  };

export const handler = onHttp(assignments, {
  guard: openGuard,
  roles: openRoles,
  recorder: openRecorder,
  permissions: openPermissionCache,
  newId: openNewId,
});
