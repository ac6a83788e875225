/**
 * C2SP tlog-policy: which logs and witnesses a verifier trusts, and how many witnesses have to have seen a checkpoint.
 *
 * `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`, `group <name> <all|any|k> <name>…` and one `quorum <name>`,
 * where `none` asks for no witness.
 */
import { fromDecimal, toBase64 } from './bytes.ts';
import {
  cosignatureType,
  ed25519Type,
  formatVerifier,
  isSameKey,
  type OpenedNote,
  parseVerifier,
  type Verifier,
} from './note.ts';
import type { Hasher } from './tree.ts';

export interface PolicyLog {
  readonly verifier: Verifier;
  readonly url?: string;
}

export interface PolicyWitness extends PolicyLog {
  /** Of this file only. */
  readonly name: string;
}

/** Has witnessed when at least `threshold` of its members have: witnesses or groups that come before it. */
export interface PolicyGroup {
  readonly name: string;
  readonly threshold: number;
  readonly members: readonly string[];
}

export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: readonly PolicyGroup[];
  /** Name of a witness or a group, or `none`. */
  readonly quorum: string;
}

const none = 'none';
/** The specification asks for 32 of each; a policy is read before anything is trusted. */
const linesMax = 1_000;

// Tab and newline are the only control characters; everything from U+0080 on is opaque.
const textPattern = /^[\t\n\x20-\x7e\u{80}-\u{10ffff}]*$/u;

/** Lines of a policy: their words, without comments and empty lines. */
function wordsOf(text: string): string[][] | undefined {
  if (!text.isWellFormed() || !textPattern.test(text) || !text.endsWith('\n')) return undefined;
  const lines = text.slice(0, -1).split('\n');
  if (lines.length > linesMax) return undefined;
  return lines
    .map((line) => line.split(/[\t ]+/).filter((word) => word !== ''))
    .filter(([word]) => word !== undefined && !word.startsWith('#'));
}

const thresholdOf = (word: string, members: number): number | undefined =>
  word === 'any' ? 1 : word === 'all' ? members : fromDecimal(word);

/** Reads a policy; undefined when it is none. Every rule of the specification is kept: see policy.test.ts. */
export function parsePolicy(c: Hasher, text: string): Policy | undefined {
  const logs: PolicyLog[] = [];
  const witnesses: PolicyWitness[] = [];
  const groups: PolicyGroup[] = [];
  const names = new Set<string>();
  const members = new Set<string>();
  const keys = { log: new Set<string>(), witness: new Set<string>() };
  let quorum: string | undefined;

  /** A key of the right type that no line of this word had before, with its URL. */
  const keyed = (word: 'log' | 'witness', [vkey, url, ...more]: readonly string[]): PolicyLog | undefined => {
    const verifier = vkey === undefined ? undefined : parseVerifier(c, vkey);
    if (verifier?.type !== (word === 'log' ? ed25519Type : cosignatureType) || more.length > 0) return undefined;
    const key = toBase64(verifier.publicKey);
    if (keys[word].has(key)) return undefined;
    keys[word].add(key);
    return url === undefined ? { verifier } : { verifier, url };
  };
  /** Takes a name; false when it is taken. */
  const named = (name: string | undefined): name is string => {
    if (name === undefined || name === none || names.has(name)) return false;
    names.add(name);
    return true;
  };

  for (const [word, ...rest] of wordsOf(text) ?? []) {
    if (word === 'log') {
      const log = keyed(word, rest);
      if (log === undefined) return undefined;
      logs.push(log);
    } else if (word === 'witness') {
      const [name, ...more] = rest;
      const witness = keyed(word, more);
      if (witness === undefined || !named(name)) return undefined;
      witnesses.push({ name, ...witness });
    } else if (word === 'group') {
      const [name, count, ...some] = rest;
      const threshold = count === undefined ? undefined : thresholdOf(count, some.length);
      if (threshold === undefined || threshold < 1 || threshold > some.length) return undefined;
      // A witness counts in one way only, so every name is a member once.
      for (const member of some) {
        if (!names.has(member) || members.has(member)) return undefined;
        members.add(member);
      }
      if (!named(name)) return undefined;
      groups.push({ name, threshold, members: some });
    } else if (word === 'quorum') {
      const [name, ...more] = rest;
      if (quorum !== undefined || name === undefined || more.length > 0) return undefined;
      if (name !== none && !names.has(name)) return undefined;
      quorum = name;
    } else {
      return undefined;
    }
  }
  return quorum === undefined ? undefined : { logs, witnesses, groups, quorum };
}

/** The text of a policy: logs, witnesses, groups in their order, quorum. Throws RangeError for what is no policy. */
export function formatPolicy(c: Hasher, { logs, witnesses, groups, quorum }: Policy): string {
  const keyWords = ({ verifier, url }: PolicyLog): string[] => [
    formatVerifier(c, verifier.name, verifier.type, verifier.publicKey),
    ...(url === undefined ? [] : [url]),
  ];
  const lines = [
    ...logs.map((log) => ['log', ...keyWords(log)]),
    ...witnesses.map((witness) => ['witness', witness.name, ...keyWords(witness)]),
    ...groups.map(({ name, threshold, members }) => ['group', name, String(threshold), ...members]),
    ['quorum', quorum],
  ];
  const text = lines.map((words) => `${words.join(' ')}\n`).join('');
  if (wordsOf(text)?.length !== lines.length || parsePolicy(c, text) === undefined) throw new RangeError('no policy');
  return text;
}

/** Every key of a policy, to open notes with. */
export const policyVerifiers = ({ logs, witnesses }: Policy): Verifier[] =>
  [...logs, ...witnesses].map(({ verifier }) => verifier);

/**
 * Whether a note that was opened with the policy's keys is enough for it: its origin, which is its first line, is the
 * name of a log of the policy that signed it (any origin when the policy names no log; then the caller knows the log),
 * and the quorum has cosigned.
 */
export function satisfied({ logs, witnesses, groups, quorum }: Policy, { text, verified }: OpenedNote): boolean {
  const signed = (key: Verifier) => verified.some(({ verifier }) => isSameKey(verifier, key));
  const origin = text.slice(0, text.indexOf('\n'));
  if (logs.length > 0 && !logs.some(({ verifier }) => verifier.name === origin && signed(verifier))) return false;
  const seen = new Map<string, boolean>([[none, true]]);
  for (const { name, verifier } of witnesses) seen.set(name, signed(verifier));
  for (const { name, threshold, members } of groups) {
    seen.set(name, members.filter((member) => seen.get(member) === true).length >= threshold);
  }
  return seen.get(quorum) === true;
}
