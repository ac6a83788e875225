/** The catalogue of archive files, as compaction writes it and as others list it. */
import type { Row, Sql, TransactionSql } from 'postgres';
import {
  type ArchiveLedger,
  type CataloguedFile,
  type CompactablePart,
  commitMsMax,
  type DoomedFile,
} from '#core/archive/compact-ports.ts';
import type { ArchiveFile, Span } from '#core/archive/file.ts';
import { encodeLeafPlaces, leafBounds } from '#core/archive/leaf-places.ts';
import type { ArchiveFileCatalogue } from '#core/archive/ports.ts';
import { categories, tiers } from '#core/event/event.ts';
import { encodeBlocks } from '#core/record/block-codec.ts';
import { oldSegments, waiting } from './archive-due.ts';
import { chunkOf, partOf } from './catalogue.ts';
import { askAll } from './clusters.ts';
import { asked, withTenants } from './connect.ts';

/** The transaction is undone: what it was to change is not as it was. */
class Stale extends Error {}

/** Opens the files for whoever lists them; what each method promises is in core/archive/ports.ts. */
export function createArchiveFiles(sql: Sql, contextKey: Uint8Array): ArchiveFileCatalogue {
  const read = (tenant: string, query: (tx: TransactionSql) => PromiseLike<readonly Row[]>) =>
    withTenants(sql, contextKey, [tenant], new Date(), async (tx) => query(tx), 'read only');
  return {
    async files(tenant, { maxTimeBefore, from, to }, after, limit) {
      const rows = await read(
        tenant,
        (tx) => tx`select ${fileColumns(tx)} from archive.file where tenant_id = ${tenant}
          ${maxTimeBefore === undefined ? tx`` : tx`and max_time < ${maxTimeBefore}`}
          ${from === undefined ? tx`` : tx`and max_time >= ${from}`} ${to === undefined ? tx`` : tx`and min_time <= ${to}`}
          ${after ? tx`and (day, file_id) > (${after.day}::text::date, ${after.id})` : tx``}
          order by day, file_id limit ${limit}`,
      );
      return rows.map(fileOf);
    },

    async chunks(tenant, file) {
      const rows = await read(
        tenant,
        (tx) => tx`select c.*, f.key from archive.chunk c join archive.file f using (tenant_id, file_id)
          where c.tenant_id = ${tenant} and c.file_id = ${file} order by c.number`,
      );
      return rows.map(chunkOf);
    },
  };
}

