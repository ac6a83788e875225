/** An audit table of 20,000 messy rows moves in: tried, staged, killed, sent, killed again, compared, and taken back. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ran, root, trailkeep } from '#test/cli/run-cli.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { type TestDatabase, testDatabase } from '#test/support/postgres.ts';

const rows = 20_000;

let platform: TestPlatform;
let db: TestDatabase;
let tenant: Awaited<ReturnType<TestPlatform['makeTenant']>>;
let work: string;
let source: string;
const password = 'geheim-4711';

const mapping = {
  table: 'app.audit_logs',
  time_zone: 'Europe/Berlin',
  fields: {
    action: {
      column: 'event',
      map: { LOGIN: 'user.login', LOGIN_FAILED: 'user.login_failed', VIEW: 'document.read' },
      as: 'action',
      prefix: 'legacy.',
    },
    occurred_at: 'created_at',
    'actor.id': { column: 'user_id', default: 'unknown' },
    'actor.name': { column: 'details', path: '/user/name', invalid: 'omit' },
    'outcome.result': { column: 'ok', map: { true: 'success', false: 'failure' }, default: 'success' },
    'targets.0.id': 'entity',
    'context.ip': 'ip',
    'metadata.details': { column: 'details', invalid: 'text', max: 16000 },
    'metadata.amount': 'amount',
    'metadata.tags': 'tags',
    'metadata.level': 'level',
  },
  changes: { before: 'old', after: 'new' },
};

beforeAll(async () => {
  [platform, db] = await Promise.all([testPlatform(), testDatabase('import_postgres')]);
  tenant = await platform.makeTenant('moving in');
  work = mkdtempSync(join(tmpdir(), 'trailkeep-import-'));
  await db.ownerSql.unsafe(`
    create schema app;
    create type app.level as enum ('low', 'high');
    create table app.audit_logs (
      id bigint generated always as identity primary key,
      created_at timestamp, event text not null, user_id text, ok boolean, entity uuid, ip inet,
      details text, amount numeric, tags text[], level app.level, old jsonb, new jsonb);
    insert into app.audit_logs (created_at, event, user_id, ok, entity, ip, details, amount, tags, level, old, new)
    select
      -- Wall clocks of Berlin, the hour that summer time skips and the one it has twice among them.
      timestamp '2024-03-31 01:30:00.123' + make_interval(secs => n * 61),
      (array['LOGIN', 'LOGIN_FAILED', 'VIEW', 'User Updated', 'report: make / send'])[1 + n % 5],
      case when n % 97 = 0 then null when n % 101 = 0 then '' else 'u-' || n % 300 end,
      case when n % 13 = 0 then null else n % 7 <> 0 end,
      case when n % 3 = 0 then null else md5(n::text)::uuid end,
      case when n % 11 = 0 then null else ('10.0.' || n % 200 || '.' || n % 250)::inet end,
      case n % 6
        when 0 then '{"user": {"name": "Zoë ' || n || ' \\"quoted\\""}, "n": ' || n || '}'
        when 1 then '{"user": {"name": "Ada"'
        when 2 then null
        when 3 then '{"a": 1, "a": 2}'
        when 4 then repeat('wide ', 10 + n % 50)
        else '{"big": 12345678901234567890}' end,
      case when n % 4 = 0 then null else n / 8.0 end,
      case when n % 5 = 0 then array['x', 'y ' || n] end,
      (case when n % 2 = 0 then 'low' else 'high' end)::app.level,
      case when n % 9 = 0 then jsonb_build_object('role', 'user', 'same', 1) end,
      case when n % 9 = 0 then jsonb_build_object('role', 'admin', 'same', 1, 'new', n) end
    from generate_series(1, ${rows}) as n;
    update app.audit_logs set created_at = null where id = 77;
    update app.audit_logs set created_at = 'infinity' where id = 5000;
    update app.audit_logs set event = '???' where id = 12345;
    update app.audit_logs set details = repeat('x', 3000000) where id = 9999;
    update app.audit_logs set old = jsonb_build_object('blob', repeat('y', 400000)) where id = 10001;
    create role mover login password '${password}';
    grant usage on schema app to mover;
    grant select on app.audit_logs to mover`);
  source = `postgres://mover:${password}@${db.host}:${db.port}/${db.database}`;
  writeFileSync(join(work, 'mapping.json'), JSON.stringify(mapping));
}, 300_000);
afterAll(async () => {
  await platform?.end();
  await db?.ownerSql.unsafe('drop owned by mover; drop role mover');
  await db?.drop();
});

const env = () => ({
  TRAILKEEP_URL: platform.apiUrl,
  TRAILKEEP_API_KEY: tenant.apiKey,
  SOURCE_DATABASE_URL: source,
});
const run = (...args: string[]): Promise<Ran> => trailkeep(['import', 'postgres', ...args], { env: env(), cwd: work });

/** Runs a command and kills it, as a power cut would, once its journal has so many lines of a kind. */
async function killedAt(kind: string, lines: number, ...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [resolve(root, 'bin/trailkeep.mjs'), 'import', 'postgres', ...args], {
    cwd: work,
    env: { ...process.env, ...env() },
    stdio: 'ignore',
  });
  const over = new Promise<number | null>((done) => child.on('close', done));
  const journal = join(work, 'moving/journal.jsonl');
  const seen = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split(`"is":"${kind}"`).length - 1 : 0);
  while (seen() < lines && child.exitCode === null) await sleep(5);
  child.kill('SIGKILL');
  expect(await over).toBeNull();
}

