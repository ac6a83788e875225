/** Who goes on with moves, as trailkeep_mover on every cluster. */
import type { Sql } from 'postgres';
import { platformTenant } from '#core/access/access.ts';
import type { Mover } from '#core/access/move.ts';
import { Unavailable } from '#core/record/ports.ts';
import { withTenants } from './connect.ts';
import { TenantMove } from './tenant-move.ts';

/** The run's time is over; what was done is done. */
class OutOfTime extends Error {}

/** A run that died is waited for so long. */
const leaseSeconds = 60;
const renewMs = 15_000;

/** Opens the mover; what each method promises is in core/access/move.ts. The first cluster is the main one. */
export function createMover(clusters: readonly Sql[], contextKey: Uint8Array): Mover {
  const main = clusters[0]!;
  const within = (tenant: string, work: Parameters<typeof withTenants<number>>[4]) =>
    withTenants(main, contextKey, [tenant], new Date(), work);

  const take = async (tenant: string): Promise<boolean> =>
    (await within(tenant, async (tx) => {
      const { count } = await tx`update access.move
        set lease_until = clock_timestamp() + make_interval(secs => ${leaseSeconds})
        where tenant_id = ${tenant} and (lease_until is null or lease_until < clock_timestamp())`;
      return count;
    })) === 1;
  const keep = (tenant: string) =>
    within(tenant, async (tx) => {
      const { count } = await tx`update access.move
        set lease_until = clock_timestamp() + make_interval(secs => ${leaseSeconds}) where tenant_id = ${tenant}`;
      return count;
    });
  const leave = (tenant: string, problem: string | undefined) =>
    within(tenant, async (tx) => {
      const { count } = await tx`update access.move
        set lease_until = null, problem = ${problem ?? null} where tenant_id = ${tenant}`;
      return count;
    });

  return {
    async due() {
      const rows = await withTenants(
        main,
        contextKey,
        [platformTenant],
        new Date(),
        (tx) => tx`select tenant_id from access.move where step not in ('moved', 'finished')
          and (lease_until is null or lease_until < clock_timestamp())
          and not (step = 'copying' and problem is not null and stepped_at > asked_at
            and stepped_at > now() - interval '1 hour') order by asked_at`,
        'read only',
      );
      return rows.map((row) => String(row.tenant_id));
    },

    async goOn(tenant, { mayPause, goesOn }) {
      if (!(await take(tenant))) return undefined;
      // One that is not renewed ends by itself, and the next run finds the move where it is.
      const renewing = setInterval(() => void keep(tenant).catch(() => {}), renewMs);
      const at = () => {
        if (!goesOn()) throw new OutOfTime('there was no time to compare everything while the tenant waited');
      };
      const move = new TenantMove({ clusters, contextKey, mayPause, at }, tenant);
      let problem: string | undefined;
      try {
        return await move.run();
      } catch (error) {
        const wasPaused = await move.resume();
        // A copy that takes several runs is no trouble.
        if (error instanceof OutOfTime && !wasPaused) return await move.step();
        problem = error instanceof Unavailable ? 'a cluster is down' : (error as Error).message;
        throw error;
      } finally {
        clearInterval(renewing);
        await leave(tenant, problem).catch(() => {});
      }
    },
  };
}
