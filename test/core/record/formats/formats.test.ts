/** Real and written log lines become events that the API takes: golden counts, and every one judged. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { classify } from '#core/event/catalogue.ts';
import { type EventInput, eventBytesMax, type Json } from '#core/event/event.ts';
import { parseJson } from '#core/event/json.ts';
import { validateInput } from '#core/event/validate.ts';
import { fromCloudTrail } from '#core/record/formats/cloudtrail.ts';
import type { Recognised } from '#core/record/formats/format.ts';
import { fromOpenssh } from '#core/record/formats/openssh.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

const fixtures = resolve(import.meta.dirname, '../../../fixtures');
const now = new Date('2026-06-01T00:00:00Z');
const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
const cloudTrailLine = (line: string): Recognised => fromCloudTrail(JSON.parse(line) as Json);
const sshLine = (line: string): Recognised => fromOpenssh(line, { now });

/** The event, judged as the API judges it: safe JSON within the limits, and the right shape. */
function eventOf(found: Recognised): EventInput {
  if (found === 'unrecognised' || !found.ok) throw new Error(`no event: ${JSON.stringify(found)}`);
  const text = JSON.stringify(found.value);
  const parsed = parseJson(text);
  if (!parsed.ok) throw new Error(`${parsed.fault.detail} in ${text.slice(0, 300)}`);
  const judged = validateInput(parsed.value);
  if (!judged.ok) throw new Error(`${judged.fault.detail} in ${text.slice(0, 300)}`);
  expect(Buffer.byteLength(text)).toBeLessThan(eventBytesMax);
  return judged.value;
}

function countBy<T>(items: readonly T[], of: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[of(item)] = (counts[of(item)] ?? 0) + 1;
  return counts;
}

