/** Replaces lines of modules as they are loaded, so that a protection can be taken away that lives inside a module. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import type { Patch } from './removals.ts';

const root = new URL('../../', import.meta.url);

/**
 * Call it before the modules are imported. Throws when a module has not the line exactly once: then the module has
 * changed, and what was to be taken away has to be found anew.
 */
export function patchModules(patches: readonly Patch[]): void {
  const texts = new Map<string, string>();
  for (const { file, line, instead } of patches) {
    const url = new URL(file, root).href;
    const text = texts.get(url) ?? readFileSync(new URL(url), 'utf8');
    const found = text.split(line).length - 1;
    if (found !== 1) throw new Error(`${file} has ${found} times: ${line.trim()}`);
    texts.set(
      url,
      text.replace(line, () => instead),
    );
  }
  registerHooks({
    load(url, context, next) {
      const source = texts.get(url);
      return source === undefined ? next(url, context) : { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}
