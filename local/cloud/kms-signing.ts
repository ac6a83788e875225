/** Keys of the local KMS that sign: Ed25519 over the message itself, as RFC 8032 has it. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Input } from './aws-json.ts';
import { AwsError, notImplemented } from './exchange.ts';
import type { KmsKey } from './kms-keys.ts';

/** Over the message. Its sibling ED25519_PH_SHA_512 signs a digest, which is another signature (Ed25519ph). */
const algorithm = 'ED25519_SHA_512';
export const signingAlgorithms = [algorithm, 'ED25519_PH_SHA_512'];

/** The material of a new key: PKCS#8 in base64. */
export const newSigningMaterial = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');

/** Signs a message of at most 4,096 bytes, as `Sign` asks for it; base64. */
export function signed(key: KmsKey, message: Buffer, input: Input): string {
  if (!signingAlgorithms.includes(String(input.SigningAlgorithm))) {
    throw new AwsError(
      400,
      'InvalidKeyUsageException',
      `Algorithm ${String(input.SigningAlgorithm)} and key spec ${key.spec} are incompatible.`,
    );
  }
  if (input.SigningAlgorithm !== algorithm) throw notImplemented(`KMS ${String(input.SigningAlgorithm)}`);
  if ((input.MessageType ?? 'RAW') !== 'RAW') {
    throw new AwsError(400, 'ValidationException', `MessageType for ${algorithm} is RAW.`);
  }
  return sign(null, message, privateKeyOf(key)).toString('base64');
}

/** What GetPublicKey shows of a key: its SubjectPublicKeyInfo in DER, base64. */
export const publicKeyOf = (key: KmsKey): string =>
  createPublicKey(privateKeyOf(key)).export({ format: 'der', type: 'spki' }).toString('base64');

const privateKeyOf = ({ material }: KmsKey): KeyObject =>
  createPrivateKey({ key: Buffer.from(material, 'base64'), format: 'der', type: 'pkcs8' });
