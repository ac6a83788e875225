/**
 * Decisions for verbs behind Postgres.
 *
 * The rights of a key are its scopes, which the authorizer handed over: no database is asked, but for a purpose. The rights of a person or
 * a service account are its roles, by the permission cache. When nobody can tell, the answer is 503 and never a yes.
 */
import type { Caller } from '#core/access/access.ts';
import type { BreakGlassWatch } from '#core/access/break-glass.ts';
import { type Asking, decide, grantsOfKey, principalName, sightOf, unbounded } from '#core/access/decide.ts';
import type { PolicyEngine } from '#core/access/engine.ts';
import type { Guard } from '#core/access/guard.ts';
import type { PolicyRegistry } from '#core/access/ports.ts';
import type { Circumstances } from '#core/access/principal.ts';
import { type HeldGrant, ownModule, type PermissionCache } from '#core/access/roles.ts';
import { Problem } from '#core/event/problem.ts';
import { Unavailable } from '#core/record/ports.ts';
import { breakGlassPurpose } from './circumstances.ts';

/** What the guard leans on; each is opened by the first decision that needs it. */
export interface GuardPorts {
  engine(): Promise<PolicyEngine>;
  permissions(): Promise<Pick<PermissionCache, 'getUserPermissions'>>;
  breakGlass(): Promise<BreakGlassWatch>;
  policies(): Promise<Pick<PolicyRegistry, 'purposes'>>;
}

export const createGuard = (ports: GuardPorts): Guard => ({
  async require({ caller }, permission, at, matter) {
    if (!caller) throw new Problem('unauthenticated', 'Send your API key as "Authorization: Bearer tk_…".');
    const grants = await grantsOf(ports, caller);
    if (!mayHold(grants, permission)) throw lacking(caller, permission);
    if (at.purpose !== undefined) await requireListed(ports, caller.tenant, at.purpose);
    const decision = decide(await ports.engine(), { caller, grants, at }, permission, matter);
    if (decision.allowed) return caller;
    if (decision.reasons.length === 0) throw lacking(caller, permission);
    throw new Problem('forbidden', `The policy says no to ${permission}: ${decision.reasons.join('; ')}.`);
  },

  delegable: async (caller) => unbounded(await grantsOf(ports, caller)),

  async sight(caller, at) {
    const grants = await grantsOf(ports, caller);
    const breakGlass = mayHold(grants, 'breakglass:use') ? await inEffect(ports, caller, grants, at) : undefined;
    return sightOf(await ports.engine(), { caller, grants, at, ...breakGlass });
  },
});

/** Whether a grant names the permission at all: a no without the engine. */
const mayHold = (grants: readonly HeldGrant[], permission: string): boolean =>
  grants.some((grant) => grant.permission === permission || grant.permission === '*');

const lacking = (caller: Caller, permission: string): Problem =>
  new Problem(
    'forbidden',
    caller.kind === 'key'
      ? `This needs a key with the scope ${permission}.`
      : `This needs a role with the permission ${permission}.`,
  );

/** A tenant that lists its purposes has no others. */
async function requireListed(ports: GuardPorts, tenant: string, purpose: string): Promise<void> {
  const listed = await (await ports.policies()).purposes(tenant);
  if (!listed || listed.includes(purpose)) return;
  throw new Problem('request_invalid', `Trailkeep-Purpose must be one that your policy lists: ${listed.join(', ')}.`);
}

async function grantsOf(ports: GuardPorts, caller: Caller): Promise<readonly HeldGrant[]> {
  if (caller.kind === 'key') return grantsOfKey(caller);
  // A person whose issuer calls it so would have the account's roles.
  if (caller.kind === 'person' && principalName(caller).startsWith('service:')) return [];
  const cache = await ports.permissions();
  const { grants } = await cache.getUserPermissions(caller.tenant, principalName(caller), ownModule);
  return grants;
}

/** The break-glass that the caller has open. When the database cannot say there is none: fewer see, nobody more. */
async function inEffect(
  ports: GuardPorts,
  caller: Caller,
  grants: readonly HeldGrant[],
  at: Circumstances,
): Promise<Pick<Asking, 'breakGlass' | 'at'> | undefined> {
  const asking: Asking = { caller, grants, at };
  if (!decide(await ports.engine(), asking, 'breakglass:use').allowed) return undefined;
  try {
    const open = await (await ports.breakGlass()).inEffect(caller.tenant, principalName(caller), at.now);
    // An emergency is a purpose, of which the record says more.
    return open && { breakGlass: open.id, at: { ...at, purpose: at.purpose ?? breakGlassPurpose } };
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}
