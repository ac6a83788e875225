/**
 * The key that signs checkpoints: Ed25519 in KMS, which nobody can copy and only the sealer's role may use.
 *
 * ED25519_SHA_512 over the message itself (RAW) is the signature of RFC 8032 that verifiers of notes expect;
 * ED25519_PH_SHA_512 would be another one, which they reject.
 */
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import type { Signer } from '#core/proof/crypto.ts';
import { Unavailable } from '#core/record/ports.ts';
import { reach } from '../aws/clients.ts';

const place = 'kms';
/** What DER writes before the 32 bytes of an Ed25519 key (RFC 8410 §4). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

export class KmsSigner implements Signer {
  readonly #client: KMSClient;
  readonly #keyId: string;
  #publicKey: Promise<Uint8Array> | undefined;

  /** `keyId` is the ARN of a key of spec ECC_NIST_EDWARDS25519. */
  constructor(client: KMSClient, keyId: string) {
    this.#client = client;
    this.#keyId = keyId;
  }

  /** Asked of KMS once: the material of a key never changes. */
  publicKey(): Promise<Uint8Array> {
    this.#publicKey ??= this.#askPublicKey().catch((error) => {
      this.#publicKey = undefined;
      throw error;
    });
    return this.#publicKey;
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    const { Signature } = await reach(place, () =>
      this.#client.send(
        new SignCommand({
          KeyId: this.#keyId,
          Message: message,
          MessageType: 'RAW',
          SigningAlgorithm: 'ED25519_SHA_512',
        }),
      ),
    );
    if (Signature?.length !== 64) throw new Unavailable(place);
    return Signature;
  }

  async #askPublicKey(): Promise<Uint8Array> {
    const { PublicKey } = await reach(place, () => this.#client.send(new GetPublicKeyCommand({ KeyId: this.#keyId })));
    const der = Buffer.from(PublicKey ?? []);
    if (der.length !== spkiPrefix.length + 32 || !der.subarray(0, spkiPrefix.length).equals(spkiPrefix)) {
      throw new Error(`${this.#keyId} is not an Ed25519 key`);
    }
    return Uint8Array.from(der.subarray(spkiPrefix.length));
  }
}
