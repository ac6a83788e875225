/** Definitions of jobs, and what became of their runs. It logs in as trailkeep_app. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { Problem } from '#core/event/problem.ts';
import type { Job } from '#core/jobs/job.ts';
import type { Jobs } from '#core/jobs/ports.ts';
import { searchEach } from './clusters.ts';
import { isUuid, withTenants } from './connect.ts';
import { runOf, selectRuns } from './run-rows.ts';
import { orConflict } from './unavailable.ts';

/** A schedule costs money and its runs cost time: what needs more jobs than that needs another design. */
const jobsMax = 200;

/** Opens the jobs; what each method promises is in core/jobs/ports.ts. */
export function createJobs(sql: Sql, contextKey: Uint8Array): Jobs {
  const within = <T>(tenants: readonly string[], fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, tenants, new Date(), fn);
  const reading = <T>(tenants: readonly string[], fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, tenants, new Date(), fn, 'read only');
  const one = async (tenant: string, id: string, fn: (tx: TransactionSql) => Promise<readonly Row[]>) => {
    if (!isUuid(id)) return undefined;
    const [row] = await within([tenant], fn);
    return row && jobOf(row);
  };
  return {
    async create(job) {
      const { tenant } = job;
      await orConflict(
        'Another job has this name.',
        within([tenant], async (tx) => {
          // Two that come at once are counted one after the other.
          await tx`select pg_advisory_xact_lock(hashtextextended(${`jobs of ${tenant}`}, 0))`;
          const [count] = await tx`select count(*)::integer as jobs from jobs.job
            where tenant_id = ${tenant} and deleted_at is null`;
          if (count!.jobs >= jobsMax) {
            throw new Problem('conflict', `A tenant has at most ${jobsMax} jobs; delete one that is not needed.`);
          }
          await tx`insert into jobs.job (tenant_id, id, name, kind, timing, time_zone, config, overlap, attempts_max,
              backoff_seconds, enabled, created_by, created_at, changed_at)
            values (${tenant}, ${job.id}, ${job.name}, ${job.kind}, ${JSON.stringify(job.timing)}::text::json,
              ${job.timeZone}, ${JSON.stringify(job.config)}::text::json, ${job.overlap}, ${job.attemptsMax},
              ${job.backoffSeconds}, ${job.enabled}, ${job.createdBy}, ${job.createdAt}, ${job.changedAt})`;
        }),
      );
    },
    get: (tenant, id) =>
      one(
        tenant,
        id,
        (tx) => tx`select * from jobs.job where tenant_id = ${tenant} and id = ${id} and deleted_at is null`,
      ),
    async list(tenant, after, limit) {
      const rows = await reading(
        [tenant],
        async (tx) => tx`select * from jobs.job where tenant_id = ${tenant} and deleted_at is null
          ${after === undefined ? tx`` : tx`and id > ${after}`} order by id limit ${limit}`,
      );
      return rows.map(jobOf);
    },
    change: (tenant, id, change, at) =>
      one(
        tenant,
        id,
        // Later than the change before it, whatever the clocks say: what is newer is told by it.
        (tx) => tx`update jobs.job
          set ${'deleted' in change ? tx`deleted_at = ${at}, enabled = false` : tx`enabled = ${change.enabled}`},
            changed_at = greatest(${at}, changed_at + interval '1 millisecond')
          where tenant_id = ${tenant} and id = ${id} and deleted_at is null returning *`,
      ),
    async history(tenant, id, before, limit) {
      if (!isUuid(id)) return [];
      const rows = await reading(
        [tenant],
        async (tx) => tx`${selectRuns(tx)} where r.tenant_id = ${tenant} and r.job_id = ${id}
          ${before === undefined ? tx`` : tx`and r.id < ${before}`} order by r.id desc limit ${limit}`,
      );
      return rows.map(runOf);
    },
    scheduled: (job, at) =>
      one(job.tenant, job.id, async (tx) => {
        // Never before the change that it answers.
        const noted = await tx`update jobs.job set scheduled_at = greatest(${at}, changed_at)
          where tenant_id = ${job.tenant} and id = ${job.id} and changed_at = ${job.changedAt} returning *`;
        if (noted.length > 0) return noted;
        return tx`select * from jobs.job where tenant_id = ${job.tenant} and id = ${job.id}`;
      }),
    async unscheduled(tenants, before, after, limit) {
      const rows = await searchEach<Row>(sql, tenants, (some) =>
        reading(
          some,
          async (tx) => tx`select * from jobs.job
            where tenant_id = any (string_to_array(${some.join(' ')}, ' ')::uuid[])
              and (scheduled_at is null or scheduled_at < changed_at or (scheduled_at < ${before} and deleted_at is null))
              ${after === undefined ? tx`` : tx`and id > ${after}`}
            order by id limit ${limit}`,
        ),
      );
      // Of several clusters each has sent a page of its own.
      const inOrder = rows.map(jobOf).sort((a, b) => (a.id < b.id ? -1 : 1));
      return inOrder.slice(0, limit);
    },
  };
}

const jobOf = (row: Row): Job => ({
  tenant: row.tenant_id,
  id: row.id,
  name: row.name,
  kind: row.kind,
  timing: row.timing,
  timeZone: row.time_zone,
  config: row.config,
  overlap: row.overlap,
  attemptsMax: row.attempts_max,
  backoffSeconds: row.backoff_seconds,
  enabled: row.enabled,
  createdBy: row.created_by,
  createdAt: row.created_at,
  changedAt: row.changed_at,
  ...(row.deleted_at === null ? {} : { deletedAt: row.deleted_at as Date }),
  ...(row.scheduled_at === null ? {} : { scheduledAt: row.scheduled_at as Date }),
});
