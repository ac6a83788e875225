/**
 * C2SP signed notes: a text, a blank line, and signature lines `— <name> <base64 of key id ‖ signature>`.
 *
 * Notes come from strangers: whatever is wrong with one, reading it gives `undefined` and never an exception.
 */
import { fromBase64, sameBytes, toBase64 } from './bytes.ts';
import { cosignedMessage, decodeCosignature } from './cosignature.ts';
import type { ProofCrypto } from './crypto.ts';
import { type Hasher, hashBytes } from './tree.ts';

/** Ed25519 over the text: how a log signs. */
export const ed25519Type = 0x01;
/** Ed25519 over the text with a time before it: how a witness signs. */
export const cosignatureType = 0x04;
export type SignatureType = typeof ed25519Type | typeof cosignatureType;
const isType = (type: number): type is SignatureType => type === ed25519Type || type === cosignatureType;

/** As Go's note package has them: above, reading would cost an attacker less than it costs us. The specification asks for 16. */
const signaturesMax = 100;
const noteLettersMax = 1_000_000;

const idBytes = 4;
const publicKeyBytes = hashBytes;
const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface NoteSignature {
  readonly name: string;
  /** The 32 bits that the line begins with, which tell keys of one name apart. */
  readonly keyId: number;
  /** What follows the key id. */
  readonly signature: Uint8Array;
}

/** A note of which nothing is verified. */
export interface Note {
  /** With its last newline, without the blank line. */
  readonly text: string;
  /** At least one, in the order of their lines. */
  readonly signatures: readonly NoteSignature[];
}

/** A key that notes are verified with. */
export interface Verifier {
  readonly name: string;
  readonly keyId: number;
  readonly type: SignatureType;
  /** 32 bytes, RFC 8032. */
  readonly publicKey: Uint8Array;
}

/** A note with at least one good signature of a known key and none that is bad. */
export interface OpenedNote {
  readonly text: string;
  /** Each key once. `timestamp`: seconds since 1970, of a witness; its earliest when it signed several times. */
  readonly verified: readonly { readonly verifier: Verifier; readonly timestamp?: number }[];
}

/** Whether two verifiers are one key under one name. An id alone has 32 bits and can be met on purpose. */
export const isSameKey = (a: Verifier, b: Verifier): boolean =>
  a.name === b.name && a.type === b.type && sameBytes(a.publicKey, b.publicKey);

const namePattern = /^[^\p{White_Space}\p{Cc}+]+$/u;
const isName = (name: string): boolean => name.isWellFormed() && namePattern.test(name);

/** Whether a text can be in a note: valid Unicode, no control characters below U+0020 except newlines. */
function isText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 && code !== 0x0a) return false;
  }
  return text.isWellFormed();
}

/** Text of bytes that have to be UTF-8, a byte order mark included as it stands; undefined when they are not. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A signature line, with its newline. Throws RangeError for a name that no key can have. */
export function signatureLine({ name, keyId, signature }: NoteSignature): string {
  if (!isName(name) || signature.length === 0) throw new RangeError(`no signature of ${JSON.stringify(name)}`);
  const bytes = new Uint8Array(idBytes + signature.length);
  new DataView(bytes.buffer).setUint32(0, keyId);
  bytes.set(signature, idBytes);
  return `— ${name} ${toBase64(bytes)}\n`;
}

const linePattern = /^— ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/;

/** Reads a signature line without its newline; undefined when it is none. */
export function parseSignatureLine(line: string): NoteSignature | undefined {
  const [, name, base64] = linePattern.exec(line) ?? [];
  if (name === undefined || base64 === undefined || !isName(name)) return undefined;
  const bytes = fromBase64(base64);
  if (bytes === undefined || bytes.length <= idBytes) return undefined;
  return { name, keyId: new DataView(bytes.buffer).getUint32(0), signature: bytes.slice(idBytes) };
}

/** A note of a text (ending in a newline) and its signatures. Throws RangeError for what `parseNote` would not read. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const note = `${text}\n${signatures.map(signatureLine).join('')}`;
  if (parseNote(note)?.text !== text) throw new RangeError('no note: the text or the number of signatures');
  return note;
}

/** Takes a note apart; undefined when it is none. Verifies nothing. */
export function parseNote(note: string): Note | undefined {
  if (note.length > noteLettersMax || !note.endsWith('\n') || !isText(note)) return undefined;
  // Texts may have empty lines; the last one ends the text.
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0) return undefined;
  const lines = note.slice(blank + 2, -1).split('\n');
  if (lines.length > signaturesMax) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (signature === undefined) return undefined;
    signatures.push(signature);
  }
  return { text: note.slice(0, blank + 1), signatures };
}

