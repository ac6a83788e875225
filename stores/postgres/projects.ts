/** The projects and environments of each tenant. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { Environment, Project, ProjectRegistry } from '#core/access/ports.ts';
import { withTenants } from './connect.ts';
import { orConflict } from './unavailable.ts';

const projectOf = (row: Row): Project => ({ id: row.project_id, name: row.name, createdAt: row.created_at });
const environmentOf = (row: Row): Environment => ({
  id: row.environment_id,
  name: row.name,
  createdAt: row.created_at,
});

/** Opens the registry of projects; what each method promises is in core/access/ports.ts. */
export function createProjectRegistry(sql: Sql, contextKey: Uint8Array): ProjectRegistry {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  const find = (tx: TransactionSql, tenant: string, projectId: string) =>
    tx`select * from access.project where tenant_id = ${tenant} and project_id = ${projectId}`;
  return {
    async create(tenant, { id, name, createdAt }) {
      await orConflict(
        'there is a project of this id',
        within(
          tenant,
          async (tx) => tx`insert into access.project (tenant_id, project_id, name, created_at)
            values (${tenant}, ${id}, ${name}, ${createdAt})`,
        ),
      );
    },
    async get(tenant, projectId) {
      const [row] = await within(tenant, async (tx) => find(tx, tenant, projectId));
      return row && projectOf(row);
    },
    async list(tenant, after, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select * from access.project where tenant_id = ${tenant} and project_id > ${after ?? ''}
          order by project_id limit ${limit}`,
      );
      return rows.map(projectOf);
    },
    async createEnvironment(tenant, projectId, { id, name, createdAt }) {
      // Inserting from the project's row makes "no such project" an insert of nothing.
      const made = await orConflict(
        'the project has an environment of this id',
        within(
          tenant,
          async (tx) => tx`insert into access.environment (tenant_id, project_id, environment_id, name, created_at)
            select tenant_id, project_id, ${id}::text, ${name}::text, ${createdAt}::timestamptz from access.project
            where tenant_id = ${tenant} and project_id = ${projectId}`,
        ),
      );
      return made.count === 1;
    },
    async listEnvironments(tenant, projectId, after, limit) {
      const [projects, rows] = await within(tenant, async (tx) =>
        Promise.all([
          find(tx, tenant, projectId),
          tx`select * from access.environment where tenant_id = ${tenant} and project_id = ${projectId}
            and environment_id > ${after ?? ''} order by environment_id limit ${limit}`,
        ]),
      );
      return projects.length === 0 ? undefined : rows.map(environmentOf);
    },
  };
}
