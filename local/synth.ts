/** Bundles and synthesizes what changed since the last time; an assembly that is fresh is used as it lies. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compileCacheFolder, contentKey, isFresh, markFresh } from './assembly.ts';

const run = promisify(execFile);

/** What the bundles are made of, and what the assembly is made of besides them. */
const bundled = ['functions', 'stores', 'core', 'sql', 'openapi.json', 'local/bundle.ts', 'package-lock.json'];
const declared = ['lib', 'bin/app.ts', 'cdk.json', 'functions/runtime/env.ts'];

export interface SynthOptions {
  /** Root of the repository. */
  readonly root: string;
  readonly stage: string;
  /** Where the assembly goes. */
  readonly folder: string;
  /** Writes dist/functions. */
  readonly bundle: () => Promise<unknown>;
  readonly progress?: (line: string) => void;
}

/** Makes the assembly from lib/ and the bundled functions; resolves with whether it had to. */
export async function buildAssembly({ root, stage, folder, bundle, progress }: SynthOptions): Promise<boolean> {
  const key = contentKey(root, [...bundled, ...declared], stage);
  if (isFresh(folder, key)) return false;
  progress?.('Bundling the functions and synthesizing the template (once; again when they change) …');
  await bundle();
  rmSync(join(folder, compileCacheFolder), { recursive: true, force: true });
  // What the CDK CLI would say; the CLI itself takes five times as long.
  const context = {
    stage,
    witness: 'own',
    'aws:cdk:enable-path-metadata': true,
    'aws:cdk:enable-asset-metadata': true,
    'aws:cdk:disable-version-reporting': true,
  };
  try {
    await run(process.execPath, [join(root, 'bin/app.ts')], {
      cwd: root,
      // Whoever deploys has the templates validated; here it would take longer than all the rest.
      env: { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context), CDK_VALIDATION: 'false' },
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(`synthesis failed:\n${(error as { stderr?: string }).stderr ?? String(error)}`);
  }
  markFresh(folder, key);
  return true;
}
