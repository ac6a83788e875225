/** A run as its row is read, whoever asks. */
import type { Row, TransactionSql } from 'postgres';
import type { JsonObject } from '#core/event/event.ts';
import type { Run } from '#core/jobs/ports.ts';

/** `select … from jobs.run r join jobs.job j`: conditions on `r` and an order are the caller's. */
export const selectRuns = (tx: TransactionSql) => tx`select r.*, j.name as job_name
  from jobs.run r join jobs.job j on j.tenant_id = r.tenant_id and j.id = r.job_id`;

/** A row of `selectRuns`. */
export const runOf = (row: Row): Run => ({
  tenant: row.tenant_id,
  id: row.id,
  job: row.job_id,
  jobName: row.job_name,
  kind: row.kind,
  cause: row.cause,
  askedBy: row.asked_by,
  state: row.state,
  scheduledFor: row.scheduled_for,
  queuedAt: row.queued_at,
  ...(row.started_at === null ? {} : { startedAt: row.started_at as Date }),
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at as Date }),
  rows: { read: Number(row.rows_read), written: Number(row.rows_written), rejected: Number(row.rows_rejected) },
  ...(row.error_code === null ? {} : { error: { code: row.error_code as string, message: row.error as string } }),
  ...(row.result === null ? {} : { result: row.result as JsonObject }),
  ...(row.trace === null ? {} : { trace: row.trace as string }),
  parts: { open: row.parts_open, done: row.parts_done, failed: row.parts_failed },
});

export async function runBy(tx: TransactionSql, tenant: string, id: string): Promise<Run | undefined> {
  const [row] = await tx`${selectRuns(tx)} where r.tenant_id = ${tenant} and r.id = ${id}`;
  return row && runOf(row);
}
