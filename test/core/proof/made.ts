/** Logs that tests make: leaves from a seed, a tree in memory, keys from a seed. */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { cosignedMessage, encodeCosignature } from '#core/proof/cosignature.ts';
import { type Edge, integrate, type LogFile } from '#core/proof/integrate.ts';
import { cosignatureType, ed25519Type, type NoteSignature, type Verifier, verifierOf } from '#core/proof/note.ts';
import type { TileReader } from '#core/proof/prove.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';

/** Numbers from 0 up to (not including) n, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

const digest = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest());

/** Leaf hashes of entries `0`, `1`, … */
export const madeEntries = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new TextEncoder().encode(`entry ${i}`));
export const madeLeaves = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => digest(`leaf ${i}`));

/** Files of a log, growing. */
export class MemoryLog {
  readonly files = new Map<string, Uint8Array>();
  /** Every path that was asked for. */
  readonly asked: string[] = [];
  size = 0;
  edge: Edge = [];
  root: Uint8Array = nodeProofCrypto.sha256(new Uint8Array(0));

  put(files: readonly LogFile[]): void {
    for (const { path, bytes } of files) this.files.set(path, bytes);
  }

  grow(leaves: readonly Uint8Array[]): void {
    const { size, edge, root, tiles } = integrate(nodeProofCrypto, this, leaves);
    this.put(tiles);
    this.size = size;
    this.edge = edge;
    this.root = root;
  }

  readonly read: TileReader = async (path) => {
    this.asked.push(path);
    return this.files.get(path);
  };
}

/** PKCS #8 of Ed25519 up to the seed (RFC 8410). */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key that signs notes, the same for the same name. */
export interface TestKey {
  readonly publicKey: Uint8Array;
  readonly log: Verifier;
  readonly witness: Verifier;
  sign(text: string): NoteSignature;
  cosign(text: string, timestamp: number): NoteSignature;
}

export function testKey(name: string, seed: string = name): TestKey {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, digest(seed)]), format: 'der', type: 'pkcs8' });
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32));
  const log = verifierOf(nodeProofCrypto, name, ed25519Type, publicKey);
  const witness = verifierOf(nodeProofCrypto, name, cosignatureType, publicKey);
  const signed = (message: Uint8Array) => new Uint8Array(sign(null, message, key));
  return {
    publicKey,
    log,
    witness,
    sign: (text) => ({ name, keyId: log.keyId, signature: signed(new TextEncoder().encode(text)) }),
    cosign: (text, timestamp) => ({
      name,
      keyId: witness.keyId,
      signature: encodeCosignature(timestamp, signed(cosignedMessage(timestamp, text))),
    }),
  };
}
