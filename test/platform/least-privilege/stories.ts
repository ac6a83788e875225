/**
 * Stories that make every function do all it can: what works, what repeats, what is missing and what is broken.
 * Each step states its answer, so that a story which no longer happens fails here and not as an unused permission.
 */
import { randomBytes } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { uuidv7 } from '#core/event/uuid.ts';
import { segmentKey } from '#core/record/plan-segment.ts';
import { putInCatalogue } from '#test/support/archived.ts';
import type { TestPlatform } from '#test/support/platform.ts';
import { readsArchive } from './archive-stories.ts';
import { compacted } from './compact-stories.ts';
import { charged } from './cost-stories.ts';
import { definedJobs } from './job-stories.ts';
import { loaded } from './loading-stories.ts';
import { proofs } from './proof-stories.ts';
import { archiveQueries } from './query-stories.ts';
import { losses } from './rebuild-stories.ts';
import { retention } from './retention-stories.ts';
import { workedOff } from './run-stories.ts';
import { type Names, superuser, type World } from './world.ts';

export async function runStories(platform: TestPlatform, names: Names): Promise<void> {
  const outsider = { accessKeyId: 'outsider', secretAccessKey: 'outsider' };
  const endpoint = platform.services.endpoints.s3;
  const s3 = new S3Client({ region: 'eu-west-1', endpoint, forcePathStyle: true, credentials: outsider });
  /** Who reads before the first event of a new tenant is written makes its key: a race, and a permission that comes and goes. */
  const quietly: TestPlatform['makeTenant'] = async (name) => {
    const tenant = await platform.makeTenant(name);
    await platform.settled();
    return tenant;
  };
  const world: World = {
    platform: { ...platform, makeTenant: quietly },
    names,
    s3,
    ask: async (status, method, path, key, json, headers) => {
      const options = {
        ...(key ? { key } : {}),
        ...(json === undefined ? {} : { json }),
        ...(headers ? { headers } : {}),
      };
      const answer = await platform.call(method, path, options);
      if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return answer.headers.get('content-type')?.includes('json') && answer.text ? answer.json : undefined;
    },
    produce: (queueUrl, body) => platform.sqs.send(queueUrl, typeof body === 'string' ? body : JSON.stringify(body)),
  };
  try {
    await publicPages(world);
    await administration(world);
    const tenant = await quietly('Stories');
    await ownAffairs(world, tenant.apiKey);
    await grants(world, tenant.apiKey);
    await emergency(world, tenant.apiKey);
    await events(world, tenant.apiKey);
    await dataSubjects(world, tenant.apiKey);
    await intake(world, tenant);
    await deadLetters(world);
    await proofs(world, await quietly('Proven'));
    await witnesses(world);
    await jobs(world, tenant.apiKey);
    await archived(world, tenant);
    await retention(world);
    await readsArchive(world);
    await archiveQueries(world);
    await charged(world);
    await loaded(world);
    await definedJobs(world);
    await workedOff(world);
    await losses(world);
    await compacted(world);
    await lostSegment(world, tenant.apiKey);
    await lostDocuments(world);
  } finally {
    s3.destroy();
  }
}

async function publicPages({ ask }: World): Promise<void> {
  for (const path of ['/v1/health', '/openapi.json', '/docs', '/redoc']) await ask(200, 'GET', path);
  await ask(401, 'GET', '/v1/whoami', `tk_${'a'.repeat(20)}_${'A'.repeat(43)}`);
  const stranger = Buffer.from('{"iss":"https://stranger.example"}').toString('base64url');
  await ask(401, 'GET', '/v1/whoami', `e30.${stranger}.e30`);
}

