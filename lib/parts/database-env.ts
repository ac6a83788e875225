import type { Env } from '#functions/runtime/env.ts';
import type { DataStack } from '../data-stack.ts';
import type { Settings } from '../settings.ts';
import type { ShardStack } from '../shard-stack.ts';
import type { Inside } from './function.ts';
import { login, rootSecret, rootSecretParameter } from './grants.ts';

/**
 * Roles to log in as: writers, readers and admin verbs; those who seal logs; recovery, which alone renumbers what is
 * committed; the verifier, which changes nothing that others read; the archiver, which compacts; the purger, which alone
 * deletes events; the loader, which runs jobs and fills usage, costs and forecasts. sql/migrations says what each may do.
 */
type Login =
  | 'trailkeep_app'
  | 'trailkeep_sealer'
  | 'trailkeep_recovery'
  | 'trailkeep_verifier'
  | 'trailkeep_archiver'
  | 'trailkeep_purger'
  | 'trailkeep_mover'
  | 'trailkeep_loader';

type Reach = Pick<Env, 'DATABASE_HOST' | 'DATABASE_PORT' | 'DATABASE_NAME' | 'PGSSLMODE' | 'NODE_EXTRA_CA_CERTS'> &
  Partial<Pick<Env, 'DATABASE_SHARDS'>>;

/** Their port is the main cluster's. */
const addressOf = ({ number, cluster, databaseName }: ShardStack): string =>
  `${number}=${cluster.clusterEndpoint.hostname}/${databaseName}`;

/** How to find the database, whoever asks. */
export const databaseAddress = (data: DataStack): Reach => ({
  DATABASE_HOST: data.cluster.clusterEndpoint.hostname,
  // Its port is a constant here and would reach the template as a number's token.
  DATABASE_PORT: '5432',
  DATABASE_NAME: data.databaseName,
  ...(data.shards.length === 0 ? {} : { DATABASE_SHARDS: data.shards.map(addressOf).join(',') }),
  PGSSLMODE: 'verify-full',
  NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
});

/** How a reading verb finds replicas. A login is good for all instances of a cluster. */
export const readsReplicas = (data: DataStack, { aurora }: Settings): Partial<Env> =>
  aurora.readers === 0
    ? {}
    : {
        DATABASE_READ_HOST: data.cluster.clusterReadEndpoint.hostname,
        DATABASE_READ_POLICY: aurora.reads.policy,
        DATABASE_READ_STALE_MS: String(aurora.reads.staleSecondsMax * 1000),
      };

/** What a verb needs to log in to Postgres: enough for what belongs to no tenant. */
export const reachesPostgres = (data: DataStack, inside: Inside, user: Login = 'trailkeep_app') => ({
  inside,
  environment: { ...databaseAddress(data), DATABASE_USER: user } satisfies Partial<Env>,
  permissions: login(data, user),
});

/**
 * What a verb needs to speak to Postgres for tenants: a login, the secret that signs their contexts, and the cache of
 * what its callers may do.
 */
export function speaksPostgres(data: DataStack, stage: string, inside: Inside, user?: Login) {
  const { environment, permissions } = reachesPostgres(data, inside, user);
  return {
    inside,
    environment: {
      ...environment,
      ROOT_SECRET_PARAMETER: rootSecretParameter(stage),
      ...(data.valkeyEndpoint ? { VALKEY_ENDPOINT: data.valkeyEndpoint } : {}),
    } satisfies Partial<Env>,
    permissions: [...permissions, ...rootSecret(data, stage, 'ssm:GetParameter')],
  };
}
