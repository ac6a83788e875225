/** Fetches one file of an export, by its address or through the API, from where an earlier try ended. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { EventExportFile } from '#client/event-exports.ts';
import type { Trailkeep } from '#client/trailkeep.ts';
import { CliError } from './fail.ts';

/** An address may end, and a connection break. */
const triesMax = 5;

export interface Fetching {
  readonly id: string;
  /** Where it is to lie; while it is not whole it is called `<path>.part`. */
  readonly path: string;
  readonly file: Pick<EventExportFile, 'part' | 'bytes' | 'sha256'>;
  /** Undefined: through the API. */
  readonly url: string | undefined;
}

/** Durable under its name only when it is whole. Throws CliError when it cannot be fetched. */
export async function fetchFile(client: Trailkeep, { id, path, file, url }: Fetching): Promise<void> {
  const partial = `${path}.part`;
  let address = url;
  for (let tries = 1; ; tries++) {
    try {
      const have = existsSync(partial) ? statSync(partial).size : 0;
      // Longer than it may be: of another file.
      if (have > file.bytes) truncateSync(partial, 0);
      if (have !== file.bytes) {
        const from = have > file.bytes ? 0 : have;
        const pieces = address === undefined ? throughApi(client, id, file, from) : byAddress(address, from);
        await append(partial, pieces);
      }
      if (await isWhole(partial, file)) break;
      // A connection may end early without a word; what is there is a beginning.
      if (statSync(partial).size >= file.bytes) {
        unlinkSync(partial);
        throw new Error('what arrived is not what was built');
      }
      throw new Error('the connection ended early');
    } catch (error) {
      if (tries >= triesMax) {
        throw new CliError(
          `Part ${file.part} cannot be fetched: ${(error as Error).message}.`,
          `trailkeep export events --id ${id} goes on with it.`,
        );
      }
      if (address !== undefined) {
        const fresh = (await client.exports.ofEvents(id, file.part - 1)).files;
        address = fresh?.find(({ part }) => part === file.part)?.url ?? address;
      }
    }
  }
  renameSync(partial, path);
}

async function append(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = openSync(path, 'a', 0o600);
  try {
    for await (const piece of pieces) writeSync(handle, piece);
  } finally {
    closeSync(handle);
  }
}

async function* byAddress(url: string, from: number): AsyncIterable<Uint8Array> {
  const answer = await fetch(url, from === 0 ? {} : { headers: { range: `bytes=${from}-` } });
  if (answer.status !== (from === 0 ? 200 : 206) || !answer.body) throw new Error(`S3 answers ${answer.status}`);
  yield* answer.body as unknown as AsyncIterable<Uint8Array>;
}

async function* throughApi(
  { exports }: Trailkeep,
  id: string,
  { part, bytes }: Fetching['file'],
  from: number,
): AsyncIterable<Uint8Array> {
  for (let offset = from; offset < bytes; ) {
    const piece = await exports.slice(id, part, offset);
    if (piece.length === 0) return;
    yield piece;
    offset += piece.length;
  }
}

/** Whether a file is there and is the one that was built. */
export async function isWhole(
  path: string,
  { bytes, sha256 }: Pick<EventExportFile, 'bytes' | 'sha256'>,
): Promise<boolean> {
  if (!existsSync(path) || statSync(path).size !== bytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === sha256;
}
