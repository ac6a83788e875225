/**
 * The vault: keys that outlive an erasure for a legal reason, wrapped by a KMS key that no reader of events may use.
 *
 * The encryption context names the tenant and the request: KMS unwraps for nobody else, and CloudTrail says for whom.
 */
import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';
import { Unavailable } from '#core/record/ports.ts';
import { reach } from '../aws/clients.ts';

const place = 'kms';

export class KmsVault {
  readonly #client: KMSClient;
  readonly #keyId: string;

  constructor(client: KMSClient, keyId: string) {
    this.#client = client;
    this.#keyId = keyId;
  }

  /** Rejects with `Unavailable` when KMS is down. */
  async wrap(tenant: string, request: string, secret: Uint8Array): Promise<Uint8Array> {
    const { CiphertextBlob } = await reach(place, () =>
      this.#client.send(
        new EncryptCommand({ KeyId: this.#keyId, Plaintext: secret, EncryptionContext: contextOf(tenant, request) }),
      ),
    );
    if (!CiphertextBlob) throw new Unavailable(place);
    return CiphertextBlob;
  }

  /** What `wrap` wrapped for the same tenant and request; KMS refuses anything else. */
  async unwrap(tenant: string, request: string, wrapped: Uint8Array): Promise<Uint8Array> {
    const { Plaintext } = await reach(place, () =>
      this.#client.send(
        new DecryptCommand({
          KeyId: this.#keyId,
          CiphertextBlob: wrapped,
          EncryptionContext: contextOf(tenant, request),
        }),
      ),
    );
    if (!Plaintext) throw new Unavailable(place);
    return Plaintext;
  }
}

const contextOf = (tenant: string, request: string) => ({ tenant, purpose: 'vaulted-key', request });
