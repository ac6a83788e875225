/** The life and the end of a person's data: a copy, a legal hold, an erasure, and nothing of it left anywhere. */
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListBucketsCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { strFromU8, unzipSync } from 'fflate';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
let sql: Sql;
let s3: S3Client;
let officer: string;
let second: string;
let seen: string[];

const ada = { type: 'user', id: 'ada-lovelace-4711', name: 'Augusta Ada King', email: 'ada.king@lovelace.example' };
const eve = { type: 'user', id: 'eve-stranger-0815', name: 'Eve Nosey', email: 'eve.nosey@stranger.example' };
/** What must be found nowhere in clear. */
const personal = [ada.id, ada.name, ada.email, '203.0.113.77', 'Likes the Analytical Engine'];
const subject = { subject: ada.id };

beforeAll(async () => {
  platform = await testPlatform();
  const tenant = await platform.makeTenant('Lovelace Ltd');
  officer = tenant.apiKey;
  const json = { name: 'second', scopes: ['privacy:request', 'privacy:approve', 'holds:manage', 'events:read'] };
  second = (await call('POST', '/v1/keys', officer, json)).json.key;
  const processing = { purposes: 'Security of the service' };
  await call('PUT', '/v1/policy', officer, { processing });
  const { host, port } = platform.postgres;
  sql = postgres({ host, port, database: 'trailkeep', user: 'postgres', max: 1, onnotice: () => {} });
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  s3 = new S3Client({
    region: 'eu-west-1',
    endpoint: platform.services.endpoints.s3,
    forcePathStyle: true,
    credentials,
  });
  const context = { ip: '203.0.113.77', user_agent: '=HYPERLINK("http://evil")' };
  const target = { type: 'user', id: ada.id, name: ada.name };
  const sent = await call('POST', '/v1/events', officer, [
    { action: 'role.assign', actor: ada, context, metadata: { note: 'Likes the Analytical Engine' } },
    { action: 'document.view', actor: ada, context, targets: [{ type: 'document', id: 'doc-1' }] },
    { action: 'role.revoke', actor: eve, targets: [target], changes: [{ path: '/name', before: ada.name }] },
    { action: 'document.view', actor: eve },
  ]);
  seen = sent.json.items.map((item: { id: string }) => item.id);
  await platform.settled();
}, 180_000);
afterAll(async () => {
  s3?.destroy();
  await sql?.end();
  await platform?.end();
});

const call = (method: string, path: string, key: string, json?: unknown): Promise<Answer> =>
  platform.call(method, path, { key, ...(json === undefined ? {} : { json }) });
async function ask(status: number, ...args: Parameters<typeof call>) {
  const answer = await call(...args);
  expect(answer.status, `${args[0]} ${args[1]}: ${answer.text}`).toBe(status);
  return answer.json;
}
const requestPath = (id: string, step = '') => `/v1/privacy/requests/${id}${step && `/${step}`}`;
/** Opened and verified by the officer, approved by the second person. */
async function through(json: object) {
  const { id } = await ask(201, 'POST', '/v1/privacy/requests', officer, json);
  await ask(200, 'POST', requestPath(id, 'verify'), officer, { method: 'account_login' });
  return ask(200, 'POST', requestPath(id, 'approve'), second);
}

/** Every row of every table, and every version of every object, as text. */
async function* stored(): AsyncIterable<{ readonly place: string; readonly text: string }> {
  const tables = await sql`select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('access', 'record', 'privacy')`;
  for (const { name } of tables) {
    for (const row of await sql.unsafe(`select t::text as text from ${name} t`)) yield { place: name, text: row.text };
  }
  for (const { Name: Bucket } of (await s3.send(new ListBucketsCommand({}))).Buckets ?? []) {
    for (const { Key, VersionId } of (await s3.send(new ListObjectVersionsCommand({ Bucket }))).Versions ?? []) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
      const bytes = Buffer.from(await Body!.transformToByteArray());
      const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
      yield { place: `${Bucket}/${Key}`, text };
    }
  }
}
async function leaks(): Promise<{ readonly scanned: number; readonly found: readonly string[] }> {
  let scanned = 0;
  const found: string[] = [];
  for await (const { place, text } of stored()) {
    scanned++;
    for (const value of personal) if (text.includes(value)) found.push(`${value} in ${place}`);
  }
  return { scanned, found };
}

