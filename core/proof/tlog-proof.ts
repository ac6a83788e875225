/** C2SP tlog-proof: one text file that proves a leaf offline, given the log's key. */
import { fromBase64, fromDecimal, isCount, toBase64 } from './bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { parseNote } from './note.ts';
import { hashBytes, proofHashesMax } from './tree.ts';

const header = 'c2sp.org/tlog-proof@v1';
const extraPrefix = 'extra ';
const indexPrefix = 'index ';

export interface TlogProof {
  readonly index: number;
  /** The inclusion proof, from the leaf's sibling up. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note of the checkpoint, verbatim. */
  readonly checkpoint: string;
  /** Nothing vouches for these bytes. */
  readonly extra?: Uint8Array;
}

/** The text of a proof. Throws RangeError for what `parseProof` would not read. */
export function formatProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const lines = [
    header,
    ...(extra === undefined ? [] : [extraPrefix + toBase64(extra)]),
    `${indexPrefix}${index}`,
    ...hashes.map(toBase64),
    '',
  ];
  const text = `${lines.join('\n')}\n${checkpoint}`;
  if (!isCount(index) || parseProof(text)?.checkpoint !== checkpoint) throw new RangeError(`no proof of leaf ${index}`);
  return text;
}

/**
 * Reads a proof; undefined when it is none, when its checkpoint is none, or when the leaf is not below its size.
 * Verifies neither signatures nor hashes.
 */
export function parseProof(text: string): TlogProof | undefined {
  // Nothing before the checkpoint may be empty, so its blank line is the first one.
  const blank = text.indexOf('\n\n');
  if (blank < 0) return undefined;
  const lines = text.slice(0, blank).split('\n');
  if (lines.shift() !== header) return undefined;
  const extra = lines[0]?.startsWith(extraPrefix) ? fromBase64(lines.shift()!.slice(extraPrefix.length)) : null;
  const indexLine = lines.shift();
  if (extra === undefined || !indexLine?.startsWith(indexPrefix) || lines.length > proofHashesMax) return undefined;
  const index = fromDecimal(indexLine.slice(indexPrefix.length));
  const hashes: Uint8Array[] = [];
  for (const line of lines) {
    const hash = fromBase64(line);
    if (hash?.length !== hashBytes) return undefined;
    hashes.push(hash);
  }
  const checkpoint = text.slice(blank + 2);
  const note = parseNote(checkpoint);
  const size = note === undefined ? undefined : parseCheckpoint(note.text)?.size;
  if (index === undefined || size === undefined || index >= size) return undefined;
  return extra === null ? { index, hashes, checkpoint } : { index, hashes, checkpoint, extra };
}
