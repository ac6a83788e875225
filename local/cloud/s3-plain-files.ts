/**
 * The newest body of each object as a file under its own key, so that zcat and DuckDB can read it. A convenience: no
 * read of ours depends on it. A key that cannot be a path (`../`, an empty segment, `a` beside `a/b`) gets an escaped
 * name.
 */
import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { link, mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** How often the folder of a new file may be removed, by whoever emptied it, before the escaped name must do. */
const triesMax = 5;

export class PlainFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Links a body under its key, in place of what was there. */
  async link(bucket: string, key: string, body: string): Promise<void> {
    const { plain, escaped } = this.#paths(bucket, key);
    const next = `${body}.link`;
    for (const path of [plain, escaped]) {
      if (!(await linked(body, next, path))) continue;
      if (path === plain) await rm(escaped, { force: true });
      return;
    }
  }

  async unlink(bucket: string, key: string): Promise<void> {
    const { plain, escaped } = this.#paths(bucket, key);
    await Promise.all([plain, escaped].map((path) => this.#remove(bucket, path)));
  }

  /** False when a crash, or somebody's hand, left no link to this body under its key. */
  has(bucket: string, key: string, body: string): boolean {
    const { plain, escaped } = this.#paths(bucket, key);
    const inode = inodeOf(body);
    return inodeOf(plain) === inode || inodeOf(escaped) === inode;
  }

  /** Removes a file, and the folders that it leaves empty: a key of their name may come. */
  async #remove(bucket: string, path: string): Promise<void> {
    const top = join(this.#folder, bucket);
    try {
      await rm(path, { force: true });
      for (let folder = dirname(path); folder !== top; folder = dirname(folder)) await rmdir(folder);
    } catch {
      // A folder that others are in, or that a longer name never made.
    }
  }

  #paths = (bucket: string, key: string): { readonly plain: string; readonly escaped: string } => ({
    plain: join(this.#folder, bucket, pathOf(key)),
    escaped: join(this.#folder, bucket, escapedPathOf(key)),
  });
}

/** False when another key needs the path as a folder, or has it as a file above, or the name is too long. */
async function linked(body: string, next: string, path: string): Promise<boolean> {
  for (let tries = 0; tries < triesMax; tries++) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await link(body, next);
      await rename(next, path);
      return true;
    } catch (error) {
      await rm(next, { force: true });
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false;
    }
  }
  return false;
}

function inodeOf(path: string): Stats['ino'] | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** A name that every key has to itself, for keys whose plain path is taken or too long. */
const escapedPathOf = (key: string): string =>
  `%/${encodeURIComponent(key.toWellFormed()).replaceAll('.', '%2E').slice(0, 100)}-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;

/** A key as a path that stays inside its folder. */
function pathOf(key: string): string {
  return key
    .split('/')
    .map((segment) => {
      if (segment === '' || segment === '.' || segment === '..') return segment.replaceAll('.', '%2E') || '%';
      // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL and its kin cannot stand in a file name
      return segment.replace(/[%\\\u0000-\u001f]/g, (character) => encodeURIComponent(character));
    })
    .join('/');
}