let packageRequest: string;
let erasure: string;

describe('a person’s data', () => {
  test('lies nowhere in clear', async () => {
    const { scanned, found } = await leaks();
    console.log(`before erasure: ${scanned} rows and objects hold ${found.length} personal values in clear`);
    expect(found).toEqual([]);
    expect(scanned).toBeGreaterThan(10);
  });

  test('is handed out as a package, without what is others’, when two persons wanted it', async () => {
    const opened = await ask(201, 'POST', '/v1/privacy/requests', officer, {
      type: 'access',
      ...subject,
      contact: ada.email,
    });
    expect(opened).toMatchObject({ type: 'access', state: 'received', subject: ada.id, contact: ada.email });
    packageRequest = opened.id;
    expect((await ask(409, 'POST', requestPath(opened.id, 'approve'), second)).code).toBe('conflict');
    await ask(200, 'POST', requestPath(opened.id, 'verify'), officer, { method: 'id_document' });
    expect((await ask(403, 'POST', requestPath(opened.id, 'approve'), officer)).code).toBe('second_person_required');
    const done = await ask(200, 'POST', requestPath(opened.id, 'approve'), second);
    expect(done).toMatchObject({ state: 'completed', package: [{ part: 1 }] });

    const files = await packageOf(opened.id);
    expect(Object.keys(files).sort()).toEqual(
      ['README.html', 'data/events.csv', 'data/events.jsonl', 'info/processing.json', 'manifest.json'].sort(),
    );
    const all = Object.values(files).join('\n');
    for (const value of personal) expect(all).toContain(value);
    // Besides what we recorded about the request itself.
    for (const id of seen.slice(0, 3)) expect(files['data/events.jsonl']).toContain(id);
    expect(files['data/events.jsonl']).not.toContain(seen[3]);
    for (const value of [eve.id, eve.name, eve.email]) expect(all).not.toContain(value);
    expect(files['data/events.jsonl']).toContain('[redacted: third party]');
    expect(files['data/events.csv']).toContain(`"'=HYPERLINK(""http://evil"")"`);
    expect(files['info/processing.json']).toContain('art_15_1_h');
    expect(JSON.parse(files['info/processing.json']!)).toMatchObject({
      controller: 'Lovelace Ltd',
      'art_15_1_a purposes': 'Security of the service',
      'art_15_2 transfers': expect.stringContaining('has not stated'),
    });
  });

  test('is found while it is there', async () => {
    expect((await ask(200, 'GET', `/v1/events?actor=${ada.id}`, officer)).events).toHaveLength(2);
  });

  test('is kept while a legal hold covers it', async () => {
    const scope = { subjects: [ada.id] };
    const hold = await ask(201, 'POST', '/v1/holds', officer, {
      matter: 'Smith v. Lovelace',
      custodian: 'Legal',
      scope,
    });
    expect(hold.scope).toEqual(scope);
    const held = await through({ type: 'erasure', ...subject });
    expect(held).toMatchObject({ state: 'held', hold: hold.id });
    erasure = held.id;
    await platform.functions.invoke('privacy-advance', {});
    expect(await ask(200, 'GET', requestPath(erasure), officer)).toMatchObject({ state: 'held' });
    expect((await ask(200, 'GET', `/v1/events?actor=${ada.id}`, officer)).events).toHaveLength(2);

    await ask(200, 'POST', `/v1/holds/${hold.id}/release`, officer);
    expect((await ask(403, 'POST', `/v1/holds/${hold.id}/release`, officer)).code).toBe('second_person_required');
    await ask(200, 'POST', `/v1/holds/${hold.id}/release`, second);
    expect((await ask(200, 'GET', '/v1/holds', officer)).holds).toMatchObject([{ id: hold.id, released: {} }]);
  });

  test('is unreadable from the shred on: by search, by id, in the package', async () => {
    await platform.functions.invoke('privacy-advance', {});
    const fencing = await ask(200, 'GET', requestPath(erasure), officer);
    expect(fencing).toMatchObject({ state: 'fencing', subject: null });
    expect((await ask(200, 'GET', `/v1/events?actor=${ada.id}`, officer)).events).toEqual([]);
    for (const id of seen.slice(0, 3)) {
      const { text } = await call('GET', `/v1/events/${id}`, officer);
      for (const value of personal) expect(text).not.toContain(value);
      expect(text).toContain('[erased]');
    }
    expect((await call('GET', requestPath(packageRequest, 'package'), officer)).status).toBe(404);
    const again = await call('POST', '/v1/privacy/requests', officer, { type: 'access', ...subject });
    expect(again.json.code).toBe('erasure_under_way');
  });

  test('is certified as gone behind the fence, and nobody can say whose it was', async () => {
    await platform.functions.invoke('privacy-advance', {});
    expect(await ask(200, 'GET', requestPath(erasure), officer)).toMatchObject({ state: 'fencing' });
    await sql`update privacy.request set fence_until = now() - interval '1 second' where fence_until is not null`;
    await sql`update privacy.fence set until = now() - interval '1 second'`;
    expect(await platform.functions.invoke('privacy-advance', {})).toMatchObject({
      moved: 1,
      failed: 0,
      fencesLowered: 1,
    });
    const { certificate, ...done } = await ask(200, 'GET', requestPath(erasure), officer);
    expect(done).toMatchObject({ state: 'completed', subject: null });
    expect(certificate).toMatchObject({
      outcome: 'erased',
      keys: [expect.stringMatching(/^[\w-]{32}$/)],
      verification: { critical: { opened: 0 }, bulk: { opened: 0 } },
      exceptions: [],
    });
    expect(certificate.verification.critical.tried).toBeGreaterThanOrEqual(2);
    // The record of a search for the person is there by then, or still on its way.
    expect(certificate.verification.bulk.tried).toBeGreaterThanOrEqual(1);
    expect(Date.parse(certificate.irrecoverable_at) - Date.parse(certificate.effective_at)).toBe(14 * 86_400_000);
    expect(await sql`select 1 from privacy.request where subject_ref is not null`).toHaveLength(0);
    expect(await sql`select 1 from privacy.subject_alias`).toHaveLength(1);

    await platform.settled();
    const { scanned, found } = await leaks();
    console.log(`after erasure: ${scanned} rows and objects hold ${found.length} personal values`);
    expect(found).toEqual([]);
  });

  test('whoever was given a copy is to be told', async () => {
    const rows = await sql`select recipient, kind, notice_request, notice_due_at, subject_ref from privacy.delivery`;
    expect(rows).toMatchObject([{ kind: 'package', notice_request: erasure, subject_ref: null }]);
    const { events } = await ask(200, 'GET', '/v1/events?action=privacy.erasure_notice', officer);
    expect(events).toHaveLength(1);
  });

  test('every step is in the trail, none with the person in clear', async () => {
    const { events } = await ask(200, 'GET', '/v1/events?action=privacy.*,hold.*&limit=100', officer);
    const actions = events.map(({ action }: { action: string }) => action);
    for (const action of ['received', 'verified', 'approved', 'held', 'executing', 'fencing', 'completed']) {
      expect(actions).toContain(`privacy.request.${action}`);
    }
    expect(actions).toEqual(expect.arrayContaining(['hold.placed', 'hold.release_asked', 'hold.released']));
    for (const value of personal) expect(JSON.stringify(events)).not.toContain(value);
  });
});

