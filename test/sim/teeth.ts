/** Whether the simulation would notice: each protection is taken away, and some run has to fail. */
import { modes } from './modes.ts';
import { removals } from './removals.ts';
import { runAll } from './shares.ts';

export interface Tooth {
  readonly name: string;
  readonly title: string;
  /** What failed, and where; undefined when nothing did. */
  readonly caught: string | undefined;
  readonly runs: number;
}

/** Takes the protections away one after the other, over the seeds in every mode that can show it, until a run fails. */
export async function bite(
  seeds: readonly number[],
  options: { readonly jobs?: number },
  told: (tooth: Tooth) => void = () => {},
): Promise<Tooth[]> {
  const teeth: Tooth[] = [];
  const spoiled = await failuresOf(seeds, options);
  for (const { name, title, modes: shown } of removals) {
    const runs = seeds
      .map((seed): [string, number] => [shown[seed % shown.length]!, seed])
      .filter(([mode, seed]) => !spoiled.has(`${mode} ${seed}`));
    let caught: string | undefined;
    const tallies = await runAll(runs, {
      ...options,
      removed: name,
      untilFailure: true,
      failed: ({ mode, seed, violations }) => {
        caught ??= `${violations[0]} (${mode}, seed ${seed})`;
      },
    });
    const done = [...tallies.values()].reduce((sum, tally) => sum + tally.runs, 0);
    const tooth = { name, title, caught, runs: done };
    told(tooth);
    teeth.push(tooth);
  }
  return teeth;
}

/** Runs that fail with every protection in place, as they may where an assumption is broken: they show nothing. */
async function failuresOf(seeds: readonly number[], options: { readonly jobs?: number }): Promise<Set<string>> {
  const broken = modes.filter((mode) => !mode.promised && removals.some((one) => one.modes.includes(mode.name)));
  const failures = new Set<string>();
  await runAll(
    broken.flatMap(({ name }) => seeds.map((seed): [string, number] => [name, seed])),
    { ...options, failed: ({ mode, seed }) => void failures.add(`${mode} ${seed}`) },
  );
  return failures;
}
