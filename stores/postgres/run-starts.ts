/** How runs begin: by their schedule or by hand, or when the run before them is over. */
import type { TransactionSql } from 'postgres';
import type { Due, Runs } from '#core/jobs/ports.ts';
import { nothingDue } from '#core/jobs/ports.ts';
import type { PartMessage, Task } from '#core/jobs/run.ts';
import { firstPart } from '#core/jobs/run.ts';
import { isUuid } from './connect.ts';
import { runBy } from './run-rows.ts';

/** Runs of a job that wait for one that is under way; what comes then is refused. */
const waitingMax = 10;
/** A message that nobody took by then counts as lost. */
export const lostAfterMs = 600_000;

export const later = (at: Date, ms: number) => new Date(at.getTime() + ms);

export type PartName = Pick<PartMessage, 'tenant' | 'run' | 'part'>;

export const sending = ({ tenant, run, part, kind }: PartName & Pick<Task, 'kind'>, delaySeconds: number): Due => ({
  ...nothingDue,
  send: [{ kind, message: { v: 1, tenant, run, part }, delaySeconds }],
});

/** Starts and ends of a job's runs see each other. */
const lockJob = (tx: TransactionSql, tenant: string, job: string) =>
  tx`select pg_advisory_xact_lock(hashtextextended(${`runs of job ${job} of ${tenant}`}, 0))`;

export async function begin(tx: TransactionSql, start: Parameters<Runs['start']>[0]): ReturnType<Runs['start']> {
  const { tenant, id, job, cause, at } = start;
  if (!isUuid(job)) return undefined;
  await lockJob(tx, tenant, job);
  const [found] = await tx`select j.*, (select count(*)::integer from jobs.run r where r.tenant_id = j.tenant_id
      and r.job_id = j.id and r.state in ('queued', 'running')) as open
    from jobs.job j where j.tenant_id = ${tenant} and j.id = ${job} and j.deleted_at is null`;
  if (!found || (cause === 'schedule' && !found.enabled)) return undefined;
  const isRefused = found.open > (found.overlap === 'refuse' ? 0 : waitingMax);
  const [made] =
    await tx`insert into jobs.run (tenant_id, id, job_id, kind, config, attempts_max, backoff_seconds, cause,
      asked_by, scheduled_for, state, queued_at, ended_at, error_code, error)
    select j.tenant_id, ${id}, j.id, j.kind, j.config, j.attempts_max, j.backoff_seconds, ${cause}, ${start.askedBy},
      ${start.scheduledFor}, ${isRefused ? 'refused' : 'queued'}, ${at}, ${isRefused ? at : null},
      ${isRefused ? 'run_overlaps' : null}, ${isRefused ? 'An earlier run of this job is under way.' : null}
    from jobs.job j where j.tenant_id = ${tenant} and j.id = ${job}
    on conflict do nothing returning id`;
  if (!made) return undefined;
  const due = isRefused || found.open > 0 ? nothingDue : await addFirstPart(tx, tenant, id, at);
  const run = (await runBy(tx, tenant, id))!;
  return { run, due: isRefused ? { ...due, ended: [run] } : due };
}

async function addFirstPart(tx: TransactionSql, tenant: string, run: string, at: Date): Promise<Due> {
  await tx`insert into jobs.part (tenant_id, run_id, part, state, next_at, sweep_at)
    values (${tenant}, ${run}, ${firstPart}, 'waiting', ${at}, ${later(at, lostAfterMs)})`;
  const [row] = await tx`update jobs.run set parts_open = 1 where tenant_id = ${tenant} and id = ${run} returning kind`;
  return sending({ tenant, run, part: firstPart, kind: row!.kind }, 0);
}

/** The next run of a job begins, when none is under way. */
export async function promote(tx: TransactionSql, tenant: string, job: string, at: Date): Promise<Due> {
  await lockJob(tx, tenant, job);
  const [next] = await tx`select r.id from jobs.run r
    where r.tenant_id = ${tenant} and r.job_id = ${job} and r.state = 'queued' and r.parts_open = 0
      and not exists (select from jobs.run o where o.tenant_id = r.tenant_id and o.job_id = r.job_id
        and o.state in ('queued', 'running') and o.parts_open > 0)
    order by r.queued_at, r.id limit 1`;
  return next ? addFirstPart(tx, tenant, next.id, at) : nothingDue;
}
