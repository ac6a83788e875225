import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { subjectName } from '#core/privacy/ports.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { PostgresSubjectKeys } from '#stores/privacy/subject-keys.ts';
import { keyCacheMs, TenantKeyStore } from '#stores/privacy/tenant-keys.ts';
import { tenantA, tenantB } from '#test/support/events.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

let db: TestDatabase;
let app: Sql;
let cloud: Cloud;
let kms: KMSClient;
let keyArn: string;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trailkeep-keys-'));
  [db, cloud] = await Promise.all([testDatabase('subject_keys'), startCloud({ folder })]);
  app = db.login('trailkeep_app', 8);
  keyArn = cloud.kms.createKey('tenant keys');
  kms = new KMSClient({
    ...clientSettings,
    endpoint: cloud.url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
});
beforeEach(async () => {
  cloud.faults.clear();
  await db.ownerSql`truncate privacy.tenant_key, privacy.subject_key, privacy.subject_alias, privacy.fence`;
});
afterAll(async () => {
  kms?.destroy();
  await Promise.all([db?.drop(), cloud?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/** The keys as one execution environment sees them. */
function environment(now: () => number = Date.now) {
  return new PostgresSubjectKeys(app, contextKey, new TenantKeyStore(app, contextKey, kms, keyArn, now), now);
}
const want = (subject: string, aliases: string[] = [], tenant = tenantA) => ({
  tenant,
  subject,
  aliases: new Set(aliases),
});
const one = async (keys: PostgresSubjectKeys, subject: string, aliases: string[] = [], tenant = tenantA) =>
  (await keys.forWriting([want(subject, aliases, tenant)])).get(subjectName(tenant, subject))!.key;

describe('a subject’s key', () => {
  test('is made once, is the same for everyone, and opens what it sealed', async () => {
    const [first, second] = [environment(), environment()];
    const key = await one(first, 'ada');
    expect((await one(second, 'ada')).id).toBe(key.id);
    const opened = (await second.open(tenantA, [key.id])).get(key.id)!;
    const box = nodeCipher.seal(key.cipher, 'text', 'aad');
    expect(opened.state === 'live' && nodeCipher.open(opened.key.cipher, box, 'aad')).toBe('text');
    expect(opened.state === 'live' && nodeCipher.open(opened.key.cipher, box, 'other')).toBeUndefined();
  });

  test('made by twenty writers at once is one key', async () => {
    const keys = await Promise.all(
      Array.from({ length: 20 }, (_, n) => environment().forWriting([want('ada'), want(`u${n % 3}`), want('grace')])),
    );
    expect(new Set(keys.map((map) => map.get(subjectName(tenantA, 'ada'))!.key.id)).size).toBe(1);
    expect((await db.ownerSql`select count(*)::int as n from privacy.subject_key`)[0]!.n).toBe(5);
    expect((await db.ownerSql`select count(*)::int as n from privacy.tenant_key`)[0]!.n).toBe(1);
  });

  test('belongs to its tenant: the same person elsewhere has another, and a foreign id opens nothing', async () => {
    const keys = environment();
    const [a, b] = [await one(keys, 'ada'), await one(keys, 'ada', [], tenantB)];
    expect(a.id).not.toBe(b.id);
    expect((await keys.open(tenantB, [a.id])).get(a.id)).toEqual({ state: 'shredded' });
    expect((await keys.find(tenantB, ['ada'])).get('ada')!.map(({ id }) => id)).toEqual([b.id]);
  });

  test('in tables is 60 wrapped bytes and a keyed hash: the person’s name is nowhere', async () => {
    // A name whose letters are no hexadecimal digits: ids and keys are full of those.
    await one(environment(), 'wolfgang', ['wolfgang@example.org']);
    const rows = await db.ownerSql`select row_to_json(k)::text || coalesce((select string_agg(row_to_json(a)::text, '')
      from privacy.subject_alias a), '') as text, length(wrapped) as bytes from privacy.subject_key k`;
    expect(rows[0]!.bytes).toBe(60);
    for (const { text } of rows) {
      expect(text).not.toMatch(/wolfgang|example/i);
      expect(text).not.toContain(Buffer.from('wolfgang').toString('hex'));
    }
  });

  test('copied into another person’s row opens nothing', async () => {
    const keys = environment();
    const [ada, bob] = [await one(keys, 'ada'), await one(keys, 'bob')];
    await db.ownerSql`update privacy.subject_key k set wrapped = o.wrapped from privacy.subject_key o
      where k.key_id = decode(${Buffer.from(bob.id, 'base64url').toString('hex')}, 'hex')
        and o.key_id = decode(${Buffer.from(ada.id, 'base64url').toString('hex')}, 'hex')`;
    expect((await keys.open(tenantA, [bob.id])).get(bob.id)).toEqual({ state: 'shredded' });
  });
});

describe('an address', () => {
  test('leads to its person, in any case, also when it is met later', async () => {
    const keys = environment();
    const ada = await one(keys, 'ada');
    expect(await keys.findByAlias(tenantA, 'ada@example.org')).toEqual([]);
    await one(keys, 'ada', ['ada@example.org']);
    expect((await keys.findByAlias(tenantA, 'ADA@Example.org')).map(({ id }) => id)).toEqual([ada.id]);
    expect(await keys.findByAlias(tenantB, 'ada@example.org')).toEqual([]);
  });
});

describe('during an erasure', () => {
  const fence = async (keys: PostgresSubjectKeys) => {
    const ref = await keys.ref(tenantA, 'ada');
    await db.ownerSql`insert into privacy.fence values (${tenantA}, decode(${ref}, 'hex'), now() + interval '6 minutes')`;
    await db.ownerSql`update privacy.subject_key set state = 'shredded', wrapped = null, subject_ref = null,
      tenant_key_version = null, ended_at = now() where subject_ref = decode(${ref}, 'hex')`;
  };

  test('readers open nothing from the commit on, and writers seal under keys that nobody keeps', async () => {
    const keys = environment();
    const key = await one(keys, 'ada', ['ada@example.org']);
    await fence(keys);
    expect((await keys.open(tenantA, [key.id])).get(key.id)).toEqual({ state: 'shredded' });
    expect(await keys.find(tenantA, ['ada'])).toEqual(new Map());
    const lost = await one(environment(), 'ada', ['ada@example.org']);
    expect((await keys.open(tenantA, [lost.id])).get(lost.id)).toEqual({ state: 'shredded' });
    expect(
      (await db.ownerSql`select count(*)::int as n from privacy.subject_key where wrapped is not null`)[0]!.n,
    ).toBe(0);
  });

  test('what was received before it stays lost after the fence, and what the person does later is theirs', async () => {
    const keys = environment();
    await one(keys, 'ada');
    await fence(keys);
    await db.ownerSql`update privacy.fence set lowered = true`;
    const { key, erased } = (await environment().forWriting([want('ada')])).get(subjectName(tenantA, 'ada'))!;
    const [row] = await db.ownerSql`select erased_at from privacy.fence`;
    expect(erased!.until).toBe(row!.erased_at.getTime() + 60_000);
    const states = await keys.open(tenantA, [key.id, erased!.key.id]);
    expect([...states.values()].map(({ state }) => state)).toEqual(['live', 'shredded']);
    await db.ownerSql`delete from privacy.fence`;
    expect((await environment().forWriting([want('ada')])).get(subjectName(tenantA, 'ada'))).not.toHaveProperty(
      'erased',
    );
  });

  test('a writer’s own copy ends within five minutes', async () => {
    let now = Date.now();
    const keys = environment(() => now);
    const key = await one(keys, 'ada');
    await fence(keys);
    await db.ownerSql`delete from privacy.fence`;
    expect((await one(keys, 'ada')).id).toBe(key.id);
    now += keyCacheMs;
    expect((await one(keys, 'ada')).id).not.toBe(key.id);
  });
});

test('no tenant key without KMS, and none after KMS forgot it: the answer is Unavailable, never clear text', async () => {
  await one(environment(), 'ada');
  cloud.faults.add({ service: 'kms', status: 500, times: 50 });
  await expect(one(environment(), 'ada')).rejects.toBeInstanceOf(Unavailable);
});
