/** Files and standard input as text, .gz inflated, with the count of bytes that were read. */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CliError } from './fail.ts';

export interface Source {
  /** As the person named it. */
  readonly name: string;
  /** Bytes on the disk; undefined for standard input. */
  readonly size: number | undefined;
  readonly text: (count: (bytes: number) => void) => AsyncIterable<string>;
}

/** The sources of a command; all are looked at before the first is read, so that a misspelt one ends it early. */
export async function openSources(names: readonly string[], stdin: NodeJS.ReadableStream): Promise<Source[]> {
  const sources: Source[] = [];
  for (const name of names) {
    if (name === '-') {
      sources.push({
        name: 'standard input',
        size: undefined,
        text: (count) => decoded(stdin, false, count, 'standard input'),
      });
      continue;
    }
    const found = await stat(name).catch(() => undefined);
    if (!found) throw new CliError(`There is no file ${name} here (${process.cwd()}).`);
    if (found.isDirectory())
      throw new CliError(`${name} is a folder.`, `Name the files in it: ${name.replace(/\/$/, '')}/*`);
    const zipped = await isGzip(name);
    sources.push({ name, size: found.size, text: (count) => decoded(createReadStream(name), zipped, count, name) });
  }
  return sources;
}

/** By its first two bytes: names lie. */
async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

async function* decoded(
  stream: NodeJS.ReadableStream,
  zipped: boolean,
  count: (bytes: number) => void,
  name: string,
): AsyncGenerator<string> {
  const counted = async function* () {
    for await (const chunk of stream) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      count(bytes.length);
      yield bytes as Buffer;
    }
  };
  const raw = counted();
  const decoder = new TextDecoder();
  try {
    for await (const chunk of zipped ? gunzip(raw) : raw) yield decoder.decode(chunk, { stream: true });
  } catch (error) {
    if (!zipped || !(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('Z_')) throw error;
    throw new CliError(`${name} cannot be inflated: ${error.message}.`, 'It may be cut off; "gzip -t" tells.');
  }
  yield decoder.decode();
}

function gunzip(raw: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const from = Readable.from(raw);
  const to = createGunzip();
  // pipe() does not hand on errors, and an error that nobody hears ends the process.
  from.on('error', (error) => to.destroy(error));
  return from.pipe(to);
}
