/** Reads by the database that answered, as metrics: sums, written every ten seconds. */
import { metric } from './observe.ts';

const everyMs = 10_000;

/** Takes the source of each read. `clock` in ms; what a frozen environment has not written it writes with its next read. */
export function createReadMeter<Source extends string>(
  clock: () => number,
  write: typeof metric = metric,
): (source: Source) => void {
  let sums = new Map<Source, number>();
  let due = clock() + everyMs;
  return (source) => {
    sums.set(source, (sums.get(source) ?? 0) + 1);
    if (clock() < due) return;
    for (const [name, sum] of sums) write('query', `reads_${name}`, sum);
    sums = new Map();
    due = clock() + everyMs;
  };
}
