/** Policies of retention, and what a tenant sees of the ages of its files. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { RetentionPolicy } from '#core/archive/retention.ts';
import type {
  Ages,
  Ends,
  PurgeRecord,
  RetentionLedger,
  RetentionPolicies,
  RetentionVersion,
} from '#core/archive/retention-ports.ts';
import { categories } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { type HeldRange, heldRange } from '#core/privacy/held-range.ts';
import type { HoldScope } from '#core/privacy/request-ports.ts';
import { withTenants } from './connect.ts';

/** Opens the policies; what each method promises is in core/archive/retention-ports.ts. */
export function createRetentionPolicies(sql: Sql, contextKey: Uint8Array): RetentionPolicies {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  return {
    async current(tenant) {
      const rows = await within(
        tenant,
        async (tx) => tx`select * from archive.retention_policy where tenant_id = ${tenant} and version >= (
            select coalesce(max(version), 0) from archive.retention_policy
            where tenant_id = ${tenant} and approved_at is not null)
          order by version desc`,
      );
      const versions = rows.map(versionOf);
      const approved = versions.find((one) => one.approved);
      const newest = versions[0];
      return { ...(approved ? { approved } : {}), ...(newest && !newest.approved ? { waiting: newest } : {}) };
    },

    async propose(tenant, newest, { policy, proposedBy, proposedAt }) {
      const [row] = await within(
        tenant,
        async (tx) => tx`insert into archive.retention_policy (tenant_id, version, document, proposed_by, proposed_at)
          select ${tenant}::uuid, ${newest}::int + 1, ${JSON.stringify(policy)}::text::json, ${proposedBy}::text,
            ${proposedAt}::timestamptz
          where not exists (select from archive.retention_policy where tenant_id = ${tenant} and version > ${newest})
          on conflict do nothing returning *`,
      );
      if (!row) throw new Problem('conflict', 'Somebody else proposed a policy meanwhile. Read it and propose again.');
      return versionOf(row);
    },

    async approve(tenant, version, by, at) {
      const [row] = await within(
        tenant,
        async (tx) => tx`update archive.retention_policy set approved_by = ${by}, approved_at = ${at}
          where tenant_id = ${tenant} and version = ${version} and approved_at is null and proposed_by <> ${by}
            and version = (select max(version) from archive.retention_policy where tenant_id = ${tenant})
          returning *`,
      );
      return row && versionOf(row);
    },
  };
}

/** Opens what a tenant sees of its files' ages; what each method promises is in core/archive/retention-ports.ts. */
export function createRetentionLedger(sql: Sql, contextKey: Uint8Array): RetentionLedger {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  return {
    ages: (tenant, ends) => within(tenant, (tx) => agesOf(tx, tenant, ends)),

    async purges(tenant, before, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select * from archive.purge where tenant_id = ${tenant} and policy_version > 0
          ${before === undefined ? tx`` : tx`and id < ${before}`} order by id desc limit ${limit}`,
      );
      return rows.map(purgeRecordOf);
    },
  };
}

/** Times that holds keep, as SQL takes them. To be asked under `lockHolds` by whoever deletes. */
export async function heldRanges(tx: TransactionSql, tenant: string): Promise<readonly HeldRange[]> {
  const rows = await tx`select scope, filter from privacy.legal_hold
    where tenant_id = ${tenant} and released_at is null order by id`;
  return rows.map(({ scope, filter }) =>
    heldRange((scope === 'filter' ? { kind: 'filter', filter } : { kind: scope }) as Pick<HoldScope, 'kind'>),
  );
}

/** Ends and held times as one row set each, to be joined with files `f`. */
export const endsParameter = (ends: Ends): string =>
  JSON.stringify(
    Object.entries(ends).map(([category, before]) => ({ category: categories.indexOf(category as never), before })),
  );
export const heldParameter = (held: readonly HeldRange[]): string => JSON.stringify(held);

/** Whether a hold keeps file `f`, whose held times are the JSON parameter. */
export const isHeld = (tx: TransactionSql, held: string) =>
  tx`exists (select from json_to_recordset(${held}::text::json) as h ("from" bigint, "to" bigint)
    where f.min_time < h."to" and f.max_time >= h."from")`;

export async function agesOf(tx: TransactionSql, tenant: string, ends: Ends): Promise<readonly Ages[]> {
  const held = heldParameter(await heldRanges(tx, tenant));
  const rows = await tx`select category, count(*) as files, min(max_time) as oldest,
      count(*) filter (where past and not held) as overdue, count(*) filter (where past and held) as held,
      min(max_time) filter (where past and not held) as oldest_overdue
    from (
      select f.category, f.max_time, coalesce(f.max_time < e.before, false) as past, ${isHeld(tx, held)} as held
      from archive.file f
      left join json_to_recordset(${endsParameter(ends)}::text::json) as e (category smallint, before bigint)
        using (category)
      where f.tenant_id = ${tenant}
    ) one group by category order by category`;
  return rows.map((row) => ({
    category: categories[row.category as number]!,
    files: Number(row.files),
    oldest: Number(row.oldest),
    overdue: Number(row.overdue),
    held: Number(row.held),
    ...(row.oldest_overdue === null ? {} : { oldestOverdue: Number(row.oldest_overdue) }),
  }));
}

export const versionOf = (row: Row): RetentionVersion => ({
  version: row.version,
  policy: row.document as RetentionPolicy,
  proposedBy: row.proposed_by,
  proposedAt: row.proposed_at,
  ...(row.approved_at === null ? {} : { approved: { by: row.approved_by, at: row.approved_at } }),
});

const purgeRecordOf = (row: Row): PurgeRecord => ({
  id: row.id,
  policyVersion: row.policy_version,
  approvedBy: row.approved_by,
  files: row.files,
  events: Number(row.events),
  bytes: Number(row.bytes),
  newest: Number(row.newest),
  leaves: row.leaves,
  startedAt: row.started_at,
  endedAt: row.ended_at,
});
