/** The tenants, as the platform sees them. */
import type { Row, Sql } from 'postgres';
import { platformTenant } from '#core/access/access.ts';
import type { Tenant, TenantRegistry } from '#core/access/ports.ts';
import { isUuid, withTenants } from './connect.ts';
import { orConflict } from './unavailable.ts';

const tenantOf = (row: Row): Tenant => ({ id: row.tenant_id, name: row.name, createdAt: row.created_at });

/** Opens the registry of tenants; what each method promises is in core/access/ports.ts. */
export function createTenantRegistry(sql: Sql, contextKey: Uint8Array): TenantRegistry {
  const asPlatform = <T>(fn: Parameters<typeof withTenants<T>>[4]) =>
    withTenants<T>(sql, contextKey, [platformTenant], new Date(), fn);
  return {
    async create({ id, name, createdAt }) {
      await orConflict(
        'there is a tenant of this id',
        asPlatform(
          async (tx) =>
            tx`insert into access.tenant (tenant_id, name, created_at) values (${id}, ${name}, ${createdAt})`,
        ),
      );
    },
    async get(id) {
      if (!isUuid(id)) return undefined;
      const [row] = await asPlatform(async (tx) => tx`select * from access.tenant where tenant_id = ${id}`);
      return row && tenantOf(row);
    },
    async list(after, limit) {
      const rows = await asPlatform(
        async (tx) => tx`select * from access.tenant where tenant_id > ${after ?? platformTenant}
          order by tenant_id limit ${limit}`,
      );
      return rows.map(tenantOf);
    },
    async rename(id, name) {
      if (!isUuid(id)) return undefined;
      const [row] = await asPlatform(
        async (tx) => tx`update access.tenant set name = ${name} where tenant_id = ${id} returning *`,
      );
      return row && tenantOf(row);
    },
  };
}