/** Opens the ledger for compaction; what each method promises is in core/archive/compact-ports.ts. */
export function createArchiveLedger(sql: Sql, contextKey: Uint8Array): ArchiveLedger {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  /** False when the transaction found that somebody else was there. */
  const swap = async (tenant: string, fn: (tx: TransactionSql) => Promise<void>): Promise<boolean> => {
    try {
      await within(tenant, fn);
      return true;
    } catch (error) {
      if (error instanceof Stale) return false;
      throw error;
    }
  };

  return {
    waiting: (tenants, at) => waiting(sql, contextKey, tenants, at),
    oldSegments: (before, after, limit) => oldSegments(sql, contextKey, before, after, limit),

    async progress(tenant) {
      const [row] = await within(
        tenant,
        async (tx) => tx`select compacted_seq, released_seq from archive.progress where tenant_id = ${tenant}`,
      );
      return { compactedSeq: BigInt(row?.compacted_seq ?? 0), releasedSeq: BigInt(row?.released_seq ?? 0) };
    },

    async parts(tenant, after, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select p.*, s.key from record.segment_part p join record.segment s using (segment_id)
          where p.tenant_id = ${tenant} and p.seq > ${String(after)} and not ${isFrozen(tx, tenant)}
          order by p.seq limit ${limit}`,
      );
      return rows.map((row): CompactablePart => {
        return { ...partOf(row), firstLeaf: row.first_leaf === null ? undefined : Number(row.first_leaf) };
      });
    },

    async doom(tenant, files, after) {
      if (files.length > 0) await within(tenant, (tx) => insertDoomed(tx, tenant, files, after));
    },

    flip: (tenant, { from, parts, files, now }) =>
      swap(tenant, async (tx) => {
        const to = parts.at(-1)!.seq;
        const moved = await tx`insert into archive.progress as p (tenant_id, compacted_seq)
          select ${tenant}::uuid, ${String(to)}::bigint
          where ${String(from)}::bigint = 0 or exists (select from archive.progress where tenant_id = ${tenant})
          on conflict (tenant_id) do update set compacted_seq = excluded.compacted_seq
            where p.compacted_seq = ${String(from)}`;
        if (moved.count !== 1) throw new Stale();
        // Recovery may have put parts into another order meanwhile, with other leaves.
        const [found] = await tx`select count(*) as parts, sum(events) as events, sum(first_leaf) as leaves,
            ${isFrozen(tx, tenant)} as is_frozen
          from record.segment_part where tenant_id = ${tenant} and seq > ${String(from)} and seq <= ${String(to)}`;
        const events = parts.reduce((sum, part) => sum + part.events, 0);
        const leaves = parts.reduce((sum, part) => sum + BigInt(part.firstLeaf ?? 0), 0n);
        if (Number(found!.parts) !== parts.length || Number(found!.events) !== events) throw new Stale();
        if (BigInt(found!.leaves ?? 0) !== leaves || found!.is_frozen) throw new Stale();
        await takeOver(tx, tenant, files, now);
      }),

    async chunkBounds(tenant, { tier, category, from, to }) {
      const rows = await within(
        tenant,
        async (tx) => tx`select c.file_id, c.number, c.min_time, c.max_time
          from archive.chunk c join archive.file f using (tenant_id, file_id)
          where c.tenant_id = ${tenant} and f.tier = ${tiers.indexOf(tier)} and f.category = ${categories.indexOf(category)}
            and f.max_time >= ${from} and f.min_time <= ${to} and c.max_time >= ${from} and c.min_time <= ${to}
          order by c.min_time, c.file_id, c.number`,
      );
      return rows.map((row) => ({
        file: row.file_id,
        number: row.number,
        minTime: Number(row.min_time),
        maxTime: Number(row.max_time),
      }));
    },

    async chunk(tenant, file, number) {
      const [row] = await within(
        tenant,
        async (tx) => tx`select c.*, f.key from archive.chunk c join archive.file f using (tenant_id, file_id)
          where c.tenant_id = ${tenant} and c.file_id = ${file} and c.number = ${number}`,
      );
      return row && chunkOf(row);
    },

    async smallFiles(tenant, bytes, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select ${fileColumns(tx)} from archive.file where tenant_id = ${tenant} and bytes < ${bytes}
          order by tier, category, span, day, file_id limit ${limit}`,
      );
      return rows.map(fileOf);
    },

    replace: (tenant, { files, replaced, now, after }) =>
      swap(tenant, async (tx) => {
        const gone =
          await tx`delete from archive.file where tenant_id = ${tenant} and file_id = any (${idsOf(tx, replaced)})`;
        if (gone.count !== replaced.length) throw new Stale();
        await takeOver(tx, tenant, files, now);
        await insertDoomed(tx, tenant, replaced, after);
      }),

    async doomed(tenant, now, limit) {
      const rows = await within(
        tenant,
        async (
          tx,
        ) => tx`select d.file_id, d.key from archive.doomed d where d.tenant_id = ${tenant} and d.after <= ${now}
          and not exists (select from archive.file f where f.tenant_id = ${tenant} and f.file_id = d.file_id)
          order by d.after limit ${limit}`,
      );
      return rows.map((row) => ({ id: row.file_id, key: row.key }));
    },

    async forget(tenant, files) {
      if (files.length === 0) return;
      await within(
        tenant,
        async (tx) =>
          tx`delete from archive.doomed where tenant_id = ${tenant} and file_id = any (${idsOf(tx, files)})`,
      );
    },

    release: (tenant, before, limit) =>
      within(tenant, async (tx) => {
        // In the order of commits and without a gap: a poller that comes too late is told so by one number.
        const [row] = await tx`with oldest as (
            select p.seq, p.seq <= g.compacted_seq and s.committed_at < ${before}
              and not exists (select from proof.outbox o where o.tenant_id = ${tenant} and o.first_leaf <= p.first_leaf) as done
            from record.segment_part p join record.segment s using (segment_id)
            join archive.progress g on g.tenant_id = p.tenant_id
            where p.tenant_id = ${tenant} order by p.seq limit ${limit}
          )
          select max(seq) as upto from oldest
          where seq < coalesce((select min(seq) from oldest where not done), 9223372036854775807)`;
        if (row!.upto === null) return 0;
        const moved = await tx`update archive.progress set released_seq = ${row!.upto}
          where tenant_id = ${tenant} and released_seq < ${row!.upto}`;
        if (moved.count !== 1) return 0;
        const gone = await tx`delete from record.segment_part where tenant_id = ${tenant} and seq <= ${row!.upto}`;
        return gone.count;
      }),

    async forgetSegment(id) {
      await askAll(sql, (cluster) => asked(cluster`delete from record.segment where segment_id = ${id}`));
    },
  };
}

/** Whether a recovery is to come, which may give the newest parts other numbers and leaves. */
const isFrozen = (tx: TransactionSql, tenant: string) =>
  tx`exists (select from proof.log l where l.tenant_id = ${tenant} and l.state = 'frozen')`;

