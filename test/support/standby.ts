/** A standby of a local PostgreSQL that follows it by streaming, made without pg_basebackup, which we do not have. */
import { chownSync, cpSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type LocalPostgres, startPostgres } from '#local/postgres.ts';
import { superuser, type TestServer } from './postgres.ts';

/**
 * Copies the primary's data folder between pg_backup_start() and pg_backup_stop(), and starts the copy as its standby.
 * Both folders must be where the database's user reaches them.
 */
export async function startStandby(
  primary: TestServer,
  primaryFolder: string,
  folder: string,
  log?: (line: string) => void,
): Promise<LocalPostgres> {
  const sql = superuser(primary, 'postgres', 1);
  await sql`select pg_backup_start('standby', true)`;
  const { uid, gid } = statSync(primaryFolder);
  mkdirSync(folder, { mode: 0o700 });
  for (const name of readdirSync(primaryFolder)) {
    if (/^postmaster\.(pid|opts)$/.test(name)) continue;
    cpSync(join(primaryFolder, name), join(folder, name), { recursive: true, filter: (path) => !isPassing(path) });
  }
  const [stopped] = await sql`select labelfile from pg_backup_stop(false)`;
  await sql.end();
  writeFileSync(join(folder, 'backup_label'), stopped!.labelfile);
  writeFileSync(join(folder, 'standby.signal'), '');
  const conninfo = `host=${primary.host} port=${primary.port} user=postgres`;
  writeFileSync(join(folder, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\nhot_standby_feedback = on\n`);
  giveTo(folder, uid, gid);
  return startPostgres({ folder, durable: false, ...(log ? { log } : {}) });
}

/** Temporary files of sessions come and go while we copy. */
const isPassing = (path: string) => basename(path).startsWith('pgsql_tmp') || path.includes('/pg_replslot/');

function giveTo(path: string, uid: number, gid: number): void {
  chownSync(path, uid, gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) giveTo(join(path, name), uid, gid);
}

export const removeFolder = (folder: string) => rmSync(folder, { recursive: true, force: true });
