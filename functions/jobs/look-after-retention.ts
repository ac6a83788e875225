/**
 * Retention: the tenant's events are compacted now, and what is past its end and still there is counted. Nothing is
 * deleted here: purging has a login and a schedule of its own.
 */
import { endsOf } from '#core/archive/retention.ts';
import type { RetentionLedger, RetentionPolicies } from '#core/archive/retention-ports.ts';
import type { Outcome, Task } from '#core/jobs/run.ts';
import type { Outlet } from '#core/record/ports.ts';

export interface LookAfterRetentionPorts {
  readonly compactQueue: Outlet;
  readonly retention: Pick<RetentionPolicies, 'current'>;
  readonly retained: Pick<RetentionLedger, 'ages'>;
  readonly clock: () => Date;
}

export async function lookAfterRetention(ports: LookAfterRetentionPorts, { tenant }: Task): Promise<Outcome> {
  await ports.compactQueue.send([{ body: JSON.stringify({ tenant }), group: tenant }]);
  const { approved } = await ports.retention.current(tenant);
  const ages = await ports.retained.ages(tenant, approved ? endsOf(approved.policy, ports.clock()) : {});
  const oldest = ages.flatMap(({ oldestOverdue }) => oldestOverdue ?? []).sort((a, b) => a - b)[0];
  return {
    is: 'done',
    result: {
      policy_version: approved?.version ?? 0,
      // Without an approved policy nothing is past its end.
      purging: approved !== undefined,
      overdue_files: ages.reduce((sum, one) => sum + one.overdue, 0),
      oldest_overdue: oldest === undefined ? null : new Date(oldest).toISOString(),
      held_files: ages.reduce((sum, one) => sum + one.held, 0),
    },
  };
}
