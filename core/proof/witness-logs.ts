/**
 * Which logs a witness knows, and by which keys: a text, one rule a line, `#` begins a comment.
 *
 * ```
 * # One log, by its verifier key; its origin follows where it differs from the key's name.
 * log example.com/behind-the-sofa+1234abcd+Afe…
 * # All logs of a Trailkeep: origins of one more part below the prefix, and the last part of any of their keys.
 * logs audit.example.com/t/ Afe…
 * ```
 *
 * The second rule is sound although all those logs sign with one key: what is signed begins with the origin, so a
 * signature for one log is none for another, and the id of the key hashes the name, so a line that was copied to
 * another name is from an unknown key. What the rule gives away is only that whoever holds the key may begin new logs.
 */
import { fromBase64 } from './bytes.ts';
import type { ProofCrypto } from './crypto.ts';
import { cosignatureType, ed25519Type, parseVerifier, type Verifier, verifierOf } from './note.ts';
import { hashBytes } from './tree.ts';

/** Finds the keys that are trusted for an origin; none means that the origin is unknown. */
export type KnownLogs = (origin: string) => readonly Verifier[];

type Key = Pick<Verifier, 'type' | 'publicKey'>;

/** One part of an address, as in our slugs. Anything longer is no origin that we would give out. */
const lastPart = /^[A-Za-z0-9._~-]{1,64}$/;

/** Reads the rules. Lines that cannot be read are named, so that a slip in one does not silence the others. */
export function parseKnownLogs(
  c: ProofCrypto,
  text: string,
): { readonly logs: KnownLogs; readonly problems: readonly string[] } {
  const single = new Map<string, Verifier[]>();
  const below: { readonly prefix: string; readonly key: Key }[] = [];
  const read = (line: string): string | undefined => {
    const [rule, first = '', second = '', ...more] = line
      .replace(/(^|\s)#.*/, '')
      .trim()
      .split(/\s+/);
    if (rule === '') return undefined;
    if (more.length > 0) return 'too many words';
    if (rule === 'log') {
      const verifier = parseVerifier(c, first);
      if (!verifier) return 'no verifier key';
      const origin = second || verifier.name;
      single.set(origin, [...(single.get(origin) ?? []), verifier]);
      return undefined;
    }
    if (rule !== 'logs') return 'neither "log" nor "logs"';
    const key = keyOf(second);
    if (!/^[!-*,-~]+\/$/.test(first) || !key) return 'a prefix that ends with a slash, and a key, are wanted';
    below.push({ prefix: first, key });
    return undefined;
  };
  const problems = text.split(/\r?\n/).flatMap((line, index) => {
    const problem = read(line);
    return problem === undefined ? [] : [`line ${index + 1}: ${problem}`];
  });
  const logs = (origin: string) => [
    ...(single.get(origin) ?? []),
    ...below
      .filter(({ prefix }) => origin.startsWith(prefix) && lastPart.test(origin.slice(prefix.length)))
      .map(({ key }) => verifierOf(c, origin, key.type, key.publicKey)),
  ];
  return { logs, problems };
}

/** The last part of a verifier key: type and public key. */
function keyOf(encoded: string): Key | undefined {
  const bytes = fromBase64(encoded);
  const type = bytes?.[0];
  if (bytes?.length !== 1 + hashBytes || (type !== ed25519Type && type !== cosignatureType)) return undefined;
  return { type, publicKey: bytes.slice(1) };
}
