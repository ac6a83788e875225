/**
 * What proofs are made of: SHA-256 and Ed25519, handed in, so that the same code runs on node:crypto in Lambda and on
 * plain JavaScript in a browser.
 */
export interface ProofCrypto {
  /** The 32 bytes of SHA-256. */
  sha256(data: Uint8Array): Uint8Array;
  /** RFC 8032 over the message; false for a key or a signature of the wrong length too, never a throw. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** An Ed25519 key that signs without leaving where it is: KMS in the cloud, node:crypto in tests. */
export interface Signer {
  /** The 32 bytes of the public key. Rejects with `Unavailable`. */
  publicKey(): Promise<Uint8Array>;
  /** The 64 bytes of the signature over a message of at most 4,096 bytes. Rejects with `Unavailable`. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}
