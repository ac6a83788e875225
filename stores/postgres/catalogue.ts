/**
 * The catalogue of segments and archive files, by tenant.
 *
 * A page is one statement, so that one snapshot says what is in segments, what is in files and which version that is.
 */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import type { ArchiveChunk } from '#core/archive/file.ts';
import { decodeLeafPlaces } from '#core/archive/leaf-places.ts';
import { tiers } from '#core/event/event.ts';
import type { Catalogue, PartPosition } from '#core/query/ports.ts';
import { decodeBlocks } from '#core/record/block-codec.ts';
import type { Part, SegmentPart } from '#core/record/segment.ts';
import { isUuid, type Transactions, withTenants } from './connect.ts';
import { hotFloor } from './hot-floor.ts';

/** What an event takes in a segment, about: for saying how much there is to scan. */
const bytesPerEvent = 130;

/** A file covers a month at most, so a chunk that begins by a time ends by so much later: where its index is entered. */
const fileSpanMs = 31 * 86_400_000;

/** Opens the catalogue; what each method promises is in core/query/ports.ts. */
export function createCatalogue(sql: Transactions, contextKey: Uint8Array): Catalogue {
  const read = <T>(tenant: string, query: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), query, 'read only');

  return {
    parts: (tenant, range, before, limit) =>
      read(tenant, async (tx) => {
        const rows = await partsQuery(tx, tenant, range, await compactedSeq(tx, tenant), before, limit + 1);
        const parts = rows.filter((row) => row.place !== null).map(placedPart);
        const page = parts.slice(0, limit);
        return {
          parts: page.map(({ part }) => part),
          next: parts.length > limit ? page.at(-1)!.position : undefined,
          version: String(rows[0]!.version),
          hotFloor: String(rows[0]!.hot_floor),
        };
      }),

    partsWithId: async (tenant, id) =>
      isUuid(id)
        ? read(tenant, async (tx) =>
            (await partsWithIdQuery(tx, tenant, id, await compactedSeq(tx, tenant))).map((row) => placedPart(row).part),
          )
        : [],

    partsAfter: (tenant, after, limit) =>
      read(tenant, async (tx) => {
        // In this order: parts that were released before they were read are told by what is read after them.
        const parts = tx`select ${segmentColumns(tx)} where p.tenant_id = ${tenant} and p.seq > ${String(after)}
            order by p.seq limit ${limit}`.execute();
        const released = tx`select released_seq from archive.progress where tenant_id = ${tenant}`;
        const [rows, [progress]] = await Promise.all([parts, released]);
        return { parts: rows.map(partOf), releasedSeq: BigInt(progress?.released_seq ?? 0) };
      }),

    feedSince: (tenant) =>
      read(tenant, async (tx) => {
        const [row] = await tx`select s.committed_at from record.segment_part p join record.segment s using (segment_id)
          where p.tenant_id = ${tenant} order by p.seq limit 1`;
        return row?.committed_at as Date | undefined;
      }),

    bytesWithin: (tenant, { from, to }) =>
      read(tenant, async (tx) => {
        const [row] = await tx`select coalesce((select sum(bytes) from archive.file
              where tenant_id = ${tenant} and max_time >= ${whole(from)} and min_time <= ${whole(to)}), 0)
            + ${bytesPerEvent}::int * coalesce((select sum(events::bigint) from record.segment_part
              where tenant_id = ${tenant} and tier = 1 and max_time >= ${whole(from)} and min_time <= ${whole(to)}
              and seq > ${await compactedSeq(tx, tenant)}), 0) as bytes`;
        return Number(row!.bytes);
      }),
  };
}

/**
 * Up to where parts are compacted. Asked before the page and handed to it as a number: row-level security keeps a
 * subquery out of index conditions, and a month of compacted parts would be walked over. When it grows between the two
 * statements, a part and the file that has its events may both be listed, which costs a read and loses nothing.
 */
async function compactedSeq(tx: TransactionSql, tenant: string): Promise<string> {
  const [row] = await tx`select compacted_seq from archive.progress where tenant_id = ${tenant}`;
  return String(row?.compacted_seq ?? 0);
}

const segmentColumns = (
  tx: Sql | TransactionSql,
) => tx`p.tenant_id, p.segment_id, p.seq, p.tier, s.key, p.events, p.min_time,
    p.max_time, p.min_id, p.max_id, p.blocks
    from record.segment_part p join record.segment s using (segment_id)`;

/** Both kinds of parts with the same columns: a `place` that orders those of one time, and its number in a file. */
const fromSegments = (
  tx: Sql | TransactionSql,
) => tx`select 's' || lpad(p.seq::text, 20, '0') as place, null::uuid as file_id,
    p.segment_id, p.seq, null::int as number, p.tenant_id, p.tier, s.key, p.events, p.min_time, p.max_time, p.min_id,
    p.max_id, p.blocks
    from record.segment_part p join record.segment s using (segment_id)`;
