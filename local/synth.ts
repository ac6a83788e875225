/** Bundles and synthesizes when something changed since the last time; otherwise the assembly in cdk.out is used. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { contentKey, isFresh, markFresh } from './assembly.ts';

const run = promisify(execFile);

/** What the assembly is made of. */
const sources = ['lib', 'bin/app.ts', 'cdk.json', 'package-lock.json', 'dist/functions', 'functions/runtime/env.ts'];

export interface SynthOptions {
  /** Root of the repository. */
  readonly root: string;
  readonly stage: string;
  readonly folder: string;
}

/** Makes the assembly from lib/ and the bundles in dist/; resolves with whether it had to. */
export async function synthesize({ root, stage, folder }: SynthOptions): Promise<boolean> {
  const key = contentKey(root, sources, stage);
  if (isFresh(folder, key)) return false;
  // What the CDK CLI would say; the CLI itself takes five times as long.
  const context = {
    stage,
    'aws:cdk:enable-path-metadata': true,
    'aws:cdk:enable-asset-metadata': true,
    'aws:cdk:disable-version-reporting': true,
  };
  try {
    await run(process.execPath, [join(root, 'bin/app.ts')], {
      cwd: root,
      env: { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(`synthesis failed:\n${(error as { stderr?: string }).stderr ?? String(error)}`);
  }
  markFresh(folder, key);
  return true;
}
