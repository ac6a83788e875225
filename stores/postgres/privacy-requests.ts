/** Requests of data subjects. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { PrivacyRequest } from '#core/privacy/request.ts';
import type { PrivacyRequests } from '#core/privacy/request-ports.ts';
import { searchEach } from './clusters.ts';
import { isUuid, withTenants } from './connect.ts';
import { forgetDeliveries } from './deliveries.ts';

/** Opens the requests; what each method promises is in core/privacy/request-ports.ts. */
export function createPrivacyRequests(sql: Sql, contextKey: Uint8Array): PrivacyRequests {
  const within = <T>(tenants: readonly string[], fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, tenants, new Date(), fn);
  return {
    async open(request) {
      await within(
        [request.tenant],
        async (tx) => tx`insert into privacy.request (tenant_id, id, version, type, state, subject_ref, subject_box,
            contact_box, opened_by, opened_at, due_at, document)
          values (${request.tenant}, ${request.id}, ${request.version}, ${request.type}, ${request.state},
            decode(${request.subjectRef ?? null}::text, 'hex'), ${request.subjectBox}, ${request.contactBox ?? null},
            ${request.openedBy}, ${request.openedAt}, ${request.dueAt}, ${JSON.stringify(request.notes)}::text::json)`,
      );
    },

    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        [tenant],
        async (tx) => tx`select ${columns(tx)} from privacy.request where tenant_id = ${tenant} and id = ${id}`,
      );
      return row && requestOf(row);
    },

    async list(tenant, after, limit, state) {
      const rows = await within(
        [tenant],
        async (tx) => tx`select ${columns(tx)} from privacy.request where tenant_id = ${tenant}
          ${after === undefined ? tx`` : tx`and id > ${after}`} ${state === undefined ? tx`` : tx`and state = ${state}`}
          order by id limit ${limit}`,
      );
      return rows.map(requestOf);
    },

    async unfinished(tenants, after, limit) {
      if (tenants.length === 0) return [];
      const rows = await searchEach<Row>(sql, tenants, (some) =>
        within(
          some,
          async (tx) => tx`select ${columns(tx)} from privacy.request where ended_at is null
            ${after === undefined ? tx`` : tx`and id > ${after}`} order by id limit ${limit}`,
        ),
      );
      // Of several clusters each has sent a page of its own.
      const inOrder = rows.map(requestOf).sort((a, b) => (a.id < b.id ? -1 : 1));
      return inOrder.slice(0, limit);
    },

    async put(request, erased) {
      return within([request.tenant], async (tx) => {
        const { verified, approved, extended } = request;
        const { count } = await tx`update privacy.request set version = ${request.version}, state = ${request.state},
            subject_ref = decode(${request.subjectRef ?? null}::text, 'hex'), due_at = ${request.dueAt},
            identity_verified_by = ${verified?.by ?? null}, identity_verified_at = ${verified?.at ?? null},
            identity_method = ${verified?.method ?? null}, approved_by = ${approved?.by ?? null},
            approved_at = ${approved?.at ?? null}, extended_at = ${extended?.at ?? null},
            extension_reason = ${extended?.reason ?? null}, fence_until = ${request.fenceUntil ?? null},
            ended_at = ${request.endedAt ?? null}, document = ${JSON.stringify(request.notes)}::text::json
          where tenant_id = ${request.tenant} and id = ${request.id} and version = ${request.version - 1}`;
        if (count === 0) return false;
        if (erased === undefined) return true;
        await forgetElsewhere(tx, request.tenant, erased);
        await forgetDeliveries(tx, request.tenant, erased, request);
        return true;
      });
    },
  };
}

/** Rows that still said which requests and holds were about one person. */
async function forgetElsewhere(tx: TransactionSql, tenant: string, ref: string): Promise<void> {
  await tx`update privacy.request set subject_ref = null
    where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex') and ended_at is not null`;
  await tx`update privacy.legal_hold set subject_refs = array_remove(subject_refs, decode(${ref}, 'hex'))
    where tenant_id = ${tenant} and released_at is not null and decode(${ref}, 'hex') = any (subject_refs)`;
}

const columns = (tx: TransactionSql) => tx`tenant_id, id, version, type, state, encode(subject_ref, 'hex') as ref,
  subject_box, contact_box, opened_by, opened_at, due_at, identity_verified_by, identity_verified_at, identity_method,
  approved_by, approved_at, extended_at, extension_reason, fence_until, ended_at, document`;

function requestOf(row: Row): PrivacyRequest {
  return {
    tenant: row.tenant_id,
    id: row.id,
    version: row.version,
    type: row.type,
    state: row.state,
    subjectBox: row.subject_box,
    openedBy: row.opened_by,
    openedAt: row.opened_at,
    dueAt: row.due_at,
    notes: row.document,
    ...(row.ref === null ? {} : { subjectRef: row.ref }),
    ...(row.contact_box === null ? {} : { contactBox: row.contact_box }),
    ...(row.identity_verified_by === null
      ? {}
      : { verified: { by: row.identity_verified_by, at: row.identity_verified_at, method: row.identity_method } }),
    ...(row.approved_by === null ? {} : { approved: { by: row.approved_by, at: row.approved_at } }),
    ...(row.extended_at === null ? {} : { extended: { at: row.extended_at, reason: row.extension_reason } }),
    ...(row.fence_until === null ? {} : { fenceUntil: row.fence_until }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  };
}
