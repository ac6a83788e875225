/** Files of a log or a bundle on the auditor's disk: a folder or a zip. */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { LogFiles } from '#core/proof/verify-log.ts';
import { CliError } from './fail.ts';
import { openZip } from './zip-reader.ts';

/** The largest file that is read whole: a bundle of 256 entries of 64 KiB, or the range proof of an export. */
const fileBytesMax = 64 * 1024 * 1024;
/** An event has at most 256 KiB, and sealing makes it larger by less than a half. */
const lineBytesMax = 1024 * 1024;

export interface OpenedFiles extends LogFiles {
  close(): Promise<void>;
}

/** Opens a folder or a zip. Throws CliError when there is neither. */
export async function openFiles(path: string): Promise<OpenedFiles> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new CliError(`There is no ${path}.`);
  return found.isDirectory() ? openFolder(path) : openArchive(path);
}

function openFolder(folder: string): OpenedFiles {
  return {
    read: (path) => unlessMissing(readFile(join(folder, path))),
    async *list(prefix) {
      const entries = await unlessMissing(readdir(join(folder, prefix), { recursive: true, withFileTypes: true }));
      for (const entry of entries ?? []) {
        if (!entry.isFile()) continue;
        const below = entry.parentPath
          .slice(join(folder, prefix).length)
          .replaceAll('\\', '/')
          .replace(/^\/|\/$/g, '');
        yield `${prefix}${below === '' ? '' : `${below}/`}${entry.name}`;
      }
    },
    async lines(path) {
      const found = await stat(join(folder, path)).catch(() => undefined);
      return found && linesOf(createReadStream(join(folder, path)), path);
    },
    close: async () => {},
  };
}

async function openArchive(path: string): Promise<OpenedFiles> {
  const zip = await openZip(path);
  return {
    read: (name) => zip.read(name, fileBytesMax),
    async *list(prefix) {
      for (const name of zip.names()) if (name.startsWith(prefix) && !name.endsWith('/')) yield name;
    },
    async lines(name) {
      const stream = await zip.stream(name);
      return stream && linesOf(stream, name);
    },
    close: () => zip.close(),
  };
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}

/** Lines end at a newline and nowhere else: what is hashed must not depend on other characters that look like one. */
async function* linesOf(stream: Readable, path: string): AsyncGenerator<string, void, undefined> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        held.push(chunk.subarray(from, at));
        yield textOf(Buffer.concat(held));
        held = [];
        heldBytes = 0;
        from = at + 1;
      }
      held.push(chunk.subarray(from));
      heldBytes += chunk.length - from;
      if (heldBytes > lineBytesMax) throw new CliError(`A line of ${path} is longer than any event.`);
    }
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`${path} cannot be read: ${(error as Error).message}`);
  }
  if (heldBytes > 0) yield textOf(Buffer.concat(held));
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Broken UTF-8 must not read like whole text: several wrong bytes would become one and the same character. */
function textOf(bytes: Buffer): string {
  try {
    return strict.decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
