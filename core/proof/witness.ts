/**
 * The rules of C2SP tlog-witness, `add-checkpoint`: what a witness cosigns, and what it says otherwise.
 *
 * A witness promises one thing: that the trees it cosigned of a log grow out of one another. So nothing here may be
 * answered from memory: `compare` wants the newest state, and the caller replaces that very state or begins again.
 */
import { fromBase64, fromDecimal, sameBytes, toBase64 } from './bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { cosignedMessage, encodeCosignature } from './cosignature.ts';
import type { ProofCrypto } from './crypto.ts';
import { formatNote, type NoteSignature, openNote, parseNote, type Verifier } from './note.ts';
import { emptyRoot, hashBytes, verifyConsistency } from './tree.ts';
import type { KnownLogs } from './witness-logs.ts';

/** What the specification lets a client send. A tree of 2^63 leaves needs no more. */
const proofLinesMax = 63;
/** KMS signs 4,096 bytes, and the two lines of a cosignature come before the text. */
const textBytesMax = 4_000;

/** The body of `add-checkpoint`. */
export interface AddCheckpoint {
  /** Size of the tree that the client takes for the newest one the witness knows. */
  readonly old: number;
  /** Consistency proof from `old` to the checkpoint. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint. */
  readonly note: string;
}

/** A checkpoint that a log we know has signed. */
export interface Submission extends AddCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Text of the note: what gets cosigned. */
  readonly text: string;
  /** Those of the note's signatures that were verified. */
  readonly signatures: readonly NoteSignature[];
}

