/** An emergency, over HTTP: what a reader sees before, during and after, and what is on record. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let reader: string;
let officer: string;
beforeAll(async () => {
  platform = await testPlatform();
  const { apiKey } = await platform.makeTenant('Ward');
  const make = async (name: string, ...scopes: string[]) =>
    (await platform.call('POST', '/v1/keys', { key: apiKey, json: { name, scopes } })).json.key as string;
  reader = await make('nurse', 'events:read', 'breakglass:use');
  officer = await make('officer', 'events:read', 'breakglass:review');
  const json = {
    action: 'record.view',
    actor: { type: 'user', id: 'p-9', name: 'Grace Hopper' },
    data_class: 'phi',
    metadata: { diagnosis: 'measles' },
  };
  await platform.call('POST', '/v1/events', { key: apiKey, json });
  await platform.settled();
}, 180_000);
afterAll(() => platform?.end());

const looks = async (key: string, headers: Record<string, string> = {}) =>
  (await platform.call('GET', '/v1/events?action=record.view', { key, headers })).text;
const post = async (key: string, path: string, json: object = {}) => platform.call('POST', path, { key, json });

test('the glass is broken, mended and reviewed', async () => {
  expect(await looks(reader)).not.toMatch(/Grace|measles/);
  // A purpose alone lifts nothing.
  expect(await looks(reader, { 'trailkeep-purpose': 'treatment' })).not.toMatch(/Grace|measles/);

  const begun = await post(reader, '/v1/break-glass', { reason: 'Patient unconscious, no chart.', minutes: 5 });
  expect(begun.status).toBe(201);
  expect(await looks(reader)).toMatch(/Grace[\s\S]*measles|measles[\s\S]*Grace/);
  expect(await looks(officer)).not.toMatch(/Grace|measles/);

  const { id } = begun.json;
  expect((await post(reader, `/v1/break-glass/${id}/end`)).json.lasts).toBe(false);
  expect(await looks(reader)).not.toMatch(/Grace|measles/);

  expect((await post(reader, `/v1/break-glass/${id}/review`)).status).toBe(403);
  const review = { verdict: 'justified', comment: 'The ward confirms it.' };
  expect((await post(officer, `/v1/break-glass/${id}/review`, review)).json.review.verdict).toBe('justified');
});

test('the trail tells it', async () => {
  await platform.settled();
  const found = async (action: string) =>
    (await platform.call('GET', `/v1/events?action=${action}`, { key: officer })).json.events;
  const told = await found('break_glass.*');
  expect(told.map(({ action }: { action: string }) => action)).toEqual([
    'break_glass.review',
    'break_glass.end',
    'break_glass.begin',
  ]);
  const { severity, targets } = told[2];
  expect(severity).toBe('high');
  const { id } = targets[0];
  const [unmasked, ...more] = await found('field.unmask');
  expect(unmasked.metadata.break_glass).toBe(id);
  expect(more).toEqual([]);
  const under = (await found('audit_log.search')).filter(
    ({ metadata }: { metadata: { break_glass?: string } }) => metadata.break_glass === id,
  );
  expect(under).toHaveLength(1);
});
