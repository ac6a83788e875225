/**
 * A journal: JSON lines that survive a kill -9. Many appends share one write, and with fsync one sync.
 * A last line without its end, from a crash in the middle of a write, is left out; it was never acknowledged. Any
 * other line that does not parse is damage, and an error.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';

const grownBytesMin = 64 * 1024 * 1024;
const chunkLength = 1024 * 1024;

export class Journal<Entry> {
  readonly #file: string;
  readonly #fsync: boolean;
  #fd: number | undefined;
  #pending: string[] = [];
  #flushing: Promise<void> | undefined;
  /** Bytes that were written since the last compaction, and what that one left. */
  #grown = 0;
  #compacted = 0;

  constructor(file: string, fsync: boolean) {
    this.#file = file;
    this.#fsync = fsync;
  }

  /** Everything that was written, oldest first. */
  read(): Entry[] {
    if (!existsSync(this.#file)) return [];
    const bytes = readFileSync(this.#file);
    const entries: Entry[] = [];
    // Line by line: as one string a large journal is longer than a string may be.
    for (let at = 0, end = bytes.indexOf(10); end >= 0; at = end + 1, end = bytes.indexOf(10, at)) {
      entries.push(JSON.parse(bytes.toString('utf8', at, end)) as Entry);
    }
    return entries;
  }

  /** True when most of the file is history, so that starting anew pays. */
  get isGrown(): boolean {
    return this.#grown > Math.max(grownBytesMin, this.#compacted);
  }

  /** Starts anew with just these entries. What was appended and not yet written must be among them. */
  compact(entries: Iterable<Entry>): void {
    const next = `${this.#file}.next`;
    const fd = openSync(next, 'w');
    let chunk = '';
    this.#compacted = 0;
    const write = () => {
      this.#compacted += writeWhole(fd, chunk);
      chunk = '';
    };
    for (const entry of entries) {
      chunk += `${JSON.stringify(entry)}\n`;
      if (chunk.length > chunkLength) write();
    }
    write();
    fsyncSync(fd);
    closeSync(fd);
    renameSync(next, this.#file);
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = openSync(this.#file, 'a');
    this.#pending = [];
    this.#grown = 0;
  }

  append(entry: Entry): void {
    this.#pending.push(`${JSON.stringify(entry)}\n`);
  }

  /** Resolves when everything appended so far is in the file. */
  flushed(): Promise<void> {
    if (this.#pending.length === 0) return this.#flushing ?? Promise.resolve();
    // What comes in during this turn of the event loop shares the write.
    this.#flushing ??= new Promise((resolve, reject) =>
      setImmediate(() => {
        this.#flushing = undefined;
        try {
          this.#write();
          resolve();
        } catch (error) {
          reject(error);
        }
      }),
    );
    return this.#flushing;
  }

  #write(): void {
    this.#fd ??= openSync(this.#file, 'a');
    const text = this.#pending.join('');
    if (text === '') return;
    this.#pending = [];
    const { size } = fstatSync(this.#fd);
    try {
      this.#grown += writeWhole(this.#fd, text);
      if (this.#fsync) fsyncSync(this.#fd);
    } catch (error) {
      // Half a line in the middle would be damage; nobody was told that it is kept.
      ftruncateSync(this.#fd, size);
      throw error;
    }
  }

  close(): void {
    if (this.#pending.length > 0) this.#write();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** Returns how many bytes that were. A disk that fills up takes some of them and then throws. */
function writeWhole(fd: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  return bytes.length;
}