/** The newest checkpoint that was cosigned of a log. */
export interface Witnessed {
  readonly size: number;
  readonly root: Uint8Array;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

export interface Refusal {
  readonly status: 400 | 403 | 404 | 409 | 422;
  readonly why: string;
  /** With 409: the size that `old` must be. */
  readonly size?: number;
}

export type Admitted =
  | { readonly ok: true; readonly submission: Submission }
  | { readonly ok: false; readonly refusal: Refusal };

const refuse = (status: Refusal['status'], why: string): Admitted => ({ ok: false, refusal: { status, why } });

/** The body of a request; the other half is `parseAddCheckpoint`. */
export function formatAddCheckpoint({ old, proof, note }: AddCheckpoint): string {
  return `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${note}`;
}

/** A request taken apart; undefined when it has another form. */
export function parseAddCheckpoint(body: string): AddCheckpoint | undefined {
  const end = body.indexOf('\n\n');
  const [first = '', ...lines] = body.slice(0, Math.max(end, 0)).split('\n');
  const old = first.startsWith('old ') ? fromDecimal(first.slice('old '.length)) : undefined;
  if (old === undefined || lines.length > proofLinesMax) return undefined;
  const proof = lines.map(hashOf);
  if (!proof.every((hash) => hash !== undefined)) return undefined;
  return { old, proof, note: body.slice(end + 2) };
}

/** What can be judged without the witness's own state: form (400), origin (404), signature (403), old size (400). */
export function admit(c: ProofCrypto, body: string, logs: KnownLogs): Admitted {
  const request = parseAddCheckpoint(body);
  const note = request && parseNote(request.note);
  const checkpoint = note && parseCheckpoint(note.text);
  if (!checkpoint) return refuse(400, 'The body is no old size, proof and checkpoint.');
  if (new TextEncoder().encode(note.text).length > textBytesMax) return refuse(400, 'The checkpoint is too long.');
  const verifiers = logs(checkpoint.origin);
  if (verifiers.length === 0) return refuse(404, 'This witness does not know the log.');
  const opened = openNote(c, request.note, verifiers);
  if (!opened) return refuse(403, 'No trusted key of the log has signed this, or a signature of one is wrong.');
  if (request.old > checkpoint.size) return refuse(400, 'The old size is larger than the checkpoint.');
  // One of each key: a note full of copies would leave no room for the cosignature.
  const signatures = opened.verified.map(({ verifier }) => note.signatures.find((one) => isBy(one, verifier))!);
  return { ok: true, submission: { ...request, checkpoint, text: note.text, signatures } };
}

/** Whether a submission follows on what was cosigned before (undefined: nothing was). Undefined: it may be cosigned. */
export function compare(c: ProofCrypto, submission: Submission, latest: Witnessed | undefined): Refusal | undefined {
  const { checkpoint, old, proof } = submission;
  const size = latest?.size ?? 0;
  if (old !== size) return { status: 409, why: `The newest checkpoint cosigned is of size ${size}.`, size };
  const inconsistent = (why: string): Refusal => ({ status: 422, why });
  if (checkpoint.size === 0 && !sameBytes(checkpoint.root, emptyRoot(c))) {
    return inconsistent('The root of the empty tree is another.');
  }
  if (old === 0) return proof.length === 0 ? undefined : inconsistent('From the empty tree no proof leads anywhere.');
  if (old === checkpoint.size && !sameBytes(checkpoint.root, latest!.root)) {
    return inconsistent('Another root was cosigned for this size.');
  }
  const consistent = verifyConsistency(c, {
    size1: old,
    size2: checkpoint.size,
    root1: latest!.root,
    root2: checkpoint.root,
    proof,
  });
  return consistent ? undefined : inconsistent('The proof does not lead from the cosigned tree to this one.');
}

/** The time of a cosignature: now, and never before the one that the same log got last. Seconds since 1970. */
export const timestampFor = (now: Date, latest: Pick<Witnessed, 'timestamp'> | undefined): number =>
  Math.max(Math.floor(now.getTime() / 1000), latest?.timestamp ?? 0);

/** What the witness's key signs. */
export const messageFor = ({ text }: Pick<Submission, 'text'>, timestamp: number): Uint8Array =>
  cosignedMessage(timestamp, text);

/**
 * The checkpoint as the witness keeps it and shows it to monitors (with the log's verified signatures and its own),
 * and the lines that it answers.
 */
export function cosigned(
  { text, signatures }: Pick<Submission, 'text' | 'signatures'>,
  witness: Pick<Verifier, 'name' | 'keyId'>,
  timestamp: number,
  signature: Uint8Array,
): { readonly note: string; readonly lines: string } {
  const own = { name: witness.name, keyId: witness.keyId, signature: encodeCosignature(timestamp, signature) };
  const lines = formatNote(text, [own]).slice(text.length + 1);
  return { note: formatNote(text, [...signatures, own]), lines };
}

/**
 * The state in a checkpoint that `cosigned` made. Undefined when it is none of this log, or the witness's own signature
 * on it is wrong: then somebody else wrote it, and nothing may be cosigned.
 */
export function readWitnessed(c: ProofCrypto, note: string, origin: string, witness: Verifier): Witnessed | undefined {
  const opened = openNote(c, note, [witness]);
  const checkpoint = opened && parseCheckpoint(opened.text);
  const timestamp = opened?.verified.find(({ verifier }) => verifier === witness)?.timestamp;
  if (!checkpoint || checkpoint.origin !== origin || timestamp === undefined) return undefined;
  return { size: checkpoint.size, root: checkpoint.root, timestamp };
}

/** Where monitors find a log's checkpoint: the SHA-256 of its origin in lower-case hex. */
export function originHash(c: ProofCrypto, origin: string): string {
  const digest = c.sha256(new TextEncoder().encode(origin));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const isBy = (one: Pick<NoteSignature, 'name' | 'keyId'>, verifier: Pick<Verifier, 'name' | 'keyId'>) =>
  one.name === verifier.name && one.keyId === verifier.keyId;

/** The 32 bytes of a hash; any other text is none. */
function hashOf(line: string): Uint8Array | undefined {
  const bytes = fromBase64(line);
  return bytes?.length === hashBytes ? bytes : undefined;
}