/** Puts files into the catalogue. Each must still be doomed, with time left: whoever deletes objects looks at the same rows. */
async function takeOver(
  tx: TransactionSql,
  tenant: string,
  files: readonly CataloguedFile[],
  now: Date,
): Promise<void> {
  if (files.length === 0) return;
  const saved =
    await tx`delete from archive.doomed where tenant_id = ${tenant} and after > ${new Date(now.getTime() + commitMsMax)}
    and file_id = any (${idsOf(
      tx,
      files.map(({ file }) => file),
    )})`;
  if (saved.count !== files.length) throw new Stale();
  await insertFiles(tx, files);
}

/** Rows of files and their chunks, in the catalogue from this transaction on. */
export async function insertFiles(tx: TransactionSql, files: readonly CataloguedFile[]): Promise<void> {
  const rows = files.map(({ file }) => ({
    ...file,
    tier: tiers.indexOf(file.tier),
    category: categories.indexOf(file.category),
    writtenAt: file.writtenAt.toISOString(),
  }));
  await tx`insert into archive.file (tenant_id, file_id, key, tier, category, span, day, events, bytes, raw_bytes, sha256,
      lines_sum, min_time, max_time, min_id, max_id, min_leaf, max_leaf, ladder, written_at)
    select tenant, id, key, tier, category, span, day, events, bytes, "rawBytes", decode(sha256, 'hex'),
      decode("linesSum", 'hex'), "minTime", "maxTime", "minId", "maxId", "minLeaf", "maxLeaf", ladder, "writtenAt"
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as f (tenant uuid, id uuid, key text, tier smallint,
      category smallint, span text, day date, events int, bytes bigint, "rawBytes" bigint, sha256 text, "linesSum" text,
      "minTime" bigint, "maxTime" bigint, "minId" uuid, "maxId" uuid, "minLeaf" bigint, "maxLeaf" bigint, ladder text,
      "writtenAt" timestamptz)`;
  for (const { chunks } of files) {
    for (let at = 0; at < chunks.length; at += chunksPerInsert) {
      const some = chunks.slice(at, at + chunksPerInsert).map(({ blocks, leaves, ...chunk }) => ({
        ...chunk,
        tier: tiers.indexOf(chunk.tier),
        blocks: Buffer.from(encodeBlocks(blocks)).toString('base64'),
        leaves: Buffer.from(encodeLeafPlaces(leaves)).toString('base64'),
        ...leafBounds(leaves.flat()),
      }));
      await tx`insert into archive.chunk (tenant_id, file_id, number, tier, events, min_time, max_time, min_id, max_id,
          min_leaf, max_leaf, blocks, leaves)
        select tenant, file, number, tier, events, "minTime", "maxTime", "minId", "maxId", "minLeaf", "maxLeaf",
          decode(blocks, 'base64'), decode(leaves, 'base64')
        from json_to_recordset(${JSON.stringify(some)}::text::json) as c (tenant uuid, file uuid, number int,
          tier smallint, events int, "minTime" bigint, "maxTime" bigint, "minId" uuid, "maxId" uuid, "minLeaf" bigint,
          "maxLeaf" bigint, blocks text, leaves text)`;
    }
  }
}

/** A chunk's row is about 60 KB: 4 MB a statement. */
const chunksPerInsert = 64;

const insertDoomed = (tx: TransactionSql, tenant: string, files: readonly DoomedFile[], after: Date) =>
  tx`insert into archive.doomed (tenant_id, file_id, key, after)
    select ${tenant}::uuid, id, key, ${after}::timestamptz
    from json_to_recordset(${JSON.stringify(files)}::text::json) as w (id uuid, key text)`;

const idsOf = (tx: TransactionSql, files: readonly Pick<DoomedFile, 'id'>[]) =>
  tx`string_to_array(${files.map(({ id }) => id).join(',')}::text, ',')::uuid[]`;

/** The columns that `fileOf` reads. */
export const fileColumns = (
  tx: Sql | TransactionSql,
) => tx`tenant_id, file_id, key, tier, category, span, day::text as day,
  events, bytes, raw_bytes, encode(sha256, 'hex') as sha256, encode(lines_sum, 'hex') as lines_sum, min_time, max_time,
  min_id, max_id, min_leaf, max_leaf, ladder, written_at`;

/** A file from the columns above. */
export const fileOf = (row: Row): ArchiveFile => ({
  id: row.file_id,
  tenant: row.tenant_id,
  tier: tiers[row.tier as number]!,
  category: categories[row.category as number]!,
  span: row.span as Span,
  day: row.day,
  key: row.key,
  events: row.events,
  bytes: Number(row.bytes),
  rawBytes: Number(row.raw_bytes),
  sha256: row.sha256,
  linesSum: row.lines_sum,
  ladder: row.ladder,
  writtenAt: row.written_at,
  minTime: Number(row.min_time),
  maxTime: Number(row.max_time),
  minId: row.min_id,
  maxId: row.max_id,
  ...(row.min_leaf === null ? {} : { minLeaf: Number(row.min_leaf), maxLeaf: Number(row.max_leaf) }),
});
