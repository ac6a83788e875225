/**
 * Roles: what a tenant bundles permissions into. A role is data: it counts within two seconds, without a deployment.
 *
 * Separation of duties: nobody changes a role that gives to themselves, else whoever manages access would have every
 * permission one request later. Keys may: a key is a deployment's, holds scopes, and roles give it nothing. For roles
 * of service accounts see hand-on.ts.
 */
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import { templatePrefix } from '#core/access/resolve-roles.ts';
import { roleBody, roleFrom, roleIdShape, roleKeysMax, roleView } from '#core/access/role-shapes.ts';
import type { Role, RoleRegistry, Witness } from '#core/access/roles.ts';
import { Problem } from '#core/event/problem.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openPermissionCache, openRecorder, openRoles } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireMayPut } from './hand-on.ts';
import { listQuery, nextOf } from './list-page.ts';
import { type ChangePorts, reasonOf, recordChange, requireWholeTenant, tellCache } from './record-change.ts';

export interface RolesPorts extends ChangePorts {
  readonly guard: Guard;
  readonly roles: RoleRegistry;
}

const noRole = () => new Problem('not_found', 'There is no role with this id.');
const view = (role: Role) => roleView(role, role.id.startsWith(templatePrefix));

export async function roles(ports: RolesPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'access:manage', circumstancesOf(request));
  requireWholeTenant(caller);
  const { roleId } = request.params;
  if (roleId === undefined) {
    if (request.method === 'GET') return list(ports, request, caller);
    throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
  const named = roleIdShape.safeParse(roleId).success;
  switch (request.method) {
    case 'GET': {
      const role = named ? await ports.roles.getRole(caller.tenant, roleId) : undefined;
      if (!role) throw noRole();
      return { status: 200, body: view(role) };
    }
    case 'PUT':
      return put(ports, request, caller, roleId);
    case 'DELETE':
      if (!named) throw noRole();
      return remove(ports, request, caller, roleId);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function list({ roles: registry }: RolesPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { after, limit } = listQuery(request.query);
  const page = await registry.listRoles(caller.tenant, after, limit);
  return { status: 200, body: { roles: page.map(view), next: nextOf(page, limit, ({ id }) => id) } };
}

async function put(ports: RolesPorts, request: HttpRequest, caller: Caller, roleId: string): Promise<HttpResponse> {
  const id = roleIdShape.safeParse(roleId);
  if (!id.success) throw new Problem('role_invalid', `The id of a role ${id.error.issues[0]!.message}.`);
  const body = jsonBody(request, roleBody, { keysMax: roleKeysMax });
  const role = roleFrom(id.data, body);
  await requireNotHeld(ports, caller, id.data);
  const isNew = await ports.roles.putRole(caller.tenant, role, request.now, async (before, after) => {
    await requireMayPut(ports, caller, role);
    await witness(ports, request, caller, 'role.put', id.data, body.reason)(before, after);
  });
  await tellCache(ports.permissions.invalidateRoleCache(caller.tenant, id.data));
  return { status: isNew ? 201 : 200, body: view(role) };
}

async function remove(ports: RolesPorts, request: HttpRequest, caller: Caller, id: string): Promise<HttpResponse> {
  if (id.startsWith(templatePrefix)) throw new Problem('role_invalid', 'Nobody changes the templates.');
  const told = witness(ports, request, caller, 'role.delete', id, reasonOf(request));
  if (!(await ports.roles.deleteRole(caller.tenant, id, told))) throw noRole();
  await tellCache(ports.permissions.invalidateRoleCache(caller.tenant, id));
  return { status: 204 };
}

async function requireNotHeld(ports: RolesPorts, caller: Caller, id: string): Promise<void> {
  if (caller.kind === 'key') return;
  const held = await ports.roles.rolesHeld(caller.tenant, principalName(caller));
  if (held.has(id)) throw new Problem('forbidden', 'You hold this role: somebody else must change it.');
}

const witness =
  (
    ports: RolesPorts,
    request: HttpRequest,
    caller: Caller,
    action: string,
    id: string,
    reason?: string,
  ): Witness<Role> =>
  (before, after) =>
    recordChange(ports, request, caller, {
      action,
      targets: [{ type: 'role', id }],
      reason,
      before: before && view(before),
      after: after && view(after),
    });

export const handler = onHttp(roles, {
  guard: openGuard,
  roles: openRoles,
  recorder: openRecorder,
  permissions: openPermissionCache,
});
