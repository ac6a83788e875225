/** Log files of functions: one per function under the state folder, rotated once when they are full. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const logBytesMax = 10 * 1024 * 1024;

export class LogFile {
  readonly path: string;
  #file: number;
  #bytes: number;
  readonly #bytesMax: number;

  constructor(folder: string, name: string, bytesMax = logBytesMax) {
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, `${name}.log`);
    this.#file = openSync(this.path, 'a', 0o600);
    this.#bytes = fstatSync(this.#file).size;
    this.#bytesMax = bytesMax;
  }

  write(text: string | Uint8Array): void {
    if (this.#file < 0) return;
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    if (this.#bytes + bytes.length > this.#bytesMax && this.#bytes > 0) this.#rotate();
    writeSync(this.#file, bytes);
    this.#bytes += bytes.length;
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  /** The file before is kept as `.1`; the one before that goes. */
  #rotate(): void {
    closeSync(this.#file);
    if (existsSync(this.path)) renameSync(this.path, `${this.path}.1`);
    this.#file = openSync(this.path, 'a', 0o600);
    this.#bytes = 0;
  }
}