describe('other requests', () => {
  test('restriction hides and lifting shows again', async () => {
    expect(await through({ type: 'restriction', subject: eve.id })).toMatchObject({
      state: 'completed',
      keys_changed: 1,
    });
    const hidden = (await call('GET', `/v1/events/${seen[3]}`, officer)).text;
    expect(hidden).toContain('[restricted]');
    // A person may still ask for its own data.
    expect(await through({ type: 'portability', subject: eve.id })).toMatchObject({ package: [{ part: 1 }] });
    expect(await through({ type: 'restriction', subject: eve.id, lift: true })).toMatchObject({ keys_changed: 1 });
    expect((await call('GET', `/v1/events/${seen[3]}`, officer)).text).not.toContain('[restricted]');
  });

  test('rectification puts a statement beside the events', async () => {
    const statement = 'It was not me who did this.';
    const done = await through({ type: 'rectification', subject: eve.id, statement, events: [seen[3]] });
    expect(done.state).toBe('completed');
    await platform.settled();
    const { events } = await ask(200, 'GET', '/v1/events?action=privacy.rectified', officer);
    expect(events).toMatchObject([{ targets: [{ id: done.id }, { type: 'event', id: seen[3] }] }]);
  });

  test('an erasure with a legal ground moves the key to the vault, and is partial', async () => {
    const bad = { type: 'erasure', subject: eve.id, retain_audit_trail: true };
    expect((await ask(422, 'POST', '/v1/privacy/requests', officer, bad)).code).toBe('legal_basis_invalid');
    const retain_until = new Date(Date.now() + 86_400_000).toISOString();
    const ground = { legal_basis: 'art17_3_b_legal_obligation', legal_reference: 'PCI DSS 10.5.1', retain_until };
    const { id, state } = await through({ ...bad, ...ground });
    expect(state).toBe('fencing');
    await sql`update privacy.request set fence_until = now() - interval '1 second' where fence_until is not null`;
    await platform.functions.invoke('privacy-advance', {});
    const done = await ask(200, 'GET', requestPath(id), officer);
    expect(done).toMatchObject({
      state: 'partially_completed',
      certificate: { outcome: 'retained', exceptions: [{ legal_basis: ground.legal_basis }] },
    });
    expect((await call('GET', `/v1/events/${seen[3]}`, officer)).text).not.toContain(eve.name);
    await sql`update privacy.vault_key set retain_until = now()`;
    expect(await platform.functions.invoke('privacy-advance', {})).toMatchObject({ vaultShredded: 1 });
    expect(await sql`select 1 from privacy.vault_key`).toHaveLength(0);
  });

  test('a request is refused with the subject’s rights, extended once, cancelled, and listed', async () => {
    const { id } = await ask(201, 'POST', '/v1/privacy/requests', officer, { type: 'access', subject: 'grace' });
    await ask(200, 'POST', requestPath(id, 'extend'), officer, { reason: 'Many systems' });
    expect((await ask(409, 'POST', requestPath(id, 'extend'), officer, { reason: 'more' })).code).toBe('conflict');
    const refused = await ask(200, 'POST', requestPath(id, 'refuse'), second, { reason: 'Manifestly unfounded' });
    expect(refused).toMatchObject({ state: 'refused', rights: expect.stringContaining('supervisory authority') });
    const other = await ask(201, 'POST', '/v1/privacy/requests', officer, { type: 'erasure', subject: 'grace' });
    await ask(200, 'POST', requestPath(other.id, 'cancel'), officer);
    const { requests, next } = await ask(200, 'GET', '/v1/privacy/requests?state=cancelled', officer);
    expect([requests.length, requests[0].subject, next]).toEqual([1, 'grace', null]);
  });
});