describe('CloudTrail', () => {
  const events = linesOf(join(fixtures, 'cloudtrail/events.jsonl')).map((line) => eventOf(cloudTrailLine(line)));

  test('every record of the sample is an event, by outcome and tier', () => {
    expect(events).toHaveLength(150);
    expect(countBy(events, ({ outcome }) => outcome!.result)).toEqual({ success: 129, failure: 16, denied: 5 });
    expect(countBy(events, ({ action, crud }) => classify(action, crud ? { crud } : {}).tier)).toEqual({
      bulk: 130,
      critical: 20,
    });
    expect(countBy(events, ({ actor }) => actor.type)).toEqual({ iamuser: 135, assumedrole: 11, awsservice: 4 });
  });

  test('a delivered file has the same records in another wrapping', () => {
    const file = join(fixtures, 'cloudtrail/123837392027_CloudTrail_us-east-1_20230710T1145Z.json.gz');
    const { Records } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as { Records: Json[] };
    expect(Records.map((record) => eventOf(fromCloudTrail(record)))).toHaveLength(60);
  });

  test('one record in full', () => {
    const denied = events.find(({ outcome }) => outcome?.result === 'denied')!;
    expect(denied).toMatchInlineSnapshot(`
      {
        "action": "aws.sts.AssumeRole",
        "actor": {
          "id": "arn:aws:iam::123837392027:user/bert-jan",
          "metadata": {
            "accessKeyId": "AKIATFQR7NSC8Q4X20BJ",
            "accountId": "123837392027",
          },
          "name": "bert-jan",
          "type": "iamuser",
        },
        "context": {
          "ip": "192.168.10.20",
          "location": "us-east-1",
          "request_id": "e4ca758e-8abd-4be9-aeb1-04e7c92ed72e",
          "user_agent": "stratus-red-team_39f95f43-cd2f-4beb-b69e-be60b6fe1f57",
        },
        "crud": "r",
        "external_id": "e4bad408-6272-4892-bf47-bd41b435ce40",
        "idempotency_key": "e4bad408-6272-4892-bf47-bd41b435ce40",
        "metadata": {
          "errorCode": "AccessDenied",
          "eventType": "AwsApiCall",
          "recipientAccountId": "123837392027",
        },
        "occurred_at": "2023-07-10T11:54:42Z",
        "outcome": {
          "reason": "AccessDenied: User: arn:aws:iam::123837392027:user/bert-jan is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123837392027:role/stratus-red-team-ec2-get-password-data-role",
          "result": "denied",
        },
      }
    `);
  });

  const record = {
    eventSource: 'signin.amazonaws.com',
    eventName: 'ConsoleLogin',
    eventTime: '2026-03-04T09:00:00Z',
    sourceIPAddress: '198.51.100.7',
    userIdentity: { type: 'IAMUser', principalId: 'AIDA1', userName: 'maya' },
    eventID: 'e-1',
  };

  test('a failed console log-in has no errorCode and is a failure', () => {
    const event = eventOf(
      fromCloudTrail({
        ...record,
        errorMessage: 'Failed authentication',
        responseElements: { ConsoleLogin: 'Failure' },
      }),
    );
    expect(event.action).toBe('aws.signin.ConsoleLogin');
    expect(event.outcome).toEqual({ result: 'failure', reason: 'Failed authentication' });
    expect(eventOf(fromCloudTrail({ ...record, responseElements: { ConsoleLogin: 'Success' } })).outcome).toEqual({
      result: 'success',
    });
  });

  test('a service that calls for itself is the actor, and stands where the address would', () => {
    const event = eventOf(
      fromCloudTrail({
        ...record,
        userIdentity: { invokedBy: 'ec2.amazonaws.com' },
        sourceIPAddress: 'ec2.amazonaws.com',
      }),
    );
    expect(event.actor).toMatchObject({ type: 'awsservice', id: 'ec2.amazonaws.com' });
    expect(event.context).toEqual({ service: 'ec2.amazonaws.com' });
  });

  test('what exceeds an event’s limits is left out, and the event says so', () => {
    const wide = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`key${index}`, 'x'.repeat(200)]));
    let deep: Json = 'end';
    for (let depth = 0; depth < 60; depth++) deep = { deep };
    for (const responseElements of [
      wide,
      deep,
      { text: '😀'.repeat(300_000) },
      { list: Array(9000).fill(wide) as Json[] },
    ]) {
      expect(eventOf(fromCloudTrail({ ...record, responseElements })).metadata).toMatchObject({ truncated: true });
    }
    expect(eventOf(fromCloudTrail(record)).metadata).not.toHaveProperty('truncated');
  });

  test('what is no record is unrecognised, and a record without a time is a fault', () => {
    expect([null, [], 'text', {}, { eventName: 'x' }].map((value) => fromCloudTrail(value))).toEqual(
      Array(5).fill('unrecognised'),
    );
    expect(fromCloudTrail({ ...record, eventTime: 12 })).toMatchObject({ fault: { code: 'event_time_invalid' } });
  });

  test('all of a real trail', () => {
    const folder = dataFolder('cloudtrail-invictus');
    if (folder === undefined) return noticeSkip('cloudtrail-invictus');
    const all = linesOf(join(folder, 'events.jsonl')).map((line) => eventOf(cloudTrailLine(line)));
    const outcomes = countBy(all, ({ outcome }) => outcome!.result);
    const tiers = countBy(all, ({ action, crud }) => classify(action, crud ? { crud } : {}).tier);
    console.log(`cloudtrail-invictus: ${all.length} events`, outcomes, tiers);
    expect(all).toHaveLength(1017);
    expect(new Set(all.map((event) => event.idempotency_key)).size).toBe(1017);
  });
});

