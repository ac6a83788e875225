/** The keys of the local KMS: their state, their material, and the file that holds both. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { AwsError } from './exchange.ts';
import { newSigningMaterial } from './kms-signing.ts';
import { readState, writeState } from './state-file.ts';

/** What the material of a key is, and the one thing that may be done with it. */
export const usages = { SYMMETRIC_DEFAULT: 'ENCRYPT_DECRYPT', ECC_NIST_EDWARDS25519: 'SIGN_VERIFY' } as const;
export type KeySpec = keyof typeof usages;

/** One key. */
export interface KmsKey {
  readonly id: string;
  readonly spec: KeySpec;
  readonly description: string;
  /** base64; of a symmetric key 256 bits, of one that signs its PKCS#8. */
  readonly material: string;
  /** ms */
  readonly createdAt: number;
  /** ms; set while the key waits for its end. */
  readonly deletionAt?: number;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export class KmsKeys {
  readonly #file: string;
  readonly #arnPrefix: string;
  readonly #now: () => number;
  readonly #keys: Map<string, KmsKey>;

  constructor(file: string, arnPrefix: string, now: () => number) {
    this.#file = file;
    this.#arnPrefix = arnPrefix;
    this.#now = now;
    this.#keys = new Map(readState<KmsKey[]>(file, []).map((one) => [one.id, one]));
  }

  arnOf = ({ id }: KmsKey): string => this.#arnPrefix + id;

  create(description: string, id: string = randomUUID(), spec: KeySpec = 'SYMMETRIC_DEFAULT'): KmsKey {
    if (!uuid.test(id)) throw new AwsError(400, 'ValidationException', `${id} is not the id of a key.`);
    if (this.#keys.has(id)) throw new AwsError(400, 'AlreadyExistsException', `The key ${id} exists.`);
    const material = spec === 'SYMMETRIC_DEFAULT' ? randomBytes(32).toString('base64') : newSigningMaterial();
    return this.#put({ id, spec, description, material, createdAt: this.#now() });
  }

  /** By id or ARN, in whatever state it is. Refuses when there is none, and when its time has come. */
  get(idOrArn: string): KmsKey {
    if (idOrArn.startsWith('arn:') && !/^arn:[^:]+:kms:[^:]+:[^:]+:(key|alias)\/./.test(idOrArn)) {
      throw new AwsError(400, 'InvalidArnException', `Invalid arn ${idOrArn}`);
    }
    const id = idOrArn.startsWith(this.#arnPrefix) ? idOrArn.slice(this.#arnPrefix.length) : idOrArn;
    this.#endDue();
    const found = this.#keys.get(id);
    if (!found) throw new AwsError(400, 'NotFoundException', `Key '${idOrArn}' does not exist`);
    return found;
  }

  /** A key that may be used now. */
  usable(idOrArn: string): KmsKey {
    const key = this.get(idOrArn);
    if (key.deletionAt !== undefined) {
      throw new AwsError(400, 'KMSInvalidStateException', `${this.arnOf(key)} is pending deletion.`);
    }
    return key;
  }

  /** A key that may be used now, and for this. */
  usableFor(usage: (typeof usages)[KeySpec], idOrArn: string): KmsKey {
    const key = this.usable(idOrArn);
    if (usages[key.spec] === usage) return key;
    throw new AwsError(
      400,
      'InvalidKeyUsageException',
      `${this.arnOf(key)} key usage is ${usages[key.spec]} which is not valid for this operation.`,
    );
  }

  scheduleDeletion(key: KmsKey, deletionAt: number): KmsKey {
    return this.#put({ ...key, deletionAt });
  }

  #put(key: KmsKey): KmsKey {
    this.#keys.set(key.id, key);
    this.#save();
    return key;
  }

  /** What waited long enough is gone, material and all. */
  #endDue(): void {
    const due = [...this.#keys.values()].filter(({ deletionAt }) => (deletionAt ?? Infinity) <= this.#now());
    if (due.length === 0) return;
    for (const { id } of due) this.#keys.delete(id);
    this.#save();
  }

  #save(): void {
    writeState(this.#file, [...this.#keys.values()]);
  }
}

/** The id that a key of a template has here: the same at every start. */
export function kmsKeyIdOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
