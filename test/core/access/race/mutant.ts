/** The real cache with one line changed, to see what that line was there for. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import type { MakeCache } from './world.ts';

const source = new URL('../../../../core/access/permission-cache.ts', import.meta.url);

/** Throws when the text to change is not there exactly once. */
export async function mutant(from: string, to: string): Promise<MakeCache> {
  const text = readFileSync(source, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`not there once: ${from}`);
  const changed = text
    .replace(from, () => to)
    .replaceAll(/from '(#core\/|\.\/)([^']+)'/g, (_, root, path) => {
      const folder = root === './' ? new URL('./', source) : new URL('../', source);
      return `from '${new URL(path, folder).href}'`;
    });
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-mutant-'));
  try {
    const file = join(folder, 'permission-cache.ts');
    writeFileSync(file, changed);
    const made = (await import(pathToFileURL(file).href)) as {
      VersionedPermissionCache: typeof VersionedPermissionCache;
    };
    return (ports) => new made.VersionedPermissionCache(ports);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