async function administration({ ask, platform }: World): Promise<void> {
  const { adminKey } = platform.access;
  await platform.functions.invoke('access-bootstrap', {});
  await platform.functions.invoke('access-bootstrap', { reissueAdminKey: true });
  const { id } = await ask(201, 'POST', '/v1/tenants', adminKey, { name: 'Before' });
  await ask(200, 'PATCH', `/v1/tenants/${id}`, adminKey, { name: 'After' });
  await ask(200, 'GET', `/v1/tenants/${id}`, adminKey);
  await ask(200, 'GET', '/v1/tenants', adminKey);
  await ask(201, 'POST', `/v1/tenants/${id}/keys`, adminKey, { name: 'one' });
  await ask(200, 'GET', `/v1/tenants/${id}/keys`, adminKey);
  const body = { issuer: 'https://login.example/stories', name: 'Stories', audience: ['trailkeep'] };
  const issuer = await ask(201, 'POST', `/v1/tenants/${id}/issuers`, adminKey, body);
  await ask(200, 'GET', `/v1/tenants/${id}/issuers`, adminKey);
  await ask(200, 'GET', `/v1/tenants/${id}/issuers/${issuer.id}`, adminKey);
  await ask(204, 'DELETE', `/v1/tenants/${id}/issuers/${issuer.id}`, adminKey);
}

async function ownAffairs({ ask }: World, key: string): Promise<void> {
  await ask(200, 'GET', '/v1/whoami', key);
  const made = await ask(201, 'POST', '/v1/keys', key, { name: 'writer', scopes: ['events:write'] });
  await ask(200, 'GET', '/v1/keys', key);
  await ask(200, 'GET', `/v1/keys/${made.key_id}`, key);
  await ask(200, 'POST', `/v1/keys/${made.key_id}/rotate`, key, { overlap_seconds: 60 });
  await ask(204, 'DELETE', `/v1/keys/${made.key_id}`, key);

  await ask(201, 'POST', '/v1/projects', key, { id: 'shop' });
  await ask(200, 'GET', '/v1/projects', key);
  await ask(200, 'GET', '/v1/projects/shop', key);
  await ask(201, 'POST', '/v1/projects/shop/environments', key, { id: 'production' });
  await ask(200, 'GET', '/v1/projects/shop/environments', key);

  await ask(200, 'GET', '/v1/policy', key);
  await ask(200, 'PUT', '/v1/policy', key, { catalogue: [{ action: 'shop.*', tier: 'bulk' }] });
  await ask(201, 'PUT', '/v1/schemas/user.login', key, { type: 'object' });
  await ask(200, 'GET', '/v1/schemas', key);
  await ask(200, 'GET', '/v1/schemas/user.login', key);
  await ask(204, 'DELETE', '/v1/schemas/user.login', key);
}

async function grants({ ask, platform }: World, key: string): Promise<void> {
  const role = { name: 'Clerk', inherits: ['trailkeep:viewer'], grants: [{ module: 'shop', permission: 'pay' }] };
  await ask(201, 'PUT', '/v1/roles/clerk', key, role);
  await ask(200, 'GET', '/v1/roles', key);
  await ask(200, 'GET', '/v1/roles/clerk', key);
  await ask(201, 'PUT', '/v1/permissions/shop/pay', key, { description: 'Pays' });
  await ask(200, 'GET', '/v1/permissions', key);
  const { id } = await ask(201, 'POST', '/v1/assignments', key, { user: 'ada', role: 'clerk' });
  await ask(200, 'GET', '/v1/assignments', key);
  await ask(200, 'GET', `/v1/assignments/${id}`, key);
  await ask(200, 'POST', '/v1/permissions/check', key, { user: 'ada', module: 'shop', permission: 'pay' });
  await ask(200, 'GET', '/v1/permissions/effective?user=ada&module=shop', key);
  await ask(409, 'DELETE', '/v1/roles/clerk', key);
  await ask(204, 'DELETE', `/v1/assignments/${id}`, key);
  await ask(204, 'DELETE', '/v1/roles/clerk', key);
  await ask(204, 'DELETE', '/v1/permissions/shop/pay', key);
  await platform.settled();
}

async function emergency({ ask, platform }: World, key: string): Promise<void> {
  const scopes = ['breakglass:review'];
  const { key: reviewer } = await ask(201, 'POST', '/v1/keys', key, { name: 'officer', scopes });
  const { id } = await ask(201, 'POST', '/v1/break-glass', key, { reason: 'A story of an emergency.', minutes: 5 });
  await ask(200, 'GET', '/v1/break-glass', key);
  await ask(200, 'GET', `/v1/break-glass/${id}`, reviewer);
  await ask(200, 'POST', `/v1/break-glass/${id}/end`, key);
  const verdict = { verdict: 'justified', comment: 'It was one indeed.' };
  await ask(403, 'POST', `/v1/break-glass/${id}/review`, key, verdict);
  await ask(200, 'POST', `/v1/break-glass/${id}/review`, reviewer, verdict);
  await platform.settled();
}

