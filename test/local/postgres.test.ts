/** The database server: what it keeps over a stop, a kill and a folder that another user cannot reach. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type LocalPostgres, startPostgres } from '#local/postgres.ts';

const parent = mkdtempSync(join(tmpdir(), 'trailkeep-server-'));
// PostgreSQL runs as another user when the tests run as root.
chmodSync(parent, 0o711);
const folder = join(parent, 'data');
let server: LocalPostgres | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

const start = async (where = folder, log?: (line: string) => void) => {
  server = await startPostgres({ folder: where, durable: true, ...(log ? { log } : {}) });
  return server;
};

async function run<Row extends object>(at: LocalPostgres, statement: string): Promise<Row[]> {
  const sql = postgres({ host: at.host, port: at.port, database: 'postgres', user: 'postgres', max: 1 });
  try {
    return [...(await sql.unsafe<Row[]>(statement))];
  } finally {
    await sql.end();
  }
}
const words = async (at: LocalPostgres) =>
  (await run<{ word: string }>(at, 'select word from kept order by word')).map(({ word }) => word);

/** Whether a process runs; one that ended and that nobody has asked about yet does not. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
}

test('keeps what was committed, over a stop and over a kill', async () => {
  const first = await start();
  await run(first, `create table kept (word text); insert into kept values ('one')`);
  await first.stop();
  await first.stop();
  expect(lives(first.pid)).toBe(false);
  expect(existsSync(join(folder, 'postmaster.pid'))).toBe(false);

  const second = await start();
  expect(await words(second)).toEqual(['one']);
  await run(second, `insert into kept values ('two')`);
  await second.kill();
  expect(existsSync(join(folder, 'postmaster.pid')), 'a killed server leaves its lock file').toBe(true);

  const third = await start();
  expect(third.pid).not.toBe(second.pid);
  expect(await words(third)).toEqual(['one', 'two']);
});

test('is not started twice on one folder', async () => {
  const first = await start();
  await expect(startPostgres({ folder, durable: true })).rejects.toThrow('already runs a database');
  expect(await words(first), 'the one that runs is left alone').toEqual(['one', 'two']);
});

test('says which port is in use when it was given one', async () => {
  const first = await start();
  const other = join(parent, 'other');
  await expect(startPostgres({ folder: other, durable: false, port: first.port })).rejects.toThrow(
    `port ${first.port} on 127.0.0.1 is in use`,
  );
});

test.each([
  ['of nobody', () => 999_999_999],
  ['of a process that is no database', () => process.pid],
  ['that holds no number', () => 'nonsense'],
])('a lock file %s is stepped over', async (_, holder) => {
  const stale = ['', folder, '0', '5432', '', '127.0.0.1', '', 'ready'];
  writeFileSync(join(folder, 'postmaster.pid'), `${[holder(), ...stale.slice(1)].join('\n')}\n`);
  expect(await words(await start())).toEqual(['one', 'two']);
});

test('a server whose starter was killed is ended, and its folder taken over', async () => {
  // A program of its own, killed as `kill -9` of npm start would.
  const script = `
    import { startPostgres } from ${JSON.stringify(new URL('../../local/postgres.ts', import.meta.url).href)};
    const server = await startPostgres({ folder: ${JSON.stringify(folder)}, durable: true });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(starter.stdout, 'data')) as [Buffer];
  const orphan = Number(said.toString());
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  expect(lives(orphan), 'the server outlives its starter').toBe(true);

  const lines: string[] = [];
  const next = await start(folder, (line) => lines.push(line));
  expect(lines).toContain(`stopping the database that an earlier run left behind (process ${orphan})`);
  expect(lives(orphan)).toBe(false);
  expect(await words(next)).toEqual(['one', 'two']);
});

test('a start that fails says what PostgreSQL said', async () => {
  const broken = join(parent, 'broken');
  const made = await start(broken);
  await made.stop();
  appendFileSync(join(broken, 'postgresql.conf'), 'no_such_setting = 1\n');
  await expect(startPostgres({ folder: broken, durable: true })).rejects.toThrow('no_such_setting');
});

test.skipIf(process.getuid?.() !== 0)(
  'root’s folder under a closed parent: the data has a stand-in that it finds again',
  async () => {
    const closed = join(parent, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const lines: string[] = [];
    const first = await start(join(closed, 'data'), (line) => lines.push(line));
    const standIn = /its data is in (\S+)$/.exec(lines.find((line) => line.includes('cannot reach')) ?? '')?.[1];
    expect(standIn).toMatch(/^\/var\/tmp\//);
    try {
      await run(first, `create table kept (word text); insert into kept values ('here')`);
      await first.stop();
      expect(await words(await start(join(closed, 'data')))).toEqual(['here']);
      await server?.stop();
    } finally {
      rmSync(standIn!, { recursive: true, force: true });
    }
  },
);
