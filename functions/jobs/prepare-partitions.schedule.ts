/**
 * Prepare partitions: the months ahead get their partition before their first event.
 *
 * Running twice, or two runs at once, does no harm. If this schedule fails for months, the writer makes the
 * missing partition itself.
 */
import type { Partitions } from '#core/access/ports.ts';
import { openPartitions } from '#functions/runtime/open.ts';
import { onSchedule } from '#functions/runtime/schedule.ts';

export interface PreparePartitionsPorts {
  readonly partitions: Partitions;
}

/** Three months ahead: a broken schedule has a quarter to be noticed. */
const monthsAhead = 3;

export async function preparePartitions({ partitions }: PreparePartitionsPorts, { now }: { readonly now: Date }) {
  return { created: await partitions.ensure(now, monthsAhead) };
}

export const handler = onSchedule(preparePartitions, { partitions: openPartitions });
