/** The whole platform seals what it is sent, by itself, soon after the commit, and signs it with its key. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCheckpoint } from '#core/proof/checkpoint.ts';
import { parseVerifier } from '#core/proof/note.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await testPlatform();
});
afterAll(() => platform?.end());

const actor = { type: 'service', id: 'billing' };

test('events of both tiers are in a signed and published checkpoint when all is quiet', async () => {
  const { apiKey: key } = await platform.makeTenant('Sealed');
  const ids: string[] = [];
  for (const action of ['role.assign', 'document.view']) {
    const sent = await platform.call('POST', '/v1/events', { key, json: { action, actor } });
    expect(sent.status).toBe(202);
    ids.push(sent.json.id);
  }
  await platform.settled();

  const { json: log } = await platform.call('GET', '/v1/log', { key });
  expect(log).toMatchObject({ state: 'active', pending: 0, published_size: log.leaves });
  // What we tell of the tenant itself (its key, its log) is in it too.
  expect(log.leaves).toBeGreaterThanOrEqual(2);
  expect(log.origin).toBe(`trailkeep.local${log.path.slice(0, -1)}`);

  const verifier = parseVerifier(nodeProofCrypto, log.verifier)!;
  expect(verifier.publicKey).toEqual(await signingKey(platform));
  const note = (await platform.call('GET', `${log.path}checkpoint`, { key })).text;
  expect(openCheckpoint(nodeProofCrypto, note, verifier)).toMatchObject({ origin: log.origin, size: log.leaves });
  for (const id of ids) {
    const proof = await platform.call('GET', `/v1/events/${id}/proof`, { key });
    expect([proof.status, proof.json.size]).toEqual([200, log.leaves]);
  }
});

test('the sweep finds what no announcement told of, and lets a log tell that it is alive once a day', async () => {
  const { apiKey: key } = await platform.makeTenant('Swept');
  await platform.call('POST', '/v1/events', { key, json: { action: 'role.assign', actor } });
  await platform.settled();
  const first = await platform.functions.invoke('proof-sweep', {});
  expect(first).toMatchObject({ frozen: 0, heartbeats: expect.any(Number) });
  await platform.settled();
  const { json: log } = await platform.call('GET', '/v1/log', { key });
  expect(log).toMatchObject({ state: 'active', pending: 0 });
  await platform.functions.invoke('proof-sweep', {});
  await platform.settled();
  expect((await platform.call('GET', '/v1/log', { key })).json.leaves).toBe(log.leaves);
});

/** The key that KMS shows of the one that the template declares. */
async function signingKey({ services }: TestPlatform): Promise<Uint8Array> {
  const keys = JSON.parse(readFileSync(join(platform.folder, 'kms/keys.json'), 'utf8')) as {
    id: string;
    spec: string;
  }[];
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const kms = new KMSClient({ region: 'eu-west-1', endpoint: services.endpoints.kms, credentials });
  const KeyId = keys.find(({ spec }) => spec === 'ECC_NIST_EDWARDS25519')!.id;
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
  kms.destroy();
  return Uint8Array.from(PublicKey!.slice(-32));
}
