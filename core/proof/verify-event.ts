/**
 * What became of one event: its line against its entry, and its entry against a signed tree.
 *
 * The chain is line → commitment → entry → leaf hash → root → signature. Whoever changes a link must forge the next one,
 * and the last one is made with a key that they do not have.
 */
import type { Event } from '../event/event.ts';
import { sameBytes } from './bytes.ts';
import { commitmentOf } from './commitment.ts';
import type { ProofCrypto } from './crypto.ts';
import { decodeEntry, type Entry, kindOf } from './entry.ts';
import { type Purge, purgedBy } from './purge.ts';
import { leafHash, verifyInclusion } from './tree.ts';
import { type Judgement, judge, type Place } from './verdict.ts';
import { type Trust, trustCheckpoint } from './verify-checkpoint.ts';

/** Whether personal fields of an event cannot be read any more. Either somebody says so, or its keys are known to be gone. */
export type Erased = boolean | ReadonlySet<string>;

/** Judges a stored line against the entry that it should be of. */
export function judgeLine(
  c: Pick<ProofCrypto, 'sha256'>,
  line: string,
  entry: Entry,
  at: Place,
  erased: Erased = false,
): Judgement {
  const place = { ...at, id: entry.id };
  if (!sameBytes(commitmentOf(c, line), entry.commitment)) {
    return judge('event_differs', `The event is not the one that ${leafOf(at)} commits to: its bytes differ.`, place);
  }
  const event = readEvent(line);
  if (event?.id !== entry.id) {
    return judge('entry_differs', `The entry of ${leafOf(at)} names another event than it commits to.`, place);
  }
  if (kindOf(event) !== entry.kind) {
    const why = `The entry of ${leafOf(at)} says kind "${entry.kind}", and its event is of kind "${kindOf(event)}".`;
    return judge('entry_differs', why, place);
  }
  if (isErased(event, erased)) {
    const why = `The event is what ${leafOf(at)} commits to; the keys of its personal fields are destroyed.`;
    return judge('erased', why, place);
  }
  return judge('verified', `The event is what ${leafOf(at)} commits to.`, place);
}

const leafOf = ({ index }: Place): string => (index === undefined ? 'its leaf' : `leaf ${index}`);

const isErased = (event: Event, erased: Erased): boolean =>
  erased instanceof Set ? (event.sealed ?? []).some(({ key }) => erased.has(key)) : erased === true;

/** The event of a stored line; undefined for what is none. */
export function readEvent(line: string): Event | undefined {
  try {
    const event: unknown = JSON.parse(line);
    const looksLikeOne = typeof event === 'object' && event !== null && 'producer' in event && 'action' in event;
    return looksLikeOne && typeof event.producer === 'object' && event.producer ? (event as Event) : undefined;
  } catch {
    return undefined;
  }
}

/** Judges a leaf whose event is not there. */
export function judgeGone(index: number, entry: Pick<Entry, 'id'>, purges: readonly Purge[]): Judgement {
  const at = { index, id: entry.id };
  const purge = purgedBy(purges, index);
  return purge
    ? judge('purged', `The event was deleted under policy ${purge.policy}, as leaf ${purge.index} of the log says.`, at)
    : judge('event_gone', `The log has leaf ${index}, its event is gone, and no leaf says why.`, at);
}

export interface EventProof {
  /** The stored line without its newline; undefined when the event is gone. */
  readonly line?: string | undefined;
  readonly entry: Uint8Array;
  readonly index: number;
  /** From the leaf's sibling up. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
}

export interface About {
  readonly erased?: Erased;
  /** Purges whose own events were verified in the same log. */
  readonly purges?: readonly Purge[];
}

/** Judges one event with its proof. */
export function verifyEvent(c: ProofCrypto, trust: Trust, proof: EventProof, about: About = {}): Judgement {
  const { index, hashes } = proof;
  const opened = trustCheckpoint(c, trust, proof.checkpoint, 'the checkpoint of the proof');
  if (!opened.ok) return opened.judgement;
  const { size, root } = opened.checkpoint;
  const entry = decodeEntry(proof.entry);
  if (!entry) return judge('entry_invalid', 'The entry is not written as entries are.', { index });
  const leaf = leafHash(c, proof.entry);
  if (!verifyInclusion(c, { index, size, leaf, proof: hashes, root })) {
    const why = `The entry and its proof do not hash to the root that the log signed for ${size} leaves.`;
    return judge('proof_differs', why, { index, id: entry.id, size });
  }
  if (proof.line === undefined) return judgeGone(index, entry, about.purges ?? []);
  return judgeLine(c, proof.line, entry, { index }, about.erased);
}

/**
 * Judges an event that the log lacks. `committedMs`: when it was stored, or when its receipt was given; `delayMs`: the
 * log's merge delay; `nowMs`: the verifier's clock, or the time of the cosignature on the tree that was searched.
 */
export function judgeAbsent(id: string, committedMs: number, delayMs: number, nowMs: number): Judgement {
  const due = new Date(committedMs + delayMs).toISOString();
  return nowMs < committedMs + delayMs
    ? judge('not_due', `The event is stored and due in the log at ${due}.`, { id })
    : judge('overdue', `The event was due in the log at ${due}, and it is not there.`, { id });
}
