/** Starts what test files share: one PostgreSQL with a migrated template database; see test/support/postgres.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '#local/postgres.ts';
import { prepareTemplate } from './postgres.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-test-'));
  const server = await startPostgres({ folder, durable: false });
  await prepareTemplate(server);
  process.env.TRAILKEEP_TEST_POSTGRES = `${server.host}:${server.port}`;
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
