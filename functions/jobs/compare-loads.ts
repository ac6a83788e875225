/** Compare: each stream's newest load beside the one before it. What differs by more than it may is told in the result. */
import { differencesOf, type LoadPairs } from '#core/jobs/compare.ts';
import { compareConfig } from '#core/jobs/config.ts';
import type { Outcome, Task } from '#core/jobs/run.ts';

export interface CompareLoadsPorts {
  readonly pairs: LoadPairs;
}

/** The result is kept in the run's row. */
const toldMax = 100;

export async function compareLoads({ pairs }: CompareLoadsPorts, { tenant, config }: Task): Promise<Outcome> {
  const { source, percent } = compareConfig.parse(config);
  const found = await pairs.newest(tenant, source);
  const differences = differencesOf(found, percent);
  return {
    is: 'done',
    rows: {
      read: found.reduce((sum, { now, before }) => sum + now.rows + (before?.rows ?? 0), 0),
      written: 0,
      rejected: 0,
    },
    result: {
      streams: found.length,
      compared: found.filter(({ before }) => before).length,
      percent,
      differences: differences.length,
      told: differences.slice(0, toldMax),
    },
  };
}
