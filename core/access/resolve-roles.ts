/** From roles and assignments to what a user may do. Roles are a graph: a role has the grants of those it inherits. */
import { type Fault, fail } from '#core/event/problem.ts';
import { ownPermissions } from './guard.ts';
import { type Assignment, type HeldGrant, ownModule, type Role } from './roles.ts';

/** Templates are the same for every tenant and come with the code. */
export const templatePrefix = 'trailkeep:';

/** The parts of an assignment that count for what it gives. */
export type Holding = Pick<Assignment, 'role' | 'module'> & {
  /** Ms since 1970. */
  readonly until?: number;
};

const endOf = ({ until }: Holding): number => until ?? Number.POSITIVE_INFINITY;

/**
 * The roles that holdings lead to, each with the latest end among the ways to it (Infinity: none).
 * A parent that is not there gives nothing, and a cycle ends where it began: bad data never gives more.
 */
export function reachedRoles(holdings: readonly Holding[], roles: ReadonlyMap<string, Role>): Map<string, number> {
  const reached = new Map<string, number>();
  // The longest-lived first: whoever reaches a role first reaches it for longest, so each role is visited once.
  for (const holding of [...holdings].sort((a, b) => endOf(b) - endOf(a))) {
    const waiting = [holding.role];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const role = roles.get(id);
      if (!role || reached.has(id)) continue;
      reached.set(id, endOf(holding));
      waiting.push(...role.inherits);
    }
  }
  return reached;
}

/** What a user holds in a module: each line of each role that its holdings lead to, once, in order of the roles' ids. */
export function resolveGrants(
  holdings: readonly Holding[],
  roles: ReadonlyMap<string, Role>,
  module: string,
): readonly HeldGrant[] {
  const counting = holdings.filter((one) => one.module === undefined || one.module === module);
  return [...reachedRoles(counting, roles)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([role, until]) =>
      roles
        .get(role)!
        .grants.filter((grant) => grant.module === module)
        .map((grant) => ({ ...grant, role, ...(Number.isFinite(until) ? { until } : {}) })),
    );
}

/** Why a check was answered as it was. */
export const checkReasons = ['granted', 'not_granted', 'ended', 'conditional', 'unavailable'] as const;
export type CheckReason = (typeof checkReasons)[number];

export interface CheckAnswer {
  readonly allowed: boolean;
  readonly reason: CheckReason;
  /** The role whose line decided. */
  readonly role?: string;
  /** Ms since 1970: when a yes ends by itself. */
  readonly until?: number;
}

/**
 * Whether grants give a permission at a time. A grant with conditions gives nothing here: they are about a request
 * to Trailkeep, which a check from outside is not, and a yes that left them out would be too wide.
 */
export function checkGrants(grants: readonly HeldGrant[], permission: string, at: Date): CheckAnswer {
  const naming = grants.filter((grant) => grant.permission === permission || grant.permission === '*');
  const alive = naming.filter(({ until }) => until === undefined || at.getTime() < until);
  const giving = alive
    .filter(({ when }) => when === undefined)
    .sort((a, b) => (b.until ?? Number.POSITIVE_INFINITY) - (a.until ?? Number.POSITIVE_INFINITY))[0];
  if (giving) {
    const { role, until } = giving;
    return { allowed: true, reason: 'granted', role, ...(until === undefined ? {} : { until }) };
  }
  const near = alive[0] ?? naming[0];
  if (!near) return { allowed: false, reason: 'not_granted' };
  return { allowed: false, reason: alive.length > 0 ? 'conditional' : 'ended', role: near.role };
}

/** The ids along a cycle that `role` would close among the other roles, first and last the same; undefined when none. */
export function cycleOf(role: Pick<Role, 'id' | 'inherits'>, others: ReadonlyMap<string, Role>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const waiting: string[] = [];
  const look = (from: string, parents: readonly string[]) => {
    for (const parent of parents) {
      if (cameFrom.has(parent)) continue;
      cameFrom.set(parent, from);
      waiting.push(parent);
    }
  };
  look(role.id, role.inherits);
  for (let id = waiting.shift(); id !== undefined && !cameFrom.has(role.id); id = waiting.shift()) {
    look(id, others.get(id)?.inherits ?? []);
  }
  if (!cameFrom.has(role.id)) return undefined;
  const path = [role.id];
  for (let id = cameFrom.get(role.id)!; id !== role.id; id = cameFrom.get(id)!) path.unshift(id);
  return [role.id, ...path];
}

/** What is wrong with a role that is about to be put among the others (templates included), or undefined. */
export function roleFault(role: Role, others: ReadonlyMap<string, Role>): Fault | undefined {
  const invalid = (detail: string, pointer?: string) => fail('role_invalid', detail, pointer).fault;
  if (role.id.startsWith(templatePrefix)) {
    return invalid('Ids that begin with trailkeep: are those of the templates, which nobody changes.');
  }
  for (const [index, parent] of role.inherits.entries()) {
    if (parent !== role.id && !others.has(parent)) return invalid(`There is no role ${parent}.`, `/inherits/${index}`);
  }
  const cycle = cycleOf(role, others);
  if (cycle) return invalid(`A role would inherit from itself: ${cycle.join(' > ')}.`, '/inherits');
  for (const [index, grant] of role.grants.entries()) {
    const own = grant.module === ownModule;
    if (own && grant.permission !== '*' && !ownPermissions.some((name) => name === grant.permission)) {
      return invalid(`Trailkeep has no permission ${grant.permission}.`, `/grants/${index}/permission`);
    }
    // An application that checks would believe that they were looked at.
    const bound = [grant.categories, grant.dataClasses, grant.fields, grant.when].some((one) => one !== undefined);
    if (!own && bound) {
      return invalid(`Bounds and conditions are for grants of the module ${ownModule}.`, `/grants/${index}`);
    }
  }
  return undefined;
}
