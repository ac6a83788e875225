import type { Sql } from 'postgres';
import type { Partitions } from '#core/access/ports.ts';
import { asked } from './connect.ts';

/** Monthly partitions of record.event. */
export function createPartitions(sql: Sql): Partitions {
  return {
    async ensure(from, months) {
      const day = from.toISOString().slice(0, 10);
      const rows = await asked(
        sql`select * from record.ensure_partitions(${day}::text::date, ${months + 1}::int) as made`,
      );
      return rows.map((row) => String(row.made));
    },
  };
}
