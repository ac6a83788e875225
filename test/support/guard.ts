/** The guard over the real engine and grants in memory: for tests of verbs. */
import type { BreakGlassWatch } from '#core/access/break-glass.ts';
import { policies, schema } from '#core/access/policies.ts';
import type { HeldGrant } from '#core/access/roles.ts';
import { Unavailable } from '#core/record/ports.ts';
import { createGuard } from '#functions/runtime/guard.ts';
import { openCedar } from '#stores/cedar/engine.ts';

const engine = openCedar({ policies, schema });

/** What persons and service accounts hold, by name; `down` takes the permission cache away. */
export class MemoryGrants {
  readonly byUser = new Map<string, readonly HeldGrant[]>();
  down = false;
  asked = 0;

  async getUserPermissions(tenantId: string, user: string, module: string) {
    this.asked++;
    if (this.down) throw new Unavailable('permissions');
    const grants = (this.byUser.get(user) ?? []).filter((grant) => grant.module === module);
    return { tenantId, user, module, version: { tenant: 1n, user: 1n }, grants };
  }
}

const noBreakGlass: BreakGlassWatch = { inEffect: async () => undefined };

export const testGuard = (grants = new MemoryGrants(), breakGlass = noBreakGlass, purposes?: readonly string[]) =>
  createGuard({
    engine: () => engine,
    permissions: async () => grants,
    breakGlass: async () => breakGlass,
    policies: async () => ({ purposes: async () => purposes }),
  });
