/** Leaves as the outbox keeps them: 49 bytes each, the kind's letter, the event's id (16) and the commitment (32). */
import { type EntryKind, entryKinds, type Leaf } from './entry.ts';

export const leafBytes = 49;
const commitmentAt = 17;

/** The bytes of leaves, one after the other. */
export function encodeLeaves(leaves: readonly Leaf[]): Uint8Array {
  const bytes = new Uint8Array(leaves.length * leafBytes);
  leaves.forEach(({ kind, id, commitment }, index) => {
    const at = index * leafBytes;
    bytes[at] = kind.charCodeAt(0);
    const hex = id.replaceAll('-', '');
    for (let i = 0; i < 16; i++) bytes[at + 1 + i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
    bytes.set(commitment, at + commitmentAt);
  });
  return bytes;
}

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Leaves from their bytes. Throws on a length or a kind that is none of ours: the row was not written by us. */
export function decodeLeaves(bytes: Uint8Array): Leaf[] {
  if (bytes.length % leafBytes !== 0) throw new Error(`${bytes.length} bytes are no whole leaves`);
  return Array.from({ length: bytes.length / leafBytes }, (_, index) => {
    const at = index * leafBytes;
    const kind = String.fromCharCode(bytes[at]!) as EntryKind;
    if (!entryKinds.includes(kind)) throw new Error(`a leaf of kind ${JSON.stringify(kind)}`);
    let id = '';
    for (let i = 0; i < 16; i++) {
      id += hexOf[bytes[at + 1 + i]!];
      if (i === 3 || i === 5 || i === 7 || i === 9) id += '-';
    }
    return { kind, id, commitment: bytes.slice(at + commitmentAt, at + leafBytes) };
  });
}
