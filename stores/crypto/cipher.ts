/**
 * AES-256-GCM, HMAC-SHA256 and HKDF-SHA256 of node:crypto, behind the ports of core/privacy.
 *
 * GCM alone does not commit to its key: a text can be made that opens under two keys to two meanings. Here a key is
 * named by 192 bits that follow from it (`dataKeyOf`), envelopes carry that name, and a key only opens what names it.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import type { Cipher, CipherKey, DataKey } from '#core/privacy/ports.ts';

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;
/** 96 bits of HMAC: no two values of a tenant meet, and it is half as long as the whole. */
const tokenBytes = 12;
const idBytes = 24;
const keyBytes = 32;

const nativeOf = (key: CipherKey): KeyObject => key as unknown as KeyObject;

/** A key of the runtime from its 32 bytes. */
export function cipherKey(bytes: Uint8Array): CipherKey {
  if (bytes.length !== keyBytes) throw new RangeError(`a key has ${keyBytes} bytes`);
  return createSecretKey(bytes) as unknown as CipherKey;
}

/** The public name, the cipher key and the index key that follow from 32 random bytes (HKDF-SHA256, RFC 5869). */
export function dataKeyOf(secret: Uint8Array): DataKey {
  const derived = deriveBytes(secret, 'trailkeep/data-key/v1', idBytes + 2 * keyBytes);
  return {
    id: Buffer.from(derived.subarray(0, idBytes)).toString('base64url'),
    cipher: cipherKey(derived.subarray(idBytes, idBytes + keyBytes)),
    index: cipherKey(derived.subarray(idBytes + keyBytes)),
  };
}

/** HKDF-SHA256 without salt: the input is uniformly random already. */
export const deriveBytes = (secret: Uint8Array, label: string | Uint8Array, bytes: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, '', label, bytes));

/** Random bytes are drawn in one go for many ivs: a call for each costs as much as the encryption. */
const ivPool = Buffer.alloc(ivBytes * 1024);
let ivAt = ivPool.length;

function freshIv(): Buffer {
  if (ivAt === ivPool.length) {
    randomFillSync(ivPool);
    ivAt = 0;
  }
  const iv = Buffer.from(ivPool.subarray(ivAt, ivAt + ivBytes));
  ivAt += ivBytes;
  return iv;
}

/** iv ‖ ciphertext ‖ tag. */
export function sealBytes(key: CipherKey, plaintext: string | Uint8Array, aad: string | Uint8Array): Buffer {
  const iv = freshIv();
  const cipher = createCipheriv(algorithm, nativeOf(key), iv);
  cipher.setAAD(Buffer.from(aad));
  const body = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([iv, body, cipher.getAuthTag()]);
}

/** What `sealBytes` sealed, or undefined: another key, another aad, or changed. */
export function openBytes(key: CipherKey, box: Uint8Array, aad: string | Uint8Array): Buffer | undefined {
  if (box.length < ivBytes + tagBytes) return undefined;
  const end = box.length - tagBytes;
  // The length is said aloud: without it Node takes tags of four bytes.
  const decipher = createDecipheriv(algorithm, nativeOf(key), box.subarray(0, ivBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(aad));
  decipher.setAuthTag(box.subarray(end));
  const body = decipher.update(box.subarray(ivBytes, end));
  try {
    decipher.final();
    return body;
  } catch {
    return undefined;
  }
}

/** HMAC-SHA256, whole. */
export const mac = (key: CipherKey, text: string | Uint8Array): Buffer =>
  createHmac('sha256', nativeOf(key)).update(text).digest();

export const nodeCipher: Cipher = {
  seal: (key, plaintext, aad) => sealBytes(key, plaintext, aad).toString('base64url'),
  open: (key, box, aad) => openBytes(key, Buffer.from(box, 'base64url'), aad)?.toString('utf8'),
  token: (key, text) => mac(key, text).subarray(0, tokenBytes).toString('base64url'),
};
