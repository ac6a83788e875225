/** How far the archive goes for a question: its files, what may lie in Deep Archive, and what is not in it yet. */
import type { Sql } from 'postgres';
import { ladders } from '#core/archive/ladder.ts';
import { categories as allCategories } from '#core/event/event.ts';
import type { ArchiveReaches } from '#core/query/athena-ports.ts';
import type { Partitions } from '#core/query/athena-sql.ts';
import { withTenants } from './connect.ts';

/** Opens the driver; what it promises is in core/query/athena-ports.ts. */
export function createArchiveReaches(sql: Sql, contextKey: Uint8Array): ArchiveReaches {
  return {
    of: (tenant, { from, to }, categories, now) =>
      withTenants(
        sql,
        contextKey,
        [tenant],
        new Date(),
        async (tx) => {
          const [pending] = await tx`select max(now.seq) as compacted_seq, max(now.version) as version,
              coalesce(sum(part.events), 0) as events, min(part.min_time) as from_time
            from (select coalesce(max(compacted_seq), 0) as seq, coalesce(max(version), 0) as version
              from archive.progress where tenant_id = ${tenant}) now
            left join record.segment_part part on part.tenant_id = ${tenant} and part.seq > now.seq
              and part.max_time >= ${whole(from)} and part.min_time < ${whole(to)}`;
          const wanted = categories?.map((one) => allCategories.indexOf(one)) ?? [...allCategories.keys()];
          const inReach = tx`tenant_id = ${tenant} and max_time >= ${whole(from)} and min_time < ${whole(to)}
            and category in ${tx(wanted.length > 0 ? wanted : [-1])}`;
          const spans = await tx`select span, min(day)::text as first, max(day)::text as last, sum(bytes) as bytes
            from archive.file where ${inReach} group by span`;
          const cold = await tx`select f.key, f.events, f.bytes from archive.file f
            join jsonb_to_recordset(${coolings(now)}::text::jsonb) as l (ladder text, before timestamptz)
              on f.ladder = l.ladder and f.written_at < l.before
            where ${inReach} order by f.day desc, f.key desc`;
          const spanOf = (name: string) => spans.find(({ span }) => span === name);
          return {
            days: partitionsOf(spanOf('day'), 10),
            months: partitionsOf(spanOf('month'), 7),
            bytes: spans.reduce((sum, { bytes }) => sum + Number(bytes), 0),
            cold: cold.map(({ key, events, bytes }) => ({ key, events: Number(events), bytes: Number(bytes) })),
            compactedSeq: BigInt(pending!.compacted_seq),
            version: BigInt(pending!.version),
            pending:
              pending!.from_time === null
                ? undefined
                : { events: Number(pending!.events), from: Number(pending!.from_time) },
          };
        },
        'read only',
      ),
  };
}

function partitionsOf(row: Record<string, unknown> | undefined, chars: number): Partitions | undefined {
  return row && { from: String(row.first).slice(0, chars), to: String(row.last).slice(0, chars) };
}

/** By ladder: objects that were written before may have gone to Deep Archive. S3 counts days from midnight to midnight. */
function coolings(now: Date): string {
  return JSON.stringify(
    ladders.flatMap(({ name, coldAfterDays }) =>
      coldAfterDays === undefined
        ? []
        : [{ ladder: name, before: new Date(now.getTime() - (coldAfterDays - 1) * 86_400_000).toISOString() }],
    ),
  );
}

const whole = (ms: number): string => String(BigInt(Math.trunc(ms)));
