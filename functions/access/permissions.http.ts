/**
 * Permissions that a tenant's applications know: for people who make roles, so that they find names and what they
 * mean. A check does not look here: a role gives what it names, whether it is described or not.
 */
import type { Caller } from '#core/access/access.ts';
import { type Guard, ownPermissions } from '#core/access/guard.ts';
import { moduleShape, permissionBody, permissionShape, permissionView } from '#core/access/role-shapes.ts';
import { ownModule, type Permission, type RoleRegistry, type Witness } from '#core/access/roles.ts';
import { Problem } from '#core/event/problem.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openRecorder, openRoles } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { listQuery, nextOf } from './list-page.ts';
import { type ChangePorts, reasonOf, recordChange, requireWholeTenant } from './record-change.ts';

export interface PermissionsPorts extends Pick<ChangePorts, 'recorder'> {
  readonly guard: Guard;
  readonly roles: RoleRegistry;
}

const noPermission = () => new Problem('not_found', 'There is no such permission.');

export async function permissions(ports: PermissionsPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'access:manage', circumstancesOf(request));
  requireWholeTenant(caller);
  const { module, permission: name } = request.params;
  switch (`${request.method} ${name === undefined ? 'all' : 'one'}`) {
    case 'GET all':
      return list(ports, request, caller);
    case 'PUT one':
      return put(ports, request, caller, module!, name!);
    case 'DELETE one':
      return remove(ports, request, caller, module!, name!);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

async function list(ports: PermissionsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const query = new URLSearchParams(request.query);
  const module = query.get('module') ?? undefined;
  query.delete('module');
  const { after, limit } = listQuery(query);
  // Ours come with the code and are one page.
  if (module === ownModule) {
    const own = ownPermissions.map((name) => permissionView({ module, name }));
    return { status: 200, body: { permissions: own, next: null } };
  }
  const page = await ports.roles.listPermissions(caller.tenant, module, placeOf(after), limit);
  const next = nextOf(page, limit, (one) => `${one.module}/${one.name}`);
  return { status: 200, body: { permissions: page.map(permissionView), next } };
}

/** `after` is `module/name`; neither holds a slash. */
function placeOf(after: string | undefined): Pick<Permission, 'module' | 'name'> | undefined {
  if (after === undefined) return undefined;
  const [module = '', name = ''] = after.split('/');
  return { module, name };
}

async function put(
  ports: PermissionsPorts,
  request: HttpRequest,
  caller: Caller,
  givenModule: string,
  givenName: string,
): Promise<HttpResponse> {
  const module = moduleShape.safeParse(givenModule);
  const name = permissionShape.safeParse(givenName);
  if (!module.success || !name.success) {
    const [what, error] = module.error ? ['A module', module.error] : ['A permission', name.error!];
    throw new Problem('request_invalid', `${what} ${error.issues[0]!.message}.`);
  }
  if (module.data === ownModule) {
    throw new Problem('request_invalid', `The permissions of the module ${ownModule} come with Trailkeep.`);
  }
  const { description } = jsonBody(request, permissionBody);
  const permission: Permission = {
    module: module.data,
    name: name.data,
    ...(description === undefined ? {} : { description }),
  };
  const told = witness(ports, request, caller, 'permission.put', permission);
  const isNew = await ports.roles.putPermission(caller.tenant, permission, told);
  return { status: isNew ? 201 : 200, body: permissionView(permission) };
}

async function remove(
  ports: PermissionsPorts,
  request: HttpRequest,
  caller: Caller,
  module: string,
  name: string,
): Promise<HttpResponse> {
  if (!moduleShape.safeParse(module).success || !permissionShape.safeParse(name).success) throw noPermission();
  const told = witness(ports, request, caller, 'permission.delete', { module, name }, reasonOf(request));
  if (!(await ports.roles.deletePermission(caller.tenant, module, name, told))) throw noPermission();
  return { status: 204 };
}

const witness =
  (
    ports: PermissionsPorts,
    request: HttpRequest,
    caller: Caller,
    action: string,
    { module, name }: Permission,
    reason?: string,
  ): Witness<Permission> =>
  (before, after) =>
    recordChange(ports, request, caller, {
      action,
      targets: [{ type: 'permission', id: `${module}/${name}` }],
      reason,
      before,
      after,
    });

export const handler = onHttp(permissions, { guard: openGuard, roles: openRoles, recorder: openRecorder });
