/**
 * The root secret of a deployment: 32 random bytes, base64, in an SSM SecureString. Whoever holds it can sign
 * tenant contexts and cursors; each use has a key of its own, derived from it by a label.
 */
import { hkdfSync } from 'node:crypto';
import { GetParameterCommand, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { nameOf, reach } from '../aws/clients.ts';

const place = 'SSM';
const secretBytes = 32;

export class SsmSecrets {
  readonly #client: SSMClient;
  readonly #parameter: string;
  #secret: Promise<Uint8Array> | undefined;

  constructor(client: SSMClient, parameter: string) {
    this.#client = client;
    this.#parameter = parameter;
  }

  /** The root secret, read once and kept. Rejects with `Unavailable` when SSM is down; a failed read is tried again by the next call. */
  rootSecret(): Promise<Uint8Array> {
    this.#secret ??= this.#read().catch((error: unknown) => {
      this.#secret = undefined;
      throw error;
    });
    return this.#secret;
  }

  /** Stores 32 random bytes when there is no secret yet. True when it did; an existing secret is never touched. */
  async createIfAbsent(random: Uint8Array): Promise<boolean> {
    if (random.length !== secretBytes) throw new TypeError(`the root secret has ${secretBytes} bytes`);
    const Value = Buffer.from(random).toString('base64');
    const input = { Name: this.#parameter, Value, Type: 'SecureString', Overwrite: false } as const;
    return reach(place, async () => {
      try {
        await this.#client.send(new PutParameterCommand(input));
        return true;
      } catch (error) {
        if (nameOf(error) === 'ParameterAlreadyExists') return false;
        throw error;
      }
    });
  }

  async #read(): Promise<Uint8Array> {
    const input = { Name: this.#parameter, WithDecryption: true };
    const answer = await reach(place, () => this.#client.send(new GetParameterCommand(input)));
    const secret = new Uint8Array(Buffer.from(answer.Parameter?.Value ?? '', 'base64'));
    if (secret.length !== secretBytes) throw new Error(`${this.#parameter} does not hold ${secretBytes} base64 bytes`);
    return secret;
  }
}

/** 32 bytes for one use of the secret (HKDF-SHA256, RFC 5869, no salt), for example `trailkeep/cursor/v1`. */
export function deriveKey(secret: Uint8Array, label: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), label, 32));
}
