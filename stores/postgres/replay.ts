/** What a replay does to critical events in Postgres, as recovery. */
import type { Sql, TransactionSql } from 'postgres';
import type { ReplayLedger, ReplayPosition } from '#core/archive/rebuild-ports.ts';
import { chunkOf, partOf } from './catalogue.ts';
import { withTenants } from './connect.ts';
import { hotFloorNow } from './hot-floor.ts';
import { insertEvents, insertTokens, monthsOf, tokensOf } from './ledger.ts';
import { partitionsOf } from './partitions.ts';

/** Opens the events for a replay; what each method promises is in core/archive/rebuild-ports.ts. */
export function createReplayLedger(sql: Sql, contextKey: Uint8Array): ReplayLedger {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>, mode?: 'read only') =>
    withTenants(sql, contextKey, [tenant], new Date(), work, mode);

  return {
    hotFloor: (tenant) =>
      within(
        tenant,
        async (tx) => {
          const known = await tx`select from record.tenant_counter where tenant_id = ${tenant}`;
          return known.count === 0 ? undefined : hotFloorNow(tx);
        },
        'read only',
      ),

    sources: (tenant, range, after, limit) =>
      within(
        tenant,
        async (tx) => {
          const inFiles = isSeq(after) ? [] : await chunks(tx, tenant, range, after, limit);
          if (inFiles.length === limit) return inFiles;
          const seq = isSeq(after) ? after.seq : 0n;
          return [...inFiles, ...(await parts(tx, tenant, range, seq, limit - inFiles.length))];
        },
        'read only',
      ),

    async restore(tenant, lines) {
      if (lines.length === 0) return { added: 0, stored: [] };
      const partitions = await partitionsOf(sql, tenant);
      for (const month of monthsOf(lines)) await partitions.ensure(month, 0);
      return within(tenant, async (tx) => {
        const { count } = await insertEvents(tx, lines);
        const tokens = tokensOf(lines);
        if (tokens.length > 0) await insertTokens(tx, tokens);
        const ids = lines.map(({ event }) => event.id).join(',');
        const rows = await tx`select body from record.event where tenant_id = ${tenant}
          and id = any (string_to_array(${ids}::text, ',')::uuid[])`;
        return { added: count, stored: rows.map((row) => row.body as string) };
      });
    },
  };
}

const isSeq = (position: ReplayPosition | undefined): position is { readonly seq: bigint } =>
  position !== undefined && 'seq' in position;

interface Range {
  readonly from: string;
  readonly to: string;
}

async function chunks(
  tx: TransactionSql,
  tenant: string,
  { from, to }: Range,
  after: { readonly file: string; readonly number: number } | undefined,
  limit: number,
) {
  const rows =
    await tx`select c.file_id, c.number, c.tenant_id, c.tier, f.key, c.events, c.min_time, c.max_time, c.min_id,
      c.max_id, c.blocks, c.leaves
    from archive.chunk c join archive.file f using (tenant_id, file_id)
    where c.tenant_id = ${tenant} and c.tier = 0 and c.max_id >= ${from} and c.min_id < ${to}
      ${after ? tx`and (c.file_id, c.number) > (${after.file}, ${after.number})` : tx``}
    order by c.file_id, c.number limit ${limit}`;
  return rows.map((row) => {
    const part = chunkOf(row);
    return { part, position: { file: part.file, number: part.number } };
  });
}

/** Those that compaction has not come to. */
async function parts(tx: TransactionSql, tenant: string, { from, to }: Range, after: bigint, limit: number) {
  const rows =
    await tx`select p.tenant_id, p.segment_id, p.seq, p.tier, s.key, p.events, p.min_time, p.max_time, p.min_id,
      p.max_id, p.blocks
    from record.segment_part p join record.segment s using (segment_id)
    where p.tenant_id = ${tenant} and p.tier = 0 and p.max_id >= ${from} and p.min_id < ${to}
      and p.seq > ${String(after)}
      and p.seq > coalesce((select compacted_seq from archive.progress where tenant_id = ${tenant}), 0)
    order by p.seq limit ${limit}`;
  return rows.map((row) => {
    const part = partOf(row);
    return { part, position: { seq: part.seq } };
  });
}
