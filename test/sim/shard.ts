/** A process that runs a share of the seeds and tells its parent what came of them. */
import { forbidChance } from './forbid.ts';
import { modeOf } from './modes.ts';
import { patchModules } from './patching.ts';
import { removalOf } from './removals.ts';
import { addOutcome, emptyTally, type Tally } from './tally.ts';

export interface Share {
  /** Mode and seed of each run. */
  readonly runs: readonly (readonly [mode: string, seed: number])[];
  /** A protection that is taken away. */
  readonly removed?: string;
  /** Ends with the first run that fails. */
  readonly untilFailure?: boolean;
}

export interface Failure {
  readonly mode: string;
  readonly seed: number;
  readonly violations: readonly string[];
}

export type Told = { readonly failure: Failure } | { readonly done: Tally };

process.env.POWERTOOLS_LOG_LEVEL = 'SILENT';
process.once('message', async (share: Share) => {
  const removal = share.removed === undefined ? undefined : removalOf(share.removed);
  if (removal?.patches) patchModules(removal.patches);
  const { simulate } = await import('./simulate.ts');
  forbidChance();
  const tally = emptyTally();
  for (const [mode, seed] of share.runs) {
    const outcome = await simulate(seed, modeOf(mode), removal);
    addOutcome(tally, outcome);
    if (outcome.violations.length === 0) continue;
    tell({ failure: { mode, seed, violations: outcome.violations.slice(0, 5) } });
    if (share.untilFailure) break;
  }
  tell({ done: tally });
  process.disconnect();
});

function tell(told: Told): void {
  process.send!(told);
}
