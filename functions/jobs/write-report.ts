/**
 * Report: a month's chargeback statement as it is now, as an object that stays, with its hash in the run.
 *
 * It is a draft: approving and locking a month are people's.
 */
import { createHash } from 'node:crypto';
import { buildStatement } from '#core/costs/build-statement.ts';
import type { Lineage } from '#core/costs/lineage.ts';
import { addMonths } from '#core/costs/month.ts';
import { type Statements, statementBytes } from '#core/costs/statement.ts';
import { reportLineage } from '#core/costs/statement-lineage.ts';
import type { JsonObject } from '#core/event/event.ts';
import { reportConfig } from '#core/jobs/config.ts';
import type { Reports } from '#core/jobs/ports.ts';
import type { Outcome, Task } from '#core/jobs/run.ts';

export interface WriteReportPorts {
  readonly statements: Pick<Statements, 'inputs'>;
  readonly reports: Reports;
  readonly lineage: Pick<Lineage, 'keep'>;
  readonly clock: () => Date;
}

export async function writeReport(ports: WriteReportPorts, task: Task): Promise<Outcome> {
  const { statements, reports, lineage, clock } = ports;
  const { tenant, run, part } = task;
  const { months_ago, settings } = reportConfig.parse(task.config);
  const month = addMonths(task.scheduledFor.toISOString().slice(0, 7), -months_ago);
  const statement = buildStatement(await statements.inputs(tenant, month, settings));
  const bytes = statementBytes(statement);
  await reports.put(tenant, run, bytes);
  await lineage.keep(reportLineage({ tenant, run, task: part }, statement, bytes.length, clock()));
  const { lines, totals, coverage, overrides, loads } = statement;
  return {
    is: 'done',
    rows: { read: loads.reduce((sum, { rows }) => sum + rows, 0), written: lines.length, rejected: 0 },
    result: {
      month,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      bytes: bytes.length,
      totals: totals as unknown as JsonObject[],
      coverage: coverage as unknown as JsonObject,
      overrides: overrides.length,
    },
  };
}
