/** Whether the simulation would notice: each protection is taken away, and some run has to fail. */
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
  for (const { name, title, modes } of removals) {
    const runs = seeds.map((seed): [string, number] => [modes[seed % modes.length]!, seed]);
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