describe('OpenSSH', () => {
  const found = linesOf(join(fixtures, 'openssh/auth.log')).map((line) => ({ line, found: sshLine(line) }));
  const known = found.filter(({ found: one }) => one !== 'unrecognised');

  test('the sample by action and outcome', () => {
    const events = known.map(({ found: one }) => eventOf(one));
    expect(countBy(events, ({ action, outcome }) => `${action} ${outcome?.result}`)).toEqual({
      'ssh.disconnect success': 45,
      'ssh.login failure': 97,
      'ssh.login success': 8,
      'ssh.session_close success': 7,
      'ssh.session_open success': 7,
    });
    expect(found.length - known.length).toBe(26);
  });

  test('every event of the sample has a plain user and an address where sshd names one', () => {
    for (const { line, found: one } of known) {
      const { actor, context } = eventOf(one);
      expect(actor.id, line).not.toMatch(/ port|\d\.\d+\.\d|::/);
      if (/ (?:from|by) (?:\S+ )*\S+ port \d+/.test(line)) expect(context?.ip, line).toMatch(/^[\d.]+$|:/);
    }
  });

  test('what is unrecognised says nobody did something', () => {
    const texts = found
      .filter(({ found: one }) => one === 'unrecognised')
      .map(({ line }) => line.replace(/.*web-\d /, ''));
    expect([...new Set(texts.map((text) => text.replace(/\d+/g, 'N').replace(/user \w+\./, 'user U.')))]).toEqual([
      'sshd[N]: Server listening on N.N.N.N port N.',
      'sshd[N]: Server listening on :: port N.',
      'systemd-logind[N]: New session N of user U.',
      'sshd[N]: pam_unix(sshd:auth): check pass; user unknown',
      'sshd[N]: PAM service(sshd) ignoring max retries; N > N',
      'sshd[N]: Did not receive identification string from N.N.N.N port N',
      'sshd[N]: banner exchange: Connection from N.N.N.N port N: invalid format',
      'CRON[N]: pam_unix(cron:session): session opened for user root(uid=N) by (uid=N)',
      'CRON[N]: pam_unix(cron:session): session closed for user root',
      'sudo:     maya : TTY=pts/N ; PWD=/home/maya ; USER=root ; COMMAND=/usr/bin/systemctl restart api',
      '-- MARK --',
    ]);
  });

  test('a success, a failure and an empty name', () => {
    const of = (part: string) => eventOf(sshLine(found.find(({ line }) => line.includes(part))!.line));
    expect(of('Accepted password for backup')).toEqual({
      action: 'ssh.login',
      occurred_at: '2026-03-04T09:04:34.000Z',
      actor: { type: 'user', id: 'backup' },
      outcome: { result: 'success' },
      targets: [{ type: 'host', id: 'web-1' }],
      context: { ip: '203.0.113.66' },
      metadata: { method: 'password', port: 56269, pid: 1510 },
    });
    expect(of('Failed password for invalid user Ann Lee').actor).toEqual({ type: 'user', id: 'Ann Lee' });
    expect(of('Failed none for invalid user  from').actor).toEqual({ type: 'user', id: 'unknown' });
    expect(of('2026-03-04T12:00:00.123456+01:00').occurred_at).toBe('2026-03-04T11:00:00.123Z');
    expect(of('message repeated 4 times').metadata).toMatchObject({ repeated: 4 });
    expect(of('Accepted publickey for deploy from 2001').context).toEqual({ ip: '2001:db8::15' });
  });

  test('a name that holds the words of the sentence does not move the address', () => {
    const event = eventOf(
      sshLine(
        'Mar  4 09:00:00 web-1 sshd[7]: Failed password for invalid user a from 10.0.0.1 port 1 ssh2 from 192.0.2.1 port 22 ssh2',
      ),
    );
    expect(event.context).toEqual({ ip: '192.0.2.1' });
    expect(event.actor.id).toBe('a from 10.0.0.1 port 1 ssh2');
  });

  test('the year is given, or the newest that is not in the future', () => {
    const line = (time: string) => `${time} web-1 sshd[7]: Invalid user x from 192.0.2.1`;
    const at = (time: string, year?: number) => {
      const event = fromOpenssh(line(time), { now: new Date('2026-03-04T12:00:00Z'), ...(year ? { year } : {}) });
      return event !== 'unrecognised' && event.ok ? event.value.occurred_at : event;
    };
    expect(at('Mar  4 11:59:59')).toBe('2026-03-04T11:59:59.000Z');
    expect(at('Mar  4 12:00:01')).toBe('2025-03-04T12:00:01.000Z');
    expect(at('Dec 31 23:59:59')).toBe('2025-12-31T23:59:59.000Z');
    expect(at('Feb 29 01:00:00')).toBe('2024-02-29T01:00:00.000Z');
    expect(at('Dec 10 06:55:46', 2015)).toBe('2015-12-10T06:55:46.000Z');
    expect(at('Feb 29 01:00:00', 2015)).toMatchObject({ ok: false, fault: { code: 'event_time_invalid' } });
  });

  test('a real server under attack', () => {
    const folder = dataFolder('loghub');
    if (folder === undefined) return noticeSkip('loghub');
    const lines = linesOf(join(folder, 'OpenSSH/OpenSSH_2k.log'));
    const events = lines
      .map(sshLine)
      .filter((one) => one !== 'unrecognised')
      .map(eventOf);
    const share = (100 * events.length) / lines.length;
    console.log(
      `loghub OpenSSH_2k: ${events.length} of ${lines.length} lines recognised (${share.toFixed(1)} %)`,
      countBy(events, ({ action, outcome }) => `${action} ${outcome?.result}`),
    );
    expect(share).toBeGreaterThan(85);
  });
});
