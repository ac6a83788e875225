/** A tenant's log as anybody may check it: its newest published checkpoint, its key and its tiles. */
import { Problem } from '#core/event/problem.ts';
import { parseCheckpoint } from '#core/proof/checkpoint.ts';
import { parseNote } from '#core/proof/note.ts';
import type { LogStore } from '#core/proof/ports.ts';
import type { TileReader } from '#core/proof/prove.ts';
import type { LeafCatalogue, LeafStatus } from '#core/proof/read-ports.ts';
import { readFile } from './read-file.ts';

export interface LogPorts {
  readonly leaves: LeafCatalogue;
  readonly store: Pick<LogStore, 'get' | 'checkpoint'>;
}

export interface Published {
  readonly slug: string;
  readonly origin: string;
  readonly size: number;
  /** The signed note. */
  readonly note: string;
  /** vkey of the log. */
  readonly verifier: string;
  readonly read: TileReader;
}

/** Undefined while nothing is published. `atSize`: an archived checkpoint instead; undefined when there is none of it. */
export async function publishedLog(
  ports: LogPorts,
  status: LeafStatus,
  atSize?: number,
): Promise<Published | undefined> {
  if (!status.log) return undefined;
  const { slug } = status.log;
  const text = async (path: string) => {
    const bytes = await ports.store.get(slug, path);
    return bytes && new TextDecoder().decode(bytes);
  };
  const [note, keys] = await Promise.all([
    atSize === undefined
      ? ports.store.checkpoint(slug).then((found) => found?.note)
      : text(`checkpoint-archive/${String(atSize).padStart(20, '0')}`),
    text('keys.txt'),
  ]);
  if (note === undefined) return undefined;
  const checkpoint = parseCheckpoint(parseNote(note)?.text ?? '');
  const verifier = keys && keysOf(keys)[0];
  if (!checkpoint || checkpoint.origin !== status.log.origin || verifier === undefined) {
    throw new Error(`what is published of ${status.log.origin} is no checkpoint of it, or has no key`);
  }
  const { origin, size } = checkpoint;
  return { slug, origin, size, note, verifier, read: (path) => readFile(ports.store, slug, path) };
}

/** The keys of `keys.txt`, the newest first. */
export const keysOf = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

/** `?size=`, `?from=`: the size of a tree. Throws `request_invalid`. */
export function sizeOf(text: string, name: string): number {
  const size = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw new Problem('request_invalid', `${name} must be the size of a tree, a whole number.`);
}

/** For a log that has published nothing yet. */
export const nothingPublished = (): Problem =>
  new Problem('proof_pending', 'Nothing of the log is published yet.', { retryAfterSeconds: 10 });

/** For a checkpoint that was never signed, or is none of this log. */
export const noSuchCheckpoint = (): Problem => new Problem('not_found', 'The log has no checkpoint of this size.');
