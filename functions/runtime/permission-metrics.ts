/**
 * What the permission cache did, as metrics: checks by the layer that answered, questions that Postgres was asked and
 * spared, failures of Valkey and denials for want of an answer. A check is far cheaper than a line of output, so sums
 * are written every ten seconds.
 */
import { type PermissionMeter, permissionLayers } from '#core/access/permission-ports.ts';
import { metric } from './observe.ts';

const area = 'permissions';
const everyMs = 10_000;

/** `clock` in ms. What a frozen environment has not written yet it writes with its next check. */
export function createPermissionMeter(clock: () => number, write: typeof metric = metric): PermissionMeter {
  let sums = new Map<string, number>();
  let due = clock() + everyMs;
  const add = (name: string, value: number) => {
    if (value > 0) sums.set(name, (sums.get(name) ?? 0) + value);
  };
  const writeIfDue = () => {
    if (clock() < due) return;
    for (const [name, sum] of sums) write(area, name, sum);
    sums = new Map();
    due = clock() + everyMs;
  };
  return {
    answered(layer, queries) {
      add(hits[layer], 1);
      add('queries', queries);
      add('queries_saved', queries === 0 ? 1 : 0);
      writeIfDue();
    },
    storeFailed() {
      add('valkey_failed', 1);
      writeIfDue();
    },
    denied() {
      add('denied_unavailable', 1);
      writeIfDue();
    },
  };
}

const hits = Object.fromEntries(
  permissionLayers.map((layer) => [layer, layer === 'database' ? 'misses' : `hits_${layer}`]),
) as Record<(typeof permissionLayers)[number], string>;
