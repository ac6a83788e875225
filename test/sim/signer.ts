/** KMS in the simulation: one Ed25519 key that signs what it is asked to, and remembers all of it. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { ProofCrypto, Signer } from '#core/proof/crypto.ts';
import { Unavailable } from '#core/record/ports.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import type { Scheduler, Worker } from './scheduler.ts';

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const privateKey = createPrivateKey({
  key: Buffer.concat([pkcs8Prefix, Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
export const publicKey = new Uint8Array(
  createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32),
);

/** A signature that was made, whatever became of it. */
export interface Signed {
  readonly message: string;
  /** ms since 1970. */
  readonly at: number;
}

const decoder = new TextDecoder();

/** What the key has signed. */
export class SigningKey {
  readonly signed: Signed[] = [];
  readonly #signs: (message: string) => void;

  constructor(signs: (message: string) => void) {
    this.#signs = signs;
  }

  of(scheduler: Scheduler, worker: Worker): Signer {
    const failure = () => new Unavailable('KMS');
    return {
      publicKey: async () => publicKey,
      sign: (message) =>
        scheduler.call(
          worker,
          'KMS',
          () => {
            if (scheduler.random.chance(scheduler.rates.refused)) {
              scheduler.count('signer refuses');
              throw failure();
            }
            const signature = new Uint8Array(sign(null, message, privateKey));
            if (scheduler.random.chance(scheduler.rates.invalidSignature)) {
              scheduler.count('signature invalid');
              signature[scheduler.random.below(64)]! ^= 1 << scheduler.random.below(8);
              return signature;
            }
            this.#signs(decoder.decode(message));
            this.signed.push({ message: decoder.decode(message), at: scheduler.now });
            return signature;
          },
          { failure },
        ),
    };
  }
}

const verified = new Map<string, boolean>();
const verifiedMax = 20_000;

/** The crypto of the modules under test; a signature that many workers check is computed once. */
export const simulatedCrypto: ProofCrypto = {
  sha256: nodeProofCrypto.sha256,
  verifyEd25519(key, message, signature) {
    const name = `${Buffer.from(signature).toString('latin1')}${Buffer.from(key).toString('latin1')}${decoder.decode(message)}`;
    const known = verified.get(name);
    if (known !== undefined) return known;
    const answer = nodeProofCrypto.verifyEd25519(key, message, signature);
    if (verified.size >= verifiedMax) verified.clear();
    verified.set(name, answer);
    return answer;
  },
};
