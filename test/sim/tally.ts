/** What many runs come to. */
import { type FaultCounts, faultClasses, noFaults } from './faults.ts';
import type { Outcome } from './simulate.ts';

export interface Tally {
  runs: number;
  events: number;
  leaves: number;
  checkpoints: number;
  signatures: number;
  signedInVain: number;
  freezes: number;
  recoveries: number;
  steps: number;
  readonly faults: FaultCounts;
  /** Runs in which an oracle was violated, by the oracle that was first. */
  readonly failed: Record<string, number>;
}

const sums = [
  'events',
  'leaves',
  'checkpoints',
  'signatures',
  'signedInVain',
  'freezes',
  'recoveries',
  'steps',
] as const;

export const emptyTally = (): Tally => ({
  runs: 0,
  ...(Object.fromEntries(sums.map((name) => [name, 0])) as Record<(typeof sums)[number], number>),
  faults: noFaults(),
  failed: {},
});

export function addOutcome(tally: Tally, outcome: Outcome): void {
  tally.runs++;
  for (const name of sums) tally[name] += outcome[name];
  for (const name of faultClasses) tally.faults[name] += outcome.faults[name];
  const [first] = outcome.violations;
  if (first === undefined) return;
  const oracle = first.slice(0, first.indexOf(':'));
  tally.failed[oracle] = (tally.failed[oracle] ?? 0) + 1;
}

export function addTally(tally: Tally, other: Tally): void {
  tally.runs += other.runs;
  for (const name of sums) tally[name] += other[name];
  for (const name of faultClasses) tally.faults[name] += other.faults[name];
  for (const [oracle, runs] of Object.entries(other.failed)) tally.failed[oracle] = (tally.failed[oracle] ?? 0) + runs;
}

export const failedRuns = (tally: Tally): number => Object.values(tally.failed).reduce((sum, runs) => sum + runs, 0);
