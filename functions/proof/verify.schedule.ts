/**
 * Verify: what is stored is read again and hashed again, before somebody needs it.
 *
 * Rows of Postgres within a day, segments and archive files on S3 and the log itself within a week, each in shares, so that
 * a run ends in time whatever there is; a run that breaks off leaves its position and the next one goes on. What is found is kept,
 * counted for the alarm and told in the trail itself. Nothing is mended and nothing is frozen here: the login that this
 * runs with cannot.
 */
import type { LogTenants } from '#core/proof/ports.ts';
import { type Round, type RoundName, rounds } from '#core/proof/verify-ports.ts';
import { metric } from '#functions/runtime/observe.ts';
import { openLogTenants } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';
import { openVerifyPorts } from './open-verify.ts';
import { goOn, type VerifyRoundPorts } from './verify-round.ts';

export interface VerifyPorts extends VerifyRoundPorts {
  readonly tenants: LogTenants;
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

export const handler = onSchedule(verify, {
  ...openVerifyPorts,
  tenants: openLogTenants,
});
