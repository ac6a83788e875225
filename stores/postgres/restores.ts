/** Restores from Deep Archive. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { ladders } from '#core/archive/ladder.ts';
import type { Restore, RestoreFile, RestoreProgress } from '#core/archive/restore.ts';
import type { RestoreNow, Restores } from '#core/archive/restore-ports.ts';
import { type Category, categories } from '#core/event/event.ts';
import { isUuid, withTenants } from './connect.ts';

const coldLadders = ladders.filter(({ coldAfterDays }) => coldAfterDays !== undefined).map(({ name }) => name);

/** Opens the restores; what each method promises is in core/archive/restore-ports.ts. */
export function createRestores(sql: Sql, contextKey: Uint8Array): Restores {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), work);
  return {
    coldFiles: (tenant, { from, to, category }, after, limit) =>
      within(tenant, async (tx) => {
        const rows = await tx`select file_id, key, bytes from archive.file
          where ${inRange(tx, tenant, from, to, category)} ${after === undefined ? tx`` : tx`and file_id > ${after}`}
          order by file_id limit ${limit}`;
        return rows.map(fileOf);
      }),

    open: ({ tenant, id, from, to, category, speed, days, estimate, askedBy, askedAt }) =>
      within(tenant, async (tx) => {
        await tx`insert into archive.restore (tenant_id, id, from_time, to_time, category, speed, days, estimate,
            asked_by, asked_at)
          values (${tenant}, ${id}, ${from}, ${to}, ${numberOf(category)}, ${speed}, ${days},
            ${JSON.stringify(estimate)}::text::json, ${askedBy}, ${askedAt})`;
      }),

    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`${withProgress(tx)} where r.tenant_id = ${tenant} and r.id = ${id}`,
      );
      return row && nowOf(row);
    },

    list: (tenant, before, limit) =>
      within(tenant, async (tx) => {
        const rows = await tx`${withProgress(tx)}
          where r.tenant_id = ${tenant} ${before === undefined ? tx`` : tx`and r.id < ${before}`}
          order by r.id desc limit ${limit}`;
        return rows.map(nowOf);
      }),

    confirm: (tenant, id, by, at) =>
      within(tenant, async (tx) => {
        const [row] = await tx`update archive.restore set state = 'asking', confirmed_by = ${by}, confirmed_at = ${at}
          where tenant_id = ${tenant} and id = ${id} and state = 'estimated' returning ${columns(tx)}`;
        if (!row) return undefined;
        const restore = restoreOf(row);
        await tx`insert into archive.restore_file (tenant_id, restore_id, file_id, key, bytes)
          select tenant_id, ${id}, file_id, key, bytes from archive.file
          where ${inRange(tx, tenant, restore.from, restore.to, restore.category)}`;
        return restore;
      }),

    chosen: (tenant, id, limit) => filesIn(within, tenant, id, 'chosen', limit),
    underWay: (tenant, id, limit) => filesIn(within, tenant, id, 'asked', limit),

    async looked(tenant, id, looks, at) {
      if (looks.length === 0) return;
      const found = looks.map((look) => ({
        file: look.file,
        state: look.state,
        until: (look.state === 'ready' && look.until?.toISOString()) || null,
      }));
      await within(
        tenant,
        async (tx) => tx`update archive.restore_file f set state = l.state, until = l.until, looked_at = ${at}
          from json_to_recordset(${JSON.stringify(found)}::text::json)
            as l (file uuid, state text, until timestamptz)
          where f.tenant_id = ${tenant} and f.restore_id = ${id} and f.file_id = l.file
            and f.state in ('chosen', 'asked')`,
      );
    },

    asked: (tenant, id, at) =>
      within(tenant, async (tx) => {
        const { count } = await tx`update archive.restore r set state = 'asked', ended_at = ${at}
          where tenant_id = ${tenant} and id = ${id} and state = 'asking' and not exists (
            select from archive.restore_file f
            where f.tenant_id = r.tenant_id and f.restore_id = r.id and f.state = 'chosen')`;
        return count === 1;
      }),
  };
}

/** Of archive.file: what has events of the range, and may be in Deep Archive. */
const inRange = (tx: TransactionSql, tenant: string, from: number, to: number, category: Category | undefined) =>
  tx`tenant_id = ${tenant} and max_time >= ${from} and min_time < ${to}
    and ladder = any (string_to_array(${coldLadders.join(',')}::text, ','))
    ${category === undefined ? tx`` : tx`and category = ${numberOf(category)}`}`;

async function filesIn(
  within: <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>) => Promise<T>,
  tenant: string,
  id: string,
  state: 'chosen' | 'asked',
  limit: number,
): Promise<readonly RestoreFile[]> {
  const rows = await within(
    tenant,
    async (tx) => tx`select file_id, key, bytes from archive.restore_file
      where tenant_id = ${tenant} and restore_id = ${id} and state = ${state}
      order by looked_at nulls first, file_id limit ${limit}`,
  );
  return rows.map(fileOf);
}

const numberOf = (category: Category | undefined): number | null =>
  category === undefined ? null : categories.indexOf(category);

const columns = (tx: TransactionSql) =>
  tx`tenant_id, id, state, from_time, to_time, category, speed, days, estimate, asked_by, asked_at, confirmed_by,
    confirmed_at, ended_at`;

const withProgress = (tx: TransactionSql) =>
  tx`select r.*, p.* from archive.restore r cross join lateral (
    select count(*) filter (where f.state = 'chosen') as waiting, count(*) filter (where f.state = 'asked') as under_way,
      count(*) filter (where f.state = 'ready') as ready, sum(f.bytes) filter (where f.state = 'ready') as ready_bytes,
      count(*) filter (where f.state = 'gone') as gone, min(f.until) as until
    from archive.restore_file f where f.tenant_id = r.tenant_id and f.restore_id = r.id) p`;

const nowOf = (row: Row): RestoreNow => ({
  ...restoreOf(row),
  ...(row.state === 'estimated' ? {} : { progress: progressOf(row) }),
});

const progressOf = (row: Row): RestoreProgress => ({
  waiting: Number(row.waiting),
  underWay: Number(row.under_way),
  ready: Number(row.ready),
  readyBytes: Number(row.ready_bytes ?? 0),
  gone: Number(row.gone),
  ...(row.until === null ? {} : { until: row.until }),
});

const fileOf = (row: Row): RestoreFile => ({ id: row.file_id, key: row.key, bytes: Number(row.bytes) });

const restoreOf = (row: Row): Restore => ({
  tenant: row.tenant_id,
  id: row.id,
  state: row.state,
  from: Number(row.from_time),
  to: Number(row.to_time),
  ...(row.category === null ? {} : { category: categories[row.category as number]! }),
  speed: row.speed,
  days: row.days,
  estimate: row.estimate,
  askedBy: row.asked_by,
  askedAt: row.asked_at,
  ...(row.confirmed_at === null ? {} : { confirmed: { by: row.confirmed_by, at: row.confirmed_at } }),
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
});
