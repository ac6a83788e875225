/** A log in memory that signs what a test wants, honest or not, and the keys that it and witnesses sign with. */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { formatCheckpoint } from '#core/proof/checkpoint.ts';
import type { Signer } from '#core/proof/crypto.ts';
import { type Integrated, integrate } from '#core/proof/integrate.ts';
import { ed25519Type, formatNote, type NoteSignature, type SignatureType, verifierOf } from '#core/proof/note.ts';
import { proveConsistency } from '#core/proof/prove.ts';
import { emptyRoot, leafHash } from '#core/proof/tree.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** An Ed25519 key that follows from a word. */
export class TestKey implements Signer {
  readonly bytes: Uint8Array;
  readonly #key: KeyObject;

  constructor(word: string) {
    const seed = Buffer.from(c.sha256(Buffer.from(word)));
    this.#key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
    this.bytes = Uint8Array.from(createPublicKey(this.#key).export({ format: 'der', type: 'spki' }).subarray(-32));
  }

  async publicKey(): Promise<Uint8Array> {
    return this.bytes;
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    return sign(null, message, this.#key);
  }

  verifier(name: string, type: SignatureType = ed25519Type) {
    return verifierOf(c, name, type, this.bytes);
  }

  /** A signature of type 0x01 over a text. */
  line(name: string, text: string): NoteSignature {
    return { name, keyId: this.verifier(name).keyId, signature: sign(null, Buffer.from(text), this.#key) };
  }
}

export class SignedLog {
  readonly origin: string;
  readonly key: TestKey;
  readonly files = new Map<string, Uint8Array>();
  readonly #branch: string;
  #tree: Integrated = { size: 0, edge: [], root: emptyRoot(c), tiles: [] };
  readonly #roots: Uint8Array[] = [this.#tree.root];

  /** Two logs of one origin with other branches tell other histories. */
  constructor(origin: string, key = new TestKey(origin), branch = 'a') {
    this.origin = origin;
    this.key = key;
    this.#branch = branch;
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Adds leaves one by one, so that there is a checkpoint of every size. */
  growTo(size: number): this {
    while (this.#tree.size < size) {
      const leaf = leafHash(c, Buffer.from(`${this.#branch} ${this.#tree.size}`));
      this.#tree = integrate(c, this.#tree, [leaf]);
      for (const { path, bytes } of this.#tree.tiles) this.files.set(path, bytes);
      this.#roots.push(this.#tree.root);
    }
    return this;
  }

  text(size = this.size): string {
    return formatCheckpoint({ origin: this.origin, size, root: this.#roots[size]! });
  }

  /** A signed checkpoint. */
  note(size = this.size, ...more: NoteSignature[]): string {
    const text = this.text(size);
    return formatNote(text, [this.key.line(this.origin, text), ...more]);
  }

  proof(old: number, size = this.size): Promise<Uint8Array[]> {
    return proveConsistency(c, async (path) => this.files.get(path), old, size);
  }
}