describe('the schedule and strangers', () => {
  test('a request that is due soon is told of once', async () => {
    const { id } = await ask(201, 'POST', '/v1/privacy/requests', officer, { type: 'access', subject: 'grace' });
    await sql`update privacy.request set due_at = now() + interval '4 days' where id = ${id}`;
    expect(await platform.functions.invoke('privacy-advance', {})).toMatchObject({ noticed: 1, failed: 0 });
    expect(await platform.functions.invoke('privacy-advance', {})).toMatchObject({ noticed: 0, failed: 0 });
    await platform.settled();
    const { events } = await ask(200, 'GET', '/v1/events?action=privacy.request.due', officer);
    expect(events).toHaveLength(1);
  });

  test('a key of one project, or without the permission, does nothing here', async () => {
    await ask(201, 'POST', '/v1/projects', officer, { id: 'shop' });
    const make = async (json: object) => (await ask(201, 'POST', '/v1/keys', officer, { name: 'x', ...json })).key;
    const shop = await make({ scopes: ['privacy:request', 'holds:manage'], project: 'shop' });
    const reader = await make({ scopes: ['events:read'] });
    for (const key of [shop, reader]) {
      for (const path of ['/v1/privacy/requests', '/v1/holds']) {
        expect((await ask(403, 'GET', path, key)).code).toBe('forbidden');
      }
    }
  });
});

async function packageOf(id: string): Promise<Record<string, string>> {
  const response = await fetch(`${platform.apiUrl}${requestPath(id, 'package')}`, {
    headers: { authorization: `Bearer ${officer}` },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/zip');
  const zip = unzipSync(new Uint8Array(await response.arrayBuffer()));
  return Object.fromEntries(Object.entries(zip).map(([name, bytes]) => [name, strFromU8(bytes)]));
}
