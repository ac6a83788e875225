/** A database that goes away and comes back; on a server of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { type LocalPostgres, startPostgres } from '#local/postgres.ts';
import { connect, withTenants } from '#stores/postgres/connect.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { asUnavailable } from '#stores/postgres/unavailable.ts';
import { contextKey, prepareTemplate, superuser, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { batchOf, made, tenantA } from './made.ts';

let folder: string;
let server: LocalPostgres;
let db: TestDatabase;
const start = (port?: number) => startPostgres({ folder, durable: true, ...(port === undefined ? {} : { port }) });
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-outage-'));
  server = await start();
  await prepareTemplate(server);
  db = await testDatabase('outage', server);
});
afterAll(async () => {
  await db.drop();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a stopped or killed database is Unavailable; what was committed is there when it is back', async () => {
  const { host, port, database } = db;
  const sql = connect({ host, port, database, user: 'trailkeep_app', sslMode: 'disable' });
  const ledger = createLedger(sql, contextKey);
  const commit = () => {
    const line = made();
    return ledger.commit(...batchOf([line]));
  };
  expect(await commit()).toMatchObject({ parts: [{ seq: 1n }] });
  await server.stop();
  await expect(commit()).rejects.toBeInstanceOf(Unavailable);
  server = await start(port);
  expect(await commit()).toMatchObject({ parts: [{ seq: 2n }] });
  await server.kill();
  // Its sessions may live on for a moment; the start waits for their end.
  server = await start(port);
  expect(await commit().catch(commit)).toMatchObject({ parts: [{ seq: 3n }] });
  await sql.end();
});

test.each(['between two statements', 'in the middle of one'])(
  'a connection that ends %s is Unavailable',
  async (when) => {
    const { host, port, database } = db;
    const sql = connect({ host, port, database, user: 'trailkeep_app', sslMode: 'disable' });
    const other = superuser(db);
    let ended: Promise<unknown> = Promise.resolve();
    const work = withTenants(sql, contextKey, [tenantA], new Date(), async (tx) => {
      const [row] = await tx`select pg_backend_pid() as pid`;
      if (when === 'in the middle of one') return tx`select pg_terminate_backend(pg_backend_pid())`;
      ended = (async () => {
        await other`select pg_terminate_backend(${row!.pid})`;
        await expect(work).rejects.toBeInstanceOf(Unavailable);
        // What is sent now must not reach for a socket: that would end the process.
        await tx`select 1`;
      })();
      return ended;
    });
    await expect(work).rejects.toBeInstanceOf(Unavailable);
    if (when === 'between two statements') await expect(ended).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    const ask = () => withTenants(sql, contextKey, [tenantA], new Date(), async (tx) => tx`select 1 as one`);
    // postgres.js tells the lost connection's last words to whoever comes next.
    expect(await ask().catch(ask)).toEqual([{ one: 1 }]);
    await Promise.all([sql.end({ timeout: 1 }), other.end()]);
  },
);

test.each([
  ...['ECONNREFUSED', 'CONNECT_TIMEOUT', 'CONNECTION_CLOSED', '08006', '25006', '53300', '57P01', '57014', '28P01'],
  ...['42P01', '40P01'],
])('%s blames the place', (code) => {
  expect(asUnavailable(Object.assign(new Error(), { code }))).toBeInstanceOf(Unavailable);
});

test.each(['22P02', '23505', '23514', 'ENOENT'])('%s does not', (code) => {
  const error = Object.assign(new Error(), { code });
  expect(asUnavailable(error)).toBe(error);
});
