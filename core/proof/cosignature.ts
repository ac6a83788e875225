/** What a witness signs: a checkpoint with the time at which it saw it (C2SP tlog-cosignature, Ed25519). */

const headBytes = 8;
const signatureBytes = 64;
const encoder = new TextEncoder();

/** A cosignature as a signature line carries it, behind the key id. */
export interface Cosignature {
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** The message that is signed: two lines before the whole text of the note, its last newline included. */
export const cosignedMessage = (timestamp: number, noteText: string): Uint8Array =>
  encoder.encode(`cosignature/v1\ntime ${timestamp}\n${noteText}`);

/** 72 bytes: the time, big-endian, and the signature. Throws RangeError. */
export function encodeCosignature(timestamp: number, signature: Uint8Array): Uint8Array {
  if (!Number.isSafeInteger(timestamp) || timestamp < 0 || signature.length !== signatureBytes) {
    throw new RangeError(`no cosignature: ${signature.length} bytes at ${timestamp}`);
  }
  const bytes = new Uint8Array(headBytes + signatureBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(timestamp));
  bytes.set(signature, headBytes);
  return bytes;
}

/** Reads the 72 bytes; undefined for other lengths, and for times above 2^53 − 1 s. */
export function decodeCosignature(bytes: Uint8Array): Cosignature | undefined {
  if (bytes.length !== headBytes + signatureBytes) return undefined;
  const timestamp = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  return Number.isSafeInteger(timestamp) ? { timestamp, signature: bytes.slice(headBytes) } : undefined;
}
