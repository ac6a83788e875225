/**
 * Export: the events of the last days, as files, on the road of every export.
 *
 * It shows what nobody needs a reason for: the masked view of every kind, whoever made the job. Its id is the run's, so a
 * part that is done again opens no second one. It is handed to the job's maker, who must hold `events:export` then.
 */

import { fieldGroups, type View } from '#core/access/view.ts';
import type { JsonObject } from '#core/event/event.ts';
import { type ExportPlan, planContext, viewsOf } from '#core/export/plan.ts';
import type { EventExports } from '#core/export/ports.ts';
import { exportConfig } from '#core/jobs/config.ts';
import { type Outcome, RunFault, type Task } from '#core/jobs/run.ts';
import type { Cipher, SubjectKeys } from '#core/privacy/ports.ts';
import { parseSearch } from '#core/query/filter.ts';
import type { Outlet, Recorder } from '#core/record/ports.ts';

export interface ExportEventsPorts {
  readonly exports: Pick<EventExports, 'open' | 'get'>;
  readonly exportQueue: Outlet;
  readonly subjectKeys: Pick<SubjectKeys, 'tenant'>;
  readonly cipher: Pick<Cipher, 'seal'>;
  readonly recorder: Recorder;
  readonly clock: () => Date;
}

const dayMs = 86_400_000;
/** When it is asked again whether the builder is done: soon at first, for most exports are small. */
const lookMs = (looks: number) => Math.min(5_000 * 2 ** looks, 300_000);
const masked = Object.fromEntries(
  fieldGroups.map((group) => [group, group === 'what' ? 'clear' : 'masked']),
) as unknown as View;

/** Asks for the export in the first call, and waits for its end in those after it. */
export async function exportEvents(ports: ExportEventsPorts, task: Task): Promise<Outcome> {
  const { tenant, run } = task;
  const made = await ports.exports.get(tenant, run);
  if (!made) await ask(ports, task);
  if (made?.state === 'failed') {
    throw new RunFault(made.problem ?? 'export_incomplete', 'The export was not built; what is missing stands in it.');
  }
  if (made?.state !== 'ready') {
    const looks = Number(task.position?.looks ?? 0);
    return { is: 'more', position: { looks: looks + 1 }, at: new Date(ports.clock().getTime() + lookMs(looks)) };
  }
  const { events, bytes, parts } = made;
  return {
    is: 'done',
    rows: { read: events, written: events, rejected: 0 },
    result: { export: run, events, bytes, parts },
  };
}

async function ask(ports: ExportEventsPorts, task: Task): Promise<void> {
  const { tenant, run, job } = task;
  const { last_days, format, skip_archived: skipArchived, filter } = exportConfig.parse(task.config);
  const question: JsonObject = {
    ...(filter as JsonObject),
    from: new Date(task.scheduledFor.getTime() - last_days * dayMs).toISOString(),
    to: task.scheduledFor.toISOString(),
  };
  const parsed = parseSearch(question);
  if (!parsed.ok) throw new RunFault(parsed.fault.code, parsed.fault.detail);
  const now = ports.clock();
  const asked = { filter: question, ...(skipArchived ? { skip_archived: true } : {}) };
  const plan: ExportPlan = {
    v: 1,
    filter: parsed.value.filter,
    readsToo: parsed.value.filter.action !== undefined,
    skipArchived,
    views: viewsOf(() => masked),
  };
  const event = {
    action: 'export.requested',
    actor: { type: 'service', id: 'trailkeep' },
    operation_id: run,
    targets: [{ type: 'job', id: job, name: task.jobName }],
    metadata: { export: run, format, ...asked, asked_by: task.createdBy },
  };
  await ports.recorder.record(tenant, [event], now);
  const { own } = await ports.subjectKeys.tenant(tenant);
  // The message first, as whoever asks by hand has it: one without its row is dropped.
  await ports.exportQueue.send([{ body: JSON.stringify({ v: 1, tenant, id: run }), group: tenant }]);
  await ports.exports.open({
    ...{ tenant, id: run, format, asked, askedBy: task.createdBy, askedAt: now },
    plan: ports.cipher.seal(own.cipher, JSON.stringify(plan), planContext(tenant, run)),
  });
}