const actor = { type: 'user', id: 'ada' };
const critical = { action: 'role.assign', actor };
const bulk = { action: 'document.view', actor };

async function events({ ask, platform }: World, key: string): Promise<void> {
  const one = await ask(202, 'POST', '/v1/events', key, critical);
  const both = await ask(202, 'POST', '/v1/events', key, [critical, bulk]);
  const repeat = { 'idempotency-key': 'once' };
  await ask(202, 'POST', '/v1/events', key, [bulk], repeat);
  await ask(202, 'POST', '/v1/events', key, [bulk], repeat);
  await ask(409, 'POST', '/v1/events', key, [critical], repeat);
  await platform.settled();
  await ask(200, 'GET', '/v1/events?limit=2', key);
  await ask(200, 'POST', '/v1/events/search', key, { actor: 'ada', text: 'document' });
  await ask(200, 'GET', '/v1/events/feed', key);
  for (const { id } of [one, ...both.items]) await ask(200, 'GET', `/v1/events/${id}`, key);
  // Unmasking is recorded as critical.
  const personal = await ask(202, 'POST', '/v1/events', key, { ...critical, data_class: 'pii' });
  await platform.settled();
  for (const path of ['?action=role.assign', '/feed', `/${personal.id}`]) {
    await ask(200, 'GET', `/v1/events${path}`, key, undefined, { 'trailkeep-purpose': 'story' });
  }
  await ask(404, 'GET', '/v1/events/01890000-0000-7000-8000-000000000000', key);
  // The key of a tenant is made by whichever writer meets it first.
  await ask(202, 'POST', '/v1/events', (await platform.makeTenant('Bulk first')).apiKey, bulk);
  await platform.settled();
  // A tenant that asks before it ever sent anything: for a person, and for what there is.
  for (const path of ['/v1/events?actor=ada', '/v1/events/feed', '/v1/events/01890000-0000-7000-8000-000000000000']) {
    const { apiKey } = await platform.makeTenant('Asks first');
    await ask(path.endsWith('0') ? 404 : 200, 'GET', path, apiKey);
  }
}

/** A copy, a hold, an erasure, and one that leaves the key in the vault; then time passes. */
async function dataSubjects({ ask, platform, s3, names }: World, key: string): Promise<void> {
  // The first that a tenant ever does with personal data.
  for (const [path, body] of [
    ['/v1/privacy/requests', { type: 'access', subject: 'ada' }],
    ['/v1/holds', { matter: 'A story', custodian: 'Legal', scope: { subjects: ['ada'] } }],
  ] as const) {
    await ask(201, 'POST', path, (await platform.makeTenant('First')).apiKey, body);
  }

  const scopes = ['privacy:request', 'privacy:approve', 'holds:manage'];
  const { key: second } = await ask(201, 'POST', '/v1/keys', key, { name: 'privacy', scopes });
  const through = async (json: object) => {
    const { id } = await ask(201, 'POST', '/v1/privacy/requests', key, { subject: 'ada', ...json });
    await ask(200, 'POST', `/v1/privacy/requests/${id}/verify`, key, { method: 'in_person' });
    return ask(200, 'POST', `/v1/privacy/requests/${id}/approve`, second);
  };
  const { id } = await through({ type: 'access' });
  await ask(200, 'GET', `/v1/privacy/requests/${id}/package`, key);
  for (const Key of await keysOf(s3, names.control)) {
    if (Key.startsWith('privacy/')) await s3.send(new DeleteObjectCommand({ Bucket: names.control, Key }));
  }
  await ask(404, 'GET', `/v1/privacy/requests/${id}/package`, key);
  const scope = { subjects: ['ada'] };
  const hold = await ask(201, 'POST', '/v1/holds', key, { matter: 'A story', custodian: 'Legal', scope });
  await ask(200, 'GET', '/v1/holds', key);
  await through({ type: 'erasure' });
  await ask(200, 'POST', `/v1/holds/${hold.id}/release`, key);
  await ask(200, 'POST', `/v1/holds/${hold.id}/release`, second);
  // What a crash left: approved, and not yet executed.
  const waiting = await ask(201, 'POST', '/v1/privacy/requests', key, { type: 'access', subject: 'grace' });
  const retaining = {
    type: 'erasure',
    retain_audit_trail: true,
    legal_basis: 'art17_3_e_legal_claims',
    legal_reference: 'Smith v. Example',
    retain_until: new Date(Date.now() + 60 * minute).toISOString(),
  };
  await through({ ...retaining, subject: 'eve' });
  const retained = await ask(201, 'POST', '/v1/privacy/requests', key, { ...retaining, subject: 'mallory' });
  const sql = superuser(platform);
  await sql`update privacy.request set state = 'approved', approved_by = 'nobody', approved_at = now(),
    identity_verified_by = 'somebody', identity_verified_at = now() where id in ${sql([waiting.id, retained.id])}`;
  await platform.functions.invoke('privacy-advance', {});
  await sql`update privacy.request set fence_until = now() where fence_until is not null`;
  await sql`update privacy.vault_key set retain_until = now()`;
  const done = await platform.functions.invoke('privacy-advance', {});
  if (!JSON.stringify(done).includes('"moved":3')) throw new Error(`advanced ${JSON.stringify(done)}`);
  await platform.settled();
}

