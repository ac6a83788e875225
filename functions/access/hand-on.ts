/**
 * What may be given to a service account.
 *
 * A person is somebody whom an issuer vouches for; a service account is whoever makes a key for it. Who manages
 * access may do both: make the key and give the account a role, and would so reach whatever a role can hold. So a
 * service account is given no more of Trailkeep's own permissions than the caller could hand on to a key, neither by
 * an assignment nor by a change of a role that it has. Both are looked at under the lock of the change itself.
 */
import type { Caller } from '#core/access/access.ts';
import { type Guard, ownPermissions } from '#core/access/guard.ts';
import { resolveGrants } from '#core/access/resolve-roles.ts';
import { type Assignment, type HeldGrant, ownModule, type Role, type RoleRegistry } from '#core/access/roles.ts';
import { Problem } from '#core/event/problem.ts';

export interface HandOnPorts {
  readonly guard: Pick<Guard, 'delegable'>;
  readonly roles: Pick<RoleRegistry, 'listRoles' | 'rolesOfServices'>;
}

/** More than a tenant may have, templates included. */
const allRoles = 1000;
export const isService = (user: string): boolean => user.startsWith('service:');

/** Throws `forbidden` when an assignment would give a service account more than the caller can hand on. */
export async function requireMayAssign(ports: HandOnPorts, caller: Caller, { user, role, module }: Assignment) {
  if (!isService(user)) return;
  const roles = await rolesById(ports, caller);
  const holding = { role, ...(module === undefined ? {} : { module }) };
  await requireMayHandOn(ports, caller, resolveGrants([holding], roles, ownModule));
}

/** Throws `forbidden` when a role that a service account has would give it more than the caller can hand on. */
export async function requireMayPut(ports: HandOnPorts, caller: Caller, role: Role): Promise<void> {
  if (!(await ports.roles.rolesOfServices(caller.tenant)).has(role.id)) return;
  const roles = await rolesById(ports, caller);
  const grantsIn = (all: ReadonlyMap<string, Role>) => resolveGrants([{ role: role.id }], all, ownModule);
  const had = new Set(grantsIn(roles).map(lineOf));
  const added = grantsIn(new Map([...roles, [role.id, role]])).filter((grant) => !had.has(lineOf(grant)));
  await requireMayHandOn(ports, caller, added);
}

async function requireMayHandOn({ guard }: HandOnPorts, caller: Caller, given: readonly HeldGrant[]): Promise<void> {
  const own = new Set<string>(await guard.delegable(caller));
  const names = given.flatMap(({ permission }) => (permission === '*' ? ownPermissions : [permission]));
  const lacking = names.find((name) => !own.has(name));
  if (lacking === undefined) return;
  throw new Problem(
    'forbidden',
    `A service account is given no more than you can hand on yourself, and you cannot hand on ${lacking}.`,
  );
}

const rolesById = async ({ roles }: HandOnPorts, { tenant }: Caller): Promise<ReadonlyMap<string, Role>> =>
  new Map((await roles.listRoles(tenant, undefined, allRoles)).map((role) => [role.id, role]));

/** A grant without where it came from: whoever has it by another role has it already. */
const lineOf = ({ role: _, until: __, ...grant }: HeldGrant): string => JSON.stringify(grant);
