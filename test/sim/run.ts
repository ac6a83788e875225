/**
 * The simulation from the command line:
 *
 *   npm run sim -- --seeds 1..300            each seed in one of the modes that must hold, in turn
 *   npm run sim -- --seeds 7 --mode silent   one mode, or `all`
 *   npm run sim -- --seeds 1..40 --without if-match   a protection taken away
 *   npm run sim -- --teeth --seeds 1..300    every protection taken away in turn
 *   npm run sim -- --report --seeds 1..3000  all of it, into RELIABILITY.md
 *
 * Seeds of test/seeds.txt come first. A seed that fails is printed and kept there.
 */
import { parseArgs } from 'node:util';
import { modeOf, modes } from './modes.ts';
import { report } from './report.ts';
import { keepSeed, keptSeeds } from './seeds.ts';
import { runAll } from './shares.ts';
import { failedRuns } from './tally.ts';
import { bite } from './teeth.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1..300' },
    mode: { type: 'string' },
    without: { type: 'string' },
    teeth: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    jobs: { type: 'string' },
  },
});
const [first = 1, last = first] = values.seeds.split('..').map(Number);
const jobs = values.jobs === undefined ? {} : { jobs: Number(values.jobs) };
const seeds = Array.from({ length: last - first + 1 }, (_, n) => first + n);

if (values.report) await report(seeds, jobs);
else if (values.teeth) {
  const teeth = await bite(seeds, jobs, ({ name, title, caught, runs }) =>
    console.log(`${caught ? 'noticed  ' : 'UNNOTICED'} ${name} (${runs} runs): ${caught ?? title}`),
  );
  process.exitCode = teeth.every(({ caught }) => caught !== undefined) ? 0 : 1;
} else process.exitCode = await run();

async function run(): Promise<number> {
  const promised = modes.filter((mode) => mode.promised).map(({ name }) => name);
  const chosen = values.mode === undefined ? undefined : values.mode === 'all' ? promised : [modeOf(values.mode).name];
  const planned = seeds.flatMap((seed) =>
    (chosen ?? [promised[seed % promised.length]!]).map((mode): [string, number] => [mode, seed]),
  );
  const kept =
    values.without === undefined ? keptSeeds().map(({ mode, seed }): [string, number] => [mode.name, seed]) : [];
  const started = performance.now();
  const tallies = await runAll([...kept, ...planned], {
    ...jobs,
    ...(values.without === undefined ? {} : { removed: values.without }),
    failed: ({ mode, seed, violations }) => {
      console.log(`FAILED: npm run sim -- --mode ${mode} --seeds ${seed}\n  ${violations.join('\n  ')}`);
      if (values.without === undefined && modeOf(mode).promised) keepSeed(mode, seed, violations[0]!);
    },
  });
  let failed = 0;
  for (const [mode, tally] of tallies) {
    if (modeOf(mode).promised) failed += failedRuns(tally);
    const faults = Object.values(tally.faults).reduce((sum, count) => sum + count, 0);
    console.log(
      `${mode.padEnd(17)} ${tally.runs} runs, ${faults} faults, ${tally.events} events, ${tally.checkpoints} checkpoints, ` +
        `${tally.recoveries} recoveries, ${failedRuns(tally)} failed ${JSON.stringify(tally.failed)}`,
    );
  }
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);
  return failed > 0 ? 1 : 0;
}
