/** Postgres as its master user: migrations and the key of tenant contexts. */
import { readFile } from 'node:fs/promises';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import postgres from 'postgres';
import { reach } from '../aws/clients.ts';
import { admitMover, migrate, putContextKey, readMigrations } from './migrate.ts';
import { asUnavailable } from './unavailable.ts';

export interface MigratorOptions {
  /** The secret that RDS keeps for the master user: `{username, password}`. */
  readonly secretArn: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly sslMode: string;
  readonly migrationsFolder: string;
  /** One of several clusters: its number, and sql/shards.sql. */
  readonly shard?: { readonly number: number; readonly shardsFile: string };
}

export interface Migrator {
  /** Applies what is pending; resolves with its names. Two at once take turns. Rejects with `Unavailable` when a place is down. */
  apply(): Promise<string[]>;
  /** Makes `key` the one that tenant contexts are signed with. Idempotent. */
  adoptContextKey(key: Uint8Array): Promise<void>;
}

/** A paused Aurora takes up to 30 s to wake; the migrator is the one caller that waits for it. */
const connectSeconds = 45;

/** A connection is opened for each call and closed after it: deployments are rare and the master's session is precious. */
export function createMigrator(client: SecretsManagerClient, options: MigratorOptions): Migrator {
  async function asMaster<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
    const secret = await reach('Secrets Manager', () =>
      client.send(new GetSecretValueCommand({ SecretId: options.secretArn })),
    );
    const { username, password } = JSON.parse(secret.SecretString ?? '{}') as { username: string; password: string };
    const sql = postgres({
      host: options.host,
      port: options.port,
      database: options.database,
      username,
      password,
      ssl: options.sslMode === 'disable' ? false : 'verify-full',
      max: 1,
      connect_timeout: connectSeconds,
      onnotice: () => {},
    });
    try {
      return await work(sql);
    } catch (error) {
      throw asUnavailable(error);
    } finally {
      await sql.end({ timeout: 5 });
    }
  }
  return {
    apply: () =>
      asMaster(async (sql) => {
        const applied = await migrate(sql, await readMigrations(options.migrationsFolder));
        if (options.shard)
          await admitMover(sql, await readFile(options.shard.shardsFile, 'utf8'), options.shard.number);
        return applied;
      }),
    adoptContextKey: (key) => asMaster((sql) => putContextKey(sql, key)),
  };
}

/** Several clusters as one: each has the same migrations, and what is applied on one of them was applied. */
export const oneByOne = (migrators: readonly Migrator[]): Migrator => ({
  async apply() {
    const applied = new Set<string>();
    for (const one of migrators) for (const name of await one.apply()) applied.add(name);
    return [...applied].sort();
  },
  async adoptContextKey(key) {
    for (const one of migrators) await one.adoptContextKey(key);
  },
});
