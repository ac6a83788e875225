/** Leaves as their readers look for them: from an event to its leaf, and along the log. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { tiers } from '#core/event/event.ts';
import type { LogState } from '#core/proof/ports.ts';
import type { LeafCatalogue, LeafChunk, LeafPart, LeafStatus } from '#core/proof/read-ports.ts';
import type { Part } from '#core/record/segment.ts';
import { chunkOf, partOf } from './catalogue.ts';
import { isUuid, withTenants } from './connect.ts';

/** Opens the leaves; what each method promises is in core/proof/read-ports.ts. */
export function createLeafCatalogue(sql: Sql, contextKey: Uint8Array): LeafCatalogue {
  const read = <T>(tenant: string, query: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), query, 'read only');
  const columns = (tx: TransactionSql) => tx`p.tenant_id, p.segment_id, p.seq, p.tier, s.key, p.events, p.min_time,
    p.max_time, p.min_id, p.max_id, p.blocks, p.first_leaf, s.committed_at
    from record.segment_part p join record.segment s using (segment_id) where`;

  const slugs = new Map<string, string>();

  return {
    async slug(tenant) {
      const known = slugs.get(tenant);
      if (known !== undefined) return known;
      const [row] = await read(tenant, async (tx) => tx`select slug from proof.log where tenant_id = ${tenant}`);
      if (row) slugs.set(tenant, row.slug);
      return row?.slug as string | undefined;
    },

    status: (tenant) =>
      read(tenant, async (tx) => {
        // Sent at once, answered in turn: one round trip, and one snapshot is not needed for sizes that only grow.
        const [[log], [counter], waiting] = await Promise.all([
          tx`select slug, origin, state, frozen_reason, size, archived_size, published_size, created_at
            from proof.log where tenant_id = ${tenant}`,
          tx`select leaves from record.tenant_counter where tenant_id = ${tenant}`,
          tx`select tier, min(committed_at) as oldest from proof.outbox o where tenant_id = ${tenant}
              and first_leaf + events > coalesce((select published_size from proof.log l where l.tenant_id = o.tenant_id), 0)
            group by tier`,
        ]);
        return statusOf(log, Number(counter?.leaves ?? 0), waiting);
      }),

    partsWithId: async (tenant, id) =>
      isUuid(id)
        ? read(tenant, async (tx) => {
            // Chunks first: what is compacted after that is still found in its parts.
            const archived = leafChunks(tx, tx`c.tenant_id = ${tenant} and c.max_id >= ${id} and c.min_id <= ${id}`);
            const [chunks, parts] = await Promise.all([
              tx`${archived} order by c.tier, c.max_id, c.file_id, c.number`.execute(),
              tx`select ${columns(tx)} p.tenant_id = ${tenant} and p.max_id >= ${id} and p.min_id <= ${id}
                order by p.tier, p.max_id, p.seq`,
            ]);
            return [...chunks.map(leafChunkOf), ...parts.map(leafPartOf)].sort(byTier);
          })
        : [],

    partsFrom: (tenant, leaf, limit) =>
      read(tenant, async (tx) =>
        (
          await tx`select ${columns(tx)} p.tenant_id = ${tenant} and p.first_leaf >= coalesce((
              select max(q.first_leaf) from record.segment_part q
              where q.tenant_id = ${tenant} and q.first_leaf <= ${leaf}), 0)
            order by p.first_leaf limit ${limit}`
        ).map(leafPartOf),
      ),

    chunksOf: (tenant, { from, to }, after, limit) =>
      read(tenant, async (tx) => {
        const behind = after ? tx`and (c.file_id, c.number) > (${after.file}, ${after.number})` : tx``;
        const rows = await tx`${leafChunks(
          tx,
          tx`c.tenant_id = ${tenant} and c.max_leaf >= ${from} and c.min_leaf < ${to} ${behind}`,
        )} order by c.file_id, c.number limit ${limit}`;
        return rows.map(leafChunkOf);
      }),

    signedSizes: (tenant, { first, last, size }) =>
      read(tenant, async (tx) => {
        const signed = tx`select size from proof.checkpoint
          where tenant_id = ${tenant} and signed_at is not null and size <= ${size}`;
        const [before, within, after] = await Promise.all([
          tx`${signed} and size <= ${first} and size > 0 order by size desc limit 1`,
          tx`select size from (${signed} and size > ${first} and size < ${last}) as within (size)
            order by hashint8extended(size, 0) limit ${betweenMax}`,
          tx`${signed} and size >= ${last} order by size limit 1`,
        ]);
        return [...new Set([...before, ...within, ...after].map((row) => Number(row.size)))].sort((a, b) => a - b);
      }),
  };
}

/** Checkpoints between the first and the last of a run that an export carries: each is three or four small files. */
const betweenMax = 30;

/** Chunks with what proofs need of them. */
export const leafChunks = (tx: TransactionSql, where: PendingQuery<Row[]>) => tx`select c.*, f.key, f.written_at
  from archive.chunk c join archive.file f using (tenant_id, file_id) where ${where}`;

export const leafChunkOf = (row: Row): LeafChunk => ({ ...chunkOf(row), committedAt: row.written_at });

/** Critical ones first; the order is kept otherwise. */
const byTier = (a: Pick<Part, 'tier'>, b: Pick<Part, 'tier'>): number => tiers.indexOf(a.tier) - tiers.indexOf(b.tier);

const leafPartOf = (row: Row): LeafPart => ({
  ...partOf(row),
  firstLeaf: row.first_leaf === null ? undefined : Number(row.first_leaf),
  committedAt: row.committed_at,
});

function statusOf(log: Row | undefined, leaves: number, waiting: readonly Row[]): LeafStatus {
  const oldest = (tier: number): Date | undefined => waiting.find((row) => row.tier === tier)?.oldest;
  const [critical, bulk] = [oldest(0), oldest(1)];
  return {
    leaves,
    ...(critical === undefined ? {} : { oldestCritical: critical }),
    ...(bulk === undefined ? {} : { oldestBulk: bulk }),
    ...(log === undefined
      ? {}
      : {
          log: {
            slug: log.slug,
            origin: log.origin,
            state: log.state as LogState,
            ...(log.frozen_reason === null ? {} : { frozenReason: log.frozen_reason }),
            publishedSize: Number(log.published_size),
            archivedSize: Number(log.archived_size),
            integratedSize: Number(log.size),
            createdAt: log.created_at,
          },
        }),
  };
}
