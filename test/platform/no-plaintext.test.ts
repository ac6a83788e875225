/**
 * Every byte that the platform keeps, searched for what events said of people: before any erasure there is none of it.
 *
 * The state folder is read whole: objects of S3 (inflated), messages of queues, parameters, keys, logs of functions, and
 * PostgreSQL's own files with its write-ahead log; and every row of every table, past all policies.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { superuser } from '#test/support/postgres.ts';

let platform: TestPlatform;
let key: string;
beforeAll(async () => {
  platform = await testPlatform();
  ({ apiKey: key } = await platform.makeTenant('Clinic'));
}, 180_000);
afterAll(() => platform?.end());

/** A word that stands nowhere else. */
const word = (about: string) => `${about}${randomBytes(6).toString('hex')}`;
const personal = {
  id: word('person'),
  name: word('Name'),
  email: `${word('mail')}@example.org`,
  desk: word('desk'),
  ip: '203.0.113.201',
  agent: word('Agent'),
  session: word('session'),
  place: word('place'),
  patient: word('patient'),
  patientName: word('Patient'),
  note: word('note'),
  before: word('before'),
  after: word('after'),
  boss: word('boss'),
};
/** What is personal because the tenant's schema says so. */
const tagged = { robot: word('robot'), order: word('order'), host: word('host'), holder: word('holder') };
const words = Object.values(personal);
const clear = { service: word('service'), request: word('request'), thing: word('thing') };

const event = (action: string) => ({
  action,
  actor: {
    type: 'user',
    id: personal.id,
    name: personal.name,
    email: personal.email,
    metadata: { desk: personal.desk },
  },
  on_behalf_of: [{ type: 'user', id: personal.boss }],
  targets: [
    { type: 'patient', id: personal.patient, name: personal.patientName },
    { type: 'document', id: clear.thing },
  ],
  context: {
    ip: personal.ip,
    user_agent: personal.agent,
    session_id: personal.session,
    location: personal.place,
    service: clear.service,
    request_id: clear.request,
  },
  outcome: { result: 'failure', reason: `${personal.note} zerbrach` },
  changes: [{ path: '/street', before: personal.before, after: personal.after }],
  metadata: { [personal.note]: personal.note, password: word('secret'), card: '4111 1111 1111 1111' },
  subject: personal.patient,
  data_class: 'phi',
});

/** An event that stays clear but for tags; `plan` stays clear beside one. */
const taggedEvent = {
  action: 'job.run',
  actor: { type: 'service', id: tagged.robot },
  external_id: tagged.order,
  component: tagged.host,
  metadata: { plan: { name: clear.thing, holder: tagged.holder } },
};
const pii = { 'x-privacy': 'pii' };
const taggedSchema = {
  properties: {
    actor: { properties: { id: pii } },
    external_id: pii,
    component: pii,
    metadata: { properties: { plan: { 'x-privacy': 'none', properties: { holder: pii } } } },
  },
};

/** Which of the words a text or file holds. */
const found = (bytes: Buffer | string, of: readonly string[]) => of.filter((one) => bytes.includes(one));

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (entry.isFile()) yield path;
  }
}

test('no stored byte holds what an event said of a person', async () => {
  const registered = await platform.call('PUT', '/v1/schemas/job.run', { key, json: taggedSchema });
  expect(registered.status).toBe(201);
  const sent = await platform.call('POST', '/v1/events', {
    key,
    json: [...['user.login', 'document.view'].map(event), taggedEvent],
  });
  expect(sent.json).toMatchObject({ accepted: 3 });
  await platform.settled();
  const asked = [`subject=${personal.patient}`, `actor.email=${personal.email}`, `ip=${personal.ip}`, 'text=zerbrach'];
  const headers = { 'trailkeep-purpose': 'treatment' };
  for (const query of asked) {
    const { json } = await platform.call('GET', `/v1/events?${query}`, { key, headers });
    expect(json.events, query).toHaveLength(2);
    // What was said comes back to those who may see it; else this test would prove nothing.
    for (const one of words) expect(JSON.stringify(json.events), one).toContain(one);
    expect(JSON.stringify(json.events)).not.toMatch(/4111 1111|secret[0-9a-f]{12}/);
  }
  const { json: jobs } = await platform.call('GET', `/v1/events?actor=${tagged.robot}`, { key, headers });
  expect(jobs.events).toMatchObject([taggedEvent]);
  await platform.settled();

  const secrets = [...words, ...Object.values(tagged), '4111 1111 1111 1111', 'zerbrach'];
  const leaks: string[] = [];
  let count = 0;
  let bytes = 0;
  let clearSeen = 0;
  const look = (name: string, content: Buffer) => {
    bytes += content.length;
    for (const one of found(content, secrets)) leaks.push(`${name}: ${one}`);
    clearSeen += found(content, Object.values(clear)).length;
  };
  for (const path of files(platform.folder)) {
    if (statSync(path).size === 0) continue;
    const content = readFileSync(path);
    count++;
    look(path, content);
    if (path.endsWith('.gz')) look(`${path}, inflated`, gunzipSync(content));
  }
  const { port } = platform.postgres;
  const sql = superuser({ host: '127.0.0.1', port }, 'trailkeep');
  let rows = 0;
  const tables = await sql`select format('%I.%I', n.nspname, c.relname) as name from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname in ('access', 'record', 'privacy', 'sec')`;
  for (const { name } of tables) {
    for (const { text } of await sql.unsafe(`select row_to_json(t)::text as text from ${name} t`)) {
      rows++;
      look(String(name), Buffer.from(text));
    }
  }
  await sql.end();
  console.log(
    `${count} files, ${tables.length} tables, ${rows} rows, ${bytes} bytes: ${leaks.length} of ${secrets.length} values found`,
  );
  expect(leaks).toEqual([]);
  // What programs chose is there, so the search does see what is stored.
  expect(clearSeen).toBeGreaterThan(6);
  expect(rows).toBeGreaterThan(10);
}, 120_000);
