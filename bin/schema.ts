/** Writes sql/schema.sql: what the migrations make, read back from a database's catalogue. `npm run schema`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { startPostgres } from '../local/postgres.ts';
import { migrate, readMigrations } from '../stores/postgres/migrate.ts';
import { dumpSchema } from '../stores/postgres/schema.ts';

const root = new URL('..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-schema-'));
const server = await startPostgres({ folder, durable: false });
try {
  const sql = postgres({ host: server.host, port: server.port, user: 'postgres', max: 1, onnotice: () => {} });
  await migrate(sql, await readMigrations(join(root, 'sql/migrations')));
  writeFileSync(join(root, 'sql/schema.sql'), await dumpSchema(sql));
  await sql.end();
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
