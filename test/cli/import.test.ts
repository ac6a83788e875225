/** `trailkeep import` as a child process against a small API: what goes out, what is told, and running it again. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { fixture, type Ran, trailkeep } from './run-cli.ts';
import { type Received, type StubAnswer, type StubApi, startStub } from './stub-api.ts';

let api: StubApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

async function stub(
  answer: (request: Received, nth: number) => StubAnswer | undefined | Promise<undefined> = () => undefined,
): Promise<StubApi> {
  api = await startStub(answer);
  return api;
}
const importInto = (url: string, args: readonly string[], input?: string): Promise<Ran> =>
  trailkeep(['import', '--url', url, '--key', 'tk_x', ...args], input === undefined ? {} : { input });
const eventsOf = ({ claims }: StubApi) => [...claims.values()].flat();
const scratch = () => mkdtempSync(join(tmpdir(), 'trailkeep-cli-'));

describe('accepted', () => {
  test('sshd lines go out in batches and are summed up by tier', async () => {
    const { url, received, claims } = await stub();
    const ran = await importInto(url, [
      '-f',
      'openssh',
      fixture('openssh/auth.log'),
      '--year',
      '2026',
      '--batch',
      '50',
    ]);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.out).toContain(
      'read          190\naccepted      164 (critical 164, bulk 0)\nrefused       0\nunrecognised  26',
    );
    expect(ran.err).toMatch(/^100 % {2}164 events {2}[\d,]+\/s\n$/);
    expect([...claims.values()].map((events) => events.length).sort()).toEqual([14, 50, 50, 50]);
    expect(received[0]!.headers).toMatchObject({
      authorization: 'Bearer tk_x',
      'content-type': 'application/x-ndjson',
    });
  });

  test('run again, every batch has the key it had: nothing is added', async () => {
    const { url, received, claims } = await stub();
    const args = ['-f', 'cloudtrail', fixture('cloudtrail/events.jsonl'), '--batch', '40'];
    await importInto(url, args);
    const keys = [...claims.keys()].sort();
    await importInto(url, args);
    expect(received).toHaveLength(8);
    expect([...claims.keys()].sort()).toEqual(keys);
    expect(keys.every((key) => /^import-[0-9a-f]{64}$/.test(key))).toBe(true);
  });

  test('files as AWS delivers them, lists and lines hold the same records', async () => {
    const gz = fixture('cloudtrail/123837392027_CloudTrail_us-east-1_20230710T1145Z.json.gz');
    const { url } = await stub();
    const ran = await importInto(url, ['-f', 'cloudtrail', gz, '--json']);
    expect(JSON.parse(ran.out)).toMatchObject({ read: 60, accepted: 60, unrecognised: 0 });
    const ids = eventsOf(api!).map(({ external_id }) => external_id);
    expect(new Set(ids).size).toBe(60);
  });

  test('standard input, and a list over many lines', async () => {
    const record = { eventSource: 's3.amazonaws.com', eventName: 'GetObject', eventTime: '2026-01-02T03:04:05Z' };
    const list = JSON.stringify(
      [
        { ...record, eventID: 'a' },
        { ...record, eventID: 'b' },
      ],
      null,
      2,
    );
    const { url } = await stub();
    const ran = await importInto(
      url,
      ['-f', 'cloudtrail', '-', '--json'],
      `${list}\nnonsense\n${JSON.stringify(record)}`,
    );
    expect(JSON.parse(ran.out)).toMatchObject({ read: 4, accepted: 3, refused: { json_invalid: 1 } });
  });

  test('our own shape goes out to the byte', async () => {
    const line = '{"action":"a.b", "actor":{"type":"user","id":"\\u00e9"},"metadata":{"n":1.50}}';
    const { url, received } = await stub();
    expect(await importInto(url, ['-f', 'jsonl', '-'], `${line}\n`)).toMatchObject({ code: 0 });
    expect(received[0]!.body).toBe(`${line}\n`);
  });

  test('lines that nobody knows are kept when asked', async () => {
    const { url } = await stub();
    await importInto(url, ['-f', 'openssh', fixture('openssh/auth.log'), '--year', '2026', '--unrecognised', 'raw']);
    expect(eventsOf(api!).filter(({ action }) => action === 'log.line')).toHaveLength(26);
  });

  test('four batches are on their way at once, and no more', async () => {
    const four = Promise.withResolvers<undefined>();
    const { url, received, busiest } = await stub((_request, nth) => {
      // A fifth, if it came, would come at once; waiting longer changes nothing for who sends four.
      if (nth === 4) setTimeout(() => four.resolve(undefined), 150);
      return four.promise;
    });
    await importInto(url, ['-f', 'openssh', fixture('openssh/auth.log'), '--year', '2026', '--batch', '5']);
    expect(received).toHaveLength(33);
    expect(busiest()).toBe(4);
  });
});

describe('refused', () => {
  test('here or by the API: by code, with the line', async () => {
    const folder = scratch();
    const file = join(folder, 'mixed.jsonl');
    const event = (action: string) => JSON.stringify({ action, actor: { type: 'user', id: 'u' } });
    writeFileSync(file, [event('a.b'), event('no.way'), '{"action":', '', event('a.c')].join('\n'));
    const { url } = await stub();
    const ran = await importInto(url, ['-f', 'jsonl', file]);
    expect(ran.code).toBe(0);
    expect(ran.out).toContain('accepted      2');
    expect(ran.out).toMatch(/event_schema_violated {2}1 .*\n {4}line 2 {2}The schema says no\./);
    expect(ran.out).toMatch(/json_invalid {2}1 .*\n {4}line 3 /);
  });

  test('a batch of which nothing was accepted is counted like any other, and ends with 1', async () => {
    const { url } = await stub();
    const ran = await importInto(url, ['-f', 'jsonl', '-'], '{"action":"no.way","actor":{"type":"user","id":"u"}}\n');
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.out).toContain('event_schema_violated  1');
  });
});

describe('the API in trouble', () => {
  test('429 is waited for', async () => {
    const busy: StubAnswer = {
      status: 429,
      headers: { 'retry-after': '1' },
      body: { code: 'rate_limited', detail: 'Wait.' },
    };
    const { url, received } = await stub((_request, nth) => (nth === 1 ? busy : undefined));
    const ran = await importInto(url, ['-f', 'cloudtrail', fixture('cloudtrail/events.jsonl')]);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.out).toContain('accepted      150');
    expect(received).toHaveLength(2);
    expect(received[0]!.headers['idempotency-key']).toBe(received[1]!.headers['idempotency-key']);
  });

  test('503 is tried again, because a batch has its key', async () => {
    const down: StubAnswer = {
      status: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'unavailable', detail: 'Wait.' },
    };
    const { url, received } = await stub((_request, nth) => (nth === 1 ? down : undefined));
    const ran = await importInto(url, ['-f', 'cloudtrail', fixture('cloudtrail/events.jsonl')]);
    expect(ran).toMatchObject({ code: 0 });
    expect(received).toHaveLength(2);
  });

  test('401 in the middle ends it, and says what to do', async () => {
    const no: StubAnswer = { status: 401, body: { code: 'unauthenticated', detail: 'The key is not known.' } };
    const { url } = await stub((_request, nth) => (nth > 5 ? no : undefined));
    const ran = await importInto(url, [
      '-f',
      'openssh',
      fixture('openssh/auth.log'),
      '--year',
      '2026',
      '--batch',
      '10',
    ]);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('The key is not known. (401 unauthenticated)');
    expect(ran.err).toContain('The key came from --key');
    expect(ran.err).toContain('Run the same command again to go on');
  });

  test('nobody listens', async () => {
    const ran = await importInto('http://127.0.0.1:1', ['-f', 'openssh', fixture('openssh/auth.log')]);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('Nobody answers at http://127.0.0.1:1.');
    expect(ran.err).toContain('npm start');
  });
});

describe('on trial and mistyped', () => {
  test('a dry run needs no API and sends nothing', async () => {
    const map = "time=when,actor=who,action=did,target=document,target_type='document',outcome=result";
    const ran = await trailkeep(['import', '-f', 'csv', fixture('csv/access.csv'), '--map', map, '--dry-run'], {
      cwd: '/',
    });
    expect(ran.code).toBe(0);
    expect(ran.out).toContain('would accept  5 (critical 1, bulk 4)');
    expect(ran.out).toContain('Nothing was sent.');
  });

  const mistyped: readonly (readonly [string, readonly string[], number, string])[] = [
    ['no format', ['x.log'], 2, '--format openssh|cloudtrail|jsonl|csv'],
    ['a wrong format', ['-f', 'syslog', 'x.log'], 2, 'is one of openssh, cloudtrail, jsonl, csv'],
    ['no file', ['-f', 'csv'], 2, 'Which file?'],
    ['a file that is not there', ['-f', 'csv', 'nowhere.csv'], 1, 'There is no file nowhere.csv'],
    ['a folder', ['-f', 'csv', fixture('csv')], 1, 'is a folder'],
    [
      'a column that is not there',
      ['-f', 'csv', fixture('csv/access.csv'), '--map', 'actor=whom', '--dry-run'],
      1,
      'no column whom',
    ],
    ['no column for the action', ['-f', 'csv', fixture('csv/access.csv'), '--dry-run'], 1, 'No column fills action'],
    ['a mapping for logs', ['-f', 'openssh', 'x', '--map', 'actor=a'], 2, '--map is for csv and jsonl'],
    ['a wrong number', ['-f', 'openssh', 'x', '--batch', '5000'], 2, '--batch must be a whole number from 1 to 1000'],
  ];
  test.each(mistyped)('%s', async (_name, args, code, told) => {
    const ran = await importInto('http://127.0.0.1:1', args);
    expect(ran.err).toContain(told);
    expect(ran.code).toBe(code);
  });
});
