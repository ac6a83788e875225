/** What the auditor gives to `trailkeep verify`: keys, a policy, and files with proofs. */
import { readFile } from 'node:fs/promises';
import { fromBase64 } from '#core/proof/bytes.ts';
import { formatVerifier, parseVerifier } from '#core/proof/note.ts';
import { parsePolicy } from '#core/proof/policy.ts';
import { parseProof } from '#core/proof/tlog-proof.ts';
import type { Trust } from '#core/proof/verify-checkpoint.ts';
import type { EventProof } from '#core/proof/verify-event.ts';
import type { RangeFile } from '#core/proof/verify-range.ts';
import { type Flags, text } from './command.ts';
import { CliError } from './fail.ts';
import { proofCrypto as c } from './proof-crypto.ts';

export async function readInput(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError(
      code === 'ENOENT' ? `There is no ${path}.` : `${path} cannot be read: ${(error as Error).message}`,
    );
  }
}

/** Keys from --key and from the policy's logs. */
export async function readTrust(flags: Flags): Promise<Trust> {
  const key = text(flags, 'key');
  const policyPath = text(flags, 'policy');
  const keys = key === undefined ? [] : await readKeys(key);
  if (policyPath === undefined) return { keys };
  const policy = parsePolicy(c, await readInput(policyPath));
  if (!policy) throw new CliError(`${policyPath} is no policy as C2SP tlog-policy has it.`);
  return { keys: [...keys, ...policy.logs.map(({ verifier }) => verifier)], policy };
}

/** A verifier key is `<name>+<8 hex digits>+<base64>`; anything else names a file with one a line. */
async function readKeys(given: string) {
  const lines = parseVerifier(c, given) ? [given] : (await readInput(given)).split('\n').map((line) => line.trim());
  const keys = lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const key = parseVerifier(c, line);
      if (!key) throw new CliError(`${JSON.stringify(line.slice(0, 80))} in ${given} is no verifier key.`);
      return key;
    });
  if (keys.length === 0) throw new CliError(`There is no verifier key in ${given}.`);
  return keys;
}

/** The text of a key, for the hint where none was given. */
export const keyText = (vkey: unknown): string | undefined => {
  const key = typeof vkey === 'string' ? parseVerifier(c, vkey) : undefined;
  return key && formatVerifier(c, key.name, key.type, key.publicKey);
};

export interface EventFile extends EventProof {
  readonly erased: boolean;
  /** The key that the file itself names: good for a hint and never for trust. */
  readonly verifier?: string | undefined;
}

/** Reads the proof of one event: JSON as the API answers it, or a tlog-proof whose extra line is the entry. */
export function readEventFile(content: string, path: string, line?: string): EventFile {
  const proof = parseProof(content);
  if (proof) {
    if (!proof.extra) throw new CliError(`${path} has no extra line with the entry.`);
    return {
      line,
      entry: proof.extra,
      index: proof.index,
      hashes: proof.hashes,
      checkpoint: proof.checkpoint,
      erased: false,
    };
  }
  const value = parse(content, path);
  const { entry, index, checkpoint } = value;
  const hashes = bytesOf(value.hashes);
  if (typeof entry !== 'string' || typeof index !== 'number' || typeof checkpoint !== 'string' || !hashes) {
    throw new CliError(`${path} is no proof of an event.`, 'It should be the answer of GET /v1/events/{id}/proof.');
  }
  return {
    line: line ?? (typeof value.line === 'string' ? value.line : undefined),
    entry: Buffer.from(entry),
    index,
    hashes,
    checkpoint,
    erased: Array.isArray(value.erased) && value.erased.length > 0,
    verifier: keyText(value.verifier),
  };
}

/** Reads a completeness proof as POST /v1/log/range-proof answers it. */
export function readRangeFile(content: string, path: string) {
  const value = parse(content, path);
  const { entries, checkpoint, from, to } = value;
  const numbers = [value.size, value.start, value.end, value.first, value.last];
  const fits =
    numbers.every((one) => typeof one === 'number') &&
    [from, to, checkpoint].every((one) => typeof one === 'string') &&
    [entries, value.left, value.right].every(
      (list) => Array.isArray(list) && list.every((one) => typeof one === 'string'),
    );
  if (!fits) {
    throw new CliError(`${path} is no proof of a period.`, 'It should be the answer of POST /v1/log/range-proof.');
  }
  return {
    range: value as unknown as RangeFile,
    entries: (entries as string[]).map((entry) => Buffer.from(entry)),
    checkpoint: checkpoint as string,
    verifier: keyText(value.verifier),
  };
}

/** A consistency proof: JSON with `hashes`, or one base64 hash a line. */
export function readHashes(content: string, path: string): readonly Uint8Array[] {
  const list = content.trimStart().startsWith('{')
    ? parse(content, path).hashes
    : content.split('\n').filter((line) => line);
  const hashes = bytesOf(list);
  if (!hashes) throw new CliError(`${path} is no consistency proof.`);
  return hashes;
}

/** Names of keys that a certificate of erasure says are destroyed. */
export function readErasedKeys(content: string, path: string): ReadonlySet<string> {
  const { keys } = parse(content, path);
  if (!Array.isArray(keys)) throw new CliError(`${path} is no certificate of an erasure.`);
  return new Set(keys.filter((key) => typeof key === 'string'));
}

function bytesOf(list: unknown): Uint8Array[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const hashes = list.map((one) => (typeof one === 'string' ? fromBase64(one) : undefined));
  return hashes.every((hash) => hash !== undefined) ? hashes : undefined;
}

function parse(content: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Told below.
  }
  throw new CliError(`${path} is no JSON object.`);
}