async function intake({ ask, platform, produce }: World, { tenantId }: { readonly tenantId: string }): Promise<void> {
  const { adminKey } = platform.access;
  const path = `/v1/tenants/${tenantId}/intake`;
  await ask(404, 'GET', '/v1/tenants/01890000-0000-7000-8000-000000000000/intake', adminKey);
  await ask(404, 'GET', path, adminKey);
  const { queue_url: url } = await ask(201, 'POST', path, adminKey);
  await ask(201, 'POST', path, adminKey);
  await ask(200, 'GET', path, adminKey);
  await produce(url, [critical, bulk, { action: 'not an action' }]);
  await produce(url, 'neither JSON nor anything else');
  await platform.settled();
}

async function deadLetters({ ask, platform, produce, names }: World): Promise<void> {
  const { adminKey } = platform.access;
  for (const queue of [names.critical, names.bulk]) await produce(queue, 'garbage');
  await platform.settled();
  await produce(names.criticalDead, 'what killed the writer');
  await produce(names.bulkDead, 'what killed the writer');
  const { queues } = await ask(200, 'GET', '/v1/dead-letters', adminKey);
  for (const { queue, visible } of queues) {
    if (visible === 0) throw new Error(`no dead letter in ${queue}`);
    const { messages } = await ask(200, 'GET', `/v1/dead-letters/${queue}`, adminKey);
    if (messages.length === 0) throw new Error(`${queue} shows nothing`);
  }
  for (const { queue, visible } of queues) {
    const { moved } = await ask(200, 'POST', `/v1/dead-letters/${queue}/redrive`, adminKey, { limit: visible });
    if (moved !== visible) throw new Error(`${moved} of ${visible} moved from ${queue}`);
  }
  await platform.settled();
}

interface Tenant {
  readonly tenantId: string;
  readonly apiKey: string;
}

const minute = 60_000;

async function jobs({ platform, names, s3, ask }: World, key: string): Promise<void> {
  await platform.functions.invoke('jobs-prepare-partitions', {});
  await ask(202, 'POST', '/v1/events', key, [bulk]);
  await platform.settled();
  const sql = superuser(platform);
  await sql`update record.segment set announced_at = null, committed_at = now() - interval '10 minutes'
    where segment_id = (select max(segment_id::text)::uuid from record.segment)`;
  await sql.end();
  // Longer ago than a restored database may reach back for.
  const old = new Date(Date.now() - 30 * 60 * minute);
  const orphan = segmentKey(uuidv7(old.getTime(), randomBytes(10)), old);
  await s3.send(new PutObjectCommand({ Bucket: names.segments, Key: orphan, Body: 'left behind' }));
  const swept = await platform.functions.invoke('record-sweep', {});
  if (JSON.stringify(swept) !== '{"announced":1,"adopted":0,"removed":1,"forgotten":0}')
    throw new Error(`swept ${JSON.stringify(swept)}`);
}

