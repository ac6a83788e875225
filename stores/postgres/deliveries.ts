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
});

/** Marks a subject's deliveries for notices of its erasure, and forgets whose they were. */
export const forgetDeliveries = async (
  tx: TransactionSql,
  tenant: string,
  ref: string,
  request: string,
  at: Date,
): Promise<readonly Row[]> =>
  tx`update privacy.delivery set subject_ref = null, notice_request = ${request}, notice_due_at = ${at}
    where tenant_id = ${tenant} and subject_ref = decode(${ref}, 'hex')
    returning tenant_id, id, recipient, kind, reference, delivered_at`;

/** A delivery whose subject is forgotten. */
export const deliveryOf = (row: Row): Delivery => ({
  id: row.id,
  tenant: row.tenant_id,
  recipient: row.recipient,
  kind: row.kind,
  reference: row.reference,
  deliveredAt: row.delivered_at,
});
