/** A real PostgreSQL for tests: one server a run (global-setup.ts), one migrated database a test file. */
import { randomBytes } from 'node:crypto';
import postgres, { type Sql } from 'postgres';
import { migrate, putContextKey, readMigrations } from '#stores/postgres/migrate.ts';

export const migrationsFolder = new URL('../../sql/migrations/', import.meta.url).pathname;
/** Signs tenant contexts in tests. */
export const contextKey: Uint8Array = Buffer.alloc(32, 7);
const template = 'trailkeep_template';

export interface TestServer {
  readonly host: string;
  readonly port: number;
}

export interface TestDatabase extends TestServer {
  readonly database: string;
  /** As the superuser `postgres`, for arranging and for looking behind the policies. */
  readonly ownerSql: Sql;
  /** As one of our login roles; closed by drop(). */
  login(
    user:
      | 'trailkeep_app'
      | 'trailkeep_sealer'
      | 'trailkeep_purger'
      | 'trailkeep_recovery'
      | 'trailkeep_verifier'
      | 'trailkeep_archiver'
      | 'trailkeep_loader'
      | 'trailkeep_mover',
    connections?: number,
  ): Sql;
  /** What a function's environment says about the database. */
  readonly env: Readonly<Record<string, string>>;
  readonly contextKey: Uint8Array;
  drop(): Promise<void>;
}

/** The run's server, as global-setup.ts left word of it. */
export function testServer(): TestServer {
  const [host, port] = (process.env.TRAILKEEP_TEST_POSTGRES ?? '').split(':');
  if (!host || !port) throw new Error('there is no test server: run vitest with test/support/global-setup.ts');
  return { host, port: Number(port) };
}

/** A superuser's session. */
export function superuser({ host, port }: TestServer, database = 'postgres', max = 2): Sql {
  return postgres({ host, port, database, user: 'postgres', max, onnotice: () => {} });
}

/** Migrates the database that every test's database is copied from. */
export async function prepareTemplate(server: TestServer): Promise<void> {
  const admin = superuser(server);
  await admin.unsafe(`create database ${template}`);
  await admin.end();
  const sql = superuser(server, template);
  await migrate(sql, await readMigrations(migrationsFolder));
  await putContextKey(sql, contextKey);
  await sql`select record.ensure_partitions('2026-01-01', 24)`;
  await sql.end();
}

/** A fresh copy of the migrated template. */
export async function testDatabase(name = 'test', server = testServer()): Promise<TestDatabase> {
  const database = `${name.replace(/\W+/g, '_').toLowerCase()}_${randomBytes(5).toString('hex')}`;
  const admin = superuser(server);
  await admin.unsafe(`create database ${database} template ${template}`);
  await admin.end();
  const ownerSql = superuser(server, database);
  const opened: Sql[] = [ownerSql];
  return {
    ...server,
    database,
    ownerSql,
    contextKey,
    env: {
      DATABASE_HOST: server.host,
      DATABASE_PORT: String(server.port),
      DATABASE_NAME: database,
      DATABASE_USER: 'trailkeep_app',
      PGSSLMODE: 'disable',
    },
    login(user, connections = 2) {
      const sql = postgres({ ...server, database, user, max: connections, onnotice: () => {} });
      opened.push(sql);
      return sql;
    },
    async drop() {
      await Promise.all(opened.map((sql) => sql.end({ timeout: 1 })));
      const last = superuser(server);
      await last.unsafe(`drop database if exists ${database} with (force)`);
      await last.end();
    },
  };
}
