/** The keys of each tenant. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { ApiKey, KeyRegistry } from '#core/access/ports.ts';
import { withTenants } from './connect.ts';
import { orConflict } from './unavailable.ts';

/** Opens the registry of keys; what each method promises is in core/access/ports.ts. */
export function createKeyRegistry(sql: Sql, contextKey: Uint8Array): KeyRegistry {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  const columns = (tx: TransactionSql) => tx`key_id, tenant_id, name, encode(secret_hash, 'hex') as secret_hash,
    encode(previous_hash, 'hex') as previous_hash, previous_until, array_to_string(scopes, ' ') as scopes,
    service_account, project, environment, events_per_second, created_at, expires_at, revoked_at, last_used_at`;
  return {
    async create(key) {
      await orConflict(
        'there is a key of this id',
        within(
          key.tenant,
          async (tx) => tx`insert into access.api_key (tenant_id, key_id, name, secret_hash, previous_hash,
              previous_until, scopes, service_account, project, environment, events_per_second, created_at, expires_at, revoked_at)
            values (${key.tenant}, ${key.keyId}, ${key.name}, decode(${key.secretHash}, 'hex'),
              decode(${key.previousHash ?? null}::text, 'hex'), ${key.previousUntil ?? null},
              string_to_array(${key.scopes.join(' ')}::text, ' '), ${key.serviceAccount ?? null}, ${key.project ?? null}, ${key.environment ?? null},
              ${key.eventsPerSecond}, ${key.createdAt}, ${key.expiresAt ?? null}, ${key.revokedAt ?? null})`,
        ),
      );
    },
    async get(tenant, keyId) {
      const [row] = await within(
        tenant,
        async (tx) => tx`select ${columns(tx)} from access.api_key where tenant_id = ${tenant} and key_id = ${keyId}`,
      );
      return row && keyOf(row);
    },
    async list(tenant, after, limit) {
      const rows = await within(
        tenant,
        async (tx) => tx`select ${columns(tx)} from access.api_key
          where tenant_id = ${tenant} and key_id > ${after ?? ''} order by key_id limit ${limit}`,
      );
      return rows.map(keyOf);
    },
    async revoke(tenant, keyId, at) {
      const [row] = await within(
        tenant,
        async (tx) => tx`update access.api_key set revoked_at = coalesce(revoked_at, ${at})
          where tenant_id = ${tenant} and key_id = ${keyId} returning ${columns(tx)}`,
      );
      return row && keyOf(row);
    },
    async rotate(tenant, keyId, { secretHash, previousUntil }) {
      const [row] = await within(
        tenant,
        async (tx) => tx`update access.api_key set previous_hash = secret_hash, previous_until = ${previousUntil},
            secret_hash = decode(${secretHash}, 'hex')
          where tenant_id = ${tenant} and key_id = ${keyId} and revoked_at is null returning ${columns(tx)}`,
      );
      return row && keyOf(row);
    },
  };
}

/** Null columns become absent fields. */
function keyOf(row: Row): ApiKey {
  const optional = {
    previousHash: row.previous_hash,
    previousUntil: row.previous_until,
    serviceAccount: row.service_account,
    project: row.project,
    environment: row.environment,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
  return {
    keyId: row.key_id,
    tenant: row.tenant_id,
    name: row.name,
    secretHash: row.secret_hash,
    scopes: row.scopes === '' ? [] : row.scopes.split(' '),
    eventsPerSecond: row.events_per_second,
    createdAt: row.created_at,
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)) as Partial<ApiKey>),
  };
}
