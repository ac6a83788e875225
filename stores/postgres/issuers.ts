/** The issuers of each tenant, as the platform sees them. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { platformTenant } from '#core/access/access.ts';
import type { Issuer } from '#core/access/issuer.ts';
import type { IssuerRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { isUuid, withTenants } from './connect.ts';
import { orConflict } from './unavailable.ts';

const conflict = 'the tenant has this issuer or one of the same subject prefix, or it is another tenant’s own';

/** Opens the registry of issuers; what each method promises is in core/access/ports.ts. */
export function createIssuerRegistry(sql: Sql, contextKey: Uint8Array): IssuerRegistry {
  const asPlatform = <T>(fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants<T>(sql, contextKey, [platformTenant], new Date(), fn);
  const columns = (tx: TransactionSql) => tx`tenant_id, issuer_id, issuer, name, to_json(audience) as audience,
    tenant_claim, subject_prefix, always_mfa, created_at`;
  return {
    async create({ id, tenant, issuer, name, audience, tenantClaim, subjectPrefix, alwaysMfa, createdAt }) {
      await orConflict(
        conflict,
        asPlatform(async (tx) => {
          // Who registers the same issuer waits here, so that it is never shared under two claims, nor shared and owned.
          await tx`select pg_advisory_xact_lock(hashtextextended('issuer ' || ${issuer}, 0))`;
          const others = await tx`select 1 from access.issuer
            where issuer = ${issuer} and (tenant_claim is null or tenant_claim is distinct from ${tenantClaim ?? null})
            limit 1`;
          if (others.length > 0) throw new Problem('conflict', `Nothing was made: ${conflict}.`);
          await tx`insert into access.issuer (tenant_id, issuer_id, issuer, name, audience, tenant_claim,
              subject_prefix, always_mfa, created_at)
            values (${tenant}, ${id}, ${issuer}, ${name},
              array(select json_array_elements_text(${JSON.stringify(audience)}::text::json)),
              ${tenantClaim ?? null}, ${subjectPrefix}, ${alwaysMfa}, ${createdAt})`;
        }),
      );
    },
    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await asPlatform(
        async (tx) => tx`select ${columns(tx)} from access.issuer where tenant_id = ${tenant} and issuer_id = ${id}`,
      );
      return row && issuerOf(row);
    },
    async list(tenant, after, limit) {
      const rows = await asPlatform(
        async (tx) => tx`select ${columns(tx)} from access.issuer
          where tenant_id = ${tenant} and issuer_id > ${after ?? platformTenant} order by issuer_id limit ${limit}`,
      );
      return rows.map(issuerOf);
    },
    async remove(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await asPlatform(
        async (tx) => tx`delete from access.issuer where tenant_id = ${tenant} and issuer_id = ${id}
          returning ${columns(tx)}`,
      );
      return row && issuerOf(row);
    },
    async allOf(issuer) {
      const rows = await asPlatform(
        async (tx) => tx`select ${columns(tx)} from access.issuer where issuer = ${issuer} order by tenant_id`,
      );
      return rows.map(issuerOf);
    },
  };
}

const issuerOf = (row: Row): Issuer => ({
  id: row.issuer_id,
  tenant: row.tenant_id,
  issuer: row.issuer,
  name: row.name,
  audience: row.audience,
  ...(row.tenant_claim === null ? {} : { tenantClaim: row.tenant_claim }),
  subjectPrefix: row.subject_prefix,
  alwaysMfa: row.always_mfa,
  createdAt: row.created_at,
});
