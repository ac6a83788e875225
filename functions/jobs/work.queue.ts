/** Work: the parts of runs of all kinds that no area has a function of its own for. */
import type { Outcome, Task } from '#core/jobs/run.ts';
import { RunFault } from '#core/jobs/run.ts';
import {
  openCallsQueue,
  openCipher,
  openCompactQueue,
  openEventExportQueue,
  openEventExports,
  openLineage,
  openLoadPairs,
  openRecorder,
  openReports,
  openRetentionLedger,
  openRetentionPolicies,
  openRunPorts,
  openStatements,
  openSubjectKeys,
  openVerifyQueue,
} from '#functions/runtime/open.ts';
import { onQueue } from '#functions/runtime/queue.ts';
import { doParts, type RunPorts } from '#functions/runtime/run.ts';
import { type AskWebhookPorts, askWebhook } from './ask-webhook.ts';
import { type CompareLoadsPorts, compareLoads } from './compare-loads.ts';
import { type ExportEventsPorts, exportEvents } from './export-events.ts';
import { type LookAfterRetentionPorts, lookAfterRetention } from './look-after-retention.ts';
import { type VerifyTrailPorts, verifyTrail } from './verify-trail.ts';
import { type WriteReportPorts, writeReport } from './write-report.ts';

export interface WorkPorts
  extends RunPorts,
    AskWebhookPorts,
    CompareLoadsPorts,
    ExportEventsPorts,
    LookAfterRetentionPorts,
    VerifyTrailPorts,
    WriteReportPorts {}

export async function work(ports: WorkPorts, task: Task): Promise<Outcome> {
  switch (task.kind) {
    case 'compare':
      return compareLoads(ports, task);
    case 'report':
      return writeReport(ports, task);
    case 'export':
      return exportEvents(ports, task);
    case 'retention':
      return lookAfterRetention(ports, task);
    case 'verify':
      return verifyTrail(ports, task);
    case 'custom-webhook':
      return askWebhook(ports, task);
    default:
      throw new RunFault('kind_unknown', `A run of kind ${task.kind} is not worked off here.`);
  }
}

export const handler = onQueue(doParts(work), {
  ...openRunPorts,
  callsQueue: openCallsQueue,
  pairs: openLoadPairs,
  exports: openEventExports,
  exportQueue: openEventExportQueue,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  recorder: openRecorder,
  compactQueue: openCompactQueue,
  retention: openRetentionPolicies,
  retained: openRetentionLedger,
  verifyQueue: openVerifyQueue,
  statements: openStatements,
  reports: openReports,
  lineage: openLineage,
});
