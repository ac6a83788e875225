/** The whole archive answers what a search answers: over HTTP, after real compaction, from files that Athena's stand-in reads. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uuidv7 } from '#core/event/uuid.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { superuser } from './least-privilege/world.ts';

let platform: TestPlatform;
let key: string;

beforeAll(async () => {
  platform = await testPlatform();
  ({ apiKey: key } = await platform.makeTenant('Asks the archive'));
}, 180_000);
afterAll(() => platform?.end());

const range = { from: '2026-03-01T00:00:00Z', to: '2026-03-20T00:00:00Z' };
const post = (path: string, json: object) => platform.call('POST', path, { key, json });

async function answered(json: object) {
  let { json: view } = await post('/v1/queries', { ...range, ...json });
  while (view.state === 'queued' || view.state === 'running') {
    ({ json: view } = await platform.call('GET', `/v1/queries/${view.id}`, { key }));
  }
  expect(view.state).toBe('succeeded');
  const { json: page } = await platform.call('GET', `/v1/queries/${view.id}/results?limit=1000`, { key });
  return { view, page };
}

test('both tiers, people and words included, as soon as they are compacted', async () => {
  const start = Date.parse('2026-03-01T10:00:00.000Z');
  const events = Array.from({ length: 60 }, (_, n) => ({
    id: uuidv7(Date.now(), randomBytes(10)),
    action: n % 3 ? 'document.view' : 'role.assign',
    occurred_at: new Date(start + n * 3_600_000).toISOString(),
    actor: { type: 'user', id: `user-${n % 5}`, name: `Ada ${n % 5}`, email: `ada${n % 5}@example.com` },
    context: { ip: `203.0.113.${n % 9}` },
  }));
  expect((await post('/v1/events', events)).status).toBe(202);
  await platform.settled();

  const early = await answered({});
  expect(early.page.events).toEqual([]);
  expect(early.page).toMatchObject({ complete: false, coverage: { pending: { events: 60 } } });

  const sql = superuser(platform);
  await sql`update record.segment set committed_at = committed_at - interval '1 day'`;
  await sql.end();
  await platform.functions.invoke('archive-compact-sweep', {});
  await platform.settled();

  const questions = [
    {},
    { actor: 'user-3' },
    { actor_email: 'ADA2@example.com' },
    { text: 'ada 4' },
    { ip: '203.0.113.7' },
  ];
  for (const question of [...questions, { action: 'role.*' }]) {
    const { json: found } = await post('/v1/events/search', { ...range, ...question, limit: 1000 });
    expect(found.events.length).toBeGreaterThan(5);
    const { view, page } = await answered(question);
    expect(page.events).toEqual(found.events);
    expect(page).toMatchObject({ complete: true, limited: false, next_cursor: null });
    expect(view.scanned_bytes).toBeGreaterThan(0);
  }
}, 120_000);
