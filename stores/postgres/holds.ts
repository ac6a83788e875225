/** Legal holds, and the lock that makes a hold and a shred meet in one order. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { HoldScope, Holds, LegalHold } from '#core/privacy/request-ports.ts';
import { isUuid, withTenants } from './connect.ts';

/**
 * Waits for whoever places a hold or destroys keys of this tenant, until the end of the transaction. What is asked
 * after it sees all that was committed before it.
 */
export const lockHolds = (tx: TransactionSql, tenant: string) =>
  tx`select pg_advisory_xact_lock(hashtextextended(${`privacy holds of ${tenant}`}, 0))`;

/** Id of a hold that covers a subject, if any; to be asked under `lockHolds` by whoever destroys. */
export async function coveringHold(tx: TransactionSql, tenant: string, ref: string): Promise<string | undefined> {
  const [row] = await tx`select id from privacy.legal_hold
    where tenant_id = ${tenant} and released_at is null
      and (scope <> 'subjects' or decode(${ref}, 'hex') = any (subject_refs))
    order by id limit 1`;
  return row?.id as string | undefined;
}

/** Opens the holds; what each method promises is in core/privacy/request-ports.ts. */
export function createHolds(sql: Sql, contextKey: Uint8Array): Holds {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  return {
    async place(hold) {
      const { scope } = hold;
      const refs = scope.kind === 'subjects' ? scope.refs.join(' ') : null;
      const subjects = scope.kind === 'subjects' ? JSON.stringify(scope.boxes) : null;
      const filter = scope.kind === 'filter' ? JSON.stringify(scope.filter) : null;
      await within(hold.tenant, async (tx) => {
        await lockHolds(tx, hold.tenant);
        await tx`insert into privacy.legal_hold
            (tenant_id, id, matter, custodian, scope, subject_refs, subjects, filter, placed_by, placed_at)
          values (${hold.tenant}, ${hold.id}, ${hold.matter}, ${hold.custodian}, ${scope.kind},
            (select array_agg(decode(ref, 'hex')) from unnest(string_to_array(${refs}::text, ' ')) as one (ref)),
            ${subjects}::text::json, ${filter}::text::json, ${hold.placedBy}, ${hold.placedAt})`;
      });
    },
    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`select ${columns(tx)} from privacy.legal_hold where tenant_id = ${tenant} and id = ${id}`,
      );
      return row && holdOf(row);
    },
    async list(tenant, after, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select ${columns(tx)} from privacy.legal_hold
          where tenant_id = ${tenant} ${after === undefined ? tx`` : tx`and id > ${after}`} order by id limit ${limit}`,
      );
      return rows.map(holdOf);
    },
    async askRelease(tenant, id, by, at) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`update privacy.legal_hold set release_asked_by = ${by}, release_asked_at = ${at}
          where tenant_id = ${tenant} and id = ${id} and released_at is null and release_asked_by is null
          returning ${columns(tx)}`,
      );
      return row && holdOf(row);
    },
    async release(tenant, id, by, at) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`update privacy.legal_hold set released_by = ${by}, released_at = ${at}
          where tenant_id = ${tenant} and id = ${id} and released_at is null and release_asked_by <> ${by}
          returning ${columns(tx)}`,
      );
      return row && holdOf(row);
    },
    covering: (tenant, ref) => within(tenant, (tx) => coveringHold(tx, tenant, ref)),
  };
}

const columns = (tx: TransactionSql) => tx`tenant_id, id, matter, custodian, scope, subjects, filter, placed_by,
  placed_at, release_asked_by, release_asked_at, released_by, released_at,
  (select string_agg(encode(ref, 'hex'), ' ') from unnest(subject_refs) as one (ref)) as refs`;

function holdOf(row: Row): LegalHold {
  return {
    tenant: row.tenant_id,
    id: row.id,
    matter: row.matter,
    custodian: row.custodian,
    scope: scopeOf(row),
    placedBy: row.placed_by,
    placedAt: row.placed_at,
    ...(row.release_asked_by === null ? {} : { releaseAsked: { by: row.release_asked_by, at: row.release_asked_at } }),
    ...(row.released_by === null ? {} : { released: { by: row.released_by, at: row.released_at } }),
  };
}

function scopeOf(row: Row): HoldScope {
  if (row.scope === 'all') return { kind: 'all' };
  if (row.scope === 'filter') return { kind: 'filter', filter: row.filter };
  return { kind: 'subjects', refs: (row.refs ?? '').split(' ').filter(Boolean), boxes: row.subjects ?? [] };
}
