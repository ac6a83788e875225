/** Sources, and prices of licences. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { LoadedSlice, Prices, QuarantinedRow, Sources } from '#core/costs/load-ports.ts';
import type { Source } from '#core/costs/source.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid, type Transactions, withTenants } from './connect.ts';
import { orConflict } from './unavailable.ts';

/** Opens the sources; what each method promises is in core/costs/load-ports.ts. */
export function createSources(sql: Transactions | Sql, contextKey: Uint8Array): Sources {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql as Transactions, contextKey, [tenant], new Date(), work);
  return {
    async create({ tenant, id, kind, name, settings, createdBy, createdAt }) {
      await orConflict(
        'Another source has this name.',
        within(
          tenant,
          async (
            tx,
          ) => tx`insert into costs.source (tenant_id, id, kind, name, settings, created_by, created_at, changed_at)
            values (${tenant}, ${id}, ${kind}, ${name}, ${JSON.stringify(settings)}::text::json, ${createdBy}, ${createdAt},
              ${createdAt})`,
        ),
      );
    },

    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`select * from costs.source where tenant_id = ${tenant} and id = ${id} and deleted_at is null`,
      );
      return row && sourceOf(row);
    },

    async list(tenant, after, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select * from costs.source where tenant_id = ${tenant} and deleted_at is null
          ${after !== undefined && isUuid(after) ? tx`and id > ${after}` : tx``} order by id limit ${limit}`,
      );
      return rows.map(sourceOf);
    },

    async change(tenant, id, settings, at) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`update costs.source set settings = ${JSON.stringify(settings)}::text::json, changed_at = ${at}
          where tenant_id = ${tenant} and id = ${id} and deleted_at is null returning *`,
      );
      return row && sourceOf(row);
    },

    async remove(tenant, id, at) {
      if (!isUuid(id)) return false;
      const { count } = await within(
        tenant,
        async (tx) => tx`update costs.source set deleted_at = ${at}, changed_at = ${at}
          where tenant_id = ${tenant} and id = ${id} and deleted_at is null`,
      );
      return count === 1;
    },

    async watermarks(tenant, source) {
      if (!isUuid(source)) return [];
      const rows = await within(
        tenant,
        async (tx) => tx`select stream, position, moved_at from costs.watermark
          where tenant_id = ${tenant} and source_id = ${source} order by stream`,
      );
      return rows.map((row) => ({ stream: row.stream, position: row.position, movedAt: row.moved_at }));
    },

    async loads(tenant, source, before, limit) {
      if (!isUuid(source)) return [];
      const rows = await within(
        tenant,
        async (
          tx,
        ) => tx`select id, run_id, stream, slice, from_day::text as from_day, to_day::text as to_day, rows_read,
            rows_written, rows_rejected, loaded_at
          from costs.load where tenant_id = ${tenant} and source_id = ${source} and replaced_by is null
            ${before === undefined ? tx`` : tx`and id < ${before}`} order by id desc limit ${limit}`,
      );
      return rows.map(loadOf);
    },

    async quarantine(tenant, source, { before, limit, all }) {
      if (!isUuid(source)) return [];
      const rows = await within(
        tenant,
        async (tx) => tx`select * from costs.quarantine where tenant_id = ${tenant} and source_id = ${source}
          ${before === undefined ? tx`` : tx`and id < ${before}`} ${all ? tx`` : tx`and resolved_at is null`}
          order by id desc limit ${limit}`,
      );
      return rows.map(rejectedOf);
    },
  };
}

/** Opens the prices. */
export function createPrices(sql: Transactions | Sql, contextKey: Uint8Array): Prices {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql as Transactions, contextKey, [tenant], new Date(), work);
  return {
    async list(tenant) {
      const rows = await within(
        tenant,
        async (tx) => tx`select package, from_day::text as from_day, currency, amount::text as amount, set_by, set_at
          from costs.price where tenant_id = ${tenant} order by package, from_day`,
      );
      return rows.map((row) => ({
        ...{ package: row.package, fromDay: row.from_day, currency: row.currency, amount: row.amount },
        ...{ setBy: row.set_by, setAt: row.set_at },
      }));
    },

    async set(tenant, { package: name, fromDay, currency, amount, setBy, setAt }) {
      await within(tenant, async (tx) => {
        const { count } =
          await tx`insert into costs.price (tenant_id, package, from_day, currency, amount, set_by, set_at)
          values (${tenant}, ${name}, ${fromDay}, ${currency}, ${amount}, ${setBy}, ${setAt}) on conflict do nothing`;
        if (count === 1) return;
        const same = await tx`select from costs.price where tenant_id = ${tenant} and package = ${name}
          and from_day = ${fromDay} and currency = ${currency} and amount = ${amount}`;
        if (same.length === 0) throw new Problem('conflict', 'The package has another price from that day on.');
      });
    },
  };
}

const sourceOf = (row: Row): Source => ({
  tenant: row.tenant_id,
  id: row.id,
  kind: row.kind,
  name: row.name,
  settings: row.settings,
  createdBy: row.created_by,
  createdAt: row.created_at,
  changedAt: row.changed_at,
});

const loadOf = (row: Row): LoadedSlice => ({
  ...{ load: row.id, run: row.run_id, stream: row.stream, slice: row.slice, fromDay: row.from_day, toDay: row.to_day },
  rows: { read: Number(row.rows_read), written: Number(row.rows_written), rejected: Number(row.rows_rejected) },
  loadedAt: row.loaded_at,
});

const rejectedOf = (row: Row): QuarantinedRow => ({
  ...{ id: String(row.id), run: row.run_id, stream: row.stream, slice: row.slice, place: row.place, code: row.code },
  ...{ reason: row.reason, row: row.row, seenAt: row.seen_at },
  ...(row.resolved_at === null ? {} : { resolvedAt: row.resolved_at }),
});