describe('an audit table moves in', { timeout: 90_000 }, () => {
  test('on trial: what its rows become, what is wrong with others, and nothing is sent', async () => {
    const ran = await run('--map', 'mapping.json', '--dry-run');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.out).toContain('table         app.audit_logs in 127.0.0.1');
    expect(ran.out).toContain('read          20,000\nwould accept  19,995');
    expect(ran.out).toContain('refused       5\n');
    expect(ran.out).toContain('app.audit_logs:77  The row has no time.');
    expect(ran.out).toContain('app.audit_logs:10001  old alone has more than');
    expect(ran.out).toContain('Nothing was sent.');
    expect(ran.out + ran.err).not.toContain(password);
    expect(readdirSync(work)).toEqual(['mapping.json']);
  });

  test('staged in two goes, because the first one is killed', async () => {
    await killedAt('range', 6, '--map', 'mapping.json', '--stage', 'moving');
    const ran = await run('--stage', 'moving');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.out).toContain('rows          20,000\nevents        19,995');
    expect(ran.out).toContain('Nothing was sent.');
    const journal = readFileSync(join(work, 'moving/journal.jsonl'), 'utf8');
    expect(journal).not.toContain(password);
  });

  test('sent in two goes, because the first one is killed; and the trail has what the table has', async () => {
    await killedAt('sent', 5, '--stage', 'moving', '--commit');
    const ran = await run('--stage', 'moving', '--commit', '--json');
    expect(ran.err).not.toContain('trailkeep import');
    const told = JSON.parse(ran.out);
    expect(told).toMatchObject({ rows, events: 19_995, refused_rows: 5, refused_events: 0, same: true, masked: 0 });
    expect(told.there).toEqual(told.sent);
    expect(told.checksum).toBe(told.sent.checksum);
    expect(ran.code).toBe(0);
  });

  test('each row is one event, as the mapping says', async () => {
    const asked = await platform.call('POST', '/v1/events/search', {
      key: tenant.apiKey,
      json: { external_id: ['app.audit_logs:18', 'app.audit_logs:13'] },
    });
    const [later, earlier] = asked.json.events;
    expect(asked.json.events).toHaveLength(2);
    // 01:30 and 18 minutes and seconds, when Berlin was still an hour ahead of UTC.
    expect(later).toMatchObject({
      external_id: 'app.audit_logs:18',
      occurred_at: '2024-03-31T00:48:18.123Z',
      action: 'legacy.user_updated',
      actor: { type: 'user', id: 'u-18', name: 'Zoë 18 "quoted"' },
      outcome: { result: 'success' },
      changes: [
        { path: '/new', after: 18 },
        { path: '/role', before: 'user', after: 'admin' },
      ],
      metadata: { details: '{"user": {"name": "Zoë 18 \\"quoted\\""}, "n": 18}', amount: 2.25, level: 'low' },
    });
    expect(earlier).toMatchObject({ outcome: { result: 'success' }, metadata: { details: '{"user": {"name": "Ada"' } });
    // 02:40 was skipped that night: Postgres reads it by the offset before, which is 01:40 in UTC.
    const skipped = await platform.call('POST', '/v1/events/search', {
      key: tenant.apiKey,
      json: { external_id: ['app.audit_logs:69'] },
    });
    expect(skipped.json.events[0].occurred_at).toBe('2024-03-31T01:40:09.123Z');
  });

  test('the same table again is refused, and what is in is told', async () => {
    const staged = await run('--map', 'mapping.json', '--stage', 'again', '--to', '2024-04-01');
    expect(staged).toMatchObject({ code: 0 });
    const ran = await run('--stage', 'again', '--commit');
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/The trail has app\.audit_logs:\d+ already: it came by import import-/);
    const dropped = await run('--rollback', 'again');
    expect(dropped.out).toContain('Nothing had been sent.');
    expect(existsSync(join(work, 'again'))).toBe(false);
  });

  test('what is in the trail is withdrawn, and stays', async () => {
    const asked = await run('--rollback', 'moving');
    expect(asked).toMatchObject({ code: 2 });
    const ran = await run('--rollback', 'moving', '--reason', 'it was the copy of the copy');
    expect(ran).toMatchObject({ code: 0 });
    const id = /Withdrawn by event ([0-9a-f-]{36})/.exec(ran.out)![1]!;
    const told = await platform.call('POST', '/v1/events/search', {
      key: tenant.apiKey,
      json: { action: ['import.*'] },
    });
    expect(told.json.events.map(({ action }: { action: string }) => action)).toEqual([
      'import.withdrawn',
      'import.completed',
    ]);
    expect(told.json.events[0]).toMatchObject({
      id,
      metadata: { events: 19_995, reason: 'it was the copy of the copy' },
    });
    expect((await run('--stage', 'moving', '--commit')).err).toContain('This import was withdrawn');
  });
});
