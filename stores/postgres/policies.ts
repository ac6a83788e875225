/** What each tenant decides for itself: one document with a version. */
import type { Sql } from 'postgres';
import type { PolicyRegistry, TenantSettings } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { withTenants } from './connect.ts';

const untouched: TenantSettings = { catalogue: [], tiers: {}, schemaMode: 'refuse', schemas: [] };

/** Opens the registry of policies; what each method promises is in core/access/ports.ts. */
export function createPolicyRegistry(sql: Sql, contextKey: Uint8Array): PolicyRegistry {
  return {
    async get(tenant) {
      const [row] = await withTenants(
        sql,
        contextKey,
        [tenant],
        new Date(),
        async (tx) => tx`select p.version, p.document, (
            select r.document from archive.retention_policy r where r.tenant_id = ${tenant} and r.approved_at is not null
            order by r.version desc limit 1) as retention
          from (select) one left join access.tenant_policy p on p.tenant_id = ${tenant}`,
        'read only',
      );
      return {
        version: row?.version ?? 0,
        settings: row?.document ?? untouched,
        ...(row?.retention ? { retention: row.retention } : {}),
      };
    },
    async purposes(tenant) {
      // The list alone: the document holds all schemas, and this is asked for with every reading for a purpose.
      const [row] = await withTenants(
        sql,
        contextKey,
        [tenant],
        new Date(),
        async (tx) => tx`select purposes from access.tenant_policy where tenant_id = ${tenant}`,
        'read only',
      );
      return (row?.purposes as readonly string[] | null | undefined) ?? undefined;
    },
    async put(tenant, settings, version) {
      const document = JSON.stringify(settings);
      const purposes = settings.purposes ? [...settings.purposes] : null;
      // Both branches change nothing when somebody was faster.
      const [row] = await withTenants(sql, contextKey, [tenant], new Date(), async (tx) =>
        version === 0
          ? tx`insert into access.tenant_policy (tenant_id, version, document, purposes)
              values (${tenant}, 1, ${document}::text::json, ${purposes}) on conflict do nothing returning version`
          : tx`update access.tenant_policy set version = version + 1, document = ${document}::text::json,
                purposes = ${purposes}
              where tenant_id = ${tenant} and version = ${version} returning version`,
      );
      if (!row) throw new Problem('conflict', 'the policy was changed meanwhile');
      return row.version as number;
    },
  };
}
