/**
 * KMS over AWS JSON 1.1: keys that never leave this process, what symmetric ones encrypt and what Ed25519 ones sign.
 *
 * A ciphertext is `1 ‖ key id (16) ‖ iv (12) ‖ AES-256-GCM ‖ tag (16)`. The head and the encryption context are its
 * additional data, so that it opens under its own key and in its own context only. Aliases, grants, imported
 * material, key rotation and dry runs are not done here.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Input, inputOf, jsonRefusal, jsonReply, targetOf } from './aws-json.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { type KeySpec, type KmsKey, KmsKeys, usages } from './kms-keys.ts';
import { publicKeyOf, signed, signingAlgorithms } from './kms-signing.ts';

/** A tag of a new key that chooses its id: what AWS has no word for, spelled as LocalStack spells it. */
export const keyIdTag = '_custom_id_';

const algorithm = 'SYMMETRIC_DEFAULT';
const plaintextBytesMax = 4096;
const messageBytesMax = 4096;
const ciphertextBytesMax = 6144;
const dayMs = 86_400_000;
const format = 1;
const headLength = 17;
const ivLength = 12;
const tagLength = 16;

export class Kms implements Service {
  readonly name = 'kms';
  readonly #keys: KmsKeys;
  readonly #account: string;
  readonly #now: () => number;

  constructor(options: {
    readonly folder: string;
    readonly region: string;
    readonly account: string;
    readonly now: () => number;
  }) {
    const arnPrefix = `arn:aws:kms:${options.region}:${options.account}:key/`;
    this.#keys = new KmsKeys(join(options.folder, 'keys.json'), arnPrefix, options.now);
    this.#account = options.account;
    this.#now = options.now;
  }

  /** Makes a key; returns its ARN. */
  createKey(description = ''): string {
    return this.#keys.arnOf(this.#keys.create(description));
  }

  operationOf = targetOf;

  async handle(exchange: Exchange): Promise<Reply> {
    return jsonReply(this.#do(targetOf(exchange), inputOf(exchange)));
  }

  refuse = jsonRefusal;

  #do(operation: string, input: Input): object {
    if (input.DryRun === true) throw notImplemented('KMS DryRun');
    if (input.Recipient !== undefined) throw notImplemented('KMS Recipient');
    switch (operation) {
      case 'CreateKey':
        return { KeyMetadata: this.#shown(this.#create(input)) };
      case 'DescribeKey':
        return { KeyMetadata: this.#shown(this.#keys.get(keyNameOf(input, 'KeyId'))) };
      case 'Encrypt':
        return this.#encrypt(input);
      case 'Decrypt':
        return this.#decrypt(input);
      case 'GenerateDataKey':
        return this.#generate(input);
      case 'GenerateDataKeyWithoutPlaintext': {
        const { Plaintext: _, ...answer } = this.#generate(input);
        return answer;
      }
      case 'ReEncrypt':
        return this.#reEncrypt(input);
      case 'Sign':
        return this.#sign(input);
      case 'GetPublicKey':
        return this.#publicKey(input);
      case 'ScheduleKeyDeletion':
        return this.#scheduleDeletion(input);
      default:
        throw notImplemented(`KMS ${operation}`);
    }
  }

  #create(input: Input): KmsKey {
    const spec = String(input.KeySpec ?? input.CustomerMasterKeySpec ?? algorithm) as KeySpec;
    if (!Object.hasOwn(usages, spec)) throw notImplemented(`KMS KeySpec ${spec}`);
    // AWS takes the word for granted of a symmetric key only, and so a key that signs must say it.
    if ((input.KeyUsage ?? 'ENCRYPT_DECRYPT') !== usages[spec]) {
      throw invalid(`KeyUsage ${String(input.KeyUsage)} is not one of a ${spec} key.`);
    }
    if ((input.Origin ?? 'AWS_KMS') !== 'AWS_KMS') throw notImplemented(`KMS Origin ${String(input.Origin)}`);
    if (input.MultiRegion === true) throw notImplemented('KMS MultiRegion');
    const tags = (input.Tags ?? []) as readonly { readonly TagKey: string; readonly TagValue: string }[];
    const id = tags.find(({ TagKey }) => TagKey === keyIdTag)?.TagValue;
    return this.#keys.create(String(input.Description ?? ''), id, spec);
  }

  #encrypt(input: Input): object {
    refuseOtherAlgorithm(input.EncryptionAlgorithm);
    const key = this.#keys.usableFor('ENCRYPT_DECRYPT', keyNameOf(input, 'KeyId'));
    const plaintext = bytesOf(input, 'Plaintext', plaintextBytesMax);
    const CiphertextBlob = seal(key, plaintext, contextOf(input.EncryptionContext)).toString('base64');
    return { CiphertextBlob, KeyId: this.#keys.arnOf(key), EncryptionAlgorithm: algorithm };
  }

  #decrypt(input: Input): object {
    refuseOtherAlgorithm(input.EncryptionAlgorithm);
    const { key, plaintext } = this.#open(input, input.KeyId, input.EncryptionContext);
    const Plaintext = plaintext.toString('base64');
    return { Plaintext, KeyId: this.#keys.arnOf(key), EncryptionAlgorithm: algorithm };
  }

  #generate(input: Input): { readonly Plaintext: string; readonly CiphertextBlob: string; readonly KeyId: string } {
    const key = this.#keys.usableFor('ENCRYPT_DECRYPT', keyNameOf(input, 'KeyId'));
    const plaintext = randomBytes(dataKeyLengthOf(input));
    return {
      Plaintext: plaintext.toString('base64'),
      CiphertextBlob: seal(key, plaintext, contextOf(input.EncryptionContext)).toString('base64'),
      KeyId: this.#keys.arnOf(key),
    };
  }

