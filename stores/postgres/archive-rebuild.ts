/** What a rebuild does to the catalogue of archive files, as the archiver. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { DoomedFile } from '#core/archive/compact-ports.ts';
import { decodeLeafPlaces } from '#core/archive/leaf-places.ts';
import type { KnownFile, RebuildLedger } from '#core/archive/rebuild-ports.ts';
import { categories, tiers } from '#core/event/event.ts';
import { decodeBlocks } from '#core/record/block-codec.ts';
import { insertFiles } from './archive.ts';
import { partOf } from './catalogue.ts';
import { withTenants } from './connect.ts';

/** Opens the catalogue for a rebuild; what each method promises is in core/archive/rebuild-ports.ts. */
export function createRebuildLedger(sql: Sql, contextKey: Uint8Array): RebuildLedger {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>, mode?: 'read only') =>
    withTenants(sql, contextKey, [tenant], new Date(), work, mode);

  return {
    state: (tenant) =>
      within(
        tenant,
        async (tx) => {
          const [row] = await tx`select
            (select leaves from record.tenant_counter where tenant_id = ${tenant}) as leaves,
            coalesce((select compacted_seq from archive.progress where tenant_id = ${tenant}), 0) as compacted_seq`;
          return {
            leaves: row!.leaves === null ? undefined : Number(row!.leaves),
            compactedSeq: BigInt(row!.compacted_seq),
          };
        },
        'read only',
      ),

    async parts(tenant, after, limit) {
      const rows = await within(
        tenant,
        (tx) => tx`select p.tenant_id, p.segment_id, p.seq, p.tier, s.key, p.events, p.min_time, p.max_time, p.min_id,
            p.max_id, p.blocks, p.first_leaf
          from record.segment_part p join record.segment s using (segment_id)
          where p.tenant_id = ${tenant} and p.seq > ${String(after)} order by p.seq limit ${limit}`,
        'read only',
      );
      return rows.map((row) => ({
        ...partOf(row),
        firstLeaf: row.first_leaf === null ? undefined : Number(row.first_leaf),
      }));
    },

    async files(tenant, below, limit) {
      const rows = await within(
        tenant,
        (tx) => tx`select f.file_id as id, f.key, f.tier, c.leaves, case when f.tier = 0 then c.blocks end as blocks
          from (select * from archive.file where tenant_id = ${tenant}
              ${below === undefined ? tx`` : tx`and file_id < ${below}`} order by file_id desc limit ${limit}) f
          join archive.chunk c using (tenant_id, file_id) order by f.file_id desc, c.number`,
        'read only',
      );
      const byId = new Map<string, Row[]>();
      for (const row of rows) byId.set(row.id, [...(byId.get(row.id) ?? []), row]);
      return [...byId].map(
        ([id, own]): KnownFile => ({
          id,
          key: own[0]!.key,
          tier: tiers[own[0]!.tier as number]!,
          leaves: own.flatMap(({ leaves }) => decodeLeafPlaces(leaves).flat()),
          blocks: own.flatMap(({ blocks }) => (blocks === null ? [] : decodeBlocks(blocks, tenant))),
        }),
      );
    },

    async doomed(tenant) {
      const rows = await within(
        tenant,
        (tx) => tx`select file_id from archive.doomed where tenant_id = ${tenant}`,
        'read only',
      );
      return new Set(rows.map((row) => String(row.file_id)));
    },

    apply: (tenant, { from, add = [], remove = [], doom = [], after, compacted }) =>
      within(tenant, async (tx) => {
        await tx`insert into archive.progress (tenant_id) values (${tenant}) on conflict do nothing`;
        const [now] = await tx`select compacted_seq from archive.progress where tenant_id = ${tenant} for update`;
        if (BigInt(now!.compacted_seq) !== from) return false;
        if (remove.length > 0) {
          await tx`delete from archive.file where tenant_id = ${tenant} and file_id = any (${idsOf(tx, remove)})`;
        }
        const there = await tx`select file_id from archive.file where tenant_id = ${tenant}
          and file_id = any (${idsOf(
            tx,
            add.map(({ file }) => file),
          )})`;
        const known = new Set(there.map((row) => String(row.file_id)));
        const fresh = add.filter(({ file }) => !known.has(file.id));
        if (fresh.length > 0) await insertFiles(tx, fresh);
        await doomFiles(tx, tenant, [...remove, ...doom], after);
        if (compacted !== undefined && compacted !== from) {
          await tx`update archive.progress set compacted_seq = ${String(compacted)} where tenant_id = ${tenant}`;
        }
        return true;
      }),

    async totals(tenant) {
      const rows = await within(
        tenant,
        (tx) => tx`select category, count(*)::int as files, sum(events)::text as events from archive.file
          where tenant_id = ${tenant} group by category order by category`,
        'read only',
      );
      return rows.map((row) => ({
        category: categories[row.category as number]!,
        files: row.files as number,
        events: Number(row.events),
      }));
    },
  };
}

const idsOf = (tx: TransactionSql, files: readonly { readonly id: string }[]) =>
  tx`string_to_array(${files.map(({ id }) => id).join(',')}::text, ',')::uuid[]`;

/** Two rebuilds at once doom the same names. */
const doomFiles = (tx: TransactionSql, tenant: string, files: readonly DoomedFile[], after: Date) =>
  tx`insert into archive.doomed (tenant_id, file_id, key, after)
    select ${tenant}::uuid, id, key, ${after}::timestamptz
    from json_to_recordset(${JSON.stringify(files)}::text::json) as w (id uuid, key text)
    on conflict do nothing`;
