/** Who was given a copy of a subject's data. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { Deliveries, Delivery } from '#core/privacy/request-ports.ts';
import { withTenants } from './connect.ts';

/** Opens the deliveries; what each method promises is in core/privacy/request-ports.ts. */
export const createDeliveries = (sql: Sql, contextKey: Uint8Array): Deliveries => ({
  async note(deliveries) {
    if (deliveries.length === 0) return;
    const tenants = [...new Set(deliveries.map(({ tenant }) => tenant))];
    const rows = deliveries.map((one) => ({ ...one, ref: one.subjectRef ?? null, at: one.deliveredAt.toISOString() }));
    await withTenants(
      sql,
      contextKey,
      tenants,
      new Date(),
      async (tx) => tx`insert into privacy.delivery
          (tenant_id, id, subject_ref, recipient, kind, reference, delivered_at)
        select w.tenant, w.id, decode(w.ref, 'hex'), w.recipient, w.kind, w.reference, w.at
        from json_to_recordset(${JSON.stringify(rows)}::text::json) as w
          (tenant uuid, id uuid, ref text, recipient text, kind text, reference text, at timestamptz)
        on conflict do nothing`,
    );
  },
  async of(tenant, ref) {
    const rows = await withTenants(
      sql,
      contextKey,
      [tenant],
      new Date(),
      async (tx) => tx`select tenant_id, id, encode(subject_ref, 'hex') as ref, recipient, kind, reference, delivered_at
        from privacy.delivery where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex') order by id`,
      'read only',
    );
    return rows.map(deliveryOf);
  },
});

/** Marks a subject's deliveries for notices of its erasure, and forgets whose they were. */
export const forgetDeliveries = async (
  tx: TransactionSql,
  tenant: string,
  ref: string,
  { id, endedAt }: { readonly id: string; readonly endedAt?: Date },
): Promise<unknown> =>
  tx`update privacy.delivery set subject_ref = null, notice_request = ${id}, notice_due_at = ${endedAt ?? new Date()}
    where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex')`;

const deliveryOf = (row: Row): Delivery => ({
  id: row.id,
  tenant: row.tenant_id,
  subjectRef: row.ref,
  recipient: row.recipient,
  kind: row.kind,
  reference: row.reference,
  deliveredAt: row.delivered_at,
});