/** First 32 bits of SHA-256(name ‖ newline ‖ type ‖ public key). */
export function keyIdOf(c: Hasher, name: string, type: number, publicKey: Uint8Array): number {
  const head = encoder.encode(`${name}\n`);
  const data = new Uint8Array(head.length + 1 + publicKey.length);
  data.set(head);
  data[head.length] = type;
  data.set(publicKey, head.length + 1);
  const hash = c.sha256(data);
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

/** The verifier of a key. Throws RangeError for a name, a type (0x01 or 0x04) or a key that is none. */
export function verifierOf(c: Hasher, name: string, type: number, publicKey: Uint8Array): Verifier {
  if (!isName(name) || !isType(type) || publicKey.length !== publicKeyBytes)
    throw new RangeError(`no key ${JSON.stringify(name)}`);
  return { name, keyId: keyIdOf(c, name, type, publicKey), type, publicKey };
}

/** A verifier key (vkey): `<name>+<key id, hex>+<base64 of type ‖ public key>`. Throws RangeError as `verifierOf`. */
export function formatVerifier(c: Hasher, name: string, type: number, publicKey: Uint8Array): string {
  const { keyId } = verifierOf(c, name, type, publicKey);
  return `${name}+${keyId.toString(16).padStart(8, '0')}+${toBase64(Uint8Array.of(type, ...publicKey))}`;
}

const verifierPattern = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/;

/** Reads a vkey of type 0x01 or 0x04; undefined when it is none, or when its key id is not the one that follows. */
export function parseVerifier(c: Hasher, vkey: string): Verifier | undefined {
  const [, name, hex, base64] = verifierPattern.exec(vkey) ?? [];
  if (name === undefined || hex === undefined || base64 === undefined || !isName(name)) return undefined;
  const bytes = fromBase64(base64);
  const type = bytes?.[0];
  if (bytes?.length !== 1 + publicKeyBytes || type === undefined || !isType(type)) return undefined;
  const verifier = verifierOf(c, name, type, bytes.slice(1));
  return verifier.keyId === Number.parseInt(hex, 16) ? verifier : undefined;
}

/** Whether a signature of this verifier's name and id is good; `timestamp` for a witness. */
function check(
  c: ProofCrypto,
  text: string,
  { type, publicKey }: Verifier,
  signature: Uint8Array,
): { readonly timestamp?: number } | undefined {
  if (type === ed25519Type) {
    return c.verifyEd25519(publicKey, encoder.encode(text), signature) ? {} : undefined;
  }
  const cosignature = decodeCosignature(signature);
  if (cosignature === undefined) return undefined;
  const { timestamp } = cosignature;
  return c.verifyEd25519(publicKey, cosignedMessage(timestamp, text), cosignature.signature)
    ? { timestamp }
    : undefined;
}

/**
 * Opens a note with keys that the caller trusts. Signatures of other keys are ignored, even when they share a name or
 * an id with a known one. Undefined when the text is no note, when a signature of a known key is bad, or when no known
 * key signed. Throws RangeError when two different keys have the same name and id.
 */
export function openNote(c: ProofCrypto, note: string, verifiers: readonly Verifier[]): OpenedNote | undefined {
  const parsed = parseNote(note);
  if (parsed === undefined) return undefined;
  const known = new Map<string, Verifier>();
  for (const verifier of verifiers) {
    const key = `${verifier.keyId} ${verifier.name}`;
    const other = known.get(key);
    if (other !== undefined && !isSameKey(other, verifier)) {
      throw new RangeError(`two keys ${JSON.stringify(verifier.name)} with one id`);
    }
    known.set(key, verifier);
  }
  const verified = new Map<Verifier, { readonly verifier: Verifier; readonly timestamp?: number }>();
  for (const { name, keyId, signature } of parsed.signatures) {
    const verifier = known.get(`${keyId} ${name}`);
    if (verifier === undefined) continue;
    const good = check(c, parsed.text, verifier, signature);
    if (good === undefined) return undefined;
    const earlier = verified.get(verifier);
    if (earlier === undefined || (good.timestamp ?? 0) < (earlier.timestamp ?? 0)) {
      verified.set(verifier, { verifier, ...good });
    }
  }
  return verified.size === 0 ? undefined : { text: parsed.text, verified: [...verified.values()] };
}
