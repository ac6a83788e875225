/** The other commands as a child process: what they ask, what they print, and what they say when it goes wrong. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { trailkeep } from './run-cli.ts';
import { type Received, type StubAnswer, type StubApi, startStub } from './stub-api.ts';

const event = (action: string, more: object = {}) => ({
  id: '01a1fcbd-bc32-7b73-975d-6c4ddef43daf',
  occurred_at: '2026-03-04T09:00:00.000Z',
  action,
  actor: { type: 'user', id: 'u-1', name: 'Maya' },
  outcome: { result: 'success' },
  targets: [
    { type: 'host', id: 'web-1' },
    { type: 'host', id: 'web-2' },
  ],
  context: { ip: '192.0.2.1' },
  ...more,
});

function answer({ method, path, body }: Received): StubAnswer | undefined {
  if (path.split('?')[0] === '/v1/events/search') {
    const { cursor, text } = JSON.parse(body) as Record<string, string>;
    if (text === 'evil') {
      const actor = { type: 'user', id: 'a\u001b[2Jb\nc' };
      return { body: { events: [event('a.b', { actor })], next_cursor: null, complete: true } };
    }
    if (text === 'old') {
      const archived = [{ day: '2020-03-01', category: 'system', events: 3, bytes: 1_500_000 }];
      const damaged = [{ file: 'audit-logs/x.jsonl.gz', block: 7, bytes: '10-20' }];
      // Two pages name the same block.
      const rest = { complete: false, archived, damaged, to_scan_bytes: 2e9 };
      return { body: { events: [event('ssh.login')], next_cursor: cursor === undefined ? 'next' : null, ...rest } };
    }
    return cursor === undefined
      ? { body: { events: [event('ssh.login')], next_cursor: 'next', complete: false } }
      : {
          body: {
            events: [event('user.login')],
            next_cursor: text === 'more' ? 'third' : null,
            complete: text !== 'more',
          },
        };
  }
  if (path.startsWith('/v1/events/feed')) return { body: { events: [event('ssh.login')], next: 'here' } };
  if (path === '/v1/whoami') return { body: { tenant: 't-1', scopes: ['events:read'] } };
  if (path.startsWith('/v1/keys') && method === 'DELETE') return { status: 204 };
  if (path.startsWith('/v1/keys') && method === 'GET') return { body: { keys: [], next: null } };
  if (path.startsWith('/v1/tenants') && method === 'GET') return { body: { tenants: [], next: null } };
  if (path === '/v1/keys') return { status: 201, body: { key_id: 'k1', key: 'tk_k1_s', ...JSON.parse(body) } };
  if (path === '/v1/dead-letters') return { body: { queues: [{ queue: 'bulk', visible: 2, in_flight: 0 }] } };
  if (path.endsWith('/redrive')) return { body: { moved: 2 } };
  return undefined;
}

let api: StubApi;
let folder: string;
beforeAll(async () => {
  api = await startStub(answer);
  // As npm start leaves it; commands look for it from their folder upward.
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-cli-'));
  mkdirSync(join(folder, '.trailkeep'));
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  const local = { apiUrl: api.url, tenantId: 't-1', apiKey: 'tk_tenant', adminKey: 'tk_admin' };
  writeFileSync(join(folder, '.trailkeep', 'local.json'), JSON.stringify(local));
});
afterAll(() => api.close());
const run = (...args: string[]) => trailkeep(args, { cwd: join(folder, 'a', 'b') });
const last = () => api.received.at(-1)!;

describe('query', () => {
  test('flags are filters, times may be relative, and a table comes back', async () => {
    const ran = await run('query', '--action', 'ssh.*,user.*', '--from', '2h', '--target-type', 'host', '--limit', '1');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['TIME', 'ACTION', 'ACTOR', 'OUTCOME', 'TARGET', 'IP'],
      ['2026-03-04 09:00:00', 'ssh.login', 'Maya', 'success', 'host:web-1 +1', '192.0.2.1'],
      [''],
    ]);
    expect(ran.err).toContain('The search is not complete; go on with --cursor next');
    const asked = JSON.parse(last().body) as Record<string, unknown>;
    expect(asked).toMatchObject({ action: ['ssh.*', 'user.*'], target_type: ['host'], limit: 1 });
    expect(String(asked.from)).toMatch(/^\d{4}-.*Z$/);
    expect(last().headers.authorization).toBe('Bearer tk_tenant');
  });

  test('an answer that is not complete is taken up again until it is', async () => {
    const ran = await run('query', '--json');
    expect(
      ran.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { action: string }).action),
    ).toEqual(['ssh.login', 'user.login']);
    expect(ran.err).toBe('');
  });

  test('what could not be read is told behind what was, each once, and the exit code says so', async () => {
    const ran = await run('query', '--text', 'old');
    expect(ran.code).toBe(1);
    expect(ran.out.match(/ssh\.login/g)).toHaveLength(2);
    expect(ran.err).toBe(
      [
        'Archived, and not shown above. See what it takes to bring them back: trailkeep help archive',
        '  2020-03-01 system: up to 6 events, 3.0 MB',
        'Damaged, and not shown above. Tell your operator:',
        '  audit-logs/x.jsonl.gz: block 7, bytes 10-20',
        '',
      ].join('\n'),
    );
    const cut = await run('query', '--text', 'old', '--limit', '1');
    expect(cut.err).toContain('not complete (about 2.0 GB are still to be scanned); go on with --cursor next');
  });

  test('names from strangers cannot move the cursor of a terminal', async () => {
    const { out } = await run('query', '--text', 'evil', '--strong');
    expect(last().path).toBe('/v1/events/search?consistency=strong');
    expect(out).toContain('a\uFFFD[2Jb\uFFFDc');
  });

  test('a filter that we do not know is named before anything is sent', async () => {
    const before = api.received.length;
    expect(await run('query', '--outcome', 'fail')).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean failure?'),
    });
    expect(await run('query', '--frm', '2h')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Did you mean --from?'),
    });
    expect(await run('query', '--from', 'yesterday')).toMatchObject({
      code: 2,
      err: expect.stringContaining('is no time'),
    });
    expect(api.received).toHaveLength(before);
  });
});

test('send: an event of flags', async () => {
  const ran = await run(
    'send',
    '--action',
    'role.assign',
    '--actor',
    'maya',
    '--target',
    'user:tomas',
    '--metadata',
    'n=1',
  );
  expect(ran).toMatchObject({ code: 0, out: 'id    id-0\ntier  bulk\n' });
  expect(JSON.parse(last().body)).toEqual({
    action: 'role.assign',
    actor: { type: 'user', id: 'maya' },
    targets: [{ type: 'user', id: 'tomas' }],
    metadata: { n: 1 },
  });
});

test('send: a list in standard input, and one refused', async () => {
  const input =
    '[{"action":"a.b",\n"actor":{"type":"user","id":"u"}},\n{"action":"no.way","actor":{"type":"user","id":"u"}}]';
  const ran = await trailkeep(['send', '-', '--url', api.url, '--key', 'tk_x'], { input });
  expect(ran).toMatchObject({ code: 1, out: '1 accepted, 1 refused\n' });
  expect(ran.err).toContain('event 2 refused: The schema says no.');
});

test('key and dlq: the right key goes to each', async () => {
  const made = await run('key', 'create', 'billing', '--scope', 'events:write', '--json');
  expect(JSON.parse(made.out)).toMatchObject({ name: 'billing', scopes: ['events:write'], key: 'tk_k1_s' });
  expect(last().headers.authorization).toBe('Bearer tk_tenant');
  expect(await run('key', 'revoke', 'k1')).toMatchObject({ code: 0 });
  expect((await run('dlq', 'list')).out).toBe('QUEUE  WAITING  HELD\nbulk   2        0\n');
  expect(last().headers.authorization).toBe('Bearer tk_admin');
  expect((await run('dlq', 'redrive', 'bulk', '--limit', '5')).out).toContain('2 messages go back');
  expect(last()).toMatchObject({ path: '/v1/dead-letters/bulk/redrive', body: '{"limit":5}' });
});

test('lists are as long as the API allows', async () => {
  expect(await run('key', 'list')).toMatchObject({ code: 0 });
  expect(last().path).toBe('/v1/keys?limit=1000');
  expect(await run('tenant', 'list')).toMatchObject({ code: 0 });
  expect(last().path).toBe('/v1/tenants?limit=1000');
});

test('a key of the local file never goes to another address', async () => {
  const ran = await run('whoami', '--url', 'http://127.0.0.1:1');
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('No API key for http://127.0.0.1:1.') });
  const other = await trailkeep(['whoami'], { cwd: '/', env: { TRAILKEEP_URL: api.url, TRAILKEEP_API_KEY: 'tk_env' } });
  expect(other.out).toContain('key_from  TRAILKEEP_API_KEY');
  expect(last().headers.authorization).toBe('Bearer tk_env');
});

test('what the API does not have is told with its page', async () => {
  const ran = await run('query', '01a1fcbd-bc32-7b73-975d-6c4ddef43daf');
  expect(ran.code).toBe(1);
  expect(ran.err).toContain('There is nothing here. (404 not_found)');
  expect(ran.err).toContain('https://trailkeep.dev/errors/not_found');
  expect(ran.err).toContain('Request id: r-1');
});

describe('help', () => {
  test('the list of commands, and a hint for one that is misspelt', async () => {
    const { code, out } = await run('--help');
    expect(code).toBe(0);
    for (const name of ['send', 'import', 'query', 'tail', 'key', 'whoami', 'token', 'tenant', 'issuer', 'dlq'])
      expect(out).toContain(`  ${name} `);
    expect(await run('qury')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Did you mean "trailkeep query"?'),
    });
    expect(await run('key', 'rotat', 'x')).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean "key rotate"?'),
    });
    expect((await run()).code).toBe(2);
  });

  test.each(['send', 'import', 'query', 'tail', 'key', 'whoami', 'token', 'tenant', 'issuer', 'dlq'])(
    '%s explains itself',
    async (name) => {
      const { code, out, err } = await run(name, '--help');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/^trailkeep \w+: .+\n\nUsage: [\s\S]+\nFlags\n[\s\S]+\nExamples\n {2}# /);
    },
  );
});
