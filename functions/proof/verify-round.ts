/** Verify: a round of one tenant, share by share; what is found is kept, told in the trail, and counted. */
import type { Judgement } from '#core/proof/verdict.ts';
import type { Round } from '#core/proof/verify-ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { logger } from '#functions/runtime/observe.ts';
import { eventOf } from './custody.ts';
import { verifyArchive } from './verify-archive.ts';
import { type Share, type SharePorts, verifyRows, verifySegments } from './verify-share.ts';

export interface VerifyRoundPorts extends SharePorts {
  readonly recorder: Recorder;
  readonly clock: () => Date;
}

/** Findings of one share that are told one by one; the rest is counted. */
const toldMax = 20;

const shareOf = { rows: verifyRows, segments: verifySegments, archive: verifyArchive } as const;

/** Goes on with a round until it is over or the time is. Resolves with how far it came. */
export async function goOn(ports: VerifyRoundPorts, begun: Round, until: number) {
  const report = { ended: 0, checked: 0, findings: 0, fresh: 0 };
  let round = begun;
  do {
    const share: Share = await shareOf[round.round](ports, round.tenant, round.position);
    report.checked += share.checked;
    report.findings += share.findings.length;
    report.fresh += await tellFindings(ports, round, share.findings);
    const { position: _, ...rest } = round;
    round = {
      ...rest,
      ...(share.position === undefined ? { endedAt: ports.clock() } : { position: share.position }),
      checked: round.checked + share.checked,
    };
    // After the findings: a crash between the two finds them again.
    if (round.position !== undefined || round.checked > 0 || share.findings.length > 0) {
      await ports.verification.keepRound(round);
    }
  } while (round.position !== undefined && ports.clock().getTime() < until);
  if (round.position === undefined && round.checked > 0) {
    report.ended++;
    await tellEnd(ports, round);
  }
  return { ...report, position: round.position };
}

/** Keeps findings and tells those that are new; resolves with how many. */
async function tellFindings(ports: VerifyRoundPorts, round: Round, findings: readonly Judgement[]): Promise<number> {
  if (findings.length === 0) return 0;
  const { tenant } = round;
  const now = ports.clock();
  for (const { verdict, reason, why, at } of findings.slice(0, toldMax)) {
    logger.error('what is stored is not what the log committed to', {
      tenant,
      round: round.round,
      verdict,
      reason,
      at,
      why,
    });
  }
  return ports.verification.found(tenant, round.round, findings, now, (fresh) =>
    ports.recorder.record(
      tenant,
      fresh.slice(0, toldMax).map(({ verdict, reason, why, at }) =>
        eventOf(tenant, {
          action: 'log.verification_failed',
          key: JSON.stringify([round.round, reason, at]),
          at: round.startedAt,
          metadata: { round: round.round, verdict, reason, why, at: { ...at }, of: fresh.length },
        }),
      ),
      now,
    ),
  );
}

async function tellEnd(ports: VerifyRoundPorts, { tenant, round, startedAt, endedAt, checked }: Round): Promise<void> {
  const metadata = { round, checked, started_at: startedAt.toISOString(), ended_at: endedAt!.toISOString() };
  const fact = { action: 'log.verified', key: `${round} ${startedAt.toISOString()}`, at: endedAt!, metadata } as const;
  await ports.recorder.record(tenant, [eventOf(tenant, fact)], ports.clock());
}
