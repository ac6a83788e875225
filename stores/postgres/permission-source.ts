/** What a user may do, as Postgres has it: the source of the permission cache. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { type Holding, resolveGrants } from '#core/access/resolve-roles.ts';
import { roleTemplates, withTemplates } from '#core/access/role-templates.ts';
import type { PermissionSource, PermissionVersion } from '#core/access/roles.ts';
import { withTenants } from './connect.ts';
import { isLive, roleOf } from './roles.ts';

/** Opens the source; what each method promises is in core/access/roles.ts. */
export function createPermissionSource(sql: Sql, contextKey: Uint8Array): PermissionSource {
  const reading = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn, 'read only');
  const versionOf = (tx: TransactionSql, tenant: string, principal: string) =>
    tx`coalesce((select version from access.permission_version
        where tenant_id = ${tenant} and principal = ${principal}), 0)::text`;
  const allRoles = (tx: TransactionSql, tenant: string) =>
    tx`(select coalesce(json_agg(json_build_object('role_id', role_id, 'document', document)), '[]')
        from access.role where tenant_id = ${tenant})`;

  return {
    async load(tenant, user, module) {
      // One statement sees one snapshot: the versions are those of the rows beside them.
      const [row] = await reading(
        tenant,
        async (tx) => tx`select ${versionOf(tx, tenant, '*')} as of_tenant, ${versionOf(tx, tenant, user)} as of_user,
          (select coalesce(json_agg(json_build_object('role', role_id, 'module', module,
              'until', floor(extract(epoch from expires_at) * 1000))), '[]')
            from access.assignment where tenant_id = ${tenant} and user_id = ${user} and ${isLive(tx)}) as holdings,
          ${allRoles(tx, tenant)} as roles`,
      );
      const holdings = (row!.holdings as Row[]).map(holdingOf);
      const roles = withTemplates((row!.roles as Row[]).map(roleOf));
      return {
        tenantId: tenant,
        user,
        module,
        version: versionsOf(row!),
        grants: resolveGrants(holdings, roles, module),
      };
    },
    async versions(tenant, user) {
      const [row] = await reading(
        tenant,
        async (tx) => tx`select ${versionOf(tx, tenant, '*')} as of_tenant, ${versionOf(tx, tenant, user)} as of_user`,
      );
      return versionsOf(row!);
    },
    async usersOf(tenant, module, after, limit) {
      const rows = await reading(
        tenant,
        async (tx) => tx`select distinct user_id from access.assignment
          where tenant_id = ${tenant} and user_id > ${after ?? ''} and (module is null or module = ${module})
            and ${isLive(tx)}
          order by user_id limit ${limit}`,
      );
      return rows.map((row) => String(row.user_id));
    },
    async roles(tenant) {
      const [row] = await reading(
        tenant,
        async (tx) => tx`select ${versionOf(tx, tenant, '*')} as of_tenant, ${allRoles(tx, tenant)} as roles`,
      );
      const own = (row!.roles as Row[]).map(roleOf);
      return { version: BigInt(row!.of_tenant), roles: [...roleTemplates.values(), ...own] };
    },
  };
}

const versionsOf = (row: Row): PermissionVersion => ({ tenant: BigInt(row.of_tenant), user: BigInt(row.of_user) });

const holdingOf = ({ role, module, until }: Row): Holding => ({
  role,
  ...(module === null ? {} : { module }),
  ...(until === null ? {} : { until }),
});