/** Checkpoints lose their cosignatures, the sweep asks for them again, and a monitor looks at what the witness knows. */
async function witnesses({ platform, names: { anchor, evidence: Bucket }, s3, produce }: World): Promise<void> {
  for (const Key of (await keysOf(s3, Bucket)).filter((key) => key.endsWith('/checkpoint'))) {
    const note = await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString();
    const bare = note.replace(/^— witness\..*\n/m, '');
    if (bare === note) throw new Error(`${Key} was not cosigned`);
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: bare }));
  }
  const { asked } = (await platform.functions.invoke('proof-anchor-sweep', {})) as { asked: number };
  if (asked === 0) throw new Error('no log was asked for');
  await produce(anchor, 'a'.repeat(26));
  await platform.settled();
  const unknown = await fetch(`${platform.witnessUrl}/${'0'.repeat(64)}/checkpoint`);
  if (unknown.status !== 404) throw new Error(`the witness knows a log that is not there: ${unknown.status}`);
}

/** Two files in Deep Archive and one that is gone: what they cost, asked of S3, and how far they are. */
async function archived({ platform, names, s3, ask }: World, { tenantId: tenant, apiKey }: Tenant): Promise<void> {
  const sql = superuser(platform);
  for (const at of ['2020-01-01', '2020-01-02', '2020-01-03']) {
    const id = uuidv7(Date.parse(at), randomBytes(10));
    const Key = await putInCatalogue(sql, { tenant, id, day: at });
    const object = { Bucket: names.archive, Key, Body: 'lines', StorageClass: 'DEEP_ARCHIVE' } as const;
    if (at !== '2020-01-03') await s3.send(new PutObjectCommand(object));
  }
  const period = { from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z' };
  const path = '/v1/archive/restores';
  const { id } = await ask(201, 'POST', path, apiKey, { ...period, speed: 'standard', days: 2 });
  await ask(202, 'POST', `${path}/${id}/confirm`, apiKey);
  await platform.settled();
  const { state, progress } = await ask(200, 'GET', `${path}/${id}`, apiKey);
  if (state !== 'under_way' || progress.gone !== 1) throw new Error(`restored ${state} ${JSON.stringify(progress)}`);
  await ask(200, 'GET', path, apiKey);
  await sql`delete from archive.file where ladder = 'warm-90-cold-365' and day < '2021-01-01'`;
  await sql.end();
}

/** Compaction takes segments away while readers are on their way to them. */
async function lostSegment({ platform, names, s3, ask }: World, key: string): Promise<void> {
  const before = new Set(await keysOf(s3, names.segments));
  const sent = await ask(202, 'POST', '/v1/events', key, [bulk]);
  await platform.settled();
  const lost = (await keysOf(s3, names.segments)).filter((one) => !before.has(one));
  for (const Key of lost) await s3.send(new DeleteObjectCommand({ Bucket: names.segments, Key }));
  const { id } = sent.items[0];
  for (const list of ['/v1/events?limit=100', '/v1/events/feed?limit=100']) {
    const { missing = [] } = await ask(200, 'GET', list, key);
    if (missing.length === 0) throw new Error(`${list} does not name the segment that is gone`);
  }
  await ask(503, 'GET', `/v1/events/${id}`, key);
}

/** Published documents are gone; a missing permission would look the same without `s3:ListBucket`. */
async function lostDocuments({ platform, names, s3, ask, produce }: World): Promise<void> {
  const { tenantId, apiKey } = await platform.makeTenant('Lost');
  const { queue_url: url } = await ask(201, 'POST', `/v1/tenants/${tenantId}/intake`, platform.access.adminKey);
  const lose = (Key: string) => s3.send(new DeleteObjectCommand({ Bucket: names.control, Key }));
  await lose(`tenants/${tenantId}.json`);
  await lose(`intake/${url.split('/').at(-1)}.json`);
  // A writer may have read the tenant's policy already, for the event of its key.
  await platform.settled();
  await platform.functions.kill('record-write-critical');
  await platform.call('POST', '/v1/events', { key: apiKey, json: [bulk, critical] });
  await produce(url, bulk);
  await platform.settled();
}

async function keysOf(s3: S3Client, Bucket: string): Promise<string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  return Contents.map(({ Key = '' }) => Key);
}
