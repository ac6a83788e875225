/** Writes RELIABILITY.md: every number in it is from the run that writes it. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { faultClasses } from './faults.ts';
import { type Mode, modes } from './modes.ts';
import { oracles } from './oracle-names.ts';
import { keepSeed, keptSeeds } from './seeds.ts';
import type { Failure } from './shard.ts';
import { runAll } from './shares.ts';
import { addTally, emptyTally, failedRuns, type Tally } from './tally.ts';
import { bite, type Tooth } from './teeth.ts';

const file = new URL('../../RELIABILITY.md', import.meta.url);
/** A protection that so many runs do not miss is not tested by them. */
const teethSeedsMax = 300;
/** Modes that break an assumption show what it is good for; more runs show no more. */
const brokenSeedsMax = 300;

interface Result {
  readonly mode: Mode;
  readonly tally: Tally;
}

/** Runs every mode over the seeds, takes every protection away, and writes down what came of it. */
export async function report(seeds: readonly number[], options: { readonly jobs?: number }): Promise<void> {
  const started = performance.now();
  const failures: Failure[] = [];
  const results: Result[] = [];
  for (const mode of modes) {
    const kept = keptSeeds().flatMap((one) => (one.mode === mode ? [one.seed] : []));
    const own = mode.promised ? [...kept, ...seeds] : seeds.slice(0, brokenSeedsMax);
    const runs = own.map((seed): [string, number] => [mode.name, seed]);
    const failed = (failure: Failure) => {
      if (!mode.promised) return;
      failures.push(failure);
      keepSeed(mode.name, failure.seed, failure.violations[0]!);
    };
    const tally = (await runAll(runs, { ...options, failed })).get(mode.name)!;
    results.push({ mode, tally });
    console.log(`${mode.name}: ${tally.runs} runs, ${failedRuns(tally)} failed`);
  }
  const teeth = await bite(seeds.slice(0, teethSeedsMax), options);
  const seconds = Math.round((performance.now() - started) / 1000);
  writeFileSync(file, text({ seeds, results, teeth, failures, seconds, jobs: options.jobs ?? availableParallelism() }));
  console.log(`RELIABILITY.md after ${seconds} s`);
}

interface Report {
  readonly seeds: readonly number[];
  readonly results: readonly Result[];
  readonly teeth: readonly Tooth[];
  readonly failures: readonly Failure[];
  readonly seconds: number;
  readonly jobs: number;
}

const count = (value: number): string => value.toLocaleString('en');
const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** The commit, and whether the modules were as it has them. */
function commit(): string {
  const changed = git('status', '--porcelain', '--', 'core', 'functions', 'stores', 'test/sim');
  return git('rev-parse', '--short=12', 'HEAD') + (changed === '' ? '' : ', with changes that were not committed');
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function text({ seeds, results, teeth, failures, seconds, jobs }: Report): string {
  const promised = results.filter(({ mode }) => mode.promised);
  const all = emptyTally();
  for (const { tally } of promised) addTally(all, tally);
  const faults = Object.values(all.faults).reduce((sum, one) => sum + one, 0);
  const survivors = teeth.filter(({ caught }) => caught === undefined);
  const violated = (tally: Tally) =>
    failedRuns(tally) === 0
      ? '0'
      : Object.entries(tally.failed)
          .map(([oracle, runs]) => `${oracle} ${runs}`)
          .join(', ');
  return `# Reliability

This page is written by \`npm run sim -- --report\`. Every number is from one run of it: commit ${commit()}, seeds
${seeds[0]} to ${seeds.at(-1)} in each mode, ${count(seconds)} s on ${jobs} processes.

The real modules (write, both sweeps, seal, publish, recover, and the S3 driver of the log) run in a simulated world: a
scheduler decides from the seed when each call to Postgres, S3, SQS, SNS and KMS happens, in which order, and whether it
fails before its effect, after it, or not at all. No real time, no real I/O: the same seed gives the same run.

**${count(all.runs)} runs, ${count(faults)} faults, ${count(all.events)} accepted events, ${count(all.checkpoints)} published checkpoints,
${count(all.recoveries)} recoveries: ${failedRuns(all) === 0 ? 'nothing of what must never happen has happened.' : `**${failedRuns(all)} runs failed**, see below.`}**

## What must hold

${oracles.map(({ name, title }) => `- \`${name}\`: ${title}`).join('\n')}

## What happened

${table(
  ['Mode', 'Runs', 'Faults', 'Restores', 'Events', 'Leaves', 'Checkpoints', 'Freezes', 'Recoveries', 'Failed runs'],
  promised.map(({ mode, tally }) => [
    mode.title,
    count(tally.runs),
    count(Object.values(tally.faults).reduce((sum, one) => sum + one, 0)),
    count(tally.faults['database rollback']),
    count(tally.events),
    count(tally.leaves),
    count(tally.checkpoints),
    count(tally.freezes),
    count(tally.recoveries),
    violated(tally),
  ]),
)}

${count(all.steps)} steps in all. Of ${count(all.signatures)} signatures, ${count(all.signedInVain)} were lost with the worker that had asked for them and say
something else than the log does now; nobody can have seen them.
${failures.length === 0 ? '' : `\nFailed:\n\n${failures.map(({ mode, seed, violations }) => `- ${mode} ${seed}: ${violations[0]}`).join('\n')}\n`}
## Faults

${table(
  ['Class', 'Times'],
  faultClasses.map((name) => [name, count(all.faults[name])]),
)}

## Teeth

Each protection is taken away in turn, at a port or in one line of a module, and the simulation runs until an oracle is
violated. ${survivors.length === 0 ? 'It noticed every one.' : `It did not notice ${survivors.length}: those are redundant behind others, or not tested.`}

${table(
  ['Taken away', 'Noticed by', 'Runs'],
  teeth.map(({ title, caught, runs }) => [title, caught ?? '**not noticed: redundant or untested**', count(runs)]),
)}

## What it leans on

- **A1, the archive of segments**: a batch is on S3 before its commit, and what a database restore takes away is still
  there. Segments and the evidence bucket are never restored to before.
- **A2, draining**: a recovery waits until no function from before the freeze can be running.
- **A3, the incarnation**: a number that every recovery renews, in Postgres and on S3, and that every compare-and-swap
  compares. It stops workers of another database; it cannot stop one between a restore that nobody noticed and the
  recovery.

Without them:

${table(
  ['Mode', 'Runs', 'Restores', 'Failed runs'],
  results
    .filter(({ mode }) => !mode.promised)
    .map(({ mode, tally }) => [
      mode.title,
      count(tally.runs),
      count(tally.faults['database rollback']),
      violated(tally),
    ]),
)}

## What it does not show

Postgres and S3 are models here, held to the same contract tests as the drivers that run on the real ones
(\`test/stores/contract\`). A transaction is one step: what Postgres does with two at once is tested on a real server
(\`test/stores/postgres\`). Processes that are killed and databases that are restored for real are in
\`test/platform/faults\`.

## Run it again

\`\`\`
npm run sim -- --seeds 1..300                 what every test run does, after the seeds of test/seeds.txt
npm run sim -- --seeds 1..100000              for a night
npm run sim -- --mode silent --seeds 4711     one seed in one mode
npm run sim -- --without if-match             one protection less
npm run sim -- --report --seeds 1..3000       this page
\`\`\`

A seed that fails is printed with its mode and the first oracle that it violated, and added to \`test/seeds.txt\`, which
only ever grows and runs first every time. It holds ${count(keptSeeds().length)}.
`;
}
