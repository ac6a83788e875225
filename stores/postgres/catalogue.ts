/** The catalogue of segments, by tenant. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { tiers } from '#core/event/event.ts';
import type { Catalogue } from '#core/query/ports.ts';
import { decodeBlocks } from '#core/record/block-codec.ts';
import type { SegmentPart } from '#core/record/segment.ts';
import { isUuid, withTenants } from './connect.ts';

/** Opens the catalogue; what each method promises is in core/query/ports.ts. */
export function createCatalogue(sql: Sql, contextKey: Uint8Array): Catalogue {
  const read = async (tenant: string, query: (tx: TransactionSql) => PromiseLike<readonly Row[]>) => {
    const rows = await withTenants(sql, contextKey, [tenant], new Date(), async (tx) => query(tx), 'read only');
    return rows.map(partOf);
  };
  const columns = (tx: TransactionSql) => tx`p.tenant_id, p.segment_id, p.seq, p.tier, s.key, p.events, p.min_time,
    p.max_time, p.min_id, p.max_id, p.blocks
    from record.segment_part p join record.segment s using (segment_id) where`;

  return {
    parts: (tenant, range, before, limit) =>
      read(
        tenant,
        (tx) => tx`select ${columns(tx)} p.tenant_id = ${tenant} and p.tier = 1
          and p.max_time >= ${whole(range.from)} and p.min_time <= ${whole(range.to)}
          ${before ? tx`and (p.max_time, p.seq) < (${whole(before.maxTime)}, ${String(before.seq)})` : tx``}
          order by p.max_time desc, p.seq desc limit ${limit}`,
      ),
    partsWithId: async (tenant, id) =>
      isUuid(id)
        ? read(
            tenant,
            (tx) => tx`select ${columns(tx)} p.tenant_id = ${tenant} and p.tier = 1
              and p.max_id >= ${id} and p.min_id <= ${id} order by p.max_id, p.seq`,
          )
        : [],
    partsAfter: (tenant, after, limit) =>
      read(
        tenant,
        (tx) => tx`select ${columns(tx)} p.tenant_id = ${tenant} and p.seq > ${String(after)}
          order by p.seq limit ${limit}`,
      ),
  };
}

/** A bigint as Postgres takes it; a filter's time may be any number. */
const whole = (ms: number) => String(BigInt(Math.trunc(Math.min(8.64e15, Math.max(-8.64e15, ms)))));

/** A part from the columns above. */
export function partOf(row: Row): SegmentPart {
  return {
    tenant: row.tenant_id,
    segment: row.segment_id,
    seq: BigInt(row.seq),
    tier: tiers[row.tier as number]!,
    key: row.key,
    events: row.events,
    minTime: Number(row.min_time),
    maxTime: Number(row.max_time),
    minId: row.min_id,
    maxId: row.max_id,
    blocks: decodeBlocks(row.blocks, row.tenant_id),
  };
}
