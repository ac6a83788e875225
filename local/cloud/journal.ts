/**
 * A journal: JSON lines that survive a kill -9. Many appends share one write, and with fsync one sync.
 * A torn last line, from a crash in the middle of a write, is left out; it was never acknowledged.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

export class Journal<Entry> {
  readonly #file: string;
  readonly #fsync: boolean;
  #fd: number | undefined;
  #pending: string[] = [];
  #flushing: Promise<void> | undefined;
  /** Entries since the last compaction. */
  length = 0;

  constructor(file: string, fsync: boolean) {
    this.#file = file;
    this.#fsync = fsync;
  }

  /** Everything that was written, oldest first. */
  read(): Entry[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    return lines.flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Entry];
      } catch {
        return [];
      }
    });
  }

  /** Starts anew with just these entries. */
  compact(entries: readonly Entry[]): void {
    const next = `${this.#file}.next`;
    const fd = openSync(next, 'w');
    writeSync(fd, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    fsyncSync(fd);
    closeSync(fd);
    renameSync(next, this.#file);
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = openSync(this.#file, 'a');
    this.length = entries.length;
  }

  append(entry: Entry): void {
    this.#pending.push(`${JSON.stringify(entry)}\n`);
    this.length++;
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
    this.#pending = [];
    writeSync(this.#fd, text);
    if (this.#fsync) fsyncSync(this.#fd);
  }

  close(): void {
    if (this.#pending.length > 0) this.#write();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
