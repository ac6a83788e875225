/** C2SP checkpoints: the text of a note in three lines, origin, size and root of a tree. */
import { fromBase64, fromDecimal, isCount, sameBytes, toBase64 } from './bytes.ts';
import type { ProofCrypto } from './crypto.ts';
import { ed25519Type, isSameKey, type OpenedNote, openNote, type Verifier } from './note.ts';
import { emptyRoot, hashBytes } from './tree.ts';

export interface Checkpoint {
  /** Name of the log: `<host>/t/<slug>`. */
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** A checkpoint as it was read. Ours have no extension lines; those of others may. */
export interface ParsedCheckpoint extends Checkpoint {
  readonly extensions: readonly string[];
}

/** A checkpoint that its log signed. */
export interface OpenedCheckpoint extends ParsedCheckpoint, OpenedNote {}

/** The text to sign. Throws RangeError for what no checkpoint can say. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  const text = `${origin}\n${size}\n${toBase64(root)}\n`;
  if (!isCount(size) || parseCheckpoint(text)?.origin !== origin) {
    throw new RangeError(`no checkpoint of ${JSON.stringify(origin)} at size ${size}`);
  }
  return text;
}

/** Reads the text of a note; undefined when it is no checkpoint. Verifies nothing. */
export function parseCheckpoint(text: string): ParsedCheckpoint | undefined {
  if (!text.endsWith('\n')) return undefined;
  const [origin, sizeText, rootText, ...extensions] = text.slice(0, -1).split('\n');
  if (!origin || sizeText === undefined || rootText === undefined || extensions.includes('')) return undefined;
  const size = fromDecimal(sizeText);
  const root = fromBase64(rootText);
  return size === undefined || root?.length !== hashBytes ? undefined : { origin, size, root, extensions };
}

/**
 * Opens a signed checkpoint. The log's key has to have signed, its name has to be the origin, and an empty tree has to
 * have the empty root. Keys of witnesses may be given too: `verified` says which of them cosigned, and a bad
 * cosignature of one of them spoils the note. Undefined when anything is not so.
 */
export function openCheckpoint(
  c: ProofCrypto,
  note: string,
  verifier: Verifier,
  witnesses: readonly Verifier[] = [],
): OpenedCheckpoint | undefined {
  if (verifier.type !== ed25519Type) return undefined;
  const opened = openNote(c, note, [verifier, ...witnesses]);
  if (!opened?.verified.some((one) => isSameKey(one.verifier, verifier))) return undefined;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint?.origin !== verifier.name) return undefined;
  if (checkpoint.size === 0 && !sameBytes(checkpoint.root, emptyRoot(c))) return undefined;
  return { ...checkpoint, ...opened };
}