  #reEncrypt(input: Input): object {
    refuseOtherAlgorithm(input.SourceEncryptionAlgorithm);
    refuseOtherAlgorithm(input.DestinationEncryptionAlgorithm);
    const to = this.#keys.usableFor('ENCRYPT_DECRYPT', keyNameOf(input, 'DestinationKeyId'));
    const from = this.#open(input, input.SourceKeyId, input.SourceEncryptionContext);
    const sealed = seal(to, from.plaintext, contextOf(input.DestinationEncryptionContext));
    return {
      CiphertextBlob: sealed.toString('base64'),
      SourceKeyId: this.#keys.arnOf(from.key),
      KeyId: this.#keys.arnOf(to),
      SourceEncryptionAlgorithm: algorithm,
      DestinationEncryptionAlgorithm: algorithm,
    };
  }

  /** The key is the one that the ciphertext names; a caller that names one too must mean the same. */
  #open(input: Input, named: unknown, context: unknown): { readonly key: KmsKey; readonly plaintext: Buffer } {
    const blob = bytesOf(input, 'CiphertextBlob', ciphertextBytesMax);
    const wanted =
      named === undefined ? undefined : this.#keys.usableFor('ENCRYPT_DECRYPT', keyNameOf({ named }, 'named'));
    if (blob.length < headLength + ivLength + tagLength || blob[0] !== format) throw invalidCiphertext();
    const id = idIn(blob);
    if (wanted && wanted.id !== id) {
      throw new AwsError(
        400,
        'IncorrectKeyException',
        'The key ID in the request does not identify a CMK that can perform this operation.',
      );
    }
    const key = wanted ?? this.#keys.usable(id);
    return { key, plaintext: unseal(key, blob, contextOf(context)) };
  }

  #sign(input: Input): object {
    const key = this.#keys.usableFor('SIGN_VERIFY', keyNameOf(input, 'KeyId'));
    const Signature = signed(key, bytesOf(input, 'Message', messageBytesMax), input);
    return { Signature, KeyId: this.#keys.arnOf(key), SigningAlgorithm: input.SigningAlgorithm };
  }

  #publicKey(input: Input): object {
    const key = this.#keys.usable(keyNameOf(input, 'KeyId'));
    if (key.spec === algorithm) {
      throw new AwsError(400, 'UnsupportedOperationException', `${key.spec} keys have no public key.`);
    }
    return {
      KeyId: this.#keys.arnOf(key),
      PublicKey: publicKeyOf(key),
      KeySpec: key.spec,
      CustomerMasterKeySpec: key.spec,
      KeyUsage: usages[key.spec],
      SigningAlgorithms: signingAlgorithms,
    };
  }

  #scheduleDeletion(input: Input): object {
    const days = Number(input.PendingWindowInDays ?? 30);
    if (!Number.isInteger(days) || days < 7 || days > 30) {
      throw invalid('PendingWindowInDays must be between 7 and 30.');
    }
    const key = this.#keys.usable(keyNameOf(input, 'KeyId'));
    const ending = this.#keys.scheduleDeletion(key, this.#now() + days * dayMs);
    return {
      KeyId: this.#keys.arnOf(ending),
      DeletionDate: ending.deletionAt! / 1000,
      KeyState: 'PendingDeletion',
      PendingWindowInDays: days,
    };
  }

  #shown = (key: KmsKey): object => ({
    AWSAccountId: this.#account,
    KeyId: key.id,
    Arn: this.#keys.arnOf(key),
    CreationDate: key.createdAt / 1000,
    Enabled: key.deletionAt === undefined,
    Description: key.description,
    KeyUsage: usages[key.spec],
    KeyState: key.deletionAt === undefined ? 'Enabled' : 'PendingDeletion',
    ...(key.deletionAt === undefined ? {} : { DeletionDate: key.deletionAt / 1000 }),
    Origin: 'AWS_KMS',
    KeyManager: 'CUSTOMER',
    KeySpec: key.spec,
    CustomerMasterKeySpec: key.spec,
    ...(key.spec === algorithm ? { EncryptionAlgorithms: [algorithm] } : { SigningAlgorithms: signingAlgorithms }),
    MultiRegion: false,
  });
}

