/** SHA-256 and Ed25519 of node:crypto for the log. */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import type { ProofCrypto } from '#core/proof/crypto.ts';

const digestBytes = 32;
const publicKeyBytes = 32;
const signatureBytes = 64;
/** SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** A log is verified with few keys, many times, and making one costs half a verification. */
const keys = new Map<string, KeyObject>();
const keysMax = 64;

function publicKeyOf(bytes: Uint8Array): KeyObject | undefined {
  const name = Buffer.from(bytes).toString('latin1');
  const known = keys.get(name);
  if (known !== undefined) return known;
  try {
    const key = createPublicKey({ key: Buffer.concat([spkiPrefix, bytes]), format: 'der', type: 'spki' });
    if (keys.size === keysMax) keys.clear();
    keys.set(name, key);
    return key;
  } catch {
    return undefined;
  }
}

/** The crypto of core/proof on node:crypto. */
export const nodeProofCrypto: ProofCrypto = {
  sha256(data) {
    // A string of 32 characters comes back from the native side at a third of what a Buffer costs.
    const text = hash('sha256', data, 'binary');
    const digest = new Uint8Array(digestBytes);
    for (let i = 0; i < digestBytes; i++) digest[i] = text.charCodeAt(i);
    return digest;
  },
  verifyEd25519(publicKey, message, signature) {
    if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
    const key = publicKeyOf(publicKey);
    return key !== undefined && verify(null, message, key, signature);
  },
};
