/** SHA-256 and Ed25519 in plain JavaScript, for browsers: the same answers as node:crypto. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { ProofCrypto } from './crypto.ts';

export const nobleProofCrypto: ProofCrypto = {
  sha256: (data) => sha256(data),
  verifyEd25519(publicKey, message, signature) {
    try {
      // RFC 8032 as it stands: `zip215` would take encodings that OpenSSL refuses.
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false;
    }
  },
};
