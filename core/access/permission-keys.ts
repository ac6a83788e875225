/**
 * Names of what the permission cache keeps.
 *
 * The braces are Valkey's hash tag: everything of a tenant lies in one slot, so that one script reaches it all.
 * Ids are percent-encoded, so that no user's id can be read as another user's id and a module.
 */
import type { PermissionVersion } from './roles.ts';

const encoded = encodeURIComponent;
const tenantPart = (tenant: string) => `tenant_{${encoded(tenant)}}`;

/** Without a version: one name for one user in one module. */
export const permissionsName = (tenant: string, user: string, module: string): string =>
  `permissions:${tenantPart(tenant)}:user_${encoded(user)}:module_${encoded(module)}`;

export const permissionsKey = (tenant: string, user: string, module: string, version: PermissionVersion): string =>
  `${permissionsName(tenant, user, module)}:v${version.tenant}.${version.user}`;

export const rolesName = (tenant: string): string => `roles:${tenantPart(tenant)}`;

export const rolesKey = (tenant: string, version: bigint): string => `${rolesName(tenant)}:v${version}`;

export const userVersionKey = (tenant: string, user: string): string =>
  `version:${tenantPart(tenant)}:user_${encoded(user)}`;

export const tenantVersionKey = (tenant: string): string => `version:${tenantPart(tenant)}:*`;
