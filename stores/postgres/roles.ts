/** What each tenant grants: roles, assignments, and the permissions its applications know. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { reachedRoles, roleFault } from '#core/access/resolve-roles.ts';
import { roleTemplates, withTemplates } from '#core/access/role-templates.ts';
import type { Assignment, Permission, Role, RoleRegistry } from '#core/access/roles.ts';
import { Problem, problemOf } from '#core/event/problem.ts';
import { isUuid, withTenants } from './connect.ts';

/** Every check of the tenant's users may load them all. */
const rolesMax = 500;
const roleBytesMax = 16 * 1024;
const rolesBytesMax = 1024 * 1024;
/** Live ones of one user. */
const assignmentsMax = 200;

/** Opens the registry of roles; what each method promises is in core/access/roles.ts. */
export function createRoleRegistry(sql: Sql, contextKey: Uint8Array): RoleRegistry {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>, mode?: 'read only') =>
    withTenants(sql, contextKey, [tenant], new Date(), fn, mode);
  const reading = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) => within(tenant, fn, 'read only');

  const reached = async (tenant: string, who: (tx: TransactionSql) => PendingQuery<Row[]>) => {
    const [holdings, rows] = await reading(tenant, async (tx) =>
      Promise.all([
        tx`select role_id as role from access.assignment where tenant_id = ${tenant} and ${who(tx)} and ${isLive(tx)}`,
        tx`select role_id, document from access.role where tenant_id = ${tenant}`,
      ]),
    );
    const roles = withTemplates(rows.map(roleOf));
    return new Set(
      reachedRoles(
        holdings.map((row) => ({ role: String(row.role) })),
        roles,
      ).keys(),
    );
  };

  return {
    async getRole(tenant, id) {
      return roleTemplates.get(id) ?? (await reading(tenant, async (tx) => findRole(tx, tenant, id)));
    },
    async listRoles(tenant, after, limit) {
      const rows = await reading(
        tenant,
        async (tx) => tx`select role_id, document from access.role
          where tenant_id = ${tenant} and role_id > ${after ?? ''} order by role_id limit ${limit}`,
      );
      const templates = [...roleTemplates.values()].filter(({ id }) => after === undefined || id > after);
      return [...rows.map(roleOf), ...templates].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
    },
    async putRole(tenant, role, now, witness) {
      const { id, ...document } = role;
      const text = JSON.stringify(document);
      return within(tenant, async (tx) => {
        await lockRoles(tx, tenant, 'alone');
        const rows = await tx`select role_id, document, octet_length(document::text) as bytes from access.role
          where tenant_id = ${tenant}`;
        const others = rows.filter((row) => row.role_id !== id);
        const fault = roleFault(role, withTemplates(others.map(roleOf)));
        if (fault) throw problemOf(fault);
        requireRoom(Buffer.byteLength(text), others);
        const before = rows.filter((row) => row.role_id === id).map(roleOf)[0];
        if (before && JSON.stringify(before) === JSON.stringify(role)) return false;
        await tx`insert into access.role (tenant_id, role_id, document, updated_at)
          values (${tenant}, ${id}, ${text}::text::json, ${now})
          on conflict (tenant_id, role_id) do update set document = excluded.document, updated_at = excluded.updated_at`;
        await witness?.(before, role);
        return before === undefined;
      });
    },
    async deleteRole(tenant, id, witness) {
      return within(tenant, async (tx) => {
        await lockRoles(tx, tenant, 'alone');
        const before = await findRole(tx, tenant, id);
        if (!before) return false;
        const rows = await tx`select role_id, document from access.role where tenant_id = ${tenant}`;
        const heir = rows.map(roleOf).find(({ inherits }) => inherits.includes(id));
        if (heir) throw new Problem('conflict', `The role ${heir.id} inherits from this one.`);
        const [held] = await tx`select from access.assignment
          where tenant_id = ${tenant} and role_id = ${id} and ${isLive(tx)} limit 1`;
        if (held) throw new Problem('conflict', 'Somebody holds this role. End its assignments first.');
        await tx`delete from access.role where tenant_id = ${tenant} and role_id = ${id}`;
        await witness?.(before, undefined);
        return true;
      });
    },
    rolesHeld: (tenant, user) => reached(tenant, (tx) => tx`user_id = ${user}`),
    // ';' comes after ':', so this is a range of the index.
    rolesOfServices: (tenant) => reached(tenant, (tx) => tx`user_id >= 'service:' and user_id < 'service;'`),

    async listPermissions(tenant, module, after, limit) {
      const rows = await reading(
        tenant,
        async (tx) => tx`select module, name, description from access.permission
          where tenant_id = ${tenant} and (module, name) > (${after?.module ?? ''}, ${after?.name ?? ''})
            ${module === undefined ? tx`` : tx`and module = ${module}`}
          order by module, name limit ${limit}`,
      );
      return rows.map(permissionOf);
    },
    async putPermission(tenant, permission, witness) {
      const { module, name, description } = permission;
      return within(tenant, async (tx) => {
        await lockRoles(tx, tenant, 'alone');
        const before = await findPermission(tx, tenant, module, name);
        if (before && before.description === description) return false;
        await tx`insert into access.permission (tenant_id, module, name, description)
          values (${tenant}, ${module}, ${name}, ${description ?? null})
          on conflict (tenant_id, module, name) do update set description = excluded.description`;
        await witness?.(before, permission);
        return before === undefined;
      });
    },
    async deletePermission(tenant, module, name, witness) {
      return within(tenant, async (tx) => {
        await lockRoles(tx, tenant, 'alone');
        const before = await findPermission(tx, tenant, module, name);
        if (!before) return false;
        await tx`delete from access.permission where tenant_id = ${tenant} and module = ${module} and name = ${name}`;
        await witness?.(before, undefined);
        return true;
      });
    },

    async assign(tenant, assignment, witness) {
      const { id, user, role, module, reason, grantedBy, createdAt, expiresAt } = assignment;
      return within(tenant, async (tx) => {
        await lockRoles(tx, tenant, 'beside others');
        await tx`select pg_advisory_xact_lock(hashtextextended(${`access.assignment/${tenant}/${user}`}, 0))`;
        if (!roleTemplates.has(role) && !(await findRole(tx, tenant, role))) {
          throw new Problem('not_found', 'There is no role with this id.');
        }
        const rows = await tx`select ${assignmentColumns(tx)} from access.assignment
          where tenant_id = ${tenant} and user_id = ${user} and ${isLive(tx)}`;
        const held = rows.map(assignmentOf);
        const same = held.find(
          (one) => one.role === role && one.module === module && one.expiresAt?.getTime() === expiresAt?.getTime(),
        );
        if (same) return same;
        if (held.length >= assignmentsMax) {
          throw new Problem('conflict', `A user may hold ${assignmentsMax} assignments at a time. End some first.`);
        }
        await tx`insert into access.assignment
            (tenant_id, assignment_id, user_id, role_id, module, reason, granted_by, created_at, expires_at)
          values (${tenant}, ${id}, ${user}, ${role}, ${module ?? null}, ${reason ?? null}, ${grantedBy}, ${createdAt},
            ${expiresAt ?? null})`;
        await witness?.(undefined, assignment);
        return assignment;
      });
    },
    async getAssignment(tenant, id) {
      if (!isUuid(id)) return undefined;
      return reading(tenant, async (tx) => findAssignment(tx, tenant, id));
    },
    async listAssignments(tenant, { user, role, ended }, after, limit) {
      if (after !== undefined && !isUuid(after)) return [];
      const rows = await reading(
        tenant,
        async (tx) => tx`select ${assignmentColumns(tx)} from access.assignment
          where tenant_id = ${tenant}
            ${after === undefined ? tx`` : tx`and assignment_id > ${after}`}
            ${user === undefined ? tx`` : tx`and user_id = ${user}`}
            ${role === undefined ? tx`` : tx`and role_id = ${role}`}
            ${ended ? tx`` : tx`and ${isLive(tx)}`}
          order by assignment_id limit ${limit}`,
      );
      return rows.map(assignmentOf);
    },
    async revoke(tenant, id, now, witness) {
      if (!isUuid(id)) return undefined;
      return within(tenant, async (tx) => {
        // Taken first, so that of two at once the second finds it ended.
        const [taken] = await tx`select ${assignmentColumns(tx)} from access.assignment
          where tenant_id = ${tenant} and assignment_id = ${id} for update`;
        const before = taken && assignmentOf(taken);
        if (!before || before.revokedAt) return before;
        await tx`update access.assignment set revoked_at = ${now}
          where tenant_id = ${tenant} and assignment_id = ${id}`;
        const after = { ...before, revokedAt: now };
        await witness?.(before, after);
        return after;
      });
    },
  };
}