const fromFiles = (
  tx: Sql | TransactionSql,
) => tx`select 'c' || c.file_id::text || lpad(c.number::text, 10, '0') as place,
    c.file_id, null::uuid as segment_id, null::bigint as seq, c.number, c.tenant_id, c.tier, f.key, c.events, c.min_time,
    c.max_time, c.min_id, c.max_id, c.blocks
    from archive.chunk c join archive.file f using (tenant_id, file_id)`;

/**
 * One page of both kinds, each read along its index until the page is full: (time desc, kind, place), parts of segments
 * first and newest first among themselves, chunks by file and number. Without parts there is one row for the version.
 */
export function partsQuery(
  tx: Sql | TransactionSql,
  tenant: string,
  { from, to }: { readonly from: number; readonly to: number },
  compacted: string,
  before: PartPosition | undefined,
  limit: number,
): PendingQuery<Row[]> {
  const all = tx``;
  const at = before && placeOf(before);
  const time = before && whole(before.maxTime);
  const older =
    at === undefined
      ? all
      : at.seq === undefined
        ? tx`and p.max_time < ${time!}`
        : tx`and (p.max_time, p.seq) < (${time!}, ${at.seq})`;
  const olderChunks =
    at === undefined
      ? all
      : at.file === undefined
        ? tx`and c.max_time <= ${time!}`
        : tx`and c.max_time <= ${time!} and (c.max_time < ${time!} or (c.file_id, c.number) > (${at.file}, ${at.number}))`;
  return tx`select now.version, now.hot_floor, page.* from (
      select coalesce((select version from archive.progress where tenant_id = ${tenant}), 0) as version,
        ${hotFloor(tx)} as hot_floor) now
    left join lateral (
      select * from (
        (${fromSegments(tx)} where p.tenant_id = ${tenant} and p.tier = 1 and p.seq > ${compacted}
          and p.max_time >= ${whole(from)} and p.min_time <= ${whole(to)} ${older}
          order by p.max_time desc, p.seq desc limit ${limit})
        union all
        (${fromFiles(tx)} where c.tenant_id = ${tenant} and (c.tier = 1 or c.min_id < now.hot_floor)
          and c.max_time >= ${whole(from)} and c.min_time <= ${whole(to)} and c.max_time <= ${whole(to + fileSpanMs)}
          ${olderChunks}
          order by c.max_time desc, c.file_id, c.number limit ${limit})
      ) both_kinds order by max_time desc, seq desc nulls last, file_id, number limit ${limit}
    ) page on true`;
}

/** Segments' parts of the bulk tier and chunks of both that may hold an id. */
export function partsWithIdQuery(
  tx: Sql | TransactionSql,
  tenant: string,
  id: string,
  compacted: string,
): PendingQuery<Row[]> {
  return tx`${fromFiles(tx)} where c.tenant_id = ${tenant} and c.max_id >= ${id} and c.min_id <= ${id}
    union all
    ${fromSegments(tx)} where p.tenant_id = ${tenant} and p.tier = 1 and p.max_id >= ${id} and p.min_id <= ${id}
      and p.seq > ${compacted}`;
}

/** A place as the query above orders by it; of a part of a segment, or of a chunk. */
function placeOf({ place }: PartPosition): { readonly seq?: string; readonly file?: string; readonly number: number } {
  return place.startsWith('s')
    ? { seq: String(BigInt(place.slice(1))), number: 0 }
    : { file: place.slice(1, 37), number: Number(place.slice(37)) };
}

/** A bigint as Postgres takes it; a filter's time may be any number. */
const whole = (ms: number) => String(BigInt(Math.trunc(Math.min(8.64e15, Math.max(-8.64e15, ms)))));

/** A part of either kind, and where the list goes on after it. */
export function placedPart(row: Row): {
  readonly part: Part & Partial<Pick<ArchiveChunk, 'number'>>;
  readonly position: PartPosition;
} {
  const position = { maxTime: Number(row.max_time), place: String(row.place) };
  // The leaves of a chunk are for proofs alone.
  return { part: row.file_id === null ? partOf(row) : { ...shared(row), number: row.number }, position };
}

/** A part of a segment from the columns above. */
export const partOf = (row: Row): SegmentPart => ({ ...shared(row), segment: row.segment_id, seq: BigInt(row.seq) });

/** A chunk of an archive file from the columns above. */
export const chunkOf = (row: Row): ArchiveChunk => ({
  ...shared(row),
  file: row.file_id,
  number: row.number,
  leaves: decodeLeafPlaces(row.leaves),
});

const shared = (row: Row): Part => ({
  tenant: row.tenant_id,
  tier: tiers[row.tier as number]!,
  key: row.key,
  events: row.events,
  minTime: Number(row.min_time),
  maxTime: Number(row.max_time),
  minId: row.min_id,
  maxId: row.max_id,
  blocks: decodeBlocks(row.blocks, row.tenant_id),
});
