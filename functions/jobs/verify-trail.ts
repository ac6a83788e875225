/**
 * Verify: each round of the tenant's verification once, from its beginning, whenever the schedule of all tenants is next.
 *
 * Reading the trail is the verifier's, which has a login and rights of its own: it is asked for one share after the other.
 */

import * as z from 'zod';
import { verifyConfig } from '#core/jobs/config.ts';
import { type Outcome, questionOf, RunFault, type Task } from '#core/jobs/run.ts';
import { rounds, type VerifyQuestion } from '#core/proof/verify-ports.ts';
import type { Outlet } from '#core/record/ports.ts';

export interface VerifyTrailPorts {
  readonly verifyQueue: Outlet;
  readonly clock: () => Date;
}

/** An answer takes minutes: the function that gives it has five, and its queue may be long. */
const answerMs = 1_800_000;
const answerSchema = z.object({
  round: z.enum(rounds),
  position: z.string().optional(),
  checked: z.int(),
  findings: z.int(),
});
const soFarSchema = z.object({
  startedAt: z.iso.datetime(),
  left: z.array(z.enum(rounds)),
  /** Where the share before ended. */
  share: z.string().optional(),
  checked: z.record(z.string(), z.int()),
  findings: z.int(),
});

export async function verifyTrail(ports: VerifyTrailPorts, task: Task): Promise<Outcome> {
  const now = ports.clock();
  const begun = { startedAt: now.toISOString(), left: verifyConfig.parse(task.config).rounds };
  const soFar: z.output<typeof soFarSchema> = task.position
    ? soFarSchema.parse(task.position)
    : { ...begun, checked: {}, findings: 0 };
  const answer = task.answer ? answerSchema.parse(task.answer) : undefined;
  const { round, checked = 0, findings = 0 } = answer ?? {};
  const share = answer ? answer.position : soFar.share;
  const position = {
    startedAt: soFar.startedAt,
    left: round !== undefined && share === undefined ? soFar.left.filter((one) => one !== round) : soFar.left,
    checked: round === undefined ? soFar.checked : { ...soFar.checked, [round]: (soFar.checked[round] ?? 0) + checked },
    findings: soFar.findings + findings,
    ...(share === undefined ? {} : { share }),
  };
  const next = position.left[0];
  if (next !== undefined) {
    const question: VerifyQuestion = {
      ...questionOf(task),
      round: next,
      startedAt: position.startedAt,
      ...(share === undefined ? {} : { share }),
      checked: position.checked[next] ?? 0,
    };
    await ports.verifyQueue.send([{ body: JSON.stringify(question), group: task.tenant }]);
    return { is: 'away', until: new Date(now.getTime() + answerMs), position };
  }
  if (position.findings > 0) {
    const sentence = `${position.findings} of what is stored is not what the log committed to; the trail tells which.`;
    throw new RunFault('verification_failed', sentence);
  }
  const read = Object.values(position.checked).reduce((sum, one) => sum + one, 0);
  return { is: 'done', rows: { read, written: 0, rejected: 0 }, result: { checked: position.checked, findings: 0 } };
}
