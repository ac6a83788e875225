/**
 * Verify: what is stored is read again and hashed again, before somebody needs it.
 *
 * Rows of Postgres within a day, segments and archive files on S3 and the log itself within a week, each in shares, so that
 * a run ends in time whatever there is; a run that breaks off leaves its position and the next one goes on. What is found is kept,
 * counted for the alarm and told in the trail itself. Nothing is mended and nothing is frozen here: the login that this
 * runs with cannot.
 */
import type { LogTenants } from '#core/proof/ports.ts';
import type { Judgement } from '#core/proof/verdict.ts';
import { type Round, type RoundName, rounds } from '#core/proof/verify-ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import {
  openArchiveFiles,
  openArchiveObjects,
  openBlocks,
  openClock,
  openLogSigner,
  openLogStore,
  openLogTenants,
  openProofCrypto,
  openRecorder,
  openSegments,
  openVerification,
} from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { eventOf } from './custody.ts';
import { verifyArchive } from './verify-archive.ts';
import { type Share, type SharePorts, verifyRows, verifySegments } from './verify-share.ts';

export interface VerifyPorts extends SharePorts {
  readonly tenants: LogTenants;
  readonly recorder: Recorder;
  readonly clock: () => Date;
}

/**
 * When a round begins again after it began. A day and a week, less what a run may come late, so that an hourly schedule
 * keeps them.
 */
const hourMs = 3600_000;
const weekMs = (7 * 24 - 2) * hourMs;
const periodMs: Readonly<Record<RoundName, number>> = { rows: 22 * hourMs, segments: weekMs, archive: weekMs };
/** Below the function's timeout of five minutes, with time for the share that is under way. */
const runMs = 200_000;
const tenantsAtOnce = 500;
/** Findings of one share that are told one by one; the rest is counted. */
const toldMax = 20;

const shareOf = { rows: verifyRows, segments: verifySegments, archive: verifyArchive } as const;

/** Goes on with every round that is due, until all are over or the run's time is. */
export async function verify(ports: VerifyPorts, { now }: { readonly now: Date }) {
  const report = { rounds: 0, ended: 0, checked: 0, findings: 0, fresh: 0, behind: 0 };
  const until = now.getTime() + runMs;
  for (let after: string | undefined; ; ) {
    const tenants = await ports.tenants.page(after, tenantsAtOnce);
    for (const round of dueOf(tenants, await ports.verification.rounds(tenants), now)) {
      if (ports.clock().getTime() >= until) {
        report.behind++;
        continue;
      }
      report.rounds++;
      const { ended, checked, findings, fresh } = await goOn(ports, round, until);
      report.ended += ended;
      report.checked += checked;
      report.findings += findings;
      report.fresh += fresh;
    }
    after = tenants.at(-1);
    if (tenants.length < tenantsAtOnce) break;
  }
  metric('proof', 'verified', report.checked);
  // The alarm: zero is told too, so that a verifier that has stopped is not taken for one that finds nothing.
  metric('proof', 'verificationFailures', report.findings);
  return report;
}

/** Rounds to go on with, the longest started first. */
function dueOf(tenants: readonly string[], known: readonly Round[], now: Date): Round[] {
  const isDue = ({ position, endedAt, startedAt, round }: Round) =>
    position !== undefined || endedAt === undefined || now.getTime() - startedAt.getTime() >= periodMs[round];
  const byName = new Map(known.map((round) => [`${round.tenant} ${round.round}`, round]));
  return tenants
    .flatMap((tenant) =>
      rounds.map((round): Round => {
        const before = byName.get(`${tenant} ${round}`);
        return before ?? { tenant, round, startedAt: new Date(0), checked: 0 };
      }),
    )
    .filter(isDue)
    .map((round) => (round.position === undefined ? { ...round, startedAt: now, checked: 0 } : round))
    .sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
}

async function goOn(ports: VerifyPorts, begun: Round, until: number) {
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
  return report;
}

/** Keeps findings and tells those that are new; resolves with how many. */
async function tellFindings(ports: VerifyPorts, round: Round, findings: readonly Judgement[]): Promise<number> {
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

async function tellEnd(ports: VerifyPorts, { tenant, round, startedAt, endedAt, checked }: Round): Promise<void> {
  const metadata = { round, checked, started_at: startedAt.toISOString(), ended_at: endedAt!.toISOString() };
  const fact = { action: 'log.verified', key: `${round} ${startedAt.toISOString()}`, at: endedAt!, metadata } as const;
  await ports.recorder.record(tenant, [eventOf(tenant, fact)], ports.clock());
}

export const handler = onSchedule(verify, {
  verification: openVerification,
  tenants: openLogTenants,
  logs: openLogStore,
  blocks: openBlocks,
  segments: openSegments,
  archive: openArchiveObjects,
  archiveFiles: openArchiveFiles,
  signer: openLogSigner,
  crypto: openProofCrypto,
  recorder: openRecorder,
  clock: openClock,
});