function seal(key: KmsKey, plaintext: Buffer, context: Buffer): Buffer {
  const head = Buffer.concat([Buffer.of(format), Buffer.from(key.id.replaceAll('-', ''), 'hex')]);
  const iv = randomBytes(ivLength);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key.material, 'base64'), iv);
  cipher.setAAD(Buffer.concat([head, context]));
  return Buffer.concat([head, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: KmsKey, blob: Buffer, context: Buffer): Buffer {
  const iv = blob.subarray(headLength, headLength + ivLength);
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key.material, 'base64'), iv, {
    authTagLength: tagLength,
  });
  decipher.setAAD(Buffer.concat([blob.subarray(0, headLength), context]));
  decipher.setAuthTag(blob.subarray(-tagLength));
  try {
    return Buffer.concat([decipher.update(blob.subarray(headLength + ivLength, -tagLength)), decipher.final()]);
  } catch {
    throw invalidCiphertext();
  }
}

function idIn(blob: Buffer): string {
  const hex = blob.toString('hex', 1, headLength);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The pairs in the order of their names, whatever order they came in. */
function contextOf(given: unknown): Buffer {
  const pairs = Object.entries((given ?? {}) as Record<string, unknown>);
  if (pairs.some(([, value]) => typeof value !== 'string')) throw invalid('An encryption context holds strings only.');
  return Buffer.from(JSON.stringify(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

function dataKeyLengthOf({ KeySpec, NumberOfBytes }: Input): number {
  if ((KeySpec === undefined) === (NumberOfBytes === undefined)) {
    throw invalid('Please specify either number of bytes or key spec.');
  }
  const length = KeySpec === undefined ? Number(NumberOfBytes) : { AES_128: 16, AES_256: 32 }[String(KeySpec)];
  if (length === undefined || !Number.isInteger(length) || length < 1 || length > 1024) {
    throw invalid('A data key is AES_128, AES_256 or has 1 to 1024 bytes.');
  }
  return length;
}

function textOf(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '') throw invalid(`Value at '${name}' must not be null.`);
  return value;
}

function keyNameOf(input: Input, name: string): string {
  const value = textOf(input, name);
  if (/^(arn:.*:)?alias\//.test(value)) throw notImplemented('KMS aliases');
  return value;
}

function bytesOf(input: Input, name: string, bytesMax: number): Buffer {
  const bytes = Buffer.from(textOf(input, name), 'base64');
  if (bytes.length > 0 && bytes.length <= bytesMax) return bytes;
  throw invalid(`Value at '${name}' failed to satisfy constraint: Member must have length from 1 to ${bytesMax}.`);
}

function refuseOtherAlgorithm(given: unknown): void {
  if ((given ?? algorithm) !== algorithm) throw notImplemented(`KMS EncryptionAlgorithm ${String(given)}`);
}

const invalid = (message: string) => new AwsError(400, 'ValidationException', message);
const invalidCiphertext = () => new AwsError(400, 'InvalidCiphertextException', '');
