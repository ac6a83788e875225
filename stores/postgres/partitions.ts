import type { Sql } from 'postgres';
import type { Partitions } from '#core/access/ports.ts';
import { clustersOf } from './clusters.ts';
import { asked } from './connect.ts';

/** Monthly partitions of record.event, on every cluster. */
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

/** The months of the cluster that a tenant lives on: whoever writes for it needs no other. */
export async function partitionsOf(sql: Sql, tenant: string): Promise<Partitions> {
  const [home] = await clustersOf(sql).together([tenant]);
  return createPartitions(home!.sql);
}
