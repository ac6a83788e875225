/** A small document on disk: read whole at the start, written whole, and never half. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** What the file holds, or `initial` when there is none. A file that does not parse is an error, not an empty state. */
export function readState<State>(file: string, initial: State): State {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return initial;
    throw error;
  }
  return JSON.parse(text) as State;
}

/** Durable on return. Only the owner may read it: parameters can be secrets. */
export function writeState(file: string, state: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(`${file}.next`, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify(state, undefined, 1));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${file}.next`, file);
}
