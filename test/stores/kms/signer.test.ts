/** The signer on our own KMS, and what only KMS itself can do to it. */
import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateKeyCommand, type CreateKeyCommandInput, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { KmsSigner } from '#stores/kms/signer.ts';

const folder = mkdtempSync(join(tmpdir(), 'trailkeep-signer-'));
let cloud: Cloud;
let kms: KMSClient;
beforeAll(async () => {
  cloud = await startCloud({ folder });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  kms = new KMSClient({ ...clientSettings, endpoint: cloud.url, region: 'eu-west-1', credentials });
});
afterAll(async () => {
  await cloud.close();
  rmSync(folder, { recursive: true, force: true });
});

const newKey = async (input: CreateKeyCommandInput) => (await kms.send(new CreateKeyCommand(input))).KeyMetadata!.Arn!;
const edwards = { KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' } as const;
const keyObjectOf = (publicKey: Uint8Array) => {
  const key = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  return { key: { ...key, x: Buffer.from(publicKey).toString('base64url') }, format: 'jwk' } as const;
};

test('what it signs verifies under the public key that it names', async () => {
  const signer = new KmsSigner(kms, await newKey(edwards));
  const publicKey = await signer.publicKey();
  expect(publicKey).toHaveLength(32);
  const message = Buffer.from('trailkeep.local/t/x\n7\nroot\n');
  const signature = await signer.sign(message);
  expect(signature).toHaveLength(64);
  expect(verify(null, message, keyObjectOf(publicKey), signature)).toBe(true);
  expect(verify(null, Buffer.from('other'), keyObjectOf(publicKey), signature)).toBe(false);
});

test('the public key is asked once, and again after a failure', async () => {
  const signer = new KmsSigner(kms, await newKey(edwards));
  cloud.faults.add({ service: 'kms', operation: 'GetPublicKey', times: 3, status: 500 });
  await expect(signer.publicKey()).rejects.toBeInstanceOf(Unavailable);
  const publicKey = await signer.publicKey();
  cloud.faults.add({ service: 'kms', operation: 'GetPublicKey', status: 500, times: 3 });
  expect(await signer.publicKey()).toBe(publicKey);
  cloud.faults.clear();
});

test('a KMS that is down is unavailable, and a key that does not sign is an error of ours', async () => {
  const signer = new KmsSigner(kms, await newKey(edwards));
  cloud.faults.add({ service: 'kms', operation: 'Sign', times: 3, status: 503 });
  await expect(signer.sign(Buffer.from('x'))).rejects.toBeInstanceOf(Unavailable);
  const cipher = new KmsSigner(kms, await newKey({}));
  await expect(cipher.sign(Buffer.from('x'))).rejects.toMatchObject({ name: 'InvalidKeyUsageException' });
  await expect(cipher.publicKey()).rejects.not.toBeInstanceOf(Unavailable);
});
