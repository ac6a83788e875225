/** One platform per state folder: a lock file with the pid of its holder. */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The folder is in use by a platform that runs. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse';
}

/**
 * Takes the lock of a state folder; the answer releases it. A lock whose holder is gone is stepped over.
 * @throws FolderInUse when its holder runs
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  // Started by root, PostgreSQL runs as another user, who must be able to pass through.
  chmodSync(folder, process.getuid?.() === 0 ? 0o711 : 0o700);
  const path = join(folder, 'lock');
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, String(process.pid));
      closeSync(file);
      const release = () => rmSync(path, { force: true });
      process.once('exit', release);
      return () => {
        process.off('exit', release);
        release();
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 2) throw error;
      const holder = Number(readFileSync(path, 'utf8'));
      if (isAlive(holder)) {
        throw new FolderInUse(
          `Trailkeep already runs on ${folder} (process ${holder}). Stop it, or use another folder.`,
        );
      }
      rmSync(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
