/** What KMS promises to its callers: asked of our own server and, where it is installed, of moto. */
import { createPublicKey, verify } from 'node:crypto';
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GetPublicKeyCommand,
  type KMSClient,
  ReEncryptCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  type SignCommandInput,
} from '@aws-sdk/client-kms';
import { expect, test } from 'vitest';
import { refusal } from './cloud.ts';

const context = { tenant: 'a', purpose: 'tenant-key' };

/**
 * `kms` answers a client; it is asked when tests run. `ends`: keys whose deletion is scheduled are of no use, as on AWS.
 * `edwards`: it has Ed25519.
 */
export function kmsContract(
  kms: () => KMSClient,
  { ends, edwards }: { readonly ends: boolean; readonly edwards: boolean },
): void {
  const newKey = async () =>
    (await kms().send(new CreateKeyCommand({ Description: 'contract', KeyUsage: 'ENCRYPT_DECRYPT' }))).KeyMetadata!
      .Arn!;
  const encrypt = async (KeyId: string, Plaintext: Uint8Array, EncryptionContext?: Record<string, string>) =>
    (await kms().send(new EncryptCommand({ KeyId, Plaintext, EncryptionContext }))).CiphertextBlob!;
  const decrypt = (CiphertextBlob: Uint8Array, EncryptionContext?: Record<string, string>, KeyId?: string) =>
    kms().send(new DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId }));

  test('a new key is described by its id and by its ARN, an unknown one is not found', async () => {
    const arn = await newKey();
    for (const KeyId of [arn, arn.split('/')[1]!]) {
      const { KeyMetadata } = await kms().send(new DescribeKeyCommand({ KeyId }));
      expect(KeyMetadata).toMatchObject({
        Arn: arn,
        KeyId: arn.split('/')[1],
        Enabled: true,
        KeyState: 'Enabled',
        KeyUsage: 'ENCRYPT_DECRYPT',
        KeySpec: 'SYMMETRIC_DEFAULT',
        Description: 'contract',
      });
    }
    const KeyId = arn.replace(/[^/]+$/, crypto.randomUUID());
    expect(await refusal(kms().send(new DescribeKeyCommand({ KeyId })))).toEqual({
      status: 400,
      name: 'NotFoundException',
    });
    expect((await refusal(encrypt(KeyId, new Uint8Array(1)))).name).toBe('NotFoundException');
  });

  test('what was encrypted opens in its own context only, whatever order that is written in', async () => {
    const arn = await newKey();
    const plaintext = Buffer.from('grüße');
    const blob = await encrypt(arn, plaintext, context);
    expect(Buffer.from(blob).includes(plaintext)).toBe(false);
    const opened = await decrypt(blob, { purpose: 'tenant-key', tenant: 'a' });
    expect([Buffer.from(opened.Plaintext!).toString(), opened.KeyId]).toEqual(['grüße', arn]);
    const wrong = [{}, undefined, { tenant: 'a' }, { ...context, tenant: 'b' }, { ...context, more: '' }];
    for (const one of wrong) expect((await refusal(decrypt(blob, one))).name).toBe('InvalidCiphertextException');
    expect(await encrypt(arn, plaintext, context)).not.toEqual(blob);
  });

  test('a changed ciphertext does not open, and one that is none is refused alike', async () => {
    const blob = Buffer.from(await encrypt(await newKey(), Buffer.from('x'), context));
    const changed = Buffer.from(blob);
    changed[changed.length - 1]! ^= 1;
    expect((await refusal(decrypt(changed, context))).name).toBe('InvalidCiphertextException');
  });

  test('Encrypt takes 4,096 bytes and not one more', async () => {
    const arn = await newKey();
    const full = new Uint8Array(4096).fill(7);
    expect((await decrypt(await encrypt(arn, full))).Plaintext).toEqual(full);
    expect(await refusal(encrypt(arn, new Uint8Array(4097)))).toEqual({ status: 400, name: 'ValidationException' });
  });

  test('a data key comes in clear and wrapped, or only wrapped, and as long as asked', async () => {
    const KeyId = await newKey();
    const ask = { KeyId, EncryptionContext: context };
    const made = await kms().send(new GenerateDataKeyCommand({ ...ask, KeySpec: 'AES_256' }));
    expect([made.Plaintext!.length, made.KeyId]).toEqual([32, KeyId]);
    expect((await decrypt(made.CiphertextBlob!, context)).Plaintext).toEqual(made.Plaintext);
    expect((await refusal(decrypt(made.CiphertextBlob!, { tenant: 'b' }))).name).toBe('InvalidCiphertextException');
    const long = await kms().send(new GenerateDataKeyCommand({ ...ask, NumberOfBytes: 64 }));
    expect(long.Plaintext).toHaveLength(64);
    const wrapped = await kms().send(new GenerateDataKeyWithoutPlaintextCommand({ ...ask, KeySpec: 'AES_128' }));
    expect(wrapped).not.toHaveProperty('Plaintext');
    expect((await decrypt(wrapped.CiphertextBlob!, context)).Plaintext).toHaveLength(16);
    for (const one of [{}, { KeySpec: 'AES_256', NumberOfBytes: 32 } as const, { NumberOfBytes: 1025 }]) {
      expect((await refusal(kms().send(new GenerateDataKeyCommand({ ...ask, ...one })))).name).toBe(
        'ValidationException',
      );
    }
  });

  test('ReEncrypt moves a ciphertext to another key and context, and the old one stays good', async () => {
    const [from, to] = [await newKey(), await newKey()];
    const blob = await encrypt(from, Buffer.from('moving'), context);
    const moved = await kms().send(
      new ReEncryptCommand({
        CiphertextBlob: blob,
        SourceEncryptionContext: context,
        DestinationKeyId: to,
        DestinationEncryptionContext: { tenant: 'a', purpose: 'vault' },
      }),
    );
    expect([moved.SourceKeyId, moved.KeyId]).toEqual([from, to]);
    const opened = await decrypt(moved.CiphertextBlob!, { tenant: 'a', purpose: 'vault' });
    expect([Buffer.from(opened.Plaintext!).toString(), opened.KeyId]).toEqual(['moving', to]);
    expect((await decrypt(blob, context)).KeyId).toBe(from);
  });

  test.runIf(ends)('a key whose deletion is scheduled does nothing any more', async () => {
    const KeyId = await newKey();
    const blob = await encrypt(KeyId, Buffer.from('x'), context);
    const ending = await kms().send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    expect([ending.KeyId, ending.DeletionDate instanceof Date]).toEqual([KeyId, true]);
    const { KeyMetadata } = await kms().send(new DescribeKeyCommand({ KeyId }));
    expect(KeyMetadata).toMatchObject({ KeyState: 'PendingDeletion', Enabled: false });
    expect(await refusal(decrypt(blob, context))).toEqual({ status: 400, name: 'KMSInvalidStateException' });
    expect((await refusal(encrypt(KeyId, Buffer.from('x')))).name).toBe('KMSInvalidStateException');
    const again = new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' });
    expect((await refusal(kms().send(again))).name).toBe('KMSInvalidStateException');
  });

  const newSigner = async () => {
    const input = { KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' } as const;
    return (await kms().send(new CreateKeyCommand(input))).KeyMetadata!.Arn!;
  };
  const sign = (KeyId: string, Message: Uint8Array, more: Partial<SignCommandInput> = {}) =>
    kms().send(new SignCommand({ KeyId, Message, MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512', ...more }));

  test.runIf(edwards)('an Ed25519 key signs the message itself, and shows its public key', async () => {
    const KeyId = await newSigner();
    const shown = await kms().send(new GetPublicKeyCommand({ KeyId }));
    expect(shown).toMatchObject({ KeyId, KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' });
    expect(shown.SigningAlgorithms).toEqual(['ED25519_SHA_512', 'ED25519_PH_SHA_512']);
    expect(shown.PublicKey).toHaveLength(44);
    const key = createPublicKey({ key: Buffer.from(shown.PublicKey!), format: 'der', type: 'spki' });
    for (const message of [Buffer.from('x'), Buffer.alloc(4096, 7)]) {
      const answer = await sign(KeyId, message);
      expect(answer).toMatchObject({ KeyId, SigningAlgorithm: 'ED25519_SHA_512' });
      expect(answer.Signature).toHaveLength(64);
      expect(verify(null, message, key, answer.Signature!)).toBe(true);
    }
    const { KeyMetadata } = await kms().send(new DescribeKeyCommand({ KeyId }));
    expect(KeyMetadata).toMatchObject({ KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_EDWARDS25519' });
    expect(KeyMetadata).not.toHaveProperty('EncryptionAlgorithms');
  });

  test.runIf(edwards)('a key does what it was made for and nothing else', async () => {
    const [signer, cipher] = [await newSigner(), await newKey()];
    const message = Buffer.from('x');
    const refused = async (call: Promise<unknown>) => (await refusal(call)).name;
    expect(await refused(sign(cipher, message))).toBe('InvalidKeyUsageException');
    expect(await refused(encrypt(signer, message))).toBe('InvalidKeyUsageException');
    expect(await refused(kms().send(new GenerateDataKeyCommand({ KeyId: signer, KeySpec: 'AES_256' })))).toBe(
      'InvalidKeyUsageException',
    );
    expect(await refused(sign(signer, message, { SigningAlgorithm: 'ECDSA_SHA_256' }))).toBe(
      'InvalidKeyUsageException',
    );
    expect(await refused(sign(signer, message, { MessageType: 'DIGEST' }))).toBe('ValidationException');
    expect(await refused(sign(signer, Buffer.alloc(4097)))).toBe('ValidationException');
    expect(await refused(kms().send(new GetPublicKeyCommand({ KeyId: cipher })))).toBe('UnsupportedOperationException');
    const noUsage = new CreateKeyCommand({ KeySpec: 'ECC_NIST_EDWARDS25519' });
    expect(await refused(kms().send(noUsage))).toBe('ValidationException');
  });
}
