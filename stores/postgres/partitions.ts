import type { Sql } from 'postgres';
import type { Partitions } from '#core/access/ports.ts';
import { clustersOf } from './clusters.ts';
import { asked } from './connect.ts';

/** Monthly partitions of record.event. */
export function createPartitions(sql: Sql): Partitions {
  return {
    async ensure(from, months) {
      const day = from.toISOString().slice(0, 10);
      const made = new Set<string>();
      for (const cluster of clustersOf(sql).every) {
        const rows = await asked(
          cluster`select * from record.ensure_partitions(${day}::text::date, ${months + 1}::int) as made`,
        );
        for (const row of rows) made.add(String(row.made));
      }
      return [...made];
    },
  };
}
