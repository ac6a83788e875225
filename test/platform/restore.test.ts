/** Deep Archive and back: events grow old, a question says so, what it takes is said before it is done, and then they are read. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { superuser } from './least-privilege/world.ts';

let platform: TestPlatform;
let key: string;
let second: string;
let foreign: string;
const ask = (method: string, path: string, json?: unknown, as = key): Promise<Answer> =>
  platform.call(method, path, { key: as, ...(json === undefined ? {} : { json }) });
const range = { from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' };
const question = async () =>
  (await ask('GET', `/v1/events?action=document.view&from=${range.from}&to=${range.to}&limit=500`)).json;
const path = '/v1/archive/restores';
const count = 200;
let id = '';

beforeAll(async () => {
  platform = await testPlatform();
  ({ apiKey: key } = await platform.makeTenant('Old'));
  ({ apiKey: foreign } = await platform.makeTenant('Foreign'));
  const made = await ask('POST', '/v1/keys', { name: 'second person', scopes: ['retention:manage'] });
  second = made.json.key;
  const kept = { cold: 2555, archive_format: 'glacier' };
  const classes = { kept: { hot: 90, warm: 365, ...kept } };
  const categories = ['critical', 'auth_events', 'api_calls', 'user_activity', 'operations', 'system'];
  const by_category = Object.fromEntries(categories.map((category) => [category, 'kept']));
  const proposed = await ask('PUT', '/v1/retention', { classes, by_category });
  const approved = await ask('POST', '/v1/retention/approve', { version: proposed.json.version }, second);
  expect(approved.status, approved.text).toBe(200);
  // Too big to be left in Standard for its size, and as compressible as a digest.
  const events = Array.from({ length: count }, (_, n) => ({
    action: 'document.view',
    occurred_at: new Date(Date.parse(range.from) + n * 1000).toISOString(),
    actor: { type: 'user', id: `user-${n % 7}` },
    metadata: { digest: randomBytes(900).toString('base64') },
  }));
  const sent = await ask('POST', '/v1/events', events);
  expect(sent.status, sent.text).toBe(202);
  id = sent.json.items[0].id;
  await platform.settled();
  const sql = superuser(platform);
  await sql`update record.segment set committed_at = committed_at - interval '1 day'`;
  await sql.end();
  await platform.functions.invoke('archive-compact-sweep', {});
  await platform.settled();
}, 180_000);
afterAll(() => platform?.end());

test('archived events come back for some days, priced and confirmed, and are archived again', async () => {
  expect(await question()).toMatchObject({ complete: true, events: { length: count } });

  // 400 days go by, in which the rules that CDK deploys move the file to Deep Archive.
  expect((await platform.services.age(400)).moved).toBe(1);
  const archived = await question();
  expect(archived).toMatchObject({ complete: false, events: [], archived: [{ day: '2026-03-01' }] });
  expect((await ask('GET', `/v1/events/${id}`)).json.code).toBe('archived');

  const asked = await ask('POST', path, { ...range, speed: 'standard', days: 3 });
  expect(asked.status).toBe(201);
  const restore = asked.json;
  expect(restore).toMatchObject({ state: 'estimated', files: 1, restored_before: 0, expected_hours: 12 });
  expect(restore.bytes).toBeGreaterThan(128 * 1024);
  expect(restore.cost_usd.total).toBeGreaterThan(0);

  // Nobody else's: their answers are those for what is not there.
  for (const [method, where] of [
    ['GET', `${path}/${restore.id}`],
    ['POST', `${path}/${restore.id}/confirm`],
  ] as const) {
    expect((await ask(method, where, method === 'POST' ? {} : undefined, foreign)).status).toBe(404);
  }
  const theirs = await ask('POST', path, { ...range, speed: 'standard', days: 3 }, foreign);
  expect(theirs.json.files).toBe(0);

  expect((await ask('POST', `${path}/${restore.id}/confirm`, {})).status).toBe(202);
  await platform.settled();
  const waiting = (await ask('GET', `${path}/${restore.id}`)).json;
  expect(waiting).toMatchObject({ state: 'under_way', progress: { under_way: 1, waiting: 0 } });
  expect((await question()).complete).toBe(false);

  // S3 needs its hours; a day makes them pass.
  await platform.services.age(1);
  const ready = (await ask('GET', `${path}/${restore.id}`)).json;
  expect(ready).toMatchObject({ state: 'ready', progress: { under_way: 0 } });
  expect(await question()).toMatchObject({ complete: true, events: { length: count } });
  expect((await ask('GET', `/v1/events/${id}`)).json.id).toBe(id);

  const again = (await ask('POST', path, { ...range, speed: 'bulk', days: 10 })).json;
  expect(again).toMatchObject({ files: 1, restored_before: 1, expected_hours: 0, cost_usd: { retrieval: 0 } });
  await ask('POST', `${path}/${again.id}/confirm`, {});
  await platform.settled();
  const longer = (await ask('GET', `${path}/${again.id}`)).json;
  expect(longer.state).toBe('ready');
  expect(Date.parse(longer.progress.readable_until)).toBeGreaterThan(Date.parse(ready.progress.readable_until));

  await platform.services.age(12);
  expect((await question()).complete).toBe(false);
  const listed = (await ask('GET', path)).json.restores;
  expect(listed.map((one: { id: string }) => one.id)).toEqual([again.id, restore.id]);

  const told = (await ask('GET', '/v1/events?action=archive.*&limit=100')).json.events;
  const actions = told.map((event: { action: string }) => event.action).toSorted();
  expect(actions).toEqual([
    ...['archive.restore_asked', 'archive.restore_asked', 'archive.restore_confirmed', 'archive.restore_confirmed'],
    ...['archive.restored', 'archive.restored'],
  ]);
});
