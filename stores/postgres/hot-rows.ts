/** Months of record.event, as ageing compares them with the archive and drops them. It logs in as trailkeep_purger. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { HotMonth, HotRows } from '#core/archive/age-ports.ts';
import { chunkOf } from './catalogue.ts';
import { clustersOf } from './clusters.ts';
import { asked, withTenants } from './connect.ts';
import { asUnavailable } from './unavailable.ts';

/** Counting a month of a hundred million rows in its primary key takes minutes. */
const dropMsMax = 600_000;
/** Tokens that are looked at with one statement. */
const tokensAtOnce = 5_000;

/** Opens the months of a cluster, one of those behind `sql`; what each method promises is in core/archive/age-ports.ts. */
export function createHotRows(sql: Sql, contextKey: Uint8Array, cluster = sql): HotRows {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>, mode?: 'read only') =>
    withTenants(sql, contextKey, [tenant], new Date(), fn, mode);
  return {
    async own(tenants) {
      const groups = await clustersOf(sql).together(tenants);
      return groups.filter((one) => one.sql === cluster).flatMap((one) => one.tenants);
    },

    async months(until) {
      const day = until.toISOString().slice(0, 10);
      const rows = await asked(cluster`select to_char(m, 'YYYY-MM-DD') as month,
          (select floor from archive.hot_floor) as floor from archive.hot_months(${day}::text::date) as m`);
      return rows.map((row) => hotMonth(row.month, String(row.floor)));
    },

    async count(tenant, { from, past }) {
      const [row] = await within(
        tenant,
        async (tx) => tx`select count(*) as events from record.event
          where tenant_id = ${tenant} and id >= ${from} and id < ${past}`,
        'read only',
      );
      return Number(row!.events);
    },

    async rows(tenant, { from, past }, after, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select id, body as line from record.event
          where tenant_id = ${tenant} and id < ${past} and ${after === undefined ? tx`id >= ${from}` : tx`id > ${after}`}
          order by id limit ${limit}`,
        'read only',
      );
      return rows.map(({ id, line }) => ({ id, line }));
    },

    async chunks(tenant, { from, upTo }, after, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select c.*, f.key from archive.chunk c join archive.file f using (tenant_id, file_id)
          where c.tenant_id = ${tenant} and c.tier = 0 and c.max_id >= ${from} and c.min_id <= ${upTo}
            ${after ? tx`and (c.file_id, c.number) > (${after.file}::uuid, ${after.number}::int)` : tx``}
          order by c.file_id, c.number limit ${limit}`,
        'read only',
      );
      return rows.map(chunkOf);
    },

    async aged(tenant, { month }) {
      const [row] = await within(
        tenant,
        async (tx) => tx`select events, encode(lines_sum, 'hex') as lines_sum, verified_at from archive.aged
          where tenant_id = ${tenant} and month = ${month}::text::date`,
        'read only',
      );
      return row && { events: Number(row.events), linesSum: row.lines_sum, verifiedAt: row.verified_at };
    },

    async keepAged(tenant, { month }, { events, linesSum, verifiedAt }) {
      await within(
        tenant,
        async (tx) => tx`insert into archive.aged (tenant_id, month, events, lines_sum, verified_at)
          values (${tenant}, ${month}::text::date, ${events}, decode(${linesSum}, 'hex'), ${verifiedAt})
          on conflict (tenant_id, month) do update set events = excluded.events, lines_sum = excluded.lines_sum,
            verified_at = excluded.verified_at`,
      );
    },

    async drop({ month }, verified, now) {
      try {
        const [row] = await cluster.begin(async (tx) => {
          await tx`select set_config('statement_timeout', ${String(dropMsMax)}, true)`;
          return tx`select archive.drop_month(${month}::text::date, ${JSON.stringify(verified)}::text::json,
            ${now}::timestamptz) as events`;
        });
        return row!.events === null ? 'changed' : Number(row!.events);
      } catch (error) {
        // Lock not available, or a deadlock with a writer into the month: the writer tries again, and so do we.
        if (['55P03', '40P01'].includes((error as { code?: string }).code ?? '')) return 'busy';
        throw asUnavailable(error);
      }
    },

    async dropped() {
      const rows = await asked(cluster`select distinct to_char(month, 'YYYY-MM-DD') as month from archive.dropped_month
        where tokens_gone_at is null order by 1`);
      return rows.map((row) => hotMonth(row.month, lastId));
    },

    async forgetTokens(tenant, { from, past }) {
      let gone = 0;
      for (let at: Row | undefined; ; ) {
        const [row] = await within(
          tenant,
          async (tx) => tx`with page as (
              select token, occurred_at, event_id from record.event_token
              where tenant_id = ${tenant} ${
                at
                  ? tx`and (token, occurred_at, event_id)
                      > (${at.token}, ${at.occurred_at}::text::timestamptz, ${at.event_id}::uuid)`
                  : tx``
              }
              order by token, occurred_at, event_id limit ${tokensAtOnce}
            ), deleted as (
              delete from record.event_token t using page p
              where t.tenant_id = ${tenant} and t.token = p.token and t.occurred_at = p.occurred_at
                and t.event_id = p.event_id and p.event_id >= ${from} and p.event_id < ${past}
                and not exists (select from record.event e where e.tenant_id = ${tenant} and e.id = p.event_id)
              returning 1
            )
            select token, occurred_at::text as occurred_at, event_id, (select count(*) from deleted) as deleted,
              (select count(*) from page) as looked
            from page order by token desc, page.occurred_at desc, event_id desc limit 1`,
        );
        if (!row) return gone;
        gone += Number(row.deleted);
        if (Number(row.looked) < tokensAtOnce) return gone;
        at = row;
      }
    },

    async tokensGone({ month }, now) {
      await asked(cluster`update archive.dropped_month set tokens_gone_at = ${now}
        where month = ${month}::text::date and tokens_gone_at is null`);
    },
  };
}

const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** A month by its first day, beside the floor. */
function hotMonth(month: string, floor: string): HotMonth {
  const first = new Date(`${month}T00:00:00.000Z`);
  const next = Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1);
  const past = smallest(next);
  return { month, from: smallest(first.getTime()), past, isLate: past <= floor };
}

/** The smallest uuid of a millisecond, as record.month_floor makes it. */
function smallest(ms: number): string {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}
