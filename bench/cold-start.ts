/** Cold start: import and init of each bundle in a fresh process, over the same for a bare handler. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunctions } from '#local/bundle.ts';
import { type Line, median, report } from './report.ts';

const rounds = 7;
const { outDir } = await bundleFunctions();

/** Milliseconds to import a module in a new process. */
function importMs(file: string): number {
  const script = `const t=performance.now();await import(${JSON.stringify(file)});process.stdout.write(String(performance.now()-t))`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${file}: ${run.stderr}`);
  return Number(run.stdout);
}

/** Milliseconds to load Cedar from beside a bundle and to parse our policies, in a new process. */
function firstDecisionMs(): number {
  const engine = new URL('../stores/cedar/engine.ts', import.meta.url).href;
  const policies = new URL('../core/access/policies.ts', import.meta.url).href;
  const script = `
    const { openCedar } = await import(${JSON.stringify(engine)});
    const { policies } = await import(${JSON.stringify(policies)});
    const start = performance.now();
    await openCedar({ policies });
    process.stdout.write(String(performance.now() - start))`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return Number(run.stdout);
}

const bare = join(mkdtempSync(join(tmpdir(), 'trailkeep-bare-')), 'index.mjs');
writeFileSync(bare, 'export const handler = async () => ({ statusCode: 204 });');
const medianOf = (file: string) => median(Array.from({ length: rounds }, () => importMs(file)));
const bareMs = medianOf(bare);

const lines: Line[] = readdirSync(outDir)
  .filter((name) => existsSync(join(outDir, name, 'index.mjs')))
  .map((name) => {
    const file = join(outDir, name, 'index.mjs');
    return {
      path: `${name}, ${Math.round(statSync(file).size / 1024)} KB`,
      figure: medianOf(file) - bareMs,
      unit: 'ms',
      goal: '< 150 ms, < 1.5 MB',
    };
  });
// What the first decision of an environment adds: reading and compiling 4.3 MB of WebAssembly, and parsing the policies.
const first = median(Array.from({ length: rounds }, firstDecisionMs));
lines.push({ path: 'the first decision: Cedar and our policies', figure: first, unit: 'ms', goal: '< 150 ms' });
report(`Cold start: import over a bare handler (${bareMs.toFixed(1)} ms)`, lines);