/** Changes of roles look at all roles, so a tenant's go one after the other; an assignment needs its role to stay. */
async function lockRoles(tx: TransactionSql, tenant: string, how: 'alone' | 'beside others'): Promise<void> {
  const name = `access.role/${tenant}`;
  if (how === 'alone') await tx`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`;
  else await tx`select pg_advisory_xact_lock_shared(hashtextextended(${name}, 0))`;
}

function requireRoom(bytes: number, others: readonly Row[]): void {
  if (bytes > roleBytesMax) throw new Problem('role_invalid', `A role may have ${roleBytesMax} bytes.`);
  if (others.length >= rolesMax) {
    throw new Problem('role_invalid', `A tenant may have ${rolesMax} roles: a check may have to load them all.`);
  }
  if (others.reduce((sum, row) => sum + Number(row.bytes), bytes) > rolesBytesMax) {
    throw new Problem('role_invalid', `All roles of a tenant may have ${rolesBytesMax} bytes together.`);
  }
}

async function findRole(tx: TransactionSql, tenant: string, id: string): Promise<Role | undefined> {
  const [row] = await tx`select role_id, document from access.role where tenant_id = ${tenant} and role_id = ${id}`;
  return row && roleOf(row);
}

async function findPermission(tx: TransactionSql, tenant: string, module: string, name: string) {
  const [row] = await tx`select module, name, description from access.permission
    where tenant_id = ${tenant} and module = ${module} and name = ${name}`;
  return row && permissionOf(row);
}

async function findAssignment(tx: TransactionSql, tenant: string, id: string) {
  const [row] = await tx`select ${assignmentColumns(tx)} from access.assignment
    where tenant_id = ${tenant} and assignment_id = ${id}`;
  return row && assignmentOf(row);
}

/** By the database's clock: an end is at the same moment for everyone. */
export const isLive = (tx: TransactionSql) => tx`revoked_at is null and (expires_at is null or expires_at > now())`;

const assignmentColumns = (tx: TransactionSql) =>
  tx`assignment_id, user_id, role_id, module, reason, granted_by, created_at, expires_at, revoked_at`;

export const roleOf = (row: Row): Role => ({ id: row.role_id, ...row.document });

const permissionOf = (row: Row): Permission => ({
  module: row.module,
  name: row.name,
  ...(row.description === null ? {} : { description: row.description }),
});

const assignmentOf = (row: Row): Assignment => ({
  id: row.assignment_id,
  user: row.user_id,
  role: row.role_id,
  ...(row.module === null ? {} : { module: row.module }),
  ...(row.reason === null ? {} : { reason: row.reason }),
  grantedBy: row.granted_by,
  createdAt: row.created_at,
  ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
  ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at }),
});
