/** From an event to a checkpoint that a witness cosigned, on the whole platform. */
import { GetObjectCommand, ListBucketsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseCheckpoint } from '#core/proof/checkpoint.ts';
import { openNote, parseVerifier } from '#core/proof/note.ts';
import { originHash } from '#core/proof/witness.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { type TestPlatform, testPlatform } from '#test/support/platform.ts';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await testPlatform();
});
afterAll(() => platform?.stop());

test('an event is sealed, its checkpoint cosigned by the witness of this machine and published with the cosignature', async () => {
  const { access, call, witnessUrl } = platform;
  const vkey = (await (await fetch(`${witnessUrl}/vkey`)).text()).trim();
  const witness = parseVerifier(c, vkey)!;
  expect(witness).toMatchObject({ name: 'witness.trailkeep.local/dev', type: 4 });

  const json = { action: 'user.login', actor: { type: 'user', id: 'u1' } };
  expect((await call('POST', '/v1/events', { key: access.apiKey, json })).status).toBe(202);
  await platform.settled();
  const published = await publishedNotes();
  expect(published.length).toBeGreaterThan(0);
  for (const note of published) {
    const opened = openNote(c, note, [witness]);
    expect(opened?.verified[0]?.timestamp).toBeGreaterThan(1_700_000_000);
    const { origin, size } = parseCheckpoint(opened!.text)!;
    const shown = await fetch(`${witnessUrl}/${originHash(c, origin)}/checkpoint`);
    expect(parseCheckpoint(openNote(c, await shown.text(), [witness])!.text)).toMatchObject({ origin, size });
  }
});

test('a stranger gets no cosignature', async () => {
  const post = (body: string) => fetch(`${platform.witnessUrl}/add-checkpoint`, { method: 'POST', body });
  expect((await post('hello')).status).toBe(400);
  const note = `stranger.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— stranger.example/log ${'A'.repeat(92)}\n`;
  expect((await post(`old 0\n\n${note}`)).status).toBe(404);
  expect((await fetch(`${platform.witnessUrl}/${'0'.repeat(64)}/checkpoint`)).status).toBe(404);
});

async function publishedNotes(): Promise<string[]> {
  const client = new S3Client({
    endpoint: platform.services.endpoints.s3,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  const Bucket = Buckets.find(({ Name }) => Name?.includes('evidence'))!.Name;
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 't/' }));
  const keys = Contents.flatMap(({ Key }) => (Key?.endsWith('/checkpoint') ? [Key] : []));
  const notes = await Promise.all(
    keys.map(async (Key) => (await client.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString()),
  );
  client.destroy();
  return notes;
}
