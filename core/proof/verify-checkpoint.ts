/**
 * What a signed checkpoint is worth, and whether two of them tell one history.
 *
 * A checkpoint counts when a key that the verifier trusts for its origin has signed it and, where the verifier has a
 * policy, enough witnesses have. Two checkpoints of one log must be consistent: the larger tree begins with the smaller.
 */
import { sameBytes } from './bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import type { ProofCrypto } from './crypto.ts';
import { ed25519Type, openNote, parseNote, type Verifier } from './note.ts';
import { type Policy, satisfied } from './policy.ts';
import { BadTile, MissingTile, type TileReader, treeRoot } from './prove.ts';
import { verifyConsistency } from './tree.ts';
import { type Judgement, judge } from './verdict.ts';

/** What the verifier believes before he looks. */
export interface Trust {
  /** Keys of logs; a log that is changing its key has two. */
  readonly keys: readonly Verifier[];
  /** Which witnesses must have seen a checkpoint. Without one the log's own signature is enough. */
  readonly policy?: Policy;
}

export interface TrustedCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Seconds since 1970 of the earliest cosignature that counted: it was sealed no later than then. */
  readonly witnessedAt?: number;
}

export type Opened =
  | { readonly ok: true; readonly checkpoint: TrustedCheckpoint }
  | { readonly ok: false; readonly judgement: Judgement };

const no = (judgement: Judgement): Opened => ({ ok: false, judgement });

/** Opens a signed checkpoint. `path` is for the judgement. */
export function trustCheckpoint(c: ProofCrypto, trust: Trust, note: string, path = 'checkpoint'): Opened {
  const parsed = parseNote(note);
  const claimed = parsed && parseCheckpoint(parsed.text);
  if (!parsed || !claimed) return no(judge('checkpoint_invalid', `${path} is no signed checkpoint.`, { path }));
  if (trust.keys.length === 0) {
    return no(judge('no_key', `Without the key of ${claimed.origin} nothing it signed can be checked.`, { path }));
  }
  const keys = trust.keys.filter(({ name, type }) => name === claimed.origin && type === ed25519Type);
  if (keys.length === 0) {
    const names = [...new Set(trust.keys.map((key) => key.name))].join(', ');
    return no(judge('other_log', `${path} is of ${claimed.origin}, and the keys given are of ${names}.`, { path }));
  }
  const opened = openNote(c, note, [...keys, ...(trust.policy?.witnesses ?? []).map(({ verifier }) => verifier)]);
  if (!opened?.verified.some(({ verifier }) => keys.includes(verifier))) {
    const why = `${path} says it is of ${claimed.origin}, and no key of that log signed it.`;
    return no(judge('signature_invalid', why, { path, size: claimed.size }));
  }
  if (trust.policy && !satisfied(trust.policy, opened)) {
    const why = `The log signed ${path}, and fewer witnesses did than the policy asks for.`;
    return no(judge('policy_unmet', why, { path, size: claimed.size }));
  }
  const times = opened.verified.flatMap(({ timestamp }) => (timestamp === undefined ? [] : [timestamp]));
  const { origin, size, root } = claimed;
  return {
    ok: true,
    checkpoint: { origin, size, root, ...(times.length > 0 ? { witnessedAt: Math.min(...times) } : {}) },
  };
}

/** What connects two checkpoints: a consistency proof, or the tiles of the log. */
export type Connection = { readonly proof: readonly Uint8Array[] } | { readonly read: TileReader };

/**
 * Judges one checkpoint, or two of one log. FORKED only when it is proved: two roots for one size, or a larger tree
 * whose beginning has another root than the smaller one's. Rejects when tiles cannot be read.
 */
export async function verifyCheckpoint(
  c: ProofCrypto,
  trust: Trust,
  first: string,
  second?: { readonly note: string; readonly connection?: Connection },
): Promise<Judgement> {
  const one = trustCheckpoint(c, trust, first, second ? 'the first checkpoint' : 'the checkpoint');
  if (!one.ok) return one.judgement;
  if (!second) {
    const { origin, size } = one.checkpoint;
    return judge('verified', `${origin} signed its tree of ${size} leaves.`, { size });
  }
  const other = trustCheckpoint(c, trust, second.note, 'the second checkpoint');
  if (!other.ok) return other.judgement;
  return connect(c, one.checkpoint, other.checkpoint, second.connection);
}

/** Judges whether two trusted checkpoints tell one history. */
export async function connect(
  c: ProofCrypto,
  one: TrustedCheckpoint,
  other: TrustedCheckpoint,
  connection?: Connection,
): Promise<Judgement> {
  if (one.origin !== other.origin) {
    return judge('other_log', `The checkpoints are of two logs, ${one.origin} and ${other.origin}.`);
  }
  const [small, large] = one.size <= other.size ? [one, other] : [other, one];
  const at = { size: small.size };
  if (small.size === large.size) {
    return sameBytes(small.root, large.root)
      ? judge('verified', `Both checkpoints are of the same tree of ${small.size} leaves.`, at)
      : judge('two_roots', `${one.origin} signed two roots for ${small.size} leaves.`, at);
  }
  if (small.size === 0) return judge('verified', 'Every tree begins with the empty one.', at);
  if (!connection) {
    return judge(
      'no_proof',
      `Without a proof or the tiles nobody can tell whether ${large.size} follows ${small.size}.`,
    );
  }
  const { size1, size2, root1, root2 } = { size1: small.size, size2: large.size, root1: small.root, root2: large.root };
  const begins = judge('verified', `The tree of ${size2} leaves begins with the one of ${size1}.`, at);
  if ('proof' in connection) {
    if (verifyConsistency(c, { size1, size2, root1, root2, proof: connection.proof })) return begins;
    return judge('proof_differs', `The proof does not lead from the tree of ${size1} leaves to that of ${size2}.`, at);
  }
  const [of1, of2] = [await rootOf(c, connection.read, size1), await rootOf(c, connection.read, size2)];
  if (!of1 || !of2)
    return judge('tile_gone', `Tiles of the tree of ${size2} leaves are not here or not to be believed.`, at);
  if (!sameBytes(of2, root2)) {
    return judge('root_differs', `The tiles do not hash to the signed root of ${size2} leaves.`, { size: size2 });
  }
  if (sameBytes(of1, root1)) return begins;
  return judge(
    'inconsistent',
    `The signed tree of ${size2} leaves does not begin with the signed one of ${size1}.`,
    at,
  );
}

async function rootOf(c: ProofCrypto, read: TileReader, size: number): Promise<Uint8Array | undefined> {
  try {
    return await treeRoot(c, read, size);
  } catch (error) {
    if (error instanceof MissingTile || error instanceof BadTile) return undefined;
    throw error;
  }
}
