/** A zip that is written while it grows, in parts of one size: what is held at a time is one part. */
import { createHash } from 'node:crypto';
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate';

export interface ZipWritten {
  readonly parts: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** A zip has room for so many files and bytes unless it is a zip64, which not every tool reads. */
const filesMax = 65_534;
const bytesMax = 4_000_000_000;

/** The zip would need zip64. */
export class ZipTooLarge extends Error {}

export class ZipParts {
  readonly #put: (part: number, bytes: Uint8Array) => Promise<void>;
  readonly #partBytes: number;
  readonly #mtime: Date;
  readonly #hash = createHash('sha256');
  readonly #zip: Zip;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #parts = 0;
  #bytes = 0;
  #files = 0;

  /** `put` is called with one part after the other, from 1. */
  constructor(put: (part: number, bytes: Uint8Array) => Promise<void>, partBytes: number, mtime: Date) {
    this.#put = put;
    this.#partBytes = partBytes;
    this.#mtime = mtime;
    // Everything here is synchronous: what a push makes is held when it returns.
    this.#zip = new Zip((error, chunk) => {
      if (error) throw error;
      this.#held.push(chunk);
      this.#heldBytes += chunk.length;
    });
  }

  /** Adds a file from its chunks. Hashes do not compress, so they are stored. */
  async file(name: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, how: 'deflate' | 'store') {
    if (++this.#files > filesMax) throw new ZipTooLarge(`more than ${filesMax} files`);
    const file = how === 'deflate' ? new ZipDeflate(name, { level: 6 }) : new ZipPassThrough(name);
    file.mtime = this.#mtime;
    this.#zip.add(file);
    for await (const chunk of chunks) {
      file.push(chunk);
      await this.#flush(this.#partBytes);
    }
    file.push(new Uint8Array(0), true);
    await this.#flush(this.#partBytes);
  }

  /** A file that is a text. */
  text(name: string, text: string): Promise<void> {
    return this.file(name, [new TextEncoder().encode(text)], 'deflate');
  }

  /** Ends the zip; everything is put when it resolves. */
  async end(): Promise<ZipWritten> {
    this.#zip.end();
    await this.#flush(this.#partBytes);
    await this.#flush(1);
    return { parts: this.#parts, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Puts parts while at least so many bytes are held. */
  async #flush(atLeast: number): Promise<void> {
    while (this.#heldBytes >= atLeast) {
      const all = Buffer.concat(this.#held);
      const part = all.subarray(0, this.#partBytes);
      const rest = all.subarray(part.length);
      this.#held = rest.length > 0 ? [rest] : [];
      this.#heldBytes = rest.length;
      this.#bytes += part.length;
      if (this.#bytes > bytesMax) throw new ZipTooLarge(`more than ${bytesMax} bytes`);
      this.#hash.update(part);
      await this.#put(++this.#parts, part);
    }
  }
}
