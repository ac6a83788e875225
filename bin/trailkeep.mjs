#!/usr/bin/env node
/**
 * The command line. Plain JavaScript: an old Node gets as far as starting the newer one that is installed beside it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const stripsTypes = major > 22 || (major === 22 && minor >= 18);

if (stripsTypes) {
  // Node says on every start that stripping types is new; a person at a prompt need not read it.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : rest[0]?.type;
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest);
  };
  // What was stripped and compiled once serves the next command too.
  module.enableCompileCache?.();
  await import('./trailkeep.ts');
} else {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const node = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (!existsSync(node)) {
    console.error(
      `trailkeep needs Node 22.18 or newer (this is ${process.versions.node}). On Linux, "npm ci" brings its own.`,
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child ends in its own time and this one waits.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    console.error(`trailkeep: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
