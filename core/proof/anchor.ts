/** Cosignatures as a log collects them: which ones a note has, what a witness's answer is worth, and the note with them. */
import { parseCheckpoint } from './checkpoint.ts';
import type { ProofCrypto } from './crypto.ts';
import { formatNote, type NoteSignature, openNote, parseNote, type Verifier } from './note.ts';

/** Clocks differ. A witness that is further ahead than this says nothing of use about time. */
const aheadSecondsMax = 600;

export interface Cosignature {
  readonly witness: Verifier;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly signature: NoteSignature;
}

/** A witness's verified cosignature on a note, the latest if there are several. Lines that are wrong count for nothing. */
export function cosignatureOf(c: ProofCrypto, note: string, witness: Verifier): Cosignature | undefined {
  const parsed = parseNote(note);
  if (!parsed) return undefined;
  const found = parsed.signatures.flatMap((signature) => {
    if (!isBy(signature, witness)) return [];
    const opened = openNote(c, formatNote(parsed.text, [signature]), [witness]);
    const timestamp = opened?.verified[0]?.timestamp;
    return timestamp === undefined ? [] : [{ witness, timestamp, signature }];
  });
  return found.toSorted((a, b) => b.timestamp - a.timestamp)[0];
}

/** The cosignature in a witness's answer to a checkpoint with this text; undefined when there is none that holds. */
export function cosignatureIn(
  c: ProofCrypto,
  text: string,
  lines: string,
  witness: Verifier,
  now: Date,
): Cosignature | undefined {
  const found = cosignatureOf(c, `${text}\n${lines}`, witness);
  // Without the end of the text where it belongs, lines of the answer could have become part of what was signed.
  if (!found || parseNote(`${text}\n${lines}`)?.text !== text || found.timestamp === 0) return undefined;
  return found.timestamp > now.getTime() / 1000 + aheadSecondsMax ? undefined : found;
}

/** Whether a cosignature is there and at most so old. */
export const isFresh = (found: Cosignature | undefined, now: Date, secondsMax: number): boolean =>
  found !== undefined && found.timestamp >= now.getTime() / 1000 - secondsMax;

/** A published checkpoint taken apart: the note without lines of these witnesses, as it is sent to them. */
export function readPublished(note: string, witnesses: readonly Verifier[]) {
  const parsed = parseNote(note);
  const checkpoint = parsed && parseCheckpoint(parsed.text);
  if (!checkpoint) return undefined;
  const own = parsed.signatures.filter((one) => !witnesses.some((witness) => isBy(one, witness)));
  return { checkpoint, text: parsed.text, own, bare: formatNote(parsed.text, own) };
}

/** The note with these cosignatures; of each witness the latest stays, and whatever else was signed stays too. */
export function withCosignatures(c: ProofCrypto, note: string, added: readonly Cosignature[]): string {
  const witnesses = added.map(({ witness }) => witness);
  const published = readPublished(note, witnesses);
  if (!published) throw new TypeError('the note is no checkpoint');
  const latest = added.map((one) => {
    const there = cosignatureOf(c, note, one.witness);
    return there && there.timestamp > one.timestamp ? there : one;
  });
  return formatNote(published.text, [...published.own, ...latest.map(({ signature }) => signature)]);
}

/** Where a cosignature is kept for ever: the first of each witness on each size says when the tree was there at the latest. */
export const cosignaturePath = (size: number, { keyId }: Pick<Verifier, 'keyId'>): string =>
  `cosignatures/${String(size).padStart(20, '0')}/${keyId.toString(16).padStart(8, '0')}`;

/** The signature line by itself. */
export const lineOf = (text: string, signature: NoteSignature): string =>
  formatNote(text, [signature]).slice(text.length + 1);

const isBy = (one: Pick<NoteSignature, 'name' | 'keyId'>, verifier: Pick<Verifier, 'name' | 'keyId'>): boolean =>
  one.name === verifier.name && one.keyId === verifier.keyId;
