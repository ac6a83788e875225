/** Purges: files past their end leave the catalogue. It logs in as trailkeep_purger. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { decodeLeafPlaces } from '#core/archive/leaf-places.ts';
import type { Purges } from '#core/archive/purge-ports.ts';
import type { ExpiredFile } from '#core/archive/retention-ports.ts';
import { categories, ownProducer, tiers } from '#core/event/event.ts';
import { isHeldBy } from '#core/privacy/held-range.ts';
import { purgeAction } from '#core/proof/purge.ts';
import { searchEach } from './clusters.ts';
import { withTenants } from './connect.ts';
import { lockHolds } from './holds.ts';
import { agesOf, endsParameter, heldParameter, heldRanges, isHeld, versionOf } from './retention.ts';

/** Rows that one statement deletes. */
const rowsAtOnce = 5_000;
/** A file's rows are a million at most. */
const purgeMsMax = 120_000;
/** The transaction is undone: what it was to delete is not as it was. */
class Undone extends Error {
  readonly outcome: 'held' | 'changed';
  constructor(outcome: 'held' | 'changed') {
    super(outcome);
    this.outcome = outcome;
  }
}

/** Opens the purges; what each method promises is in core/archive/purge-ports.ts. */
export function createPurges(sql: Sql, contextKey: Uint8Array): Purges {
  const read = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn, 'read only');
  return {
    async approved(tenants) {
      if (tenants.length === 0) return new Map();
      const rows = await searchEach<Row>(sql, tenants, (some) =>
        withTenants(
          sql,
          contextKey,
          some,
          new Date(),
          async (tx) => tx`select distinct on (tenant_id) * from archive.retention_policy
            where approved_at is not null order by tenant_id, version desc`,
          'read only',
        ),
      );
      return new Map(rows.map((row) => [String(row.tenant_id), versionOf(row)]));
    },

    async noteTold(tenants) {
      if (tenants.length === 0) return;
      // Whoever sends an event of this action has another producer.
      await searchEach<Row>(sql, tenants, (some) =>
        withTenants(
          sql,
          contextKey,
          some,
          new Date(),
          async (
            tx,
          ) => tx`insert into archive.purge (tenant_id, id, policy_version, approved_by, files, events, bytes, newest,
            leaves, started_at, ended_at)
          select e.tenant_id, e.id, coalesce(substring(told ->> 'policy' from '^retention:([0-9]{1,9})$')::int, 0),
            coalesce(told ->> 'approved_by', 'trailkeep'), coalesce((told ->> 'files')::int, 0),
            coalesce((told ->> 'events')::bigint, 0), 0, 0, told -> 'leaves', e.occurred_at, e.occurred_at
          from record.event e, lateral (select e.body::json as event) b,
            lateral (select event -> 'metadata' as told, event ->> 'operation_id' as purge) m
          where e.tenant_id = any (${idsOf(tx, some)}) and e.action = ${purgeAction}
            and event -> 'producer' ->> 'key' = ${ownProducer}
            and not exists (select from archive.purge p
              where p.tenant_id = e.tenant_id and (p.id = e.id or p.id::text = purge))
          on conflict do nothing`,
        ),
      );
    },

    expired: (tenant, ends, after, limit) =>
      read(tenant, async (tx) => {
        const held = heldParameter(await heldRanges(tx, tenant));
        const rows = await tx`select f.file_id, f.key, f.tier, f.category, f.events, f.bytes, f.min_time, f.max_time,
            f.min_id, f.max_id
          from archive.file f
          join json_to_recordset(${endsParameter(ends)}::text::json) as e (category smallint, before bigint)
            on e.category = f.category and f.max_time < e.before
          where f.tenant_id = ${tenant} and not ${isHeld(tx, held)}
            ${after ? tx`and (f.max_time, f.file_id) > (${after.maxTime}::bigint, ${after.id}::uuid)` : tx``}
          order by f.max_time, f.file_id limit ${limit}`;
        return rows.map(
          (row): ExpiredFile => ({
            id: row.file_id,
            key: row.key,
            tier: tiers[row.tier as number]!,
            category: categories[row.category as number]!,
            events: row.events,
            bytes: Number(row.bytes),
            minTime: Number(row.min_time),
            maxTime: Number(row.max_time),
            minId: row.min_id,
            maxId: row.max_id,
          }),
        );
      }),

    async leaves(tenant, file) {
      const rows = await read(
        tenant,
        async (tx) => tx`select leaves from archive.chunk where tenant_id = ${tenant} and file_id = ${file}`,
      );
      return rows.flatMap((row) =>
        decodeLeafPlaces(row.leaves)
          .flat()
          .filter((leaf) => leaf !== undefined),
      );
    },

    async hasRows(tenant, { minId, maxId }) {
      const [row] = await read(
        tenant,
        async (tx) => tx`select exists (select from record.event
          where tenant_id = ${tenant} and id between ${minId} and ${maxId}) as found`,
      );
      return row!.found as boolean;
    },

    async tellable(tenant, from, to) {
      const rows = await read(
        tenant,
        async (tx) => tx`select id, leaves from archive.purge where tenant_id = ${tenant} and told_again_by is null
          and started_at between ${new Date(from)} and ${new Date(to)} order by id`,
      );
      return rows.map(({ id, leaves }) => ({ id, leaves }));
    },

    async purge(tenant, { files, rows, record, toldAgain }, after, tell) {
      try {
        await withTenants(
          sql,
          contextKey,
          [tenant],
          new Date(),
          async (tx) => {
            await lockHolds(tx, tenant);
            const held = await heldRanges(tx, tenant);
            if (files.some((file) => held.some((one) => isHeldBy(one, file.minTime, file.maxTime)))) {
              throw new Undone('held');
            }
            const [policy] = await tx`select max(version) as version from archive.retention_policy
              where tenant_id = ${tenant} and approved_at is not null`;
            if (policy!.version !== record.policyVersion) throw new Undone('changed');
            const gone = await tx`delete from archive.file
              where tenant_id = ${tenant} and file_id = any (${idsOf(
                tx,
                files.map(({ id }) => id),
              )})`;
            if (gone.count !== files.length) throw new Undone('changed');
            for (let at = 0; at < rows.length; at += rowsAtOnce) {
              await tx`delete from record.event
                where tenant_id = ${tenant} and id = any (${idsOf(tx, rows.slice(at, at + rowsAtOnce))})`;
            }
            await tx`insert into archive.doomed (tenant_id, file_id, key, after)
              select ${tenant}::uuid, id, key, ${after}::timestamptz
              from json_to_recordset(${JSON.stringify(files)}::text::json) as w (id uuid, key text)`;
            await tx`insert into archive.purge (tenant_id, id, policy_version, approved_by, files, events, bytes, newest,
                leaves, started_at, ended_at)
              values (${tenant}, ${record.id}, ${record.policyVersion}, ${record.approvedBy}, ${record.files},
                ${record.events}, ${record.bytes}, ${record.newest}, ${JSON.stringify(record.leaves)}::text::json,
                ${record.startedAt}, clock_timestamp())`;
            if (toldAgain.length > 0) {
              await tx`update archive.purge set told_again_by = ${record.id}
                where tenant_id = ${tenant} and id = any (${idsOf(tx, toldAgain)})`;
            }
            await tell();
          },
          'read write',
          purgeMsMax,
        );
        return 'purged';
      } catch (error) {
        if (error instanceof Undone) return error.outcome;
        throw error;
      }
    },

    ages: (tenant, ends) => read(tenant, (tx) => agesOf(tx, tenant, ends)),
  };
}

const idsOf = (tx: TransactionSql, ids: readonly string[]) => tx`string_to_array(${ids.join(',')}::text, ',')::uuid[]`;
